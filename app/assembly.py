"""The parts of one application, made from its settings and put together."""

import logging
import secrets
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.clients.file import ClientKeys
from app.clock import Clock
from app.gauges import watch_memory
from app.http import openapi
from app.http.auth import Authenticator
from app.http.cors import Origins
from app.http.counting import Requests
from app.http.forwarding import Forwarding
from app.http.min_interval import MinInterval
from app.http.parsed import ParsedLists
from app.http.representations import Representations
from app.http.response_cache import ResponseCache
from app.http.services import Services
from app.http.unread import Unread
from app.interactions.columns import masked_columns, with_attributes
from app.observe.lines import PSEUDONYMS_FOR_ONE_START
from app.observe.metrics import Metrics
from app.queries import rules as report_rules
from app.queries.service import Queries
from app.queries.snapshot_store import SnapshotStore
from app.settings import Settings
from app.upstream.access import UpstreamAccess
from app.upstream.client import UpstreamClient

PSEUDONYM_BYTES = 32
PURGE_SECONDS = 1.0  # between two purges: each sends everybody to upstream again (FAULTS T28)

logger = logging.getLogger("cxfacade")


def upstream_access(settings: Settings) -> UpstreamAccess:
    """Where upstream is and as whom it is asked. Raises SettingsError where the settings do not say."""
    tenant_id, username, password = settings.require_upstream()
    return UpstreamAccess(
        upstream_url=settings.upstream_url,
        tenant_id=tenant_id,
        username=username,
        password=password,
        auth=settings.auth,
        upstream_concurrency=settings.upstream_concurrency,
        fetch_seconds=settings.fetch_seconds,
        wait_seconds=settings.wait_seconds,
    )


class Memory(NamedTuple):
    """What one application remembers."""

    store: MemoryStore
    unread: Unread
    metrics: Metrics
    requests: Requests


def new_memory(settings: Settings, clock: Clock) -> Memory:
    """Nothing remembered yet."""
    store, metrics = MemoryStore(settings.cache_bytes, clock.monotonic), Metrics()
    watch_memory(metrics, store, settings.cache_bytes)
    return Memory(store, Unread(), metrics, Requests(metrics))


def assemble(
    settings: Settings,
    clock: Clock,
    upstream: UpstreamClient,
    flights: SingleFlight,
    memory: Memory,
    *,
    keys: ClientKeys,
    forwarding: Forwarding,
    random: Callable[[], float],
) -> Services:
    """The parts of one application, put together."""
    columns = {column.name: column for column in with_attributes(settings.attributes)}
    queries = Queries(
        upstream,
        SnapshotStore(
            memory.store,
            settings.stale_seconds,
            random=random,
            most_fresh_seconds=settings.fresh_max_seconds,
            revalidate_seconds=settings.stale_while_revalidate_seconds,
        ),
        flights,
        clock,
        report_rules.from_settings(settings, pseudonym_secret(settings)),
        columns,
        random,
    )
    return Services(
        settings=settings,
        clock=clock,
        metrics=memory.metrics,
        columns=columns,
        queries=queries,
        representations=Representations(
            queries, clock, masked_columns(settings.attributes, queries.rules.context.attribute_policy)
        ),
        unread=memory.unread,
        authenticator=Authenticator(settings, keys, clock),
        forwarding=forwarding,
        origins=Origins(settings.allowed_origins, keys),
        requests=memory.requests,
        purges=MinInterval(PURGE_SECONDS, clock.monotonic),
        parsed=ParsedLists(),
        response_cache=ResponseCache(memory.store, clock, settings.tenant_id or "", flights, settings.wait_seconds),
        openapi=cache(partial(openapi.text, columns, settings.max_rows)),
    )


def pseudonym_secret(settings: Settings) -> bytes:
    """The key of `customer_key`; a random one holds for this process only, which is worth a warning."""
    if settings.pseudonym_secret:
        return settings.pseudonym_secret.get_secret_value().encode()
    if not settings.demo:
        logger.warning(PSEUDONYMS_FOR_ONE_START)
    return secrets.token_bytes(PSEUDONYM_BYTES)
