"""The metrics as one table, and their values: prometheus-client's own, in a registry for each application.

Labels are routes, statuses and names of ours, never what a client sent (FAULTS T07).
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "cxfacade_"
ANSWERING = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
CALLING = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LAGGING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
LAG_EVERY_SECONDS = 0.25

disable_created_metrics()  # type: ignore[no-untyped-call]  # a further figure of each counter and histogram, which nobody asks for
values.ValueClass = values.MutexValue  # whatever PROMETHEUS_MULTIPROC_DIR says: one process, and nothing on disk


class Timing(Histogram):
    """A histogram of seconds, to which one observation may be added many times at once."""

    def took(self, seconds: float, times: int = 1) -> None:
        """Observe a duration `times` times."""
        self._buckets[bisect_left(self._upper_bounds, seconds)].inc(times)
        self._sum.inc(seconds * times)


KINDS: dict[str, type[Counter | Gauge | Timing]] = {"counter": Counter, "gauge": Gauge, "histogram": Timing}


Across = Literal["sum", "max", "min"]


class Metric(NamedTuple):
    """One row: its name without the `cxfacade_` prefix and the `_total` suffix, its words, its bounded labels.

    Counters and histograms are added to; a gauge is read at each scrape. `bounds` are a histogram's, in seconds.
    `across` is how the gauges of several workers make one.
    """

    name: str
    description: str
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge", "histogram"] = "counter"
    bounds: tuple[float, ...] = ()
    across: Across = "sum"

    @property
    def full_name(self) -> str:
        """The name under which Prometheus asks for it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"


METRICS = (
    Metric("answers", "Answers to data requests, by outcome.", ("outcome",)),
    Metric("requests", "Requests answered; status none is a client that left first.", ("route", "status")),
    Metric(
        "request_duration_seconds",
        "From a request's arrival to the end of its answer; of hits one in 64 is timed, and stands for all.",
        ("route",),
        "histogram",
        ANSWERING,
    ),
    Metric("connections_ended", "Connections refused or cut by the listener, by what was wrong.", ("reason",)),
    Metric("key_requests", "Requests by the label of their key.", ("key",)),
    Metric("answers_by_format", "Answers to data requests, by format.", ("format",)),
    Metric("streams", "Streamed answers, by their end: whole, failed, or left by their client.", ("end",)),
    Metric("streams_under_way", "Streamed answers that are being sent.", (), "gauge"),
    Metric("cache_bytes", "What all that is cached counts against its bound.", (), "gauge"),
    Metric("cache_bound_bytes", "The bound of all that is cached.", (), "gauge"),
    Metric(
        "cache_values",
        "Values: holdings were fetched, as partitions or lists; answers, the snapshots they show, rows and tallies are "
        "made of them.",
        ("kind",),
        "gauge",
    ),
    Metric("cache_evictions", "Values that had to make room."),
    Metric("held_records", "Interactions held, once in each collection.", (), "gauge"),
    Metric(
        "held_trusted",
        "1 where interactions may be held, 0 where upstream's ranges do not allow it.",
        (),
        "gauge",
        across="min",
    ),
    Metric("hold_missing_seconds", "How much of the days of CXF_HOLD is not held.", (), "gauge", across="max"),
    Metric(
        "recheck_overdue_seconds",
        "How long the record due longest has waited to be read again.",
        (),
        "gauge",
        across="max",
    ),
    Metric("fetches", "Fetches and other shared work under way.", (), "gauge"),
    Metric("event_loop_lag_seconds", "By how much the event loop came late.", (), "histogram", LAGGING),
    Metric("build_info", "1, for the version that runs.", ("version",), "gauge", across="max"),
    Metric(
        "upstream_call_duration_seconds",
        "From a call's leaving to the last byte of its answer.",
        ("endpoint",),
        "histogram",
        CALLING,
    ),
    Metric("tier_calls", "Calls to the shared tier; open and slow are those not made.", ("side", "outcome")),
    Metric("tier_away", "1 while a side of the shared tier is left alone.", ("side",), "gauge", across="max"),
    Metric("tier_purge_pending", "1 while the order of a purge is not written there.", (), "gauge", across="max"),
    Metric("tier_readings", "What was not held: the tier had it, or it was read for all, or alone.", ("source",)),
    Metric("tier_values_refused", "Values of the shared tier that are not to be trusted.", ("reason",)),
    Metric("workers", "Processes of one supervisor, by whether their gauges are among these.", ("state",), "gauge"),
    Metric("upstream_slots", "Calls to upstream that may be under way at once.", (), "gauge"),
    Metric("upstream_refused_seconds", "For how long upstream has refused our credentials.", (), "gauge", across="max"),
    Metric(
        "upstream_last_success_timestamp_seconds", "When upstream last gave a usable answer.", (), "gauge", across="max"
    ),
    Metric("upstream_calls", "Calls sent to upstream.", ("endpoint", "status")),
    Metric("upstream_logins", "Logins sent to upstream."),
    Metric("upstream_rows_dropped", "Rows upstream sent that were not asked for, or that cannot be read.", ("reason",)),
    Metric("upstream_values_repaired", "Values that became null: not to be read, or a duration below nought."),
    Metric("upstream_unknown_fields", "Fields upstream sent that are documented nowhere.", ("field",)),
    Metric("upstream_foreign_tenant_rows", "Rows that name another tenant than their envelope."),
    Metric("upstream_retries", "Attempts made again after one that failed.", ("endpoint", "reason")),
    Metric("upstream_refusals", "Calls that were not sent, as upstream is left alone.", ("endpoint", "reason")),
    Metric("upstream_alarms", "Faults of upstream that an operator has to look at.", ("reason",)),
    Metric("upstream_warnings", "Oddities of an answer that was used all the same.", ("reason",)),
    Metric("upstream_pools_replaced", "Pools of connections given up because places in them were lost."),
    Metric(
        "upstream_breaker", "State of the breaker: 0 closed, 1 half-open, 2 open.", ("endpoint",), "gauge", across="max"
    ),
    Metric(
        "upstream_throttled_seconds", "Seconds until the pause upstream asked for is over.", (), "gauge", across="max"
    ),
    Metric(
        "upstream_auth_gate_seconds", "Seconds until refused credentials are tried again.", (), "gauge", across="max"
    ),
    Metric("upstream_slots_used", "Calls to upstream under way.", (), "gauge"),
    Metric("upstream_slots_waiting", "Calls that wait for a place among those under way.", (), "gauge"),
)


