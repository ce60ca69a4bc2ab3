"""The composition root: settings in, application out; what it opens it closes, in reverse."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache, partial
from uuid import uuid4

from fastapi import FastAPI

from app import __version__
from app.cache.flight import Flights
from app.cache.store import MemoryStore
from app.clock import Clock
from app.edge import openapi, problems
from app.edge.docs import docs
from app.edge.guard import Guard
from app.edge.making import Maker
from app.edge.rendering import Answers
from app.edge.routes import router
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

logger = logging.getLogger("cxfacade")


def create_app(
    settings: Settings | None = None, *, transport: Wire | None = None, clock: Clock = SYSTEM_CLOCK
) -> FastAPI:
    """The application for these settings, or for those of the environment. Raises SettingsError."""
    settings = settings or load()
    access = upstream_access(settings)
    refuse_what_is_not_built(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        metrics = Metrics()
        upstream = UpstreamClient(access, clock=clock, metrics=metrics, transport=transport)
        flights = Flights(clock)
        app.state.services = assemble(settings, upstream, flights, clock, metrics)
        try:
            yield
        finally:
            await flights.aclose()
            await upstream.aclose()

    app = FastAPI(
        title="cxfacade",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(router)
    app.include_router(docs)
    problems.install(app)
    app.add_middleware(
        Guard, allowed_hosts=settings.allowed_hosts, new_request_id=lambda: uuid4().hex, monotonic=clock.monotonic
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


def assemble(
    settings: Settings, upstream: UpstreamClient, flights: Flights, clock: Clock, metrics: Metrics
) -> Services:
    """The parts of one application, put together."""
    store = MemoryStore(settings.cache_bytes, clock.monotonic)
    columns = {column.name: column for column in with_attributes(settings.attributes)}
    reports = Reports(
        upstream,
        Snapshots(store, clock, settings.stale_seconds),
        flights,
        clock,
        report_rules.from_settings(settings, pseudonym_secret(settings)),
        columns,
    )
    return Services(
        settings=settings,
        clock=clock,
        metrics=metrics,
        columns=columns,
        reports=reports,
        maker=Maker(reports, clock),
        answers=Answers(store, clock, settings.tenant_id or ""),
        openapi=cache(partial(openapi.text, columns, settings.max_rows)),
    )


def pseudonym_secret(settings: Settings) -> bytes:
    """The key of `customer_key`; a random one holds for this process only, which is worth a warning."""
    if settings.pseudonym_secret:
        return settings.pseudonym_secret.get_secret_value().encode()
    if not settings.demo:
        logger.warning("CXF_PSEUDONYM_SECRET is not set: customer_key changes with every start.")
    return secrets.token_bytes(PSEUDONYM_BYTES)
