"""A summary is of all rows that match, or it is refused; it shares its work, and is made in turns."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.errors import StillFetching, SummaryNeedsCompleteResult, TooManyGroups
from app.interactions.facts import Context
from app.interactions.grains import GRAINS
from app.interactions.masking import by_name
from app.queries.query import Filter, Search, View
from app.queries.summarising import SummaryTable, summarise
from app.queries.tallying import ROWS_AT_ONCE
from app.summaries.summary import Summary, measures_of, outputs
from tests.queries.support import NOW, TENANT, Desk, desk, interaction, interactions, query, with_attribute
from tests.queries.test_select import opened


def asked(summary: Summary, grain: str = "interactions", **more: Any) -> Any:
    """A query for a summary, with all columns of its table."""
    of = GRAINS[grain]
    names = [one.name for one in outputs(summary, of, measures_of(summary, of))]
    return query(
        **{"limit": 1000, "view": View(tuple((name, name) for name in names), grain=grain), "summary": summary, **more}
    )


async def summary(stand: Desk, of: Any) -> SummaryTable:
    """What a request gets."""
    lookup = stand.look(of)
    return await stand.queries.making.summary(of, lookup, await stand.queries.find_all(lookup))


async def test_all_rows_are_counted_however_many_blocks_they_are_in() -> None:
    count = 2 * ROWS_AT_ONCE + 7
    stand = desk(interactions(count))
    found = await summary(stand, asked(Summary(by=("channel_type",))))
    assert found.rows == [("voice", count)]
    assert (found.groups, found.totals[1]) == (1, [(count,)])


async def test_more_rows_than_may_be_read_are_refused_and_the_first_block_alone_is_read() -> None:
    stand = desk(interactions(400), most_rows=350, scan_rows=100)
    with pytest.raises(SummaryNeedsCompleteResult):
        await summary(stand, asked(Summary()))
    assert stand.upstream.spans == [(0, 100)]
    assert (await summary(desk(interactions(350), most_rows=350), asked(Summary()))).rows == [(350,)]


SMALL: dict[str, Any] = {"max_rows": 10, "most_rows": 100, "scan_rows": 50, "step_rows": 100}


async def test_rows_that_can_be_held_are_all_counted_however_many_calls_they_take() -> None:
    stand = desk(interactions(1_200), holds=True, most_calls=1, **SMALL)
    of = asked(Summary())
    assert (await summary(stand, of)).rows == [(1_200,)]
    assert stand.upstream.calls > 2
    calls = stand.upstream.calls
    assert (await summary(stand, asked(Summary(measures=("interaction_count",))))).rows == [(1_200,)]
    assert stand.upstream.calls == calls
    listed = await stand.page(query(limit=10))
    assert (listed.total, listed.truncated) == (1_200, False), "it shares the snapshot"


async def test_rows_for_which_the_cache_is_too_small_are_refused_before_they_are_read() -> None:
    stand = desk(interactions(3_000), holds=True, cache_bytes=200_000, **SMALL)
    of = asked(Summary())
    for _ in range(2):
        with pytest.raises(SummaryNeedsCompleteResult):
            await summary(stand, of)
    assert max(end for _, end in stand.upstream.spans) <= 100
    assert stand.queries.rows_of_all(stand.queries.planner.plan(of)) == 1


async def test_who_waited_in_vain_is_followed_by_who_goes_on_from_there() -> None:
    stand, patient = (desk(interactions(1_200), holds=True, most_calls=1, **SMALL) for _ in range(2))
    plan = stand.queries.planner.plan(asked(Summary()))
    found, attempts = None, 0
    while found is None:
        attempts += 1
        try:
            found = await stand.queries.find_all(stand.queries.look(plan, deadline=stand.clock.monotonic))
        except StillFetching:
            await stand.completed()
    assert (found.snapshot.rows, found.snapshot.complete) == (1_200, True)
    await summary(patient, asked(Summary()))
    assert attempts > 1
    assert stand.upstream.calls == patient.upstream.calls, "nothing was read twice"


async def test_rows_that_are_too_many_are_not_read_behind_either() -> None:
    stand = desk(interactions(400), most_rows=350, scan_rows=100)
    of = asked(Summary())
    with pytest.raises(SummaryNeedsCompleteResult):
        await summary(stand, of)
    stand.clock.advance(20)
    for _ in range(3):
        plan = stand.queries.planner.plan(of)
        lookup = stand.queries.look(plan, stand.queries.rows_of_all(plan))
        with pytest.raises(SummaryNeedsCompleteResult):
            await stand.queries.find_all(lookup)
        await stand.completed()
    assert max(end for _, end in stand.upstream.spans) == 100


async def test_a_stale_summary_is_served_and_all_its_rows_are_read_again_behind() -> None:
    stand = desk(interactions(150), scan_rows=100)
    of = asked(Summary())
    await summary(stand, of)
    stand.upstream.rows += [interaction(1000)]
    stand.clock.advance(20)
    plan = stand.queries.planner.plan(of)
    lookup = stand.queries.look(plan, stand.queries.rows_of_all(plan))
    assert (await stand.queries.making.summary(of, lookup, await stand.queries.find_all(lookup))).rows == [(150,)]
    await stand.completed()
    read = stand.upstream.calls
    assert (await summary(stand, of)).rows == [(151,)]
    assert stand.upstream.calls == read


@pytest.mark.parametrize(("by", "rows"), [((), 2), (("channel_type",), 0)])
async def test_intervals_of_no_rows_are_filled_with_no_group(by: tuple[str, ...], rows: int) -> None:
    """Where columns are grouped by, and no group was seen, there is none to give to an interval."""
    of = asked(Summary(interval="day", fill=True, by=by), search=Search(start=NOW - timedelta(days=1)))
    found = await summary(desk([]), of)
    assert (found.groups, found.totals[1]) == (rows, [(0,)])


async def test_more_groups_than_one_answer_holds_are_refused() -> None:
    stand = desk(interactions(12), max_rows=12)
    of = Summary(by=("interaction_id", "direction"))
    assert (await summary(stand, asked(of))).groups == 12


async def test_a_range_of_more_intervals_than_groups_may_be_is_refused_before_upstream_is_asked() -> None:
    stand, filled = desk(interactions(12), max_rows=12), Summary(interval="15m", fill=True)
    for start in (NOW.replace(year=1970), NOW - 13 * timedelta(minutes=15)):
        with pytest.raises(TooManyGroups):
            stand.queries.planner.plan(asked(filled, search=Search(start=start)))
    assert stand.upstream.calls == 0
    with pytest.raises(TooManyGroups):
        await summary(stand, asked(filled, search=Search(start=NOW - 13 * timedelta(minutes=14))))
    assert stand.upstream.calls == 1, "what the first sum leaves open is counted"


async def test_conditions_choose_the_rows_that_are_counted() -> None:
    rows = [interaction(number, direction=("inbound", "outbound")[number % 2]) for number in range(9)]
    found = await summary(desk(rows), asked(Summary(), filters=(Filter("direction", ("inbound",)),)))
    assert found.rows == [(5,)]
    named = asked(Summary(), search=Search(attr_pairs=(("account", "1"),)))
    rows = [interaction(0, **with_attribute("account", "1")), interaction(1, **with_attribute("other", "1"))]
    assert (await summary(desk(rows), named)).rows == [(1,)]


async def test_the_rows_of_parts_are_counted_by_themselves() -> None:
    queues = [{"queueName": "Support"}, {"queueName": "Sales"}]
    rows = [interaction(number, queues=queues[: number % 3]) for number in range(6)]
    found = await summary(desk(rows), asked(Summary(by=("queue_name",)), "queue_entries"))
    assert found.rows == [("Sales", 2), ("Support", 4)]


UNEVEN = [
    interaction(number, direction=direction, endTimestamp="2026-10-12T15:00:00Z")
    for number, direction in enumerate(("a", "a", "a", "b", None, None, "c", "c"))
]


@pytest.mark.parametrize(
    ("sort", "limit", "expected"),
    [
        (None, 9, [("a", 3), ("b", 1), ("c", 2), (None, 2)]),
        (("count", True), 9, [("a", 3), ("c", 2), (None, 2), ("b", 1)]),
        (("count", False), 2, [("b", 1), ("c", 2)]),
        (("direction", True), 9, [("c", 2), ("b", 1), ("a", 3), (None, 2)]),
    ],
)
async def test_groups_are_in_order_nulls_last_and_ties_by_group(
    sort: tuple[str, bool] | None, limit: int, expected: list[tuple[Any, ...]]
) -> None:
    found = await summary(desk(UNEVEN), asked(Summary(by=("direction",), sort=sort), limit=limit))
    assert found.rows == expected
    assert (found.groups, found.totals[1]) == (4, [(8,)]), "also of those that are not shown"


async def test_columns_are_shown_as_chosen() -> None:
    view = View((("n", "count"), ("direction", "direction")))
    found = await summary(desk(UNEVEN), asked(Summary(by=("direction",)), view=view, limit=1))
    assert (found.names, found.types, found.rows) == (("n", "direction"), ("int", "string"), [(3, "a")])


async def test_without_rows_the_whole_is_a_row_of_zeros() -> None:
    found = await summary(desk([]), asked(Summary(measures=("count", "transfer_rate"))))
    assert found.rows == found.totals[1] == [(0, None)]
    assert (await summary(desk([]), asked(Summary(by=("direction",))))).rows == []


async def test_local_times_are_of_the_zone_named_else_of_the_tenants() -> None:
    rows = [interaction(0, hours_ago=2)]  # 2026-11-23T04:40Z
    by = Summary(by=("started_on", "started_hour"), interval="day")
    found = await summary(desk(rows), asked(by))
    assert [str(value) for value in found.rows[0]] == ["2026-11-22 05:00:00+00:00", "86400", "2026-11-22", "23", "1"]
    assert found.time_zone == "US/Eastern"
    named = Summary(by=("started_on", "started_hour"), interval="day", time_zone="Asia/Kolkata")
    found = await summary(desk(rows), asked(named))
    assert [str(value) for value in found.rows[0]] == ["2026-11-22 18:30:00+00:00", "86400", "2026-11-23", "10", "1"]
    assert found.time_zone == "Asia/Kolkata"


async def test_groups_are_by_what_is_shown_of_an_attribute() -> None:
    rows = [interaction(number, **with_attribute("pin", f"secret{number % 2}1")) for number in range(4)]
    context = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=by_name([("pin", "mask")]))
    found = await desk(rows, context=context).page(query())  # as the list is asked
    assert found.selection.rows
    by = asked(Summary(by=("name", "value")), "interaction_attributes")
    assert (await summary(desk(rows, context=context), by)).rows == [("pin", "***01", 2), ("pin", "***11", 2)]
    dropped = Context(tenant_id=TENANT, as_of=NOW, attribute_policy=by_name([("pin", "drop")]))
    assert (await summary(desk(rows, context=dropped), by)).rows == []


async def test_those_who_ask_at_once_share_one_reading_and_one_counting() -> None:
    stand = desk(interactions(50))
    of = asked(Summary(by=("channel_type",)))
    found = await asyncio.gather(*(summary(stand, of) for _ in range(20)))
    assert len({id(one) for one in found}) == 1
    assert stand.upstream.calls == 1


async def test_it_is_made_in_turns() -> None:
    held = await opened(interactions(500))
    of = asked(Summary(by=("interaction_id",), measures=("count", "p90:duration_seconds")))
    made = summarise(held, of, GRAINS["interactions"], Context(tenant_id=TENANT, as_of=NOW), most_groups=1000)
    assert sum(1 for _ in made) > 1000, "after each record, and after each group"
