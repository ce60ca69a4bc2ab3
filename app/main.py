"""The composition root: settings in, application out; what it opens it closes, in reverse."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from itertools import count
from random import random
from typing import NamedTuple
from uuid import uuid4

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app import __version__
from app.cache.flight import Flights
from app.cache.store import MemoryStore
from app.clock import Clock
from app.edge import openapi, problems
from app.edge.cache_routes import cache_routes
from app.edge.docs import docs
from app.edge.guard import Guard
from app.edge.hot import HotAnswers
from app.edge.hotpath import HotPath
from app.edge.making import Maker
from app.edge.pace import Pace
from app.edge.rendering import Answers
from app.edge.routes import router
from app.edge.sending import send_answer
from app.edge.services import Services
from app.errors import SettingsError
from app.interactions.columns import with_attributes
from app.metrics import Metrics
from app.reports import rules as report_rules
from app.reports.service import Reports
from app.reports.snapshots import Snapshots
from app.settings import Settings, load
from app.upstream.access import UpstreamAccess
from app.upstream.client import UpstreamClient
from app.upstream.transport import Wire

SYSTEM_CLOCK = Clock(time.monotonic, lambda: datetime.now(UTC), asyncio.sleep)
PSEUDONYM_BYTES = 32
SWEEP_SECONDS, SWEEPS_A_ROUND = 1.0, 60
PURGE_SECONDS = 1.0  # between two purges: each sends everybody to upstream again (FAULTS T28)
HOT_SHARE = 32  # of the cache's bytes, one part goes to the hot path

logger = logging.getLogger("cxfacade")


class Application(FastAPI):
    """The framework with the hot path in front: what that answers costs nothing of this."""

    hot_path: HotPath

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event: an exact repeat from ready bytes, all else by the framework."""
        answered = self.hot_path.answered(scope)
        if answered is None:
            await super().__call__(scope, receive, send)
        else:
            await send_answer(send, *answered)


def create_app(
    settings: Settings | None = None, *, transport: Wire | None = None, clock: Clock = SYSTEM_CLOCK
) -> Application:
    """The application for these settings, or for those of the environment. Raises SettingsError."""
    settings = settings or load()
    access = upstream_access(settings)
    refuse_what_is_not_built(settings)

    memory = new_memory(settings, clock)
    request_ids = new_request_ids()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        upstream = UpstreamClient(access, clock=clock, metrics=memory.metrics, transport=transport)
        flights = Flights(clock)
        app.state.services = assemble(settings, clock, upstream, flights, memory)
        sweeping = asyncio.create_task(sweep(memory.store, clock))
        try:
            yield
        finally:
            sweeping.cancel()
            await flights.aclose()
            await upstream.aclose()

    app = Application(
        title="cxfacade",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(router)
    app.include_router(cache_routes)
    app.include_router(docs)
    problems.install(app)
    app.hot_path = HotPath(
        hot=memory.hot,
        store=memory.store,
        metrics=memory.metrics,
        new_request_id=request_ids,
        monotonic=clock.monotonic,
    )
    app.add_middleware(
        Guard, allowed_hosts=settings.allowed_hosts, new_request_id=request_ids, monotonic=clock.monotonic
    )
    return app


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
    )


def refuse_what_is_not_built(settings: Settings) -> None:
    """Raise SettingsError for a setting that would be passed over in silence, and for a service nobody may use."""
    later = {
        "CXF_CLIENT_KEYS_FILE": settings.client_keys_file,
        "CXF_REDIS_URL": settings.redis_url,
        "CXF_ALLOWED_ORIGINS": settings.allowed_origins,
    }
    faults = [f"{name} is not supported by this version; unset it." for name, value in later.items() if value]
    if faults:
        raise SettingsError(faults)
    settings.require_access()


def new_request_ids() -> Callable[[], str]:
    """A source of ids that no other process gives out: random once, then counted."""
    source, numbers = uuid4().hex[:16], count()
    return lambda: f"{source}-{next(numbers)}"


async def sweep(store: MemoryStore, clock: Clock) -> None:
    """Drop what is too old within two minutes, also where nobody asks any more (FAULTS T29)."""
    while True:
        await clock.sleep(SWEEP_SECONDS)
        store.sweep(1 + len(store) // SWEEPS_A_ROUND)


class Memory(NamedTuple):
    """What one application remembers."""

    store: MemoryStore
    hot: HotAnswers
    metrics: Metrics


def new_memory(settings: Settings, clock: Clock) -> Memory:
    """Nothing remembered yet; store and hot path share the configured bytes."""
    hot_bytes = settings.cache_bytes // HOT_SHARE
    return Memory(MemoryStore(settings.cache_bytes - hot_bytes, clock.monotonic), HotAnswers(hot_bytes), Metrics())


def assemble(settings: Settings, clock: Clock, upstream: UpstreamClient, flights: Flights, memory: Memory) -> Services:
    """The parts of one application, put together."""
    columns = {column.name: column for column in with_attributes(settings.attributes)}
    reports = Reports(
        upstream,
        Snapshots(memory.store, settings.stale_seconds, replaced=memory.hot.forget_question),
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
        reports=reports,
        maker=Maker(reports, clock),
        hot=memory.hot,
        purges=Pace(PURGE_SECONDS, clock.monotonic),
        answers=Answers(memory.store, clock, settings.tenant_id or ""),
        openapi=cache(partial(openapi.text, columns, settings.max_rows)),
    )


def pseudonym_secret(settings: Settings) -> bytes:
    """The key of `customer_key`; a random one holds for this process only, which is worth a warning."""
    if settings.pseudonym_secret:
        return settings.pseudonym_secret.get_secret_value().encode()
    if not settings.demo:
        logger.warning("CXF_PSEUDONYM_SECRET is not set: customer_key changes with every start.")
    return secrets.token_bytes(PSEUDONYM_BYTES)
