"""A façade on a clock turned by hand, asked in ASGI, with an upstream on loopback; nothing in it is left to chance."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.http.routing import Services
from app.main import Application, create_app, upstream_access
from app.upstream.client import UpstreamClient
from tests.scenarios.machine.upstream import Numbered
from tests.scenarios.matrix.clock import PassingClock
from tests.scenarios.repeating import HOST, Received, received, replayed, scope_of
from tests.support.canary import PASSWORD, WATCH, Watched
from tests.support.facade import UNPROBED, facade_settings
from tests.support.keys import Given, given, write
from tests.support.scripted import scripted_upstream

FRESH, BEHIND, STALE, WAIT = 15, 30, 300, 10  # seconds
SLOTS = 2
CACHE_BYTES = 1_048_576
HANG_SECONDS = 20  # of real time, in which nothing here ends unless it hangs
QUIET_TURNS = 25  # of the loop, without anything under way: what is answered from memory has ended by then

MASKED = given("masked", "read", "cache:refresh")
CLEAR = given("clear", "read", "pii:read")
OPERATOR = given("operator", "cache:purge")
JSON = (b"content-type", b"application/json")
OWN = (b"x-requested-with", b"tests")


@dataclass(slots=True)
class World:
    """One life of a façade. Every method but `settle` returns once nothing moves any more."""

    app: Application
    watched: Watched
    upstream: Numbered
    clock: PassingClock
    pending: list[asyncio.Task[Received]] = field(default_factory=list)
    password: str = PASSWORD

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    @property
    def client(self) -> UpstreamClient:
        return self.services.queries.upstream

    @property
    def store(self) -> Any:
        return self.services.queries.snapshots._store

    def launch(self, target: str, *headers: tuple[bytes, bytes]) -> asyncio.Task[Received]:
        """Ask, without waiting for the answer."""
        task = asyncio.create_task(self._asked(target, *headers))
        self.pending.append(task)
        return task

    async def purge(self, body: bytes) -> Received:
        """The answer to a purge."""
        return await self._asked("/cache/purge", OPERATOR.field, JSON, OWN, method="POST", body=body)

    async def rotate(self, password: str) -> None:
        """Have upstream asked with another password. Raises UpstreamError where it does not take that."""
        known = upstream_access(self.services.settings)
        await self.client.rotate(known.username, SecretStr(password))
        self.password = password

    async def settle(self) -> None:
        """Let everything go on until it waits for the clock or for upstream; fails where that takes too long."""
        quiet = 0
        async with asyncio.timeout(HANG_SECONDS):
            while quiet < QUIET_TURNS:
                await asyncio.sleep(0)
                quiet = quiet + 1 if self._is_still() else 0
        self.pending = [task for task in self.pending if not task.done()]

    def _is_still(self) -> bool:
        flights = self.services.queries.flights
        under_way = len(flights) + len(flights._disowned)
        waiting = self.upstream.held + self.client._session.transport.slots.waiting
        is_answering = any(not task.done() for task in self.pending)
        return under_way == waiting if under_way else not is_answering

    async def _asked(
        self, target: str, *headers: tuple[bytes, bytes], method: str = "GET", body: bytes = b""
    ) -> Received:
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        scope = scope_of(target, HOST, *headers, method=method)
        if answer := replayed(self.app, scope):
            return answer
        await self.watched(scope, receive, send)
        return received(messages)


async def begun(stack: AsyncExitStack) -> World:
    """A new life, which ends with the stack."""
    clock = PassingClock()
    upstream = Numbered(lambda: clock.monotonic)
    raw = await stack.enter_async_context(scripted_upstream(upstream))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = facade_settings(
        raw.url(),
        auth="token",
        time_zone="UTC",
        fresh_open_seconds=FRESH,
        fresh_max_seconds=FRESH,
        stale_while_revalidate_seconds=BEHIND,
        stale_seconds=STALE,
        wait_seconds=WAIT,
        upstream_concurrency=SLOTS,
        cache_bytes=CACHE_BYTES,
        allow_anonymous=True,
        client_keys_file=write(folder / "keys.json", MASKED, CLEAR, OPERATOR),
    )
    app = create_app(settings, clock=clock.clock, limits=UNPROBED, random=lambda: 0.5)
    stack.enter_context(WATCH.hearing())
    await stack.enter_async_context(app.router.lifespan_context(app))
    stack.callback(upstream.release)
    app.state.services.queries.holdings.is_trusted = False  # what is held has a machine of its own
    return World(app, Watched(app), upstream, clock)


WHO: dict[str, Given | None] = {"masked": MASKED, "clear": CLEAR, "anonymous": None}
