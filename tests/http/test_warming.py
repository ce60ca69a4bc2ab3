"""Warm questions: after the first answer every poll is a fresh hit; callers go first, and faults make it wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.clock import Clock
from app.errors import UpstreamError
from app.http.warming import Warming
from app.reloading import reload
from tests.scenarios.repeating import Repeating, repeating
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import facade_settings
from tests.support.pinned import pinning
from tests.support.simulator import Simulator

LIST = {"path": "/interactions", "query": "attr=SIM-OPEN&limit=2"}
QUESTIONS = {
    "a list": LIST,
    "a window that moves on": {"path": "/interactions", "query": "from=now-1h&limit=1000"},
    "a summary of days": {"path": "/queue-entries/summary", "query": "from=now-1d/d&by=queue_name&limit=3"},
    "a summary of an hour": {"path": "/interactions/summary", "query": "from=now-1h&time_zone=Europe/Berlin"},
    "rows that are looked for": {"path": "/agent-legs", "query": "from=now-3d/d&queue_name=Priority&limit=30"},
    "an order of its own": {"path": "/interactions", "query": "from=now-1d/d&to=now&sort=duration_seconds&limit=3"},
    "settled": {"path": "/interactions", "query": "from=2018-10-01T00:00:00Z&to=2018-12-01T00:00:00Z"},
}
TO_MIDNIGHT = 14 * 3600  # seconds from the simulator's moment to the end of the tenant's day
POLLS = 20


@dataclass
class Warmed:
    """A façade with one question, which is kept warm as its task would, one wake after the other."""

    facade: Repeating
    clock: HandClock
    due_at: float = 0.0

    def __post_init__(self) -> None:
        (question,) = self.facade.services.questions.in_force.values()
        self.warming = Warming(question, self.facade.services)

    async def keep(self) -> None:
        """Refresh it if it is time."""
        if self.clock.monotonic >= self.due_at:
            self.due_at = self.clock.monotonic + await self.warming.refresh()

    async def count(self) -> int:
        """How many interactions there are, as it is answered."""
        answer = await self.facade.ask("/questions/pinned")
        return int(answer.headers[b"x-total-count"])

    async def poll(self) -> str:
        """How the question was answered."""
        answer = await self.facade.ask("/questions/pinned")
        assert answer.status == 200, answer.body
        return answer.headers[b"cache-status"].decode()


@asynccontextmanager
async def warmed(
    simulator: Simulator, clock: HandClock, folder: Path, pinned: Any, **more: Any
) -> AsyncIterator[Warmed]:
    holds = more.pop("holds", True)
    async with repeating(simulator, clock.clock, questions_file=pinning(folder, pinned=pinned), **more) as facade:
        facade.services.queries.holdings.is_trusted = holds
        yield Warmed(facade, clock)


def ttl_of(cache_status: str) -> int:
    """Seconds of freshness left of a hit."""
    assert cache_status.startswith("cxfacade; hit; ttl="), cache_status
    return int(cache_status.rpartition("=")[2])


@pytest.mark.parametrize("holds", [True, False], ids=["held", "asked whole"])
@pytest.mark.parametrize("name", QUESTIONS)
async def test_only_the_first_answer_misses(
    name: str, holds: bool, simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    """Polled each second, in the morning and while the tenant's day ends; no poll asks upstream."""
    async with warmed(simulator, clock, tmp_path, QUESTIONS[name], holds=holds) as place:
        for seconds in (0.0, TO_MIDNIGHT - 1.5 * POLLS):
            clock.advance(seconds)
            await place.keep()
            await place.poll()
            for _ in range(POLLS):
                clock.advance(1)
                calls = len(simulator.calls())
                assert ttl_of(await place.poll()) >= 0
                assert len(simulator.calls()) == calls
                await place.keep()


