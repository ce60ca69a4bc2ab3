"""One cell of the matrix at work: a façade, an upstream that can be broken and mended, and what is counted."""

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from unittest import mock

import httpx

from app import main
from tests.scenarios.matrix.clock import PassingClock
from tests.scenarios.matrix.desk import Desk, is_login
from tests.scenarios.matrix.setting import ASKED, FRESH, OTHER_VALUE, REVALIDATE, STALE, VALUE, WAIT, Setting
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.raw import Exchange, RawServer, spy_server
from tests.support.scripted import ScriptedUpstream, scripted_upstream

NONE: Mapping[str, ssl.SSLContext] = {}
SWEEP = 61.0  # unlike any pause that a test waits for

Strike = Callable[[Exchange, "Scene"], Awaitable[None]]
Act = Callable[["Scene"], Awaitable[None]]


async def nothing(scene: "Scene") -> None:
    """What most faults need beside their bytes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: `strike` answers requests, `begin` and `end` change upstream itself.

    `play` goes on while an answer is awaited: it turns the clock. `counted` says what an attempt is: a request that
    arrives, a TLS handshake, or, where nothing arrives, a call the façade counts.
    """

    strike: Strike | None = None
    begin: Act = nothing
    end: Act = nothing
    play: Act = nothing
    counted: Literal["requests", "handshakes", "calls"] = "requests"
    keeps_connections: bool = False


@dataclass(slots=True)
class Scene:
    """A façade and its upstream; `broken` while the fault lasts."""

    fault: Fault
    setting: Setting
    upstream: ScriptedUpstream
    desk: Desk
    facade: Facade
    clock: PassingClock
    spy: RawServer
    certificates: Mapping[str, ssl.SSLContext]
    broken: bool = False
    only_logins: bool = False
    held: list[asyncio.Task[httpx.Response]] = field(default_factory=list)
    held_gate: asyncio.Event = field(default_factory=asyncio.Event)
    dripped: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    turned: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    exits: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    answered_at: float = 0.0
    answered_wall: datetime | None = None
    slept: int = 0
    _calls: float = 0.0
    _logins: int = 0
    _held_flights: frozenset[object] = frozenset()

    @property
    def calls(self) -> int:
        """How many attempts there were since upstream broke, logins aside."""
        return int(self._counted() - self._calls)

    @property
    def logins(self) -> int:
        """How many logins were tried since then."""
        return sum(request.method == "POST" for request in self.upstream.requests) - self._logins

    @property
    def age(self) -> int:
        """How old the answer is that was stored by `fill`."""
        return int(self.clock.monotonic - self.answered_at)

    async def ask(self, value: str = VALUE, *, plays: bool = True) -> httpx.Response:
        """The answer to the question of the matrix, or to the same one about another value.

        Unless the fault `plays` meanwhile the clock stands still: whoever is answered from the store need not wait.
        """
        path, query = ASKED[self.setting.path]
        if self.setting.path != "item":
            query = (("attr", value), *query)
        asking = asyncio.create_task(self.facade.get(path, *query, status=None))
        await (self._played(asking, WAIT) if plays else asyncio.wait({asking}))
        return asking.result()

    async def fill(self) -> None:
        """Store an answer now."""
        answer = await self.ask()
        assert answer.status_code == 200, answer.text
        self.answered_at, self.answered_wall = self.clock.monotonic, self.clock.wall

    async def break_upstream(self) -> None:
        """From now on the fault strikes, and calls are counted anew."""
        if self.setting.warm:
            await self.facade.get("/interactions", ("attr", OTHER_VALUE))
        await self.fault.begin(self)
        if not self.fault.keeps_connections:
            await self.upstream.hang_up()
        self._held_flights = frozenset(self._flights())
        self.broken = True
        self.slept = len(self.clock.asked)
        self._calls, self._logins = self._counted(), self._logins + self.logins

    async def mend(self) -> None:
        """Upstream is well again."""
        self.broken = False
        await self.fault.end(self)
        if not self.fault.keeps_connections:
            await self.upstream.hang_up()
        for asking in self.held:
            await asking
        self.held.clear()

    async def completed(self) -> None:
        """Wait until nothing is fetched behind the scene any more, and what it brought is stored."""
        while flights := [one for one in self._flights() if one not in self._held_flights]:
            for flight in flights:
                await self._played(flight)

    def outlive(self, seconds: float) -> None:
        """Let the clock pass so far beyond what is stored that it is too old for anything."""
        self.clock.advance(seconds + FRESH + STALE + 1)

    async def answer(self, exchange: Exchange) -> None:
        """The script of upstream."""
        if self.broken and self.fault.strike and (is_login(exchange) or not self.only_logins):
            await self.fault.strike(exchange, self)
        else:
            await self.desk(exchange)

    async def _played(self, awaited: asyncio.Future[Any], lasts: float = math.inf) -> None:
        """Wait for something while the fault goes on, though no longer than `lasts` seconds."""
        playing = asyncio.ensure_future(self.fault.play(self) if self.broken else nothing(self))
        over = asyncio.ensure_future(HandClock.sleep(self.clock, lasts))  # unlike the façade's sleeps not noted
        each: set[asyncio.Future[Any]] = {awaited, playing, over}
        await asyncio.wait(each, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
        else:
            playing.cancel()
        over.cancel()
        await asyncio.wait(each)

    def _flights(self) -> list[asyncio.Task[Any]]:
        return list(self.facade.services.queries.flights._under_way.values())

    def _counted(self) -> float:
        if self.fault.counted == "handshakes":
            return self.upstream.handshakes
        if self.fault.counted == "calls":
            text = self.facade.services.metrics.exposition().decode().splitlines()
            return sum(float(line.split()[-1]) for line in text if line.startswith("cxfacade_upstream_calls_total"))
        return sum(request.method == "GET" for request in self.upstream.requests)


@contextlib.asynccontextmanager
async def staged(
    fault: Fault,
    setting: Setting,
    certificates: Mapping[str, ssl.SSLContext] = NONE,
    *,
    only_logins: bool = False,
    **more: Any,
) -> AsyncIterator[Scene]:
    """A façade, with settings for it, in front of an upstream in good health.

    The fault strikes all requests, or `only_logins`.
    """
    clock, desk = PassingClock(), Desk(is_guarded=setting.auth == "token")
    settings = {
        "auth": setting.auth,
        "upstream_concurrency": setting.slots,
        "fresh_open_seconds": FRESH,
        "stale_while_revalidate_seconds": REVALIDATE,
        "stale_seconds": STALE,
        "wait_seconds": WAIT,
        "time_zone": "UTC",  # known, so that one interaction costs one call
        **more,
    }
    exits = contextlib.ExitStack()
    exits.enter_context(mock.patch.object(main, "SWEEP_SECONDS", SWEEP))
    async with spy_server() as spy, scripted_upstream(desk, certificates.get("good")) as upstream:
        async with running_facade(
            upstream.url(setting.host), clock=clock.clock, limits=setting.limits, random=lambda: 0.5, **settings
        ) as facade:
            scene = Scene(fault, setting, upstream, desk, facade, clock, spy, certificates, only_logins=only_logins)
            scene.exits = exits
            upstream.script = scene.answer
            try:
                yield scene
            finally:
                await scene.mend()
                scene.exits.close()
        assert spy.connections == 0
