"""With CXF_HOLD the last days of the whole tenant are held from the start, and questions about them cost no call."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from app.holdings import store
from app.holdings.collection import EVER, Span
from app.holdings.overlap import MORE_ROWS
from app.holdings.partition import FOREVER
from app.interactions.times import written
from app.observe.lines import HOLD_COMPLETE, HOLD_DISTRUSTED, HOLD_REFUSED, HOLD_SHORT, HOLD_UNPROVEN, Line
from app.queries.held_window import PIECE_ROWS, HeldWindow
from app.simulator.state import Call
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL
from tests.scenarios.purging import purge
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, TENANT, running_facade
from tests.support.simulator import Simulator, running_simulator

DAY = 86_400
WEEK = timedelta(days=7)
MANY = replace(TENANT, interactions=2_600)


@pytest.fixture
async def busy() -> AsyncIterator[Simulator]:
    """An upstream with more rows than two calls bring."""
    async with running_simulator(MANY) as running:
        yield running


@contextmanager
def logged(line: Line) -> Iterator[asyncio.Event]:
    """An event that is set once the line was logged."""
    happened = asyncio.Event()
    handler = logging.Handler()
    handler.emit = lambda record: happened.set() if record.msg is line else None  # type: ignore[method-assign]
    logging.getLogger("cxfacade").addHandler(handler)
    yield happened
    logging.getLogger("cxfacade").removeHandler(handler)


def sent(simulator: Simulator) -> list[dict[str, str]]:
    """The parameters of the list calls since the journal was cleared, which is cleared again."""
    calls: list[Call] = simulator.calls("list")
    simulator.clear_journal()
    return [dict(call.query) for call in calls]


async def filled(window: HeldWindow) -> int:
    """Have the window take turns until none is due at once; how many it took."""
    turns = 1
    while await window.turn() == 0:
        turns += 1
    return turns


async def test_questions_about_the_held_days_cost_no_call(simulator: Simulator, clock: HandClock) -> None:
    with logged(HOLD_COMPLETE) as whole:
        async with running_facade(
            simulator, clock=clock.clock, hold="7d", anonymous_scopes="read,metrics:read"
        ) as facade:
            await asyncio.wait_for(whole.wait(), 30)
            sent(simulator)
            for path in (
                "/interactions?from=now-7d&limit=1000",
                "/interactions?from=now-3d/d&to=now/d&channel_type=voice",
                "/interactions?from=now-2d&attr=VIP",
                "/interactions.csv?from=now-7d&limit=all",
                "/queue-entries/summary?from=now/d&by=queue_name&measures=service_level",
            ):
                assert (await facade.get(path)).status_code == 200
            assert sent(simulator) == []
            assert "cxfacade_hold_missing_seconds 0.0" in (await facade.get("/metrics")).text


async def test_it_is_filled_from_the_newest_down_a_piece_at_a_time(busy: Simulator, clock: HandClock) -> None:
    async with running_facade(busy, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        assert window.missing_seconds() == WEEK.total_seconds()
        lows = []
        while await window.turn() == 0:
            lows.append(window.missing_seconds())
            calls = sent(busy)
            assert [call["limit"] for call in calls] == [str(MOST_ROWS_PER_CALL)]
            assert PIECE_ROWS < facade.services.queries.holdings.records() <= MOST_ROWS_PER_CALL * len(lows)
        assert lows == sorted(lows, reverse=True)
        assert len(lows) == 2
        sent(busy)
        assert window.missing_seconds() == 0
        assert (await facade.ask(("from", "now-7d")))["meta"]["total"] == facade.services.queries.holdings.records()
        assert sent(busy) == []


async def test_what_others_asked_for_is_not_read_again_and_the_newest_gap_comes_first(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        await facade.ask(("from", "now-5d"), ("to", "now-4d"), ("limit", "1000"))
        window = HeldWindow(facade.services.queries, WEEK)
        assert window.missing_seconds() == 6 * DAY
        await window.turn()
        assert window.missing_seconds() == 2 * DAY
        await window.turn()
        assert window.missing_seconds() == 0


async def test_what_arrives_changes_and_is_erased_is_seen_ahead_of_who_asks(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        await filled(window)
        question = (("from", "now-7d"), ("limit", "1000"))
        before = await facade.ids(*question)
        for turn in range(6):
            clock.advance(8)
            simulator.advance(8)
            arrived = simulator.insert(start=simulator.now) if turn % 2 else []
            erased = [] if turn % 2 else before[20 + turn : 21 + turn]
            simulator.remove(erased)
            await window.turn()
            sent(simulator)
            now = await facade.ids(*question)
            assert set(arrived) <= set(now)
            assert not set(erased) & set(now)
            assert sent(simulator) == []


async def test_its_lower_end_moves_with_the_clock(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, timedelta(days=1))
        await filled(window)
        sent(simulator)
        for _ in range(5):
            clock.advance(3_600)
            simulator.advance(3_600)
            await window.turn()
            assert window.span.start == clock.wall - timedelta(days=1)
            assert window.missing_seconds() == 0
        assert all("end" in call for call in sent(simulator) if call["limit"] == str(MOST_ROWS_PER_CALL))


async def test_what_has_left_the_held_days_is_let_go_of(
    simulator: Simulator, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_ROWS", 100)  # so that partitions are of an hour
    async with running_facade(simulator, clock=clock.clock, fresh_max_seconds=7_200, stale_seconds=0) as facade:
        window, holdings = HeldWindow(facade.services.queries, timedelta(days=2)), facade.services.queries.holdings
        await filled(window)
        for _ in range(12):
            clock.advance(3_600)
            simulator.advance(3_600)
            await window.turn()
            holdings.store.sweep(1_000)
        oldest = holdings.collection(EVERYTHING).partitions(Span(EVER, FOREVER))[-1].span
        assert window.span.start - oldest.end < timedelta(hours=3)


async def test_ranges_are_looked_at_before_anything_is_held(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await HeldWindow(facade.services.queries, WEEK).turn()
        sample, start, end, piece = sent(simulator)
        assert "start" not in sample
        assert start["start"] < start["end"] < end["start"] < end["end"]
        assert "end" not in piece


async def test_the_days_are_held_where_ranges_test_overlap(
    simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.faults("range-tested", None, tests="overlap")
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        await filled(window)
        assert window.missing_seconds() == 0
        assert facade.services.queries.holdings.overlaps
        for _ in range(5):
            arrived = simulator.insert(start=simulator.now)
            clock.advance(8)
            simulator.advance(8)
            sent(simulator)
            await window.turn()
            assert max(int(call["limit"]) for call in sent(simulator)) <= MORE_ROWS + 1
            assert (await facade.ids(("from", "now-7d")))[:1] == arrived
            assert sent(simulator) == []
        assert not [one for one in caplog.records if one.levelno > logging.INFO]


async def test_it_stays_away_where_ranges_are_not_trusted(
    simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.faults("range-tested", None, tests="end")
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        for _ in range(3):
            assert await window.turn() > 0
        assert len(sent(simulator)) == 3
        assert not facade.services.queries.holdings.records()
        assert [one.msg for one in caplog.records].count(HOLD_DISTRUSTED) == 1
        simulator.clear_faults()
        clock.advance(DAY)
        await filled(window)
        assert window.missing_seconds() == 0


async def test_it_waits_for_an_interaction_that_tells_which_time_ranges_test(
    clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = replace(ONE_ATTEMPT, probe_seconds=DAY)
    async with (
        running_simulator(replace(TENANT, interactions=0, arrivals_per_hour=0)) as simulator,
        running_facade(simulator, clock=clock.clock, limits=limits) as facade,
    ):
        simulator.remove([one.id for one in simulator.state.world.rows(simulator.state.now(), ())])
        window = HeldWindow(facade.services.queries, WEEK)
        first = await window.turn()
        clock.advance(first)
        assert first < await window.turn()
        assert [one.msg for one in caplog.records].count(HOLD_UNPROVEN) == 1
        assert not facade.services.queries.holdings.collection(EVERYTHING).coverage.intervals


FAULTS: dict[str, tuple[dict[str, Any], float]] = {
    "error": ({"status": 500}, 15.0),
    "throttled": ({"status": 429, "retry_after": "40"}, 40.0),
}


@pytest.mark.parametrize(("parameters", "least"), FAULTS.values(), ids=FAULTS)
async def test_after_a_fault_it_pauses_and_carries_on(
    parameters: dict[str, Any], least: float, simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        simulator.faults("status", 2, **parameters)
        first = await window.turn()
        clock.advance(first + 1)
        assert least <= first <= await window.turn()
        clock.advance(DAY)
        await filled(window)
        assert window.missing_seconds() == 0


async def test_it_asks_nothing_while_upstream_is_left_alone(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        simulator.faults("status", 1, status=429, retry_after="60")
        await window.turn()
        sent(simulator)
        for _ in range(3):
            clock.advance(10)
            assert await window.turn() == window.usual
        assert sent(simulator) == []


async def test_after_a_purge_it_is_filled_again(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,cache:purge") as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        await filled(window)
        await purge(facade, all=True)
        assert not facade.services.queries.holdings.records()
        await filled(window)
        assert window.missing_seconds() == 0
        assert facade.services.queries.holdings.records() == TENANT.interactions


async def test_a_purge_while_it_is_filled_leaves_nothing_of_before(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,cache:purge") as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        simulator.faults("hold")
        turn = asyncio.ensure_future(window.turn())
        await simulator.arrived(1)
        await purge(facade, all=True)
        simulator.release()
        assert await turn == 0
        assert not facade.services.queries.holdings.records()
        await filled(window)
        assert window.missing_seconds() == 0


async def test_where_memory_does_not_suffice_it_stops_and_says_which_days_are_held(
    busy: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_ROWS", 100)  # so that many partitions fit into a small memory
    async with running_facade(busy, clock=clock.clock, cache_bytes=1_100_000) as facade:
        window, holdings = HeldWindow(facade.services.queries, WEEK), facade.services.queries.holdings
        await filled(window)
        evictions, missing = holdings.store.evictions, window.missing_seconds()
        assert 0 < missing < WEEK.total_seconds()
        low = holdings.collection(EVERYTHING).newest_held(window.span).start
        assert f"interactions from {written(low)} on" in caplog.text
        sent(busy)
        for _ in range(5):
            clock.advance(8)
            await window.turn()
        assert min(call["start"] for call in sent(busy)) > written(window.span.start)
        assert holdings.store.evictions == evictions
        assert [one.msg for one in caplog.records if one.name == "cxfacade.hold"] == [HOLD_SHORT]


async def test_rows_that_cannot_be_trusted_are_told_and_tried_again(
    simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        simulator.faults("filter-ignored", 2)
        for seconds in (0, 14, 2, 29, 2):
            clock.advance(seconds)
            assert await window.turn() == window.usual
        assert [one.msg for one in caplog.records].count(HOLD_REFUSED) == 1
        assert len(sent(simulator)) == 3
        assert window.missing_seconds() == 0


async def test_answers_from_the_held_days_are_counted_behind(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        window = HeldWindow(facade.services.queries, WEEK)
        await filled(window)
        question = (("from", "now-2d"), ("attr", "VIP"))
        sent(simulator)
        rows = await facade.ids(*question)
        assert sent(simulator) == []
        clock.advance(8)
        await window.turn()
        assert [one["limit"] for one in sent(simulator) if "attribute-value" in one] == ["0"]
        simulator.faults("filter-ignored", None, attribute_value="VIP")
        supersets = facade.services.queries.holdings.supersets
        supersets._verified.clear()
        clock.advance(16)
        await window.turn()
        sent(simulator)
        assert await facade.ids(*question) == rows
        clock.advance(8)
        await window.turn()
        assert supersets._refused
        simulator.clear_faults()
        sent(simulator)
        clock.advance(8)
        assert await facade.ids(*question) == rows
        assert "VIP" in [call.get("attribute-value") for call in sent(simulator)]
        assert inf not in supersets._refused.values()


async def test_it_ends_with_the_service(simulator: Simulator, clock: HandClock) -> None:
    simulator.faults("hold")
    before = asyncio.all_tasks()
    async with running_facade(simulator, clock=clock.clock, hold="7d"):
        await simulator.arrived(1)
        simulator.release()
    assert not [task for task in asyncio.all_tasks() - before if "HeldWindow" in repr(task.get_coro())]
