"""Holdings in front of an upstream in memory: each row is asked for once, and again only when it may have changed."""

import asyncio
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from app.cache.stored import Stored
from app.errors import UpstreamError, UpstreamUnreachable
from app.holdings.answering import Answered, Wanted
from app.holdings.collection import Span
from app.holdings.packing import AT_HAND_ROWS
from app.holdings.partition import FOREVER
from app.holdings.supersets import CHECKED_ONE_IN, MOST_DOUBTS, REFUSED_SECONDS
from app.holdings.sync import FEW_ROWS, LIKELY, MANY_ROWS, MOST_FAILURES
from app.owners import Owners
from app.upstream.query import EVERYTHING, UpstreamQuery
from tests.holdings.support import FRESH_SECONDS, NOW, Place, day, identity, ids_of, place, records_of, row

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)


async def test_a_span_is_read_once_and_every_narrower_one_is_answered_from_it() -> None:
    at = place(day(2_500))
    assert await at.ids() == at.expected()
    calls = len(at.upstream.calls)
    for hours in (2, 5, 9):
        asked: dict[str, Any] = {"start": NOW - hours * HOUR, "end": NOW - HOUR}
        assert await at.ids(**asked) == at.expected(**asked)
    assert len(at.upstream.calls) == calls
    assert len(at.upstream.sent) == 2_500


async def test_of_the_facts_that_a_filling_makes_the_last_are_at_hand() -> None:
    """All of them at once, freed at the end of the answer, held the loop for 22 ms."""
    at = place(day(2_500))
    answered = await at.answer()
    at_hand = [one for facts in answered.facts.values() for one in facts]
    assert 0 < len(at_hand) <= AT_HAND_ROWS < answered.composition.rows
    assert {one.interaction.interaction_id for one in at_hand} <= {*at.expected()[-AT_HAND_ROWS:]}


async def test_no_more_is_read_than_is_wanted_and_reading_goes_on_below() -> None:
    at = place(day(2_500))
    answered = await at.answer(50)
    assert (answered.composition.rows, answered.total, answered.composition.complete) == (100, 2_500, False)
    assert ids_of(answered) == at.expected()[:100]
    longer = await at.answer(1_200)
    assert ids_of(longer)[:1_200] == at.expected()[:1_200]
    assert longer.total == 2_500
    assert len(at.upstream.sent) <= 100 + 1_200 + 900


async def test_rows_that_are_not_held_are_counted_once_for_as_long_as_an_answer_is_fresh() -> None:
    at = place(day(2_500))
    first = await at.answer(50)
    at.clock.advance(FRESH_SECONDS - 1)
    await at.answer(start=NOW - 1.25 * HOUR, fresh_seconds=1)  # compares what is held, and that alone
    calls, second = len(at.upstream.calls), await at.answer(50)
    assert (second.total, second.expires_at, len(at.upstream.calls)) == (2_500, first.expires_at, calls)
    assert (await at.answer(50, start=NOW - 2 * HOUR)).total == 181
    at.upstream.put(row(9_000, NOW - 3 * HOUR))
    at.clock.advance(1)
    assert (await at.answer(50)).total == 2_501


async def test_rows_that_are_not_held_are_counted_as_seldom_as_a_range_that_ends_where_they_do() -> None:
    at = place(day(20_000))
    wanted = Wanted(50, 10, lambda span: FRESH_SECONDS if span.end == FOREVER else 600.0, FRESH_SECONDS, inf)
    for seconds in (0, 16, 300, 300):
        at.clock.advance(seconds)
        answered = await at.holdings.answer(UpstreamQuery(), wanted, at.context)
        assert isinstance(answered, Answered)
        assert answered.total == 20_000
    assert sum(asked.end is not None and limit == 0 for asked, _, limit in at.upstream.calls) == 1


async def test_a_millisecond_that_is_held_stays_whole_where_a_reading_ends_within_it() -> None:
    """Of twenty records of one start the reading brought ten: the others, held for another question, were lost."""
    tied = NOW - HOUR - 990 * timedelta(seconds=20)
    older = day(500, ends=tied, step=MINUTE)
    at = place([*day(990), *(row(5_000 + number, tied) for number in range(20))])
    at.upstream.put(*({**one, "interactionId": identity(7_000 + place)} for place, one in enumerate(older)))
    await at.answer(100, end=tied + MILLISECOND)
    assert (await at.answer(1_000, start=tied - 9 * HOUR)).composition.rows >= 1_000
    alone: dict[str, Any] = {"start": tied, "end": tied + MILLISECOND}
    assert await at.ids(**alone) == at.expected(**alone)
    assert await at.ids() == at.expected()


