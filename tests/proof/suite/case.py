"""What a case is, and the table that every case enters."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx

from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import Simulator

LIST = "/interactions?attr=1234567"  # fresh for FRESH seconds, as its range is open
FRESH = 15
PAUSE = 3  # seconds the suite lets pass between two requests
BY_CUSTOM = ("accept", "accept-encoding", "user-agent")  # what the client would send by itself
LONG = 400  # seconds after which no failure is remembered


@dataclass(frozen=True, slots=True)
class World:
    """A façade, the upstream behind it, and the time of the façade."""

    facade: Facade
    simulator: Simulator
    clock: HandClock

    @property
    def calls(self) -> int:
        """How often upstream has been asked."""
        return len(self.simulator.journal())

    async def get(self, target: str = LIST, method: str = "GET", /, **fields: str) -> httpx.Response:
        """The answer to a request with no field beyond these; `x_y="z"` is the field `x-y: z`."""
        request = self.facade.client.build_request(method, target)
        for name in BY_CUSTOM:
            del request.headers[name]
        request.headers.update({name.replace("_", "-"): value for name, value in fields.items()})
        return await self.facade.client.send(request)

    async def cached(self, target: str = LIST, method: str = "GET", /, **fields: str) -> httpx.Response:
        """A fresh hit, for which upstream was not asked."""
        return await self._counted(target, method, fields, status="cxfacade; hit; ttl=", asked=False)

    async def fetched(self, target: str = LIST, method: str = "GET", /, **fields: str) -> httpx.Response:
        """An answer for which upstream was asked."""
        return await self._counted(target, method, fields, status="cxfacade; fwd=", asked=True)

    async def stale(self, target: str = LIST, method: str = "GET", /, **fields: str) -> httpx.Response:
        """A stale hit, which says so."""
        answer = await self.get(target, method, **fields)
        assert answer.headers["cache-status"].startswith("cxfacade; hit; ttl=-"), answer.headers["cache-status"]
        return answer

    async def settled(self) -> None:
        """Wait until nothing is fetched any more."""
        while len(self.facade.services.queries.flights):  # noqa: ASYNC110 - a flight tells only its waiters when it lands
            await asyncio.sleep(0)

    def pause(self, seconds: float = PAUSE) -> None:
        self.clock.advance(seconds)

    async def _counted(
        self, target: str, method: str, fields: Mapping[str, str], *, status: str, asked: bool
    ) -> httpx.Response:
        before = self.calls
        answer = await self.get(target, method, **fields)
        await self.settled()
        assert answer.headers["cache-status"].startswith(status), answer.headers["cache-status"]
        assert "ttl=-" not in answer.headers["cache-status"]
        assert (self.calls > before) is asked
        return answer


Run = Callable[[World], Awaitable[None]]
F = TypeVar("F", bound=Callable[..., Awaitable[None]])


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its family and name in the suite, whether what it asks for holds here, and the test of just that.

    `remark` says how, where the façade has its own way; `settings` are the façade's.
    """

    family: str
    id: str
    holds: bool
    remark: str
    run: Run
    settings: Mapping[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}
NONE: Mapping[str, Any] = {}


def case(
    family: str, name: str, *, holds: bool = True, remark: str = "", settings: Mapping[str, Any] = NONE
) -> Callable[[F], F]:
    """Enter a function of a world as a case."""

    def enter(run: F) -> F:
        _enter(Case(family, name, holds, remark, run, settings))
        return run

    return enter


def cases(
    family: str,
    names: Mapping[str, object],
    *,
    holds: bool = True,
    remark: str = "",
    settings: Mapping[str, Any] = NONE,
) -> Callable[[F], F]:
    """Enter a function of a world and a parameter as a case for each name."""

    def enter(run: F) -> F:
        for name, parameter in names.items():
            _enter(Case(family, name, holds, remark, partial(_with, run, parameter), settings))
        return run

    return enter


async def _with(run: Callable[[World, object], Awaitable[None]], parameter: object, world: World) -> None:
    await run(world, parameter)


def _enter(new: Case) -> None:
    assert new.id not in CASES, new.id
    CASES[new.id] = new
