"""A stretch of a day of dashboards in one process: the façade as a black box, the simulator behind it, one clock.

Where several processes are asked for, that many façades share a tier on a real server, and are asked in turn; each
minute one of them ends, and another that holds nothing takes its place.

A program that either of two trees can run: the interpreter finds `app` by PYTHONPATH. Its argument is a Stretch in
JSON; it prints an Outcome, and to stderr, after each hour of a long one, what came of it so far.
"""

import asyncio
import heapq
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from time import process_time, thread_time
from typing import Any, TypeVar
from unittest.mock import patch

import httpx
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import Application, create_app
from app.settings import load
from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME, SimulatorOptions, create_simulator
from app.simulator.clock import parse_time
from app.simulator.state import SimulatorState
from app.upstream.access import Limits
from tests.benchmarks.boards import BOARDS, POLL_SECONDS, SEED, Board
from tests.benchmarks.difference import difference
from tests.benchmarks.idle import IdleLoop, run_idle
from tests.benchmarks.judge import Judge
from tests.benchmarks.polls import Screen, asked
from tests.benchmarks.stretch import Outcome, Stretch
from tests.support.clock import HandClock
from tests.support.tier import running_tier

T = TypeVar("T")

MIDNIGHT = datetime(2026, 11, 18, 5, tzinfo=UTC)
"""Of a Wednesday in US/Eastern."""
STEP_SECONDS = 0.1
LIFE_SECONDS = 60
TOLD_SECONDS = 3600
LEASE_MILLISECONDS = 3_600_000  # by the server's clock, which goes on while nobody turns ours to extend a lease


class Worked:
    """An application, and the processor time that its answers have taken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seconds = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        began = thread_time()
        await self._app(scope, receive, send)
        self.seconds += thread_time() - began


class Driven:
    """The clock of façade and simulator, and the wire between the two."""

    def __init__(self, stretch: Stretch, loop: IdleLoop) -> None:
        began = MIDNIGHT + timedelta(hours=stretch.from_hour)
        options = SimulatorOptions(
            seed=SEED, anchor=began, frozen=True, per_weekday=stretch.per_weekday, journal_rows=True
        )
        simulator = create_simulator(options)
        self.upstream: SimulatorState = simulator.state.simulator
        self.simulator = Worked(simulator)
        self._transport = httpx.ASGITransport(self.simulator)
        self._clock = HandClock(wall=began)
        self.passed = 0.0
        self._loop = loop
        self._sides: list[Any] = []

    @property
    def now(self) -> datetime:
        """The time of day of façade and simulator."""
        return self._clock.wall

    @asynccontextmanager
    async def facade(self, *, is_probed: bool = True, **more: str) -> AsyncIterator[Application]:
        """A façade that holds nothing yet, between its startup and its shutdown; it looks what ranges test, or not."""
        known = {"tenant_id": DEMO_TENANT_ID, "username": DEMO_USERNAME, "password": DEMO_PASSWORD, **more}
        secret, scopes = "bench-pseudonym-not-a-secret", "read,notes:read"
        settings = load({**known, "pseudonym_secret": secret, "anonymous_scopes": scopes}, environ={}, env_file=None)
        wire, clock, limits = self._transport, self._clock.clock, Limits() if is_probed else Limits(probe_seconds=inf)
        app = create_app(settings, transport=wire, clock=clock, limits=limits, random=lambda: 0.5)
        async with app.router.lifespan_context(app):
            if "redis_url" in more:
                store = app.state.services.queries.holdings.tier.store
                self._sides += [store.reads, store.writes]
            yield app

    async def still(self) -> None:
        """Return when every task waits for the clock: the server of the tier has answered."""
        await self._loop.idle()
        while calls := {task for side in self._sides for task in side._tasks if task is not side._recovery}:
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            await self._loop.idle()

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the work; the clock is turned only where nobody can go on otherwise. Raises what it raises."""
        task = asyncio.create_task(work)
        await self.still()
        while not task.done():
            await self.turn(self.passed + STEP_SECONDS)
        return await task

    async def turn(self, to: float) -> None:
        """Turn the clock to so many seconds from the start, and let all that follows from it come to its end."""
        seconds = max(0.0, to - self.passed)
        self.passed += seconds
        self._clock.advance(seconds)
        self.upstream.clock.advance(seconds)
        await self.still()

    async def forget(self, seconds: float) -> None:
        """Let so many seconds pass for what is stored, though it is not later."""
        self._clock.step(monotonic=seconds)
        await self._loop.idle()

    async def compare(self, app: ASGIApp, board: Board, result: Outcome) -> None:
        """Compare a page with what a new façade reads at this instant, and of upstream as it was at its `as_of`."""
        shown = orjson.loads((await self.finish(asked(app, board.target))).body)
        as_of, now = shown["meta"]["as_of"], self.upstream.now()
        whole = await self._read_anew(board.target)
        self.upstream.clock.set(parse_time(as_of))
        then = await self._read_anew(board.target)
        self.upstream.clock.set(now)
        ids, wanted = ([row["interaction_id"] for row in rows] for rows in (shown["items"], whole))
        result.compared += 1
        result.same_ids += ids == wanted
        result.same_rows += shown["items"] == whole
        if told := difference(shown["items"], then):
            result.unlike.append(f"{board.kind} as of {as_of}: {told}")
        result.same_as_of += not told

    async def _read_anew(self, target: str) -> list[dict[str, Any]]:
        async with self.facade() as app:
            items: list[dict[str, Any]] = orjson.loads((await self.finish(asked(app, target))).body)["items"]
            return items


