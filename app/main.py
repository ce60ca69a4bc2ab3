"""The composition root: settings in, application out; what it opens it closes, in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from random import random
from uuid import uuid4

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app import __version__
from app.assembly import assemble, new_memory, upstream_access
from app.cache.single_flight import SingleFlight
from app.clients.file import ClientKeys
from app.clock import Clock
from app.errors import SettingsError
from app.gauges import watch_work
from app.http import problems
from app.http.cors import Cors, Origins
from app.http.forwarding import Forwarding
from app.http.guard import Guard
from app.http.routes import RESOURCES
from app.http.routing import ResourceRoute
from app.listener.replay import ReplayCache
from app.observe.lines import SETTING_TO_LOOK_AT
from app.observe.metrics import Lag
from app.observe.tracing import alone
from app.settings import Settings, load
from app.upkeep import renewal, rotation, sweep
from app.upstream.client import UpstreamClient
from app.upstream.limits import DEFAULTS as LIMITS
from app.upstream.limits import Limits
from app.upstream.transport import Wire

logger = logging.getLogger("cxfacade")

SYSTEM_CLOCK = Clock(time.monotonic, lambda: datetime.now(UTC), asyncio.sleep)


class Application(FastAPI):
    """The framework, and what the listener works with: `count_ended` is told why it ended a connection."""

    forwarding: Forwarding
    replays: ReplayCache
    count_ended: Callable[[str], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event, as its client sent it."""
        await super().__call__(self.forwarding.seen(scope), receive, send)


def create_app(
    settings: Settings | None = None,
    *,
    transport: Wire | None = None,
    clock: Clock = SYSTEM_CLOCK,
    limits: Limits = LIMITS,
    random: Callable[[], float] = random,
) -> Application:
    """The application for these settings, or for those of the environment. Raises SettingsError.

    `limits` are those of the upstream client; `random`, of [0, 1), shortens and prolongs what must not beat in time.
    """
    settings = settings or load()
    access = replace(upstream_access(settings), limits=limits)
    refuse_what_is_not_built(settings)

    memory = new_memory(settings, clock)
    request_ids = new_request_ids()
    replays = ReplayCache(memory.store, monotonic=clock.monotonic, wall=clock.wall, new_request_id=request_ids)
    keys = ClientKeys(settings.client_keys_file, replays.end_all)
    forwarding = Forwarding(settings.public_url, settings.trusted_proxies)
    for warning in settings.warnings:
        logger.warning(SETTING_TO_LOOK_AT, warning)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        upstream = UpstreamClient(access, clock=clock, metrics=memory.metrics, transport=transport, random=random)
        flights, lag = SingleFlight(clock, alone), Lag(memory.metrics.timing("event_loop_lag_seconds"))
        watch_work(memory.metrics, flights, upstream)
        app.state.services = assemble(
            settings, clock, upstream, flights, memory, keys=keys, forwarding=forwarding, random=random
        )
        app.state.reloadable = [rotation(upstream, settings), renewal(keys)]
        watching = [keys.watch(clock)] if settings.client_keys_file else []
        tasks = [asyncio.create_task(work) for work in (sweep(memory.store, clock), *watching)]
        try:
            yield
        finally:
            lag.stop()
            for task in tasks:
                task.cancel()
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
        # Its own spans and log records tell whole queries and exceptions (FAULTS T07).
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        routes=[ResourceRoute(resource) for resource in RESOURCES],
    )
    problems.install(app)
    app.count_ended = lambda reason: memory.metrics.count("connections_ended", reason=reason)
    app.forwarding = forwarding
    app.replays = replays
    app.add_middleware(Cors, origins=Origins(settings.allowed_origins, keys))
    app.add_middleware(
        Guard,
        allowed_hosts=[*settings.allowed_hosts, *forwarding.hosts],
        new_request_id=request_ids,
        monotonic=clock.monotonic,
        finished=memory.requests.finished,
    )
    return app


def refuse_what_is_not_built(settings: Settings) -> None:
    """Raise SettingsError for a setting that would be passed over in silence, and for a service nobody may use."""
    later = {"CXF_REDIS_URL": settings.redis_url}
    faults = [f"{name} is not supported by this version; unset it." for name, value in later.items() if value]
    if faults:
        raise SettingsError(faults)
    settings.require_access()


def new_request_ids() -> Callable[[], str]:
    """A source of ids that no other process gives out: random once, then counted."""
    source, numbers = uuid4().hex[:16], count()
    return lambda: f"{source}-{next(numbers)}"
