"""Once a day it is seen which time upstream's ranges test: it decides whether records are held."""

import logging
from dataclasses import replace

import pytest

from app.observe.lines import RANGES_TEST
from app.upstream.query import EVERYTHING
from tests.scenarios.behind import completed
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, running_facade
from tests.support.simulator import Simulator

DAY = 86_400


@pytest.mark.parametrize(("tests", "looks"), [("start", 2), ("end", 2), ("overlap", 4)])
async def test_records_are_held_only_where_ranges_test_the_start_alone_or_with_the_end(
    tests: str, looks: int, simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    is_trusted = tests != "end"
    simulator.faults("range-tested", None, tests=tests)
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask()
        await completed(facade)
        holdings = facade.services.queries.holdings
        assert holdings.is_trusted is is_trusted
        assert holdings.overlaps is (tests == "overlap")
        assert len(simulator.calls("list")) == 1 + looks
        told = [(one.levelno, one.getMessage()) for one in caplog.records if one.msg is RANGES_TEST]
        assert [level for level, _ in told] == {"start": [], "end": [logging.ERROR], "overlap": [logging.INFO]}[tests]
        assert all(f"ranges test: {tests};" in words for _, words in told)
        clock.advance(20)
        await facade.ask()
        await completed(facade)
        assert bool(holdings.collection(EVERYTHING).coverage.intervals) is is_trusted
        calls = len(simulator.calls("list"))
        simulator.clear_faults()
        clock.advance(DAY)
        await facade.ask()
        await completed(facade)
        assert len(simulator.calls("list")) > calls + 2
        assert holdings.is_trusted


@pytest.mark.parametrize("ignored", [("start",), ("start", "end")])
async def test_ranges_that_are_ignored_do_not_pass_for_overlap(
    ignored: tuple[str, ...], simulator: Simulator, clock: HandClock
) -> None:
    for name in ignored:
        simulator.faults("filter-ignored", None, filter=name)
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask()
        await completed(facade)
        holdings = facade.services.queries.holdings
        assert holdings.is_probed
        assert not holdings.is_trusted


async def test_what_is_held_is_let_go_of_where_ranges_come_to_be_tested_otherwise(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask()
        await completed(facade)
        holdings = facade.services.queries.holdings
        for tests in ("overlap", "start"):
            before = holdings.collection(EVERYTHING)
            assert before.coverage.intervals
            simulator.clear_faults()
            simulator.faults("range-tested", None, tests=tests)
            clock.advance(DAY)
            await facade.ask()
            await completed(facade)
            assert holdings.is_trusted
            assert holdings.overlaps is (tests == "overlap")
            assert before.token.purged
            await facade.ask(("from", "now-3d"))
            await completed(facade)


async def test_a_record_that_is_listed_under_its_conditions_alone_tells_it(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask(("attr", "SIM-2500"))
        await completed(facade)
        assert facade.services.queries.holdings.is_probed
        assert facade.services.queries.holdings.is_trusted