class Processes:
    """So many façades that are asked in turn; several share a tier."""

    def __init__(self, driven: Driven, closing: AsyncExitStack, count: int) -> None:
        self._driven, self._turn = driven, 0
        self._given: dict[str, Any] = {}
        if count > 1:
            closing.enter_context(patch("app.tier.client.LEASE_MILLISECONDS", LEASE_MILLISECONDS))
            server = closing.enter_context(running_tier())
            self._given = {"redis_url": server.url, "tier_secret": "bench-tier-not-a-secret"}
        self._ends = [AsyncExitStack() for _ in range(count)]
        for one in self._ends:
            closing.push_async_exit(one)
        self._apps: list[Application] = []

    async def begin(self) -> None:
        """Start them."""
        self._apps = [await one.enter_async_context(self._driven.facade(**self._given)) for one in self._ends]

    async def replace(self, number: int) -> None:
        """End one, and start another in its place; one that is alone goes on."""
        if len(self._apps) > 1:
            place = number % len(self._apps)
            await self._ends[place].aclose()
            self._apps[place] = await self._ends[place].enter_async_context(self._driven.facade(**self._given))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of the one whose turn it is."""
        self._turn = (self._turn + 1) % len(self._apps)
        await self._apps[self._turn](scope, receive, send)


def times(boards: tuple[Board, ...], seconds: int) -> Iterator[tuple[float, int]]:
    """When each poll falls due, in order, and the board's place: each begins within the first POLL_SECONDS."""
    due = [(place * POLL_SECONDS / len(boards), place) for place in range(len(boards))]
    while due[0][0] < seconds:
        at, place = due[0]
        yield at, place
        heapq.heapreplace(due, (at + boards[place].seconds, place))


async def outcome(stretch: Stretch, loop: IdleLoop, boards: tuple[Board, ...] = BOARDS) -> Outcome:
    """Let the boards poll for a stretch. Raises Unanswered."""
    driven, judge, rng = Driven(stretch, loop), Judge(), Random(SEED)
    result, began = Outcome(judge.verdict), process_time()
    polls = list(times(boards, stretch.seconds))
    sampled = set(rng.sample(range(len(polls)), min(stretch.samples, len(polls))))
    async with AsyncExitStack() as closing:
        app, ended, told = Processes(driven, closing, stretch.processes), 0, 0
        await app.begin()
        screens = [Screen(app, board) for board in boards]
        for number, (at, place) in enumerate(polls):
            await driven.turn(at)
            if at >= (ended + 1) * LIFE_SECONDS:
                await app.replace(ended)
                ended += 1
            if at >= (told + 1) * TOLD_SECONDS:
                told += 1
                seen = judge.verdict
                made_of = f"{seen.calls:,} calls, {seen.rows:,} rows, {seen.first:,} distinct, {seen.late:,} late"
                print(f"{driven.now:%H:%M} UTC: {made_of}; membership {seen.readings_per_row:.3f}", file=sys.stderr)
            await driven.finish(screens[place].poll(result.tally))
            take(driven.upstream, judge)
            if number in sampled:
                await driven.compare(app, boards[place], result)
                driven.upstream.journal.clear()
    judge.end(driven.upstream.now())
    result.cpu_seconds = process_time() - began
    return result


def take(upstream: SimulatorState, judge: Judge) -> None:
    """Let the judge read the journal so far, and clear it."""
    judge.read(upstream.journal.calls)
    upstream.journal.clear()


if __name__ == "__main__":
    chosen = Stretch(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(run_idle(lambda loop: outcome(chosen, loop)))))
