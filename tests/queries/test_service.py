"""The spine: what is asked of upstream, what is kept, and what a caller gets."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import (
    CursorExpired,
    NotFound,
    SortNeedsCompleteResult,
    StillFetching,
    UpstreamServerError,
)
from app.interactions.masking import MASKED, Audience
from app.interactions.settling import ATTRIBUTE
from app.queries.page import FetchResult, Page
from app.queries.query import Filter, InteractionQuery, Order, Search
from app.queries.snapshot_store import snapshot_key
from tests.queries.support import NOW, Desk, desk, identity, interaction, interactions, numbers, query, with_attribute

BY_DURATION = Order("duration_seconds", descending=False)
LAST_WEEK = Search(start=NOW - timedelta(days=60), end=NOW - timedelta(days=1))
INBOUND = (Filter("direction", ("inbound",)),)


async def walked(at: Desk, asked: InteractionQuery) -> list[Page]:
    """Every page from the first to the last."""
    pages = [await at.page(asked)]
    while cursor := pages[-1].next_cursor:
        assert len(pages) < 100, "the walk does not end"
        pages.append(await at.page(replace(asked, cursor=cursor)))
    return pages


def facts(found: FetchResult) -> tuple[bool, bool, bool]:
    return found.fetched, found.kept, found.collapsed


# What is asked of upstream.


async def test_a_question_is_asked_once_and_answered_from_the_store_while_it_is_fresh() -> None:
    at = desk(interactions(5))
    first, again = await at.page(query()), await at.page(query())
    assert numbers(first) == numbers(again) == [0, 1, 2, 3, 4]
    assert at.upstream.calls == 1
    assert facts(first.found) == (True, True, False)
    assert facts(again.found) == (False, True, False)
    assert (first.found.upstream_seconds, again.found.upstream_seconds) == (0.5, 0.0)
    at.clock.advance(14.9)
    assert facts((await at.page(query())).found) == (False, True, False)
    await at.completed()
    assert at.upstream.calls == 1


async def test_services_with_other_settings_share_nothing_in_one_store() -> None:
    one, other = desk(interactions(2)), desk(interactions(2), digest=b"other rules")
    other.queries = replace(other.queries, snapshots=one.queries.snapshots)
    await one.page(query())
    await other.page(query())
    await one.interaction(identity(0))
    await other.interaction(identity(0))
    assert (one.upstream.spans, one.upstream.single) == (other.upstream.spans, other.upstream.single)
    assert other.upstream.single == [identity(0)]


async def test_a_new_fetch_sees_what_is_new() -> None:
    at = desk(interactions(2))
    await at.page(query())
    at.upstream.rows.insert(0, interaction(7, hours_ago=1))
    assert numbers(await at.page(query())) == [0, 1]
    at.clock.advance(16)
    assert numbers(await at.page(query())) == [0, 1]
    await at.completed()
    assert numbers(await at.page(query())) == [7, 0, 1]


async def test_the_search_is_put_in_upstream_s_words() -> None:
    at = desk([interaction(0, **with_attribute("n", "v"))])
    search = Search(
        attr=("v",),
        attr_pairs=(("n", "v"),),
        attr_names=("n",),
        start=NOW - timedelta(days=300),
        end=NOW,
        hook_type="n",
        hook_subtype=ATTRIBUTE,
    )
    assert numbers(await at.page(query(search=search))) == [0]
    (asked,) = at.upstream.asked
    assert asked.attribute_values == ("v",)
    assert (asked.hook_type, asked.hook_sub_type) == ("n", ATTRIBUTE)
    assert (asked.start, asked.end) == (search.start, search.end)


async def test_a_name_without_a_value_is_sent_as_upstream_spells_it() -> None:
    at = desk([interaction(0, **with_attribute("account ", "v"))])
    at.upstream.raw_names = {"account": "account "}
    assert numbers(await at.page(query(search=Search(attr_names=("account", "other"))))) == []
    assert (at.upstream.asked[0].hook_type, at.upstream.asked[0].hook_sub_type) == ("account ", ATTRIBUTE)


async def test_upstream_is_read_no_further_than_the_page_needs() -> None:
    at = desk(interactions(2500))
    await at.page(query(limit=10))
    assert at.upstream.spans == [(0, 100)]
    await at.page(query(limit=10, offset=90))
    assert at.upstream.spans == [(0, 100)]
    await at.page(query(limit=10, offset=91))
    assert at.upstream.spans == [(0, 100), (100, 1000)]
    await at.page(query(limit=1000, offset=500))
    assert at.upstream.spans == [(0, 100), (100, 1000), (1000, 2000)]


async def test_rows_that_come_twice_are_shown_once() -> None:
    at = desk(interactions(150))
    await at.page(query())
    at.upstream.rows[100:100] = [at.upstream.rows[98], at.upstream.rows[99]]  # two arrived: the list moved down
    page = await at.page(query(limit=200))
    assert numbers(page) == list(range(150))


async def test_no_more_rows_are_read_than_a_snapshot_may_hold() -> None:
    at = desk(interactions(500), max_rows=20, most_rows=200)
    pages = await walked(at, query(limit=20))
    assert [number for page in pages for number in numbers(page)] == list(range(200))
    assert max(end for _, end in at.upstream.spans) == 200
    assert all(page.truncated for page in pages)
    assert {page.total for page in pages} == {500}


async def test_an_offset_past_all_rows_gives_an_empty_last_page() -> None:
    at = desk(interactions(30))
    page = await at.page(query(offset=30))
    assert (numbers(page), page.next_cursor, page.total, page.truncated) == ([], None, 30, False)


# Pages.


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 99, 100, 101, 250])
async def test_a_walk_shows_every_row_once_and_ends(rows: int) -> None:
    at = desk(interactions(rows))
    pages = await walked(at, query(limit=10))
    assert [number for page in pages for number in numbers(page)] == list(range(rows))
    assert len(pages) == max(1, -(-rows // 10))
    assert {page.total for page in pages} == {rows}
    assert not any(page.truncated for page in pages)


async def test_a_walk_stays_in_its_snapshot_while_the_list_moves_on() -> None:
    at = desk(interactions(150))
    first = await at.page(query(limit=60))
    at.upstream.rows.insert(0, interaction(900, hours_ago=1))
    at.clock.advance(16)
    assert numbers(await at.page(query(limit=1))) == [0]
    await at.completed()
    assert numbers(await at.page(query(limit=1))) == [900]
    second = await at.page(query(limit=60, cursor=first.next_cursor))
    third = await at.page(query(limit=60, cursor=second.next_cursor))
    assert [*numbers(first), *numbers(second), *numbers(third)] == list(range(150))
    assert {page.found.snapshot.version for page in (first, second, third)} == {first.found.snapshot.version}
    assert third.next_cursor is None


async def test_a_cursor_goes_on_under_another_view_and_page_size() -> None:
    at = desk(interactions(30))
    first = await at.page(query(limit=10))
    shown = replace(query().view, columns=(("n", "interaction_id"), ("at", "started_at")), format="csv")
    second = await at.page(query(limit=5, view=shown, cursor=first.next_cursor))
    assert numbers(second) == [10, 11, 12, 13, 14]


async def test_a_cursor_whose_snapshot_is_gone_has_expired() -> None:
    at = desk(interactions(30))
    first = await at.page(query())
    at.clock.advance(15 + 3600 + 1)
    with pytest.raises(CursorExpired):
        await at.page(query(cursor=first.next_cursor))
    assert at.upstream.calls == 1


@pytest.mark.parametrize("change", [{"version": "0" * 16}, {"start": NOW}, {"end": NOW}, {"position": 25}])
async def test_a_forged_cursor_finds_nothing_that_its_own_question_would_not_find(change: dict[str, Any]) -> None:
    at = desk(interactions(30))
    first = await at.page(query())
    assert first.next_cursor is not None
    forged = query(cursor=replace(first.next_cursor, **change))
    if "position" in change:
        assert numbers(await at.page(forged)) == [25, 26, 27, 28, 29]
    else:
        with pytest.raises(CursorExpired):
            await at.page(forged)


async def test_a_cursor_past_the_end_gives_an_empty_last_page() -> None:
    at = desk(interactions(30))
    first = await at.page(query())
    assert first.next_cursor is not None
    page = await at.page(query(cursor=replace(first.next_cursor, position=10_000)))
    assert (numbers(page), page.next_cursor) == ([], None)


# Conditions answered here.


def mixed(count: int, every: int) -> list[dict[str, Any]]:
    """Rows of which every so-manieth is inbound."""
    return [
        interaction(number, hours_ago=100 + number / 60, direction="outbound" if number % every else "inbound")
        for number in range(count)
    ]


async def test_a_filter_reads_on_until_the_page_is_full() -> None:
    at = desk(mixed(2500, 50))
    page = await at.page(query(limit=10, filters=INBOUND))
    assert numbers(page) == list(range(0, 500, 50))
    assert max(end for _, end in at.upstream.spans) == 1000
    assert page.total is None
    pages = await walked(at, query(limit=10, filters=INBOUND))
    assert [number for page in pages for number in numbers(page)] == list(range(0, 2500, 50))


async def test_a_filter_that_nothing_meets_reads_to_the_end_and_says_so() -> None:
    at = desk(mixed(450, 1000)[1:])
    page = await at.page(query(filters=INBOUND))
    assert (numbers(page), page.next_cursor, page.total, page.truncated) == ([], None, 0, False)


async def test_a_filter_over_more_than_a_snapshot_holds_does_not_call_the_rows_it_found_all() -> None:
    at = desk(mixed(500, 50), max_rows=20, most_rows=200)
    page = await at.page(query(limit=20, filters=INBOUND))
    assert numbers(page) == [0, 50, 100, 150]
    assert (page.next_cursor, page.total, page.truncated) == (None, None, True)


async def test_the_total_of_filtered_rows_is_known_where_all_stand_on_one_page() -> None:
    at = desk(mixed(60, 10))
    assert (await at.page(query(limit=10, filters=INBOUND))).total == 6
    assert (await at.page(query(limit=5, filters=INBOUND))).total is None
    assert (await at.page(query(limit=5, offset=1, filters=INBOUND))).total is None


async def test_rows_upstream_sends_unasked_are_dropped_and_its_total_is_not_believed() -> None:
    rows = [interaction(number, **(with_attribute("n", "v") if number % 2 else {})) for number in range(400)]
    at = desk(rows)
    search = Search(attr=("v",))
    page = await at.page(query(limit=10, search=search))
    assert numbers(page) == list(range(1, 21, 2))
    assert page.total is None
    whole = await at.page(query(limit=300, search=search))
    assert (len(whole.selection.rows), whole.total, whole.next_cursor) == (200, 200, None)


async def test_rows_that_are_few_and_far_between_are_looked_for_in_ever_longer_readings() -> None:
    rows = [interaction(number, **({} if number % 700 else with_attribute("n", "v"))) for number in range(3000)]
    at = desk(rows)
    page = await at.page(query(limit=10, search=Search(attr=("v",))))
    assert (numbers(page), page.total, page.next_cursor) == ([0, 700, 1400, 2100, 2800], 5, None)
    assert at.upstream.spans == [(0, 100), (100, 1000), (1000, 2000), (2000, 3000)]


@pytest.mark.parametrize("fault", [{"shifted": True}, {"lost": 1}])
async def test_a_list_that_lacks_rows_is_truncated_open_and_of_unknown_total(fault: dict[str, Any]) -> None:
    at = desk(interactions(30))
    for name, value in fault.items():
        setattr(at.upstream, name, value)
    page = await at.page(query(limit=50, search=LAST_WEEK))
    assert (page.truncated, page.total, page.found.stored.fresh_for) == (True, None, 15)


# Order.


async def test_another_order_is_of_the_whole_result_and_is_walked_like_any() -> None:
    at = desk(reversed(interactions(250)))
    pages = await walked(at, query(limit=100, order=BY_DURATION))
    assert [number for page in pages for number in numbers(page)] == list(range(250))
    assert at.upstream.calls == 1


async def test_another_order_of_all_there_is_needs_no_more_than_to_have_it() -> None:
    at = desk(reversed(interactions(80)), max_rows=50)
    pages = await walked(at, query(limit=50, order=BY_DURATION))
    assert [number for page in pages for number in numbers(page)] == list(range(80))


async def test_another_order_of_more_than_one_answer_may_hold_is_refused_after_the_first_block() -> None:
    at = desk(interactions(3000), max_rows=2000)
    with pytest.raises(SortNeedsCompleteResult):
        await at.page(query(limit=200, order=BY_DURATION))
    assert at.upstream.spans == [(0, 1000)]


async def test_another_order_of_a_result_that_grows_past_the_bound_meanwhile_is_refused() -> None:
    at = desk(interactions(200), max_rows=200)
    await at.page(query(limit=10))
    at.upstream.rows += interactions(2000)[200:]
    with pytest.raises(SortNeedsCompleteResult):
        await at.page(query(limit=10, order=BY_DURATION))


# Flights.


async def test_callers_at_the_same_time_share_one_call() -> None:
    at = desk(interactions(30))
    at.upstream.open_gate.clear()
    callers = [asyncio.create_task(at.page(query(limit=limit))) for limit in range(1, 21)]
    await at.upstream.called.wait()
    at.upstream.open_gate.set()
    pages = await asyncio.gather(*callers)
    assert [len(page.selection.rows) for page in pages] == list(range(1, 21))
    assert at.upstream.calls == 1
    assert sorted(page.found.collapsed for page in pages) == [False] + [True] * 19
    assert len(at.flights) == 0


async def test_a_caller_who_needs_more_than_the_flight_brought_goes_round_once_more() -> None:
    at = desk(interactions(1500))
    at.upstream.open_gate.clear()
    few = asyncio.create_task(at.page(query(limit=10)))
    await at.upstream.called.wait()
    many = asyncio.create_task(at.page(query(limit=900)))
    await asyncio.sleep(0)
    at.upstream.open_gate.set()
    assert numbers(await few) == list(range(10))
    page = await many
    assert numbers(page) == list(range(900))
    assert at.upstream.spans == [(0, 100), (100, 1000)]
    assert facts(page.found) == (True, True, True)
    assert page.found.upstream_seconds == 1.0


async def test_those_who_read_on_in_one_snapshot_share_the_flight_whether_a_cursor_pins_them_or_not() -> None:
    at = desk(interactions(1500))
    first = await at.page(query(limit=60))
    at.upstream.called.clear()
    at.upstream.open_gate.clear()
    pinned = asyncio.create_task(at.page(query(limit=60, cursor=first.next_cursor)))
    await at.upstream.called.wait()
    free = asyncio.create_task(at.page(query(limit=120)))
    await asyncio.sleep(0)
    at.upstream.open_gate.set()
    assert numbers(await pinned) == list(range(60, 120))
    assert numbers(await free) == list(range(120))
    assert at.upstream.spans == [(0, 100), (100, 1000)]


async def test_a_caller_whose_copy_is_shorter_than_what_others_have_stored_meanwhile_asks_nobody() -> None:
    at = desk(interactions(1500))
    plan, short = at.queries.planner.plan(query()), (await at.page(query())).found
    await at.page(query(limit=900))
    longer = await at.queries.fetching.extend(plan, 500, short)
    begun = await at.queries.fetching.begin(plan, 500, None)
    assert longer.snapshot.rows == begun.snapshot.rows == 1000
    assert (longer.fetched, begun.fetched) == (False, False)
    assert at.upstream.calls == 2


async def test_a_wait_that_is_over_leaves_the_fetch_to_finish_and_be_stored() -> None:
    at = desk(interactions(30))
    at.upstream.open_gate.clear()
    caller = asyncio.create_task(at.page(query()))
    await at.upstream.called.wait()
    await at.clock.asleep()
    at.clock.advance(10)
    with pytest.raises(StillFetching):
        await caller
    at.upstream.open_gate.set()
    assert numbers(await at.page(query())) == list(range(10))
    assert at.upstream.calls == 1


async def test_the_wait_is_one_for_all_the_rounds_of_a_request() -> None:
    at = desk(mixed(2500, 1000)[1:])
    await at.page(query(limit=1))
    at.upstream.called.clear()
    at.upstream.open_gate.clear()
    caller = asyncio.create_task(at.page(query(filters=INBOUND)))
    for _ in range(2):
        await at.upstream.called.wait()
        await at.clock.asleep()
        at.upstream.called.clear()
        at.clock.advance(6)
        at.upstream.open_gate.set()
        await asyncio.sleep(0)
        at.upstream.open_gate.clear()
    with pytest.raises(StillFetching):
        await caller
    at.upstream.open_gate.set()
    await at.flights.aclose()


async def test_a_failed_fetch_leaves_nothing_behind_and_is_not_repeated_at_once() -> None:
    at = desk(interactions(30))
    at.upstream.failure = UpstreamServerError("down")
    for _ in range(2):
        with pytest.raises(UpstreamServerError):
            await at.page(query())
    assert (len(at.upstream.asked), len(at.store)) == (1, 0)
    at.upstream.failure = None
    at.clock.advance(1.1)
    assert numbers(await at.page(query())) == list(range(10))


async def test_a_failure_while_reading_on_keeps_what_was_read_before() -> None:
    at = desk(interactions(150))
    await at.page(query())
    at.upstream.failure = UpstreamServerError("down")
    with pytest.raises(UpstreamServerError):
        await at.page(query(limit=120))
    assert numbers(await at.page(query(limit=100))) == list(range(100))


# What is kept.


async def test_a_report_too_large_to_be_kept_is_answered_without_a_cursor_that_would_lead_nowhere() -> None:
    at = desk(interactions(1500), cache_bytes=4000)
    page = await at.page(query(limit=900))
    assert numbers(page) == list(range(900))
    assert (page.next_cursor, page.truncated, page.found.kept) == (None, True, False)
    assert at.upstream.spans == [(0, 1000)]
    assert len(at.store) == 0
    filtered = await at.page(query(filters=INBOUND))
    assert (numbers(filtered), filtered.total) == ([], 0)


async def test_a_report_that_is_evicted_while_a_caller_holds_it_still_serves_that_caller() -> None:
    at = desk(interactions(1500))
    await at.page(query())
    at.upstream.called.clear()
    at.upstream.open_gate.clear()
    caller = asyncio.create_task(at.page(query(limit=500)))
    await at.upstream.called.wait()
    stored = at.look(query()).stored
    assert stored is not None
    at.store.delete(snapshot_key(at.queries.planner.plan(query()), stored.value.version))
    at.upstream.open_gate.set()
    assert numbers(await caller) == list(range(500))
    assert at.upstream.spans == [(0, 100), (100, 1000)]


async def test_a_report_evicted_between_two_requests_is_fetched_again() -> None:
    at = desk(interactions(30))
    first = await at.page(query())
    at.store.delete(snapshot_key(at.queries.planner.plan(query()), first.found.snapshot.version))
    assert at.look(query()).stored is None
    assert numbers(await at.page(query())) == list(range(10))
    assert at.upstream.calls == 2


async def test_what_is_read_on_is_as_old_as_what_was_read_first() -> None:
    at = desk(interactions(150))
    first = await at.page(query())
    at.clock.advance(10)
    longer = await at.page(query(limit=120))
    assert longer.found.snapshot.as_of == first.found.snapshot.as_of == NOW
    assert longer.found.stored.age(at.clock.monotonic) == 10


async def test_whether_a_row_is_final_is_judged_as_of_the_first_reading_however_late_it_is_read() -> None:
    late = interaction(100, hours_ago=2, endTimestamp="2026-11-23T05:45:00.000Z")
    at = desk([interaction(number, hours_ago=1.9) for number in range(100)] + [late])
    settled = query(search=Search(end=NOW - timedelta(minutes=90)))
    assert (await at.page(settled)).found.snapshot.sums.all_final
    at.clock.advance(480)
    found = (await at.page(replace(settled, limit=101))).found
    assert found.snapshot.rows == 101
    assert not found.snapshot.sums.all_final


async def test_reading_on_into_open_rows_makes_the_whole_report_open() -> None:
    at = desk([*interactions(100), interaction(100, hours_ago=1001, is_open=True)])
    settled = Search(end=NOW - timedelta(days=30))
    assert (await at.page(query(search=settled))).found.stored.fresh_for > 3600
    assert (await at.page(query(search=settled, limit=101))).found.stored.fresh_for == 15
    at.clock.advance(15.1)
    assert at.look(query(search=settled)).detail == "stale-while-revalidate"
    await at.completed()


# One interaction.


async def test_one_interaction_is_asked_for_once() -> None:
    at = desk(interactions(3))
    for _ in range(2):
        one, found = await at.interaction(identity(1), MASKED)
        assert one.interaction.interaction_id == identity(1)
    assert at.upstream.single == [identity(1)]
    assert not found.fetched
    assert found.stored.fresh_for > 3600


async def test_the_audience_is_the_callers_own_whoever_fetched() -> None:
    at = desk([interaction(0, customer="+15550100")])
    for audience in (Audience(clear=True), MASKED, Audience(notes=True)):
        one, _ = await at.interaction(identity(0), audience)
        assert one.context.audience == audience


async def test_an_unknown_interaction_is_known_to_be_unknown_for_a_minute() -> None:
    at = desk()
    for _ in range(3):
        with pytest.raises(NotFound):
            await at.interaction(identity(1), MASKED)
    assert at.upstream.single == [identity(1)]
    at.upstream.rows.append(interaction(1))
    at.clock.advance(59.9)
    with pytest.raises(NotFound):
        await at.interaction(identity(1), MASKED)
    await at.completed()
    assert at.upstream.single == [identity(1)]
