"""Single flight, compared: `python -m tests.benchmarks.single_flight` prints the table of docs/single-flight.md."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from app.errors import UpstreamUnreachable
from tests.benchmarks.coalescers import CONTESTANTS, Fetch
from tests.benchmarks.turned_loop import pass_time, run_turned, settle

CALLERS = 20
FOLLOWER = 7
SLOW_SECONDS = 30
SECONDS_TO_END = 5


class Outcome(NamedTuple):
    """How often upstream was asked, and how many callers had a good answer."""

    calls: int
    good: int

    def __str__(self) -> str:
        """As the table shows it."""
        return f"{self.calls} / {self.good}"


class Upstream:
    """Answers when the gate opens, or fails; counts."""

    def __init__(self, *, fails: bool = False) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self._fails = fails

    async def fetch(self) -> int:
        """One call."""
        self.calls += 1
        await self.gate.wait()
        if self._fails:
            raise UpstreamUnreachable("Nobody there.")
        return 42


class Crowd:
    """Callers of one contestant, in the order they came."""

    def __init__(self, ask: Fetch) -> None:
        self._ask = ask
        self.callers: list[asyncio.Task[int]] = []

    async def come(self, count: int) -> None:
        """So many more callers ask, and wait."""
        self.callers += [asyncio.create_task(self._call()) for _ in range(count)]
        await settle()

    async def leave(self, *places: int) -> None:
        """These callers go away."""
        for place in places:
            self.callers[place].cancel()
        await settle()

    async def good(self) -> int:
        """How many have the answer, once all who stayed have one or none ever comes."""
        done, waiting = await asyncio.wait(self.callers, timeout=SECONDS_TO_END)
        for forsaken in waiting:
            forsaken.cancel()
        await asyncio.gather(*self.callers, return_exceptions=True)
        return sum(not one.cancelled() and one.exception() is None and one.result() == 42 for one in done)

    async def _call(self) -> int:
        return await self._ask()


Happening = Callable[[Crowd, Upstream], Awaitable[None]]


async def nothing(crowd: Crowd, _upstream: Upstream) -> None:
    """All wait for the answer."""
    await crowd.come(CALLERS)


async def leader_leaves(crowd: Crowd, _upstream: Upstream) -> None:
    """The caller whose question went upstream is cancelled."""
    await crowd.come(CALLERS)
    await crowd.leave(0)


async def follower_leaves(crowd: Crowd, _upstream: Upstream) -> None:
    """One who joined is cancelled."""
    await crowd.come(CALLERS)
    await crowd.leave(FOLLOWER)


async def slowness(crowd: Crowd, _upstream: Upstream) -> None:
    """Half come at once, half while upstream takes its time."""
    await crowd.come(CALLERS // 2)
    await pass_time(SLOW_SECONDS // 2)
    await crowd.come(CALLERS // 2)
    await pass_time(SLOW_SECONDS // 2)


async def return_of_one(crowd: Crowd, _upstream: Upstream) -> None:
    """All leave; then one comes back while upstream still works on the first question."""
    await crowd.come(CALLERS)
    await crowd.leave(*range(CALLERS))
    await crowd.come(1)


class Scenario(NamedTuple):
    """What happens before upstream answers, or fails."""

    name: str
    happening: Happening
    fails: bool = False


SCENARIOS = (
    Scenario("20 callers at once", nothing),
    Scenario("leader cancelled", leader_leaves),
    Scenario("follower cancelled", follower_leaves),
    Scenario("upstream fails", nothing, fails=True),
    Scenario(f"upstream takes {SLOW_SECONDS} s", slowness),
    Scenario("all leave, one returns", return_of_one),
)


def outcome(contestant: Callable[[Fetch], Fetch], scenario: Scenario) -> Outcome:
    """One cell of the table."""

    async def scene() -> Outcome:
        upstream = Upstream(fails=scenario.fails)
        crowd = Crowd(contestant(upstream.fetch))
        await scenario.happening(crowd, upstream)
        upstream.gate.set()
        good = await crowd.good()  # first: who goes upstream late is counted too
        return Outcome(upstream.calls, good)

    return run_turned(scene)


def row(name: str) -> str:
    """A contestant's line of the table, in Markdown."""
    outcomes = [str(outcome(CONTESTANTS[name], scenario)) for scenario in SCENARIOS]
    return f"| {named(name)} | {' | '.join(outcomes)} |"


def named(name: str) -> str:
    """A library with its version."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return name


def table() -> str:
    """The whole table, in Markdown."""
    head = f"| | {' | '.join(scenario.name for scenario in SCENARIOS)} |"
    return "\n".join([head, "|---" * (len(SCENARIOS) + 1) + "|", *map(row, CONTESTANTS)])


if __name__ == "__main__":
    print(table())