async def test_a_record_that_stays_beside_others_of_its_millisecond_was_not_shown_with_them() -> None:
    """Of five records of one start a reading of the newest brings one: the others are as old as they were."""
    at = place([row(number, NOW - HOUR) for number in range(1, 5)])
    await at.answer()
    at.clock.advance(16)
    at.upstream.put(row(0, NOW - HOUR))
    at.upstream.sent.clear()
    pieces = (await at.answer()).composition.pieces
    checked = {name: at_ for piece in pieces for name, at_ in zip(piece.run.ids, piece.held.checked, strict=True)}
    assert len(checked) == 5
    assert {name for name, at_ in checked.items() if at_ == at.clock.monotonic} == {*at.upstream.sent} == {identity(0)}


async def at_rest(rows: int = 500) -> Place:
    """So many interactions are held, none is due, and the newest were looked at 16 seconds ago."""
    at = place(day(rows))
    for seconds in (0, 61, 16):
        at.clock.advance(seconds)
        await at.answer()
    return at


async def test_an_arrival_costs_a_count_and_one_row() -> None:
    at = await at_rest()
    at.upstream.put(row(9_000, NOW - MINUTE))
    at.upstream.calls.clear()
    at.upstream.sent.clear()
    at.clock.advance(16)
    assert await at.ids() == at.expected()
    assert [limit for _, _, limit in at.upstream.calls] == [0, 1]
    assert at.upstream.sent == [identity(9_000)]


async def test_rows_that_lack_are_looked_for_below_those_that_came() -> None:
    at = place(day(500))
    await at.answer()
    at.clock.advance(61)
    late = row(8_000, NOW - HOUR - MINUTE / 2)
    at.upstream.put(*[row(9_000 + number, NOW - number * MINUTE) for number in range(4)], late)
    at.upstream.calls.clear()
    at.upstream.sent.clear()
    assert await at.ids() == at.expected()
    assert [limit for _, _, limit in at.upstream.calls] == [1, 4, 3]
    assert at.upstream.sent == [*map(identity, (9_000, 9_001, 9_002, 9_003, 0, 1, 8_000, 2))]


@pytest.mark.parametrize("arriving", [0.0, LIKELY], ids=["counted first", "read first"])
async def test_a_row_that_comes_during_a_comparison_does_not_stand_for_one_that_lacks(arriving: float) -> None:
    at = await at_rest()
    at.clock.advance(16)
    at.holdings.collection(EVERYTHING).arriving = arriving
    new, late, later = row(9_000, NOW), row(8_000, NOW - 2 * HOUR + MINUTE / 6), row(8_001, NOW - MINUTE)
    at.upstream.put(*[new] if arriving else [], late)
    at.upstream.coming.append(later)
    assert await at.ids() == at.expected()


async def test_rows_for_which_a_comparison_finds_no_room_are_not_taken_for_held() -> None:
    """Below those that the store refused others were read, and it took these, of the same partition."""
    at = place(day(64), cache_bytes=150_000)
    assert await at.ids() == at.expected()
    at.clock.advance(16)
    at.upstream.put(*[row(9_000 + number, NOW - HOUR / 2 - number * MILLISECOND) for number in range(120)])
    answered = await at.reading()
    assert not isinstance(answered, Answered) or ids_of(answered) == at.expected()
    (collection,) = at.holdings.collections()
    for one in collection.coverage.intervals:
        assert collection.rows(one.span) == len(at.upstream.matching(UpstreamQuery(start=one.span.start)))


async def test_many_arrivals_are_read_once() -> None:
    at = await at_rest()
    for turn in range(4):
        at.clock.advance(16)
        at.upstream.put(*[row(9_000 + number, NOW + number * MINUTE) for number in range(5 * turn, 5 * turn + 5)])
        at.upstream.calls.clear()
        at.upstream.sent.clear()
        assert await at.ids() == at.expected()
    assert [limit for _, _, limit in at.upstream.calls[:2]] == [1, 4]
    assert at.upstream.sent[:5] == [identity(number) for number in range(9_019, 9_014, -1)]


