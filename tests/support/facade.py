"""A running façade for tests, in front of a simulator, with canaries for secrets; all it says is looked through."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import httpx
from cachetools import Cache
from starlette.types import ASGIApp

from app.clock import SYSTEM_CLOCK, Clock
from app.http.routing import Services
from app.listener.replay import Replay
from app.main import create_app
from app.settings import Settings, load
from app.simulator import create_simulator
from app.upstream.access import Limits
from app.workers import ALONE, Worker
from tests.support import canary
from tests.support.canary import WATCH, Watched
from tests.support.serving import NO_TLS, serve, serve_in_thread
from tests.support.simulator import QUIET, Simulator

TENANT = replace(QUIET, username=canary.USERNAME, password=canary.PASSWORD)
"""The simulated tenant a façade under test asks."""


UNPROBED = Limits(probe_seconds=inf)
ONE_ATTEMPT = replace(UNPROBED, foreground_attempts=1, background_attempts=1)


@dataclass(frozen=True, slots=True)
class Facade:
    """A façade on loopback and a client that asks it; the parts behind it are for counting, not for driving."""

    url: str
    client: httpx.AsyncClient
    services: Services

    async def get(self, path: str, *query: tuple[str, str], status: int | None = 200, **more: Any) -> httpx.Response:
        """The answer to a GET of `path`, which must have this status; None takes any."""
        response = await self.client.get(path, params=[*query] or None, **more)
        assert status in (None, response.status_code), response.text
        return response

    async def ask(self, *query: tuple[str, str], **more: Any) -> dict[str, Any]:
        """The JSON envelope of `/interactions`."""
        answer: dict[str, Any] = (await self.get("/interactions", *query, **more)).json()
        return answer

    async def ids(self, *query: tuple[str, str]) -> list[str]:
        """The ids of the rows of one answer, in their order."""
        return [row["interaction_id"] for row in (await self.ask(*query))["items"]]


def facade_settings(upstream_url: str, **changes: Any) -> Settings:
    """Settings for the simulated tenant, secrets from the canaries; nothing is read from this machine."""
    known = {
        "upstream_url": upstream_url,
        "tenant_id": TENANT.tenant_id,
        "username": canary.USERNAME,
        "password": canary.PASSWORD,
        "pseudonym_secret": canary.PSEUDONYM_SECRET,
    }
    return load({**known, **changes}, environ={}, env_file=None)


def replays_of(services: Services) -> int:
    """How many replays are stored."""
    derived = services.queries.snapshots._store._derived
    return sum(isinstance(Cache.__getitem__(derived, key).stored.value, Replay) for key in derived)


def new_client(url: str) -> httpx.AsyncClient:
    """A client for any number of connections, which follows nothing and reads no environment."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits, verify=NO_TLS)


@asynccontextmanager
async def running_facade(
    upstream: Simulator | str,
    *,
    clock: Clock = SYSTEM_CLOCK,
    limits: Limits | None = None,
    random: Callable[[], float] = lambda: 0.5,
    holds: bool = True,
    worker: Worker = ALONE,
    **settings: Any,
) -> AsyncIterator[Facade]:
    """A façade on loopback in this event loop, in front of a simulator or of whatever answers at a URL.

    While its clock stands still no pause would end: unless there are `limits`, it asks upstream once then. By its dice
    no lifetime is longer or shorter than it says. Unless it `holds` records, every question is asked whole, as where
    ranges cannot be trusted. By our limits it does not look whether they can.
    """
    url = upstream if isinstance(upstream, str) else upstream.url
    limits = limits or (UNPROBED if clock is SYSTEM_CLOCK else ONE_ATTEMPT)
    app = create_app(facade_settings(url, **settings), clock=clock, limits=limits, random=random, worker=worker)
    with WATCH.hearing():
        async with serve(Watched(app), app.replays) as address, new_client(address) as client:
            app.state.services.queries.holdings.is_trusted = holds
            yield Facade(address, client, app.state.services)


@contextmanager
def facade_in_thread(upstream: ASGIApp | None = None, **settings: Any) -> Iterator[str]:
    """The URL of a façade for clients that block; it and its simulator run in threads of their own."""
    with (
        WATCH.hearing(),
        serve_in_thread(upstream or create_simulator(TENANT)) as url,
        serve_in_thread(
            Watched(create_app(facade_settings(url, **settings), limits=UNPROBED, random=lambda: 0.5))
        ) as address,
    ):
        yield address
