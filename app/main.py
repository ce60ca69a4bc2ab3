"""The composition root: settings in, application out; all that it opens it closes, in reverse.

Its upkeep: old values are swept out of the store.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from random import random

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from app import __version__
from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.clients.file import ClientKeys
from app.clients.quota import MinInterval
from app.clock import SYSTEM_CLOCK, Clock
from app.holdings.holdings import Holdings
from app.holdings.schedule import Schedule
from app.http import openapi, problems
from app.http.auth import Authenticator
from app.http.cors import Cors
from app.http.forwarding import Forwarding
from app.http.guard import Guard, new_request_ids
from app.http.questions import Questions
from app.http.representations import Representations
from app.http.response_cache import ParsedLists, ResponseCache
from app.http.routes import RESOURCES
from app.http.routing import ResourceRoute, Services
from app.http.sending import Unread
from app.http.telemetry import Requests
from app.http.warming import Warmth
from app.interactions.grains import grains, masked_columns
from app.listener.replay import ReplayCache
from app.observe.lines import (
    PSEUDONYMS_FOR_ONE_START,
    SETTING_TO_LOOK_AT,
)
from app.observe.metrics import Lag, Metrics
from app.observe.tracing import alone
from app.queries import rules
from app.queries.held_window import HeldWindow
from app.queries.purging import purge_all
from app.queries.service import Queries
from app.queries.snapshot_store import SnapshotStore
from app.reloading import rereading, rotation
from app.settings import Settings, load
from app.sharing import require_tier, shared_quotas, shared_tier
from app.upstream.access import DEFAULTS as LIMITS
from app.upstream.access import Limits, UpstreamAccess
from app.upstream.client import UpstreamClient
from app.upstream.transport import Wire
from app.workers import ALONE, Degraded, PurgeOrders, Worker

PSEUDONYM_BYTES = 32
SWEEP_SECONDS, SWEEPS_A_ROUND = 1.0, 60
ELSEWHERE_SECONDS = 0.25  # between two looks at what other workers have told
PURGE_SECONDS = 1.0  # between two purges: each sends everybody to upstream again (FAULTS T28)
ROUTES = [ResourceRoute(resource) for resource in RESOURCES]  # they hold nothing of an application

logger = logging.getLogger("cxfacade")


class Application(FastAPI):
    """The framework, and what the listener works with: `count_ended` is told why it ended a connection."""

    forwarding: Forwarding
    replays: ReplayCache
    questions: Questions
    count_ended: Callable[[str], None]
    figures: Callable[[], bytes]

    def build_middleware_stack(self) -> ASGIApp:
        """Our own layers around the routes; of the framework's the one alone that makes errors answers."""
        layered: ASGIApp = ExceptionMiddleware(self.router, handlers=self.exception_handlers)
        for layer in reversed(self.user_middleware):
            layered = layer.cls(layered, *layer.args, **layer.kwargs)
        return layered