@pytest.mark.parametrize("gone", [0, 400])
@pytest.mark.parametrize("rows", [500, MANY_ROWS])
async def test_an_arrival_and_an_erasure_that_cancel_are_seen_within_a_minute(rows: int, gone: int) -> None:
    at = await at_rest(rows)
    del at.upstream.rows[identity(gone)]
    at.upstream.put(row(9_000, NOW))
    at.upstream.sent.clear()
    for _ in range(3):
        at.clock.advance(16)
        await at.answer()
    assert await at.ids() == at.expected()
    assert len(at.upstream.sent) <= 5  # the newest, and as many as the calls narrow it down to


@pytest.mark.parametrize(("rows", "limits"), [(500, [0, 0, 1]), (MANY_ROWS, [0, 0, 0, 0])])
async def test_nothing_new_costs_a_count_and_once_a_minute_a_look_at_the_newest(rows: int, limits: list[int]) -> None:
    at = await at_rest(rows)
    at.upstream.calls.clear()
    for _ in range(3):
        at.clock.advance(16)
        await at.answer()
    assert [limit for _, _, limit in at.upstream.calls] == limits


@pytest.mark.parametrize("hours", [1.2, 2.5, 3.0, 6.9])
async def test_a_late_joiner_is_found_by_counting(hours: float) -> None:
    at = place(day(1_000))
    await at.answer()
    at.upstream.put(row(9_000, NOW - hours * HOUR))
    at.upstream.calls.clear()
    at.upstream.sent.clear()
    at.clock.advance(16)
    assert await at.ids() == at.expected()
    assert len(at.upstream.calls) <= 14
    assert len(at.upstream.sent) <= 60


@pytest.mark.parametrize("gone", [0, 7, 400, 999])
async def test_an_erased_row_is_found_by_counting(gone: int) -> None:
    at = place(day(1_000))
    await at.answer()
    del at.upstream.rows[identity(gone)]
    at.upstream.sent.clear()
    at.clock.advance(16)
    assert await at.ids() == at.expected()
    assert len(at.upstream.sent) <= FEW_ROWS


async def test_several_erased_rows_are_found_by_one_comparison() -> None:
    at = await at_rest()
    for number in range(30, 500, 67):
        del at.upstream.rows[identity(number)]
    at.clock.advance(16)
    assert await at.ids() == at.expected()