async def test_an_answer_is_never_older_than_its_freshness(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    async with warmed(simulator, clock, tmp_path, LIST) as place:
        await place.keep()
        before = await place.count()
        simulator.insert(2, value="SIM-OPEN")
        for _ in range(2):
            clock.advance(13)
            await place.keep()
        assert await place.count() == before + 2


async def test_replays_hold_until_the_refresh_has_its_answer(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    """A fetch takes half a second, and replays end four seconds before their freshness: so much earlier it begins."""
    async with warmed(simulator, clock, tmp_path, LIST) as place:
        simulator.faults("hold", 1)
        first = asyncio.create_task(place.warming.refresh())
        await simulator.arrived(1)
        clock.advance(0.5)
        simulator.release()
        assert await first == 9.5
        await place.poll()
        clock.advance(9.5)
        assert place.facade.is_replayed("/questions/pinned")
        clock.advance(0.5)
        assert place.facade.is_replayed("/questions/pinned")


async def test_nobody_asks_and_a_settled_question_is_left_alone(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    async with warmed(simulator, clock, tmp_path, QUESTIONS["settled"]) as place:
        for _ in range(20):
            await place.keep()
            calls = len(simulator.calls())
            clock.advance(60)
    assert calls == 1


async def test_a_question_of_too_many_rows_is_not_read_whole_each_time(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    pinned = {"path": "/queue-entries/summary", "query": "attr=SIM-10K"}
    async with warmed(simulator, clock, tmp_path, pinned, max_rows=150, holds=False) as place:
        queries = place.facade.services.queries
        queries.rules = replace(queries.rules, scan_rows=100)
        await place.keep()
        simulator.clear_journal()
        clock.advance(13)
        await place.keep()
        refused = await place.facade.ask("/questions/pinned")
        assert (refused.status, b"summary-needs-complete-result" in refused.body) == (400, True)
        assert [dict(call.query)["limit"] for call in simulator.calls()] == ["100"]


async def test_callers_go_first(simulator: Simulator, clock: HandClock, tmp_path: Path) -> None:
    """One call at a time may be under way; it is held, and then a refresh and a caller wait for the place."""
    async with warmed(simulator, clock, tmp_path, LIST, upstream_concurrency=1) as place:
        asked = place.facade.ask
        simulator.faults("hold", 1)
        first = asyncio.create_task(asked("/interactions?attr=held"))
        await simulator.arrived(1)
        sleepers = clock.sleepers
        refreshed = asyncio.create_task(place.warming.refresh())
        await clock.asleep(sleepers + 2)  # for the end of the flight, and of the wait for a place
        caller = asyncio.create_task(asked("/interactions?attr=caller"))
        await clock.asleep(sleepers + 4)
        assert value_of(place.facade.services.metrics, "upstream_slots_waiting") == 2
        simulator.release()
        await asyncio.gather(first, refreshed, caller)
        assert [dict(call.query)["attribute-value"] for call in simulator.calls("list")] == [
            "held",
            "caller",
            "SIM-OPEN",
        ]


class Stopped(Exception):
    """The test has seen enough."""


async def waits_of(place: Warmed, rounds: int) -> list[float]:
    """How long the task waits each time; the clock is turned by as much."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == rounds:
            raise Stopped
        place.clock.advance(seconds)

    services, clock = place.facade.services, place.clock.clock
    place.warming.services = replace(services, clock=Clock(clock.monotonic, clock.wall, sleep))
    with pytest.raises(Stopped):
        await place.warming.run()
    return waits


FAULTS = [
    ("status", {"status": 503}),
    ("status", {"status": 429, "retry_after": "300"}),
    ("status", {"status": 401}),
    ("bad-json", {}),
]


@pytest.mark.parametrize(("kind", "parameters"), FAULTS, ids=str)
async def test_where_upstream_fails_it_is_asked_less_and_less(
    kind: str, parameters: dict[str, Any], simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    async with warmed(simulator, clock, tmp_path, LIST) as place:
        simulator.faults(kind, None, **parameters)
        waits = await waits_of(place, 7)
        assert waits == [3.75, 7.5, 15, 30, 45, 45, 45]
        assert len(simulator.calls("list")) <= (1 if parameters.get("retry_after") else 7)
        simulator.clear_faults()
        clock.advance(300)
        assert await waits_of(place, 2) == [13, 13]
        simulator.faults("status", None, status=503)
        clock.advance(300)
        assert (await waits_of(place, 2))[0] == 3.75


async def test_a_pause_that_upstream_asks_for_is_kept(simulator: Simulator, clock: HandClock, tmp_path: Path) -> None:
    async with warmed(simulator, clock, tmp_path, LIST) as place:
        simulator.faults("status", 1, status=429, retry_after="100")
        with pytest.raises(UpstreamError):
            await place.warming.refresh()
        for _ in range(9):
            clock.advance(10)
            with pytest.raises(UpstreamError):
                await place.warming.refresh()
        assert len(simulator.calls("list")) == 1
        clock.advance(11)
        await place.warming.refresh()
        assert len(simulator.calls("list")) == 2


def under_way() -> int:
    """The number of questions that tasks keep warm."""
    return sum(getattr(task.get_coro(), "__qualname__", "") == "Warming.run" for task in asyncio.all_tasks())


async def test_warm_questions_begin_with_the_start_follow_the_file_and_end_with_the_service(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    warm, path = {**LIST, "warm": True}, pinning(tmp_path, one=LIST | {"warm": True}, two=LIST)
    async with repeating(simulator, clock.clock, questions_file=path) as facade:
        await simulator.arrived(1)
        await facade.completed()
        assert (await facade.ask("/questions/one")).headers[b"cache-status"] == b"cxfacade; hit; ttl=15"
        assert under_way() == 1
        settings = facade_settings(simulator.url, questions_file=path)
        for tables, tasks in (({"one": warm, "two": warm}, 2), ({"bad": {"path": "/"}}, 2), ({"one": LIST}, 0)):
            pinning(tmp_path, **tables)
            await reload(lambda: settings, facade.app.state.reloadable)
            await asyncio.sleep(0)
            assert under_way() == tasks
        pinning(tmp_path, one=warm)
        await reload(lambda: settings, facade.app.state.reloadable)
        assert len(simulator.calls()) == 1, "what is fresh is not asked for again"
    await asyncio.sleep(0)
    assert under_way() == 0