def create_app(
    settings: Settings | None = None,
    *,
    transport: Wire | None = None,
    clock: Clock = SYSTEM_CLOCK,
    limits: Limits = LIMITS,
    random: Callable[[], float] = random,
    worker: Worker = ALONE,
    total: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> Application:
    """The application for these settings, or for those of the environment. Raises SettingsError.

    `limits` are those of the upstream client; `random`, of [0, 1), shortens and prolongs what must not beat in time.
    The settings are those of this `worker`, its shares. `total` gives the figures of all for its own.
    """
    settings = settings or load()
    access = replace(upstream_access(settings), limits=limits, worker=worker)
    settings.require_access()
    require_tier(settings)

    store, metrics, request_ids = MemoryStore(settings.cache_bytes, clock.monotonic), Metrics(), new_request_ids()
    requests = Requests(metrics)
    forwarding = Forwarding(settings.public_url, settings.trusted_proxies)
    replays = ReplayCache(
        store, is_trusted=forwarding.is_trusted, monotonic=clock.monotonic, wall=clock.wall, new_request_id=request_ids
    )
    keys = ClientKeys(settings.client_keys_file, replays.end_all)
    tables = grains(settings.attributes)
    questions = Questions(settings, tables, clock.wall, replays.end_all)
    for warning in settings.warnings:
        logger.warning(SETTING_TO_LOOK_AT, warning)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        upstream = UpstreamClient(access, clock=clock, metrics=metrics, transport=transport, random=random)
        flights, lag = SingleFlight(clock, alone), Lag(metrics.timing("event_loop_lag_seconds"))
        snapshots = SnapshotStore(
            store,
            settings.stale_seconds,
            random=random,
            most_fresh_seconds=settings.fresh_max_seconds,
            revalidate_seconds=settings.stale_while_revalidate_seconds,
        )
        known = rules.from_settings(settings, pseudonym_secret(settings))
        schedule = Schedule(settings.recheck_open_seconds, settings.recheck_seconds)
        kept_seconds = settings.fresh_max_seconds + settings.stale_seconds
        holdings = Holdings(
            upstream, store, clock, schedule, known.digest, kept_seconds, probe_seconds=limits.probe_seconds
        )
        watch(metrics, store, settings.cache_bytes, flights, holdings)
        orders, degraded = PurgeOrders(worker.block), Degraded(worker.block)
        holdings.tier = shared_tier(settings, holdings, orders, metrics)
        queries = Queries(upstream, snapshots, holdings, flights, clock, known, tables, random, orders)
        metrics.watch("streams_under_way", lambda: queries.making.admission.streams)
        masked = masked_columns(settings.attributes, known.context.attribute_policy)
        app.state.services = Services(
            settings=settings,
            clock=clock,
            metrics=metrics,
            grains=tables,
            queries=queries,
            representations=Representations(queries, clock, masked),
            unread=Unread(),
            authenticator=Authenticator(settings, keys, clock, worker.share, shared_quotas(holdings.tier)),
            forwarding=forwarding,
            requests=requests,
            questions=questions,
            purges=MinInterval(PURGE_SECONDS * worker.workers, clock.monotonic),
            parsed=ParsedLists(),
            response_cache=ResponseCache(store, clock, known.digest, flights, settings.wait_seconds),
            total=total,
            degraded=degraded,
            openapi=cache(partial(openapi.text, tables, settings.max_rows)),
        )
        warmth = Warmth(app.state.services)
        app.state.reloadable = [
            rotation(upstream, settings),
            rereading("CXF_CLIENT_KEYS_FILE", keys.reread),
            rereading("CXF_QUESTIONS_FILE", questions.reread, warmth.start),
        ]
        warmth.start()
        works = [sweep(store, clock), *hold(queries, settings.hold, metrics), *others(queries, degraded, worker)]
        works += [keys.watch(clock)] if settings.client_keys_file else []
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
        finally:
            lag.stop()
            warmth.stop()
            for task in tasks:
                task.cancel()
            await flights.aclose()
            await holdings.aclose()
            await upstream.aclose()

    app = Application(
        title="cxfacade",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Its own spans and log records tell whole queries and exceptions (FAULTS T07).
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        routes=[*ROUTES],
    )
    problems.install(app)
    app.count_ended = lambda reason: metrics.count("connections_ended", reason=reason)
    app.forwarding, app.replays, app.questions, app.figures = forwarding, replays, questions, metrics.exposition
    app.add_middleware(Cors, allowed_origins=settings.allowed_origins, keys=keys)
    app.add_middleware(
        Guard,
        allowed_hosts=[*settings.allowed_hosts, *forwarding.hosts],
        new_request_id=request_ids,
        monotonic=clock.monotonic,
        finished=requests.finished,
        forwarding=forwarding,
    )
    return app


def upstream_access(settings: Settings) -> UpstreamAccess:
    """The address and the credentials of upstream. Raises SettingsError where the settings lack them."""
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


def pseudonym_secret(settings: Settings) -> bytes:
    """The key of `customer_key`; a random one holds for this process only, which is worth a warning."""
    if settings.pseudonym_secret:
        return settings.pseudonym_secret.get_secret_value().encode()
    if not settings.demo:
        logger.warning(PSEUDONYMS_FOR_ONE_START)
    return secrets.token_bytes(PSEUDONYM_BYTES)


def watch(metrics: Metrics, store: MemoryStore, bound_bytes: int, flights: SingleFlight, holdings: Holdings) -> None:
    """Have the gauges of the store, of what is held and of fetches read at each scrape."""
    metrics.watch("held_records", holdings.records)
    metrics.watch("held_trusted", lambda: holdings.is_trusted)
    metrics.watch("recheck_overdue_seconds", holdings.overdue_seconds)
    metrics.watch("build_info", lambda: 1, version=__version__)
    metrics.watch("cache_bytes", lambda: store.bytes_held)
    metrics.watch("cache_bound_bytes", lambda: bound_bytes)
    metrics.watch("cache_values", lambda: store.count("primary"), kind="holdings")
    metrics.watch("cache_values", lambda: store.count("derived"), kind="answers")
    metrics.watch("cache_values", lambda: store.count("rows"), kind="rows")
    metrics.watch("cache_values", lambda: store.count("tally"), kind="tallies")
    metrics.watch("cache_evictions", lambda: store.evictions)
    metrics.watch("fetches", lambda: len(flights))


def others(queries: Queries, degraded: Degraded, worker: Worker) -> Iterator[Coroutine[None, None, None]]:
    """The work of hearing what other processes have told, where there are others."""
    tier = queries.holdings.tier
    if tier:
        yield tier.watch()
    if tier or not worker.is_alone:
        yield elsewhere(queries, degraded, queries.clock)


async def elsewhere(queries: Queries, degraded: Degraded, clock: Clock) -> None:
    """Purge everything soon after another worker has purged something; tell the others where this one is degraded."""
    while True:
        await clock.sleep(ELSEWHERE_SECONDS)
        if queries.orders.has_news():
            await purge_all(queries)
        if queries.is_degraded():
            degraded.tell(clock.monotonic())


def hold(queries: Queries, length: timedelta | None, metrics: Metrics) -> Iterator[Coroutine[None, None, None]]:
    """The work of holding the last days of the whole tenant, where so many are to be held."""
    if length:
        window = HeldWindow(queries, length)
        metrics.watch("hold_missing_seconds", window.missing_seconds)
        yield window.run()


async def sweep(store: MemoryStore, clock: Clock) -> None:
    """Drop values that are too old within two minutes, also where nobody asks for them any more (FAULTS T29)."""
    while True:
        await clock.sleep(SWEEP_SECONDS)
        store.sweep(1 + len(store) // SWEEPS_A_ROUND)