@pytest.mark.parametrize(("change", "calls"), [("erased", 5), ("late", 7)])
async def test_a_search_that_takes_more_calls_than_one_comparison_may_make_is_gone_on_with(
    change: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight days of 20,000 interactions are more rows than twelve calls can search."""
    monkeypatch.setattr("app.holdings.answering.SYNC_CALLS", calls)
    at = place(day(3_000))
    await at.answer()
    if change == "erased":
        del at.upstream.rows[identity(2_500)]
    else:
        at.upstream.put(row(9_000, NOW - 19 * HOUR - MINUTE / 6))
    for _ in range(3):
        at.clock.advance(16)
        await at.answer()
    assert await at.ids() == at.expected()
    assert not at.holdings.collection(EVERYTHING).failures


async def test_what_lies_deeper_than_the_newest_hour_is_found_though_totals_were_not_trusted() -> None:
    at = place(day(1_000))
    await at.answer()
    del at.upstream.rows[identity(900)]
    collection = at.holdings.collection(EVERYTHING)
    collection.failures = MOST_FAILURES
    at.clock.advance(61)
    await at.answer()
    assert collection.failures == 0
    assert await at.ids() == at.expected()


async def test_where_totals_are_not_trusted_rows_are_as_old_as_their_last_reading() -> None:
    at = place(day(400))
    await at.answer()
    collection = at.holdings.collection(EVERYTHING)
    collection.failures = MOST_FAILURES
    at.upstream.flicker = [0, 1, 1, 1, 1, 1]
    at.clock.advance(61)
    read_at = at.clock.monotonic
    assert (await at.answer()).composition.compared_at == read_at
    at.upstream.calls.clear()
    at.clock.advance(31)
    assert (await at.answer()).composition.compared_at == read_at
    assert all(limit > 0 for _, _, limit in at.upstream.calls)  # nothing was counted
    at.upstream.put(row(9_000, NOW))
    at.clock.advance(30)
    assert await at.ids() == at.expected()
    assert not collection.failures


async def test_an_open_record_is_read_again_after_a_minute_and_an_ended_one_is_not() -> None:
    at = place([*day(300), row(9_000, NOW - HOUR / 2, minutes=None)])
    await at.answer()
    for seconds in (16, 16, 16):
        at.clock.advance(seconds)
        await at.answer()
    at.upstream.put(row(9_000, NOW - HOUR / 2, minutes=30.5, flowName="ended"))
    at.upstream.sent.clear()
    at.clock.advance(20 * 60)
    answered = await at.answer()
    assert records_of(answered)[0].flow_name == "ended"
    assert identity(9_000) in at.upstream.sent


async def test_what_was_changed_and_read_again_is_told_as_new() -> None:
    at = place(day(100))
    before = (await at.answer()).composition
    at.clock.advance(16)
    same = (await at.answer()).composition
    assert same.changed_at == before.changed_at == NOW
    assert [piece.run for piece in same.pieces] == [piece.run for piece in before.pieces]
    at.upstream.put(row(9_000, NOW - MINUTE))
    at.clock.advance(16)
    assert (await at.answer()).composition.changed_at == at.clock.wall


async def test_rows_of_one_millisecond_are_neither_missed_nor_repeated() -> None:
    at = place([row(number, NOW - HOUR - number // 150 * MILLISECOND) for number in range(600)])
    for rows in (10, 120, 260, 600):
        answered = await at.answer(rows)
        assert ids_of(answered)[:rows] == at.expected()[:rows]


async def test_a_reading_with_rows_that_do_not_match_is_not_held() -> None:
    at = place(day(10))
    at.upstream.ignores_filters = True
    assert not isinstance(await at.reading(contact_id="someone"), Answered)
    calls = len(at.upstream.calls)
    assert not isinstance(await at.reading(contact_id="someone"), Answered)
    assert len(at.upstream.calls) == calls + 1


async def test_totals_that_flicker_leave_the_rows_right() -> None:
    at = place(day(400))
    await at.answer()
    for turn in range(12):
        at.upstream.flicker = [1, 0, -1, 2, 0, 1] * 4
        at.upstream.put(row(9_000 + turn, NOW - MINUTE + turn * timedelta(seconds=1)))
        at.upstream.calls.clear()
        at.clock.advance(61)
        answered = await at.reading()
        assert len(at.upstream.calls) <= 30
        if isinstance(answered, Answered):
            assert len({*ids_of(answered)}) == len(ids_of(answered))
    at.upstream.flicker = []
    at.clock.advance(3 * 61)
    await at.answer()
    at.clock.advance(61)
    assert await at.ids() == at.expected()


async def test_a_failure_covers_nothing_and_is_shared() -> None:
    at = place(day(10))
    at.upstream.failure = UpstreamUnreachable("gone")
    with pytest.raises(UpstreamError):
        await at.answer()
    at.upstream.failure = None
    assert await at.ids() == at.expected()


async def test_what_is_evicted_is_read_again() -> None:
    at = place(day(3_000), cache_bytes=400_000)
    for _ in range(3):
        answered = await at.reading(200)
        if isinstance(answered, Answered):
            assert ids_of(answered)[:200] == at.expected()[:200]
        assert at.store.bytes_held <= 400_000


def gold(number: int) -> dict[str, Any]:
    hook = {"hookType": "tier", "hookName": "gold", "hookSubType": "interaction-attribute"}
    return {"interactionAttributes": [{**hook, "interactionHookId": str(number)}]}


async def of_many_with_gold() -> Place:
    at = place(day(800))
    at.upstream.put(*[row(number, NOW - number * MINUTE, **gold(number)) for number in range(2_000, 2_060)])
    await at.answer()
    return at


async def test_a_condition_is_answered_from_the_whole_tenant_where_that_is_held() -> None:
    at = await of_many_with_gold()
    at.upstream.calls.clear()
    for asked in ({}, {"start": NOW - 34 * HOUR}, {"end": NOW - 34 * HOUR}):
        gilded: dict[str, Any] = {"attribute_values": ("gold",), **asked}
        assert await at.ids(**gilded) == at.expected(**gilded)
        assert at.expected(**gilded)
    assert [limit for _, _, limit in at.upstream.calls] == [0], "counted once"
    at.upstream.put(row(9_000, NOW - MINUTE, **gold(1)), row(9_001, NOW - 2 * MINUTE))
    at.upstream.calls.clear()
    at.clock.advance(16)
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))
    assert {query.attribute_values for query, _, _ in at.upstream.calls} == {()}


async def test_what_has_come_since_the_whole_tenant_was_compared_is_no_reason_to_doubt_it() -> None:
    at = await of_many_with_gold()
    at.clock.advance(5)
    at.upstream.put(row(9_000, NOW - MINUTE, **gold(1)))
    at.upstream.sent.clear()
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))
    assert at.upstream.sent == [identity(9_000)]


async def test_what_comes_before_upstream_has_counted_is_no_reason_to_doubt_the_whole_tenant() -> None:
    at = await of_many_with_gold()
    at.clock.advance(5)
    at.upstream.coming.append(row(9_000, NOW - MINUTE, **gold(1)))  # after the comparison
    at.upstream.calls.clear()
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))
    assert {query.attribute_values for query, _, limit in at.upstream.calls if limit} == {()}


async def test_one_that_left_and_one_that_came_are_told_apart_by_a_count_of_some_conditions() -> None:
    at = await of_many_with_gold()
    gilded: dict[str, Any] = {"attribute_values": ("gold",)}
    await at.ids(**gilded)
    at.holdings.supersets._verified.clear()
    gone, late = identity(700), row(9_000, NOW - 2_030.5 * MINUTE, **gold(0))
    del at.upstream.rows[gone]
    at.upstream.put(late)
    at.clock.advance(16)
    at.upstream.calls.clear()
    assert gone in await at.ids(), "as many are listed as before"
    assert await at.ids(**gilded) == at.expected(**gilded)
    at.clock.advance(16)
    assert await at.ids() == at.expected()
    asked = {query.attribute_values for query, _, limit in at.upstream.calls if limit}
    assert asked == {()}, "nothing is read of its own"


async def test_a_condition_that_upstream_counts_otherwise_is_answered_by_upstream() -> None:
    at = await of_many_with_gold()
    at.upstream.put(row(3_000, NOW - 3_000 * MINUTE, **gold(0)))
    at.upstream.hidden = {identity(3_000)}  # from lists of everything
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))
    assert at.holdings.supersets.distrusted == set()


async def test_the_settled_rest_is_held_of_its_own_and_hardly_ever_compared() -> None:
    at = place(day(3_000))
    at.upstream.put(*[row(number, NOW - number * MINUTE, **gold(number)) for number in range(2_000, 2_060)])
    await at.answer(2_000)
    gilded: dict[str, Any] = {"attribute_values": ("gold",), "start": NOW - 2_040 * MINUTE}
    assert await at.ids(**gilded) == at.expected(**gilded)
    at.upstream.calls.clear()
    for _ in range(3):
        at.clock.advance(16)
        await at.answer(2_000)
        assert await at.ids(**gilded) == at.expected(**gilded)
    asked = [query.attribute_values for query, _, _ in at.upstream.calls]
    assert asked
    assert ("gold",) not in asked


async def test_a_whole_tenant_that_nobody_keeps_up_answers_no_condition() -> None:
    at = await of_many_with_gold()
    at.clock.advance(100)
    at.upstream.calls.clear()
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))
    assert {query.attribute_values for query, _, _ in at.upstream.calls} == {("gold",)}


async def test_a_kind_of_condition_that_upstream_comes_to_count_otherwise_is_asked_of_it_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    at = await of_many_with_gold()
    at.upstream.put(*[row(number, NOW - number * MINUTE, **gold(number)) for number in range(3_000, 3_005)])
    at.upstream.hidden = {identity(number) for number in range(3_000, 3_005)}
    gilded: dict[str, Any] = {"attribute_values": ("gold",), "start": NOW - 2_900 * MINUTE}
    for _ in range(MOST_DOUBTS):
        await at.answer(**gilded)
        for _ in range(CHECKED_ONE_IN):
            await at.answer(attribute_values=("gold",), start=NOW - 3_100 * MINUTE)
        at.clock.advance(REFUSED_SECONDS)
        await at.answer()
    assert at.holdings.supersets.distrusted == {"attribute_values"}
    assert "attribute_values" in caplog.text
    assert await at.ids(attribute_values=("gold",)) == at.expected(attribute_values=("gold",))


async def test_who_is_passing_gets_what_is_held_and_drives_nothing_out_of_a_full_store() -> None:
    at = place(day(500), cache_bytes=500_000)
    held = (await at.answer(50)).composition
    while at.store.has_room:
        at.store.put(b"%d" % len(at.store), Stored("", 3_000, at.clock.monotonic, 10.0, 5.0))
    calls, passing = len(at.upstream.calls), Wanted(300, 10, lambda _span: inf, inf, inf, is_passing=True)
    answered = await at.holdings.answer(UpstreamQuery(), passing, at.context)
    assert isinstance(answered, Answered)
    assert answered.composition.pieces == held.pieces
    assert await at.holdings.answer(UpstreamQuery(end=held.low - MILLISECOND), passing, at.context) is None
    assert (len(at.upstream.calls), at.store.evictions) == (calls, 0)


async def test_a_record_whose_start_has_changed_is_held_once() -> None:
    at = place(day(300))
    await at.answer()
    at.upstream.put(row(200, NOW - MINUTE), row(9_000, NOW - 90 * MINUTE))
    at.clock.advance(16)
    assert await at.ids() == at.expected()


async def test_the_newest_is_evicted_last() -> None:
    at = place(day(1_500, step=10 * MINUTE), cache_bytes=2_000_000)
    collection, days = (await at.answer()).collection, Span(NOW - timedelta(days=9), FOREVER)
    held, number = len(collection.partitions(days)), 0
    while at.store.evictions < held // 2:
        at.store.put(b"%d" % number, Stored(None, 10_000, at.clock.monotonic, inf, inf))
        number += 1
    assert held // 2 <= len(collection.partitions(days)) < held
    assert collection.newest_held(days).start < NOW - timedelta(days=4)


async def test_who_waits_for_a_reading_in_the_background_lends_it_a_turn() -> None:
    at, behind, first, second = place(), Owners(), Owners("first"), Owners("second")
    collection = at.holdings.collection(EVERYTHING)

    async def reads(owners: Owners) -> None:
        async with collection.turn(owners):
            pass

    async with collection.turn(behind):
        waiting = [asyncio.ensure_future(reads(one)) for one in (first, second)]
        await asyncio.sleep(0)
        assert [*behind.names] == ["first", "second"]
        assert [*first.names] == ["first", "second"]
        assert [*second.names] == ["second"]
    await asyncio.gather(*waiting)
    assert not collection.queued


@pytest.mark.parametrize("rows", [10, 100_000])
async def test_a_purge_at_any_turn_of_a_reading_leaves_no_part_of_an_answer(rows: int) -> None:
    """Then the question is asked whole, unless all of the answer was there before."""
    records, turns, is_over = day(1_100), 0, False
    while not is_over:
        at = place(records)
        asking = asyncio.create_task(at.reading(rows))
        for _ in range(turns):
            await asyncio.sleep(0)
        turns, is_over = turns + 1, asking.done()
        at.holdings.purge()
        answered = await asking
        if isinstance(answered, Answered):
            assert ids_of(answered)[:rows] == at.expected()[:rows], turns
            assert answered.composition.compared_at == at.clock.monotonic, turns


async def test_a_due_record_waits_for_one_comparison_though_narrower_questions_have_all_of_them() -> None:
    """The first of many boards that poll compared, and read again what was due in its own hour alone."""
    at = place(row(number, NOW - 2 * HOUR + number * MINUTE, minutes=63 - number) for number in range(60))
    await at.ids(start=NOW - 3 * HOUR)
    longest = 0.0
    for _ in range(40):
        at.clock.advance(FRESH_SECONDS)
        await at.answer(start=NOW - HOUR / 2)
        wide = await at.answer(start=NOW - 3 * HOUR)
        longest = max(longest, at.clock.monotonic - wide.composition.due_at)
    assert longest <= FRESH_SECONDS
