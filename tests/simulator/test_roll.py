"""The roll finds what looking at each row finds."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.simulator import SimulatorState
from app.simulator.clock import DAY, HOUR, stamp
from app.simulator.query import parse, select
from app.simulator.roll import Roll
from app.simulator.workload import Day, arrivals_of
from tests.simulator.support import Asking, asking, ids
from tests.support.simulator import QUIET

WORKLOAD = replace(QUIET, per_weekday=400)
TODAY = "2026-11-18T05:00:00.000Z"
QUERIES = {
    "all": [],
    "a range": [("start", "2026-11-16T05:00"), ("end", "2026-11-17T05:00")],
    "two ranges": [("start", TODAY), ("start", "2026-11-16"), ("end", "2026-11-19"), ("end", "2026-11-18T14:00")],
    "a value": [("attribute-value", "VIP")],
    "a value in a range": [("attribute-value", "complaint"), ("start", TODAY)],
    "two values": [("attribute-value", "VIP"), ("attribute-value", "complaint")],
    "a name": [("hookType", "orderNumber"), ("hookSubType", "interaction-attribute")],
    "a hook name": [("hook-name", "VIP")],
    "nobody's value": [("attribute-value", "nobody's")],
    "a documented value": [("attribute-value", "valueOne")],
    "a magic value": [("attribute-value", "SIM-OPEN")],
    "a hook": [("hookId", "none")],
}


@pytest.fixture(scope="module")
def state() -> SimulatorState:
    """A workload that is only looked at."""
    return SimulatorState(WORKLOAD)


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_finds_the_rows_that_meet_it(name: str, state: SimulatorState) -> None:
    query, now = parse(QUERIES[name]), state.now()
    whole = select(state.world.rows(now, query.values("attribute-value")), query, stamp(now))
    assert [row.id for row in state.world.matching(query, query, now)] == [row.id for row in whole]


def test_time_moves_a_roll_on_and_back() -> None:
    rows = [row for day in range(4) for row in arrivals_of(Day(20_773 + day, 7, 300, "UTC", QUIET.tenant_id))]
    erased = next(row for row in rows if row.kind == "voice-answered")
    erased.gone = erased.seen + HOUR
    roll, first = Roll(rows), 20_773 * DAY
    for now in (first + DAY, erased.gone - 1, erased.gone, first + 3 * DAY, first + HOUR, first + 4 * DAY):
        expected = sorted((row for row in rows if row.is_listed(now)), key=lambda row: row.order, reverse=True)
        assert roll.at(now).found(frozenset(), None, None) == expected
    arrivals_of.cache_clear()


@pytest.fixture
async def upstream() -> AsyncIterator[Asking]:
    async with asking(per_weekday=400, journal_rows=True) as question:
        yield question


async def test_pages_totals_and_counts_agree_and_the_journal_tells_the_rows(upstream: Asking) -> None:
    everything = await upstream.everything(("start", TODAY))
    counted = await upstream.ask(("start", TODAY), ("limit", 0))
    assert (counted["total"], counted["results"]) == (len(everything), None)
    page, *_, count = upstream.sim.calls("list")
    assert [row.id for row in page.rows] == ids(everything)[:1000]
    assert (count.rows, count.at) == ((), "2026-11-18T15:00:00.000Z")


async def test_what_is_put_in_taken_out_and_asked_for_alone_is_found(upstream: Asking) -> None:
    newest = (await upstream.rows(("start", TODAY), ("limit", 2)))[0]["interactionId"]
    upstream.sim.remove([newest])
    assert newest not in ids(await upstream.everything(("start", TODAY)))
    (put_in,) = upstream.sim.insert(start="2026-11-18T14:59:00.000Z")
    assert put_in in ids(await upstream.everything(("start", TODAY)))
    assert (await upstream.get(path=f"/{put_in}")).status_code == 200


async def test_a_range_may_be_tested_otherwise(upstream: Asking) -> None:
    usual = ids(await upstream.everything(("start", "2026-11-18T13:00"), ("end", "2026-11-18T14:00")))
    upstream.sim.faults("range-tested", times=None, tests="overlap", ends="[]")
    other = ids(await upstream.everything(("start", "2026-11-18T13:00"), ("end", "2026-11-18T14:00")))
    assert set(usual) < set(other)
