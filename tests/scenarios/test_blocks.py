"""Upstream is read in blocks, no further than the question needs, and never by too many calls at once."""

import asyncio

import pytest

from app.simulator.state import Call
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

BOUNDARIES = [*range(0, 10_000, 1000)]
TOGETHER = 4  # blocks of one reading under way at once


def offsets(calls: list[Call]) -> list[int]:
    return sorted(int(dict(call.query)["offset"]) for call in calls)


async def let_through(simulator: Simulator, bound: int, blocks: int) -> None:
    """Hold every call until as many have come as can, the first alone; never may more than `bound` be under way."""
    arrived = 0
    while arrived < blocks:
        step = TOGETHER - arrived % TOGETHER
        coming = min(bound, blocks - arrived, step) if arrived else 1
        arrived += coming
        await simulator.arrived(arrived)
        under_way = sum(call.status is None for call in simulator.journal())
        assert coming <= under_way <= bound
        simulator.release()


async def test_ten_thousand_rows_come_in_ten_blocks_each_once_by_four_calls_at_a_time(
    facade: Facade, simulator: Simulator
) -> None:
    simulator.faults("hold", None)
    question = (("attr", "SIM-10K"), ("limit", "10000"), ("fields", "interaction_id,started_at"))
    asking = asyncio.create_task(facade.ask(*question))
    await let_through(simulator, TOGETHER, len(BOUNDARIES))
    answer = await asking
    rows = answer["items"]
    assert len({row["interaction_id"] for row in rows}) == 10_000
    assert [row["started_at"] for row in rows] == sorted((row["started_at"] for row in rows), reverse=True)
    assert offsets(simulator.journal()) == BOUNDARIES
    assert {dict(call.query)["limit"] for call in simulator.journal()} == {"1000"}
    assert (answer["meta"]["count"], answer["meta"]["total"], answer["meta"]["truncated"]) == (10_000, 10_000, False)
    assert answer["next"] is None


@pytest.mark.parametrize("bound", [1, 2])
async def test_no_more_calls_are_under_way_than_the_setting_says(
    simulator: Simulator, clock: HandClock, bound: int
) -> None:
    async with running_facade(simulator, clock=clock.clock, upstream_concurrency=bound) as facade:
        simulator.faults("hold", None)
        asking = asyncio.create_task(facade.get("/interactions.csv?attr=SIM-2500&limit=10000&fields=interaction_id"))
        await let_through(simulator, bound, 3)
        assert (await asking).text.count("\r\n") == 2501
    assert offsets(simulator.journal()) == BOUNDARIES[:3]


@pytest.mark.parametrize(("limit", "blocks"), [("1", 1), ("50", 1), ("100", 1), ("101", 1), ("1000", 1), ("1001", 2)])
async def test_no_further_block_is_read_than_the_rows_need(
    facade: Facade, simulator: Simulator, limit: str, blocks: int
) -> None:
    answer = await facade.ask(("attr", "SIM-10K"), ("limit", limit), ("fields", "interaction_id"))
    assert len(answer["items"]) == int(limit)
    assert answer["meta"]["total"] == 10_000
    assert offsets(simulator.journal()) == BOUNDARIES[:blocks]


async def test_what_was_read_is_not_read_again_when_more_is_wanted(facade: Facade, simulator: Simulator) -> None:
    for limit in ("50", "100", "500", "1000", "1500", "700"):
        await facade.ask(("attr", "SIM-10K"), ("limit", limit), ("fields", "interaction_id"))
    assert [dict(call.query)["limit"] for call in simulator.journal()] == ["100", "1000", "1000"]


async def test_a_limit_above_the_bound_is_refused_with_the_bound(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=150) as facade:
        refused = await facade.get("/interactions", ("attr", "SIM-2500"), ("limit", "151"), status=400)
        assert simulator.journal() == []
        answer = await facade.ask(("attr", "SIM-2500"), ("limit", "150"), ("fields", "interaction_id"))
    assert "ask for 150 or fewer, and follow next" in refused.json()["detail"]
    assert answer["meta"]["count"] == answer["meta"]["limit"] == 150


async def test_an_order_that_needs_more_than_one_answer_holds_is_refused(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=1000) as facade:
        refused = await facade.get("/interactions?attr=SIM-2500&sort=duration_seconds", status=400)
        assert refused.json()["code"] == "sort-needs-complete-result"
        await facade.get("/interactions?attr=SIM-TRANSFER&sort=duration_seconds")
    assert len(simulator.journal()) == 2


async def test_a_walk_past_the_bound_of_a_snapshot_says_that_it_is_truncated(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=100) as facade:
        answer = await facade.ask(("attr", "SIM-2500"), ("limit", "100"))
    assert answer["meta"]["truncated"] is True
    assert answer["meta"]["total"] == 2500
