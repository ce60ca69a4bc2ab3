"""What the gauges read, when somebody looks: the state of store, flights and upstream at that moment."""

from app import __version__
from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.observe.metrics import Metrics
from app.upstream.client import UpstreamClient


def watch_memory(metrics: Metrics, store: MemoryStore, bound_bytes: int) -> None:
    """Have the figures of what is remembered read from where it is."""
    metrics.watch("build_info", lambda: 1, version=__version__)
    metrics.watch("cache_bytes", lambda: store.bytes_held)
    metrics.watch("cache_bound_bytes", lambda: bound_bytes)
    metrics.watch("cache_values", lambda: store.primary_count, kind="reports")
    metrics.watch("cache_values", lambda: store.derived_count, kind="answers")
    metrics.watch("cache_evictions", lambda: store.evictions)


def watch_work(metrics: Metrics, flights: SingleFlight, upstream: UpstreamClient) -> None:
    """Have the figures of what goes on read from those who know."""

    def last_success() -> float:
        at = upstream.health().last_success_at
        return at.timestamp() if at else 0.0

    metrics.watch("fetches", lambda: len(flights))
    metrics.watch("upstream_slots", lambda: upstream.health().slots)
    metrics.watch("upstream_refused_seconds", lambda: upstream.health().refused_for_seconds or 0.0)
    metrics.watch("upstream_last_success_timestamp_seconds", last_success)