class Metrics(Collector):
    """The metrics of one application; as a collector, it is the first of its registry and has no values of its own."""

    def __init__(self) -> None:
        self._before_scrape: list[Callable[[], None]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._collectors: dict[str, Counter | Gauge | Timing] = {}
        for row in METRICS:
            more: dict[str, Any] = {"registry": self._registry, **({"buckets": row.bounds} if row.bounds else {})}
            self._collectors[row.name] = KINDS[row.kind](PREFIX + row.name, row.description, row.labels, **more)
        self._children: dict[tuple[object, ...], Any] = {}
        ProcessCollector(namespace=PREFIX.removesuffix("_"), registry=self._registry)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter."""
        self._child(name, labels).inc(amount)

    def adding(self, name: str, **labels: str) -> Callable[[], None]:
        """A function that adds one to a counter."""
        add: Callable[[], None] = self._child(name, labels).inc
        return add

    def timing(self, name: str, **labels: str) -> Timing:
        """A histogram to add to."""
        timing: Timing = self._child(name, labels)
        return timing

    def watch(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Read a gauge, or a counter that is counted elsewhere, from `value` at each scrape."""
        child, told = self._child(name, labels), 0.0
        if isinstance(child, Gauge):
            child.set_function(value)
            return

        def settle() -> None:
            nonlocal told
            before, told = told, value()
            child.inc(told - before)

        self.before_scrape(settle)

    def before_scrape(self, settle: Callable[[], None]) -> None:
        """Call `settle` before each scrape, so that it counts what it has kept apart."""
        self._before_scrape.append(settle)

    def exposition(self) -> bytes:
        """Every metric in Prometheus text format, those of the process too."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Family]:
        """Nothing, after all is counted: the registry asks its collectors in their order."""
        for settle in self._before_scrape:
            settle()
        return ()

    def _child(self, name: str, labels: dict[str, str]) -> Any:
        """The value with these labels, kept: the library's own lookup sorts and locks."""
        place = (name, *labels.items())
        child = self._children.get(place)
        if child is None:
            parent = self._collectors[name]
            child = self._children[place] = parent.labels(**labels) if labels else parent
        return child


class Lag:
    """Measures every quarter of a second how late the event loop calls it, by the loop's own clock, until `stop`."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._schedule()

    def stop(self) -> None:
        """Measure no more."""
        self._handle.cancel()

    def _schedule(self) -> None:
        self._due = self._loop.time() + LAG_EVERY_SECONDS
        self._handle = self._loop.call_at(self._due, self._measure)

    def _measure(self) -> None:
        self._timing.took(max(0.0, self._loop.time() - self._due))
        self._schedule()
