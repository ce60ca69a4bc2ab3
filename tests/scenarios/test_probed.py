"""Once a day it is seen which time upstream's ranges test: it decides whether records are held."""

from dataclasses import replace

import pytest

from app.upstream.query import EVERYTHING
from tests.scenarios.behind import completed
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, running_facade
from tests.support.simulator import Simulator

DAY = 86_400


@pytest.mark.parametrize(("tests", "is_trusted"), [("start", True), ("end", False), ("overlap", False)])
async def test_records_are_held_only_where_ranges_test_the_start(
    tests: str, is_trusted: bool, simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    simulator.faults("range-tested", None, tests=tests)
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask()
        await completed(facade)
        holdings = facade.services.queries.holdings
        assert holdings.is_trusted is is_trusted
        assert len(simulator.calls("list")) == 3
        assert (f"ranges test the {tests}" in caplog.text) is not is_trusted
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


async def test_a_record_that_is_listed_under_its_conditions_alone_tells_it(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, limits=replace(ONE_ATTEMPT, probe_seconds=DAY)) as facade:
        await facade.ask(("attr", "SIM-2500"))
        await completed(facade)
        assert facade.services.queries.holdings.is_probed
        assert facade.services.queries.holdings.is_trusted
