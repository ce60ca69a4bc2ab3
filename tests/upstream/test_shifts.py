"""Reading a list that moves: nothing that stood still all the while is missed, or the reading says so."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.upstream.query import RowRange
from app.upstream.rows import UpstreamRow
from app.upstream.walk import MOST_CALLS, Position, UpstreamBlock, Walk, merge
from tests.upstream.moving import MOST, MovingList, behind, fetching, ids, walked


async def test_rows_that_arrive_are_read_to_the_new_total() -> None:
    moving = MovingList.of(1500)
    moving.after = lambda call: moving.insert(7) if call == 1 else None
    before = list(moving.ids)
    walk = await walked(moving)
    assert ids(walk) == before
    assert (walk.total, walk.complete, walk.shifted) == (1507, True, False)


async def test_rows_that_leave_pull_others_over_the_boundary_and_these_are_fetched() -> None:
    moving = MovingList.of(1500)
    moving.after = lambda call: moving.remove(10, 3) if call == 1 else None
    before = list(moving.ids)
    walk = await walked(moving)
    assert ids(walk) == before
    assert (996, 8) in moving.asked
    assert (walk.total, walk.complete, walk.shifted) == (1497, True, False)


async def test_rows_that_arrive_between_two_answers_under_way_are_fetched_behind_the_boundary() -> None:
    moving = MovingList.of(2500)
    moving.after = lambda call: moving.insert(4) if call == 2 else None
    before = list(moving.ids)
    walk = Walk(fetching(moving, turns=[1, 6, 1]), Position(), parallel=4)  # rows 1000 to 1999 are answered last
    await walk.read(MOST, MOST)
    assert ids(walk) == before
    assert (1995, 10) in moving.asked
    assert not walk.shifted


async def test_rows_that_leave_between_two_readings_are_repaired_by_the_second() -> None:
    moving = MovingList.of(1500)
    first = await walked(moving, rows=100)
    held = frozenset(ids(first))
    moving.remove(0, 5)
    second = await walked(moving, position=behind(first))
    assert ids(second, held) == moving.ids[95:]
    assert not second.shifted


async def test_a_list_that_goes_on_moving_is_repaired_three_times_and_then_told() -> None:
    moving = MovingList.of(1500)
    moving.after = lambda _: moving.remove(0, 3)
    walk = await walked(moving, parallel=1)
    assert walk.shifted
    assert len(moving.asked) == 2 + 3


async def test_too_large_a_fall_is_told_without_another_call() -> None:
    moving = MovingList.of(5000)
    moving.after = lambda call: moving.remove(0, 2000) if call == 1 else None
    walk = await walked(moving, rows=2000)
    assert walk.shifted
    assert moving.asked == [(0, 1000), (1000, 1000)]


async def test_rows_of_one_start_in_another_order_on_the_next_block_are_read_again() -> None:
    moving = MovingList.of(150, tied=3, reorder=lambda call, group: group[::-1] if call % 2 else group)
    first = await walked(moving, rows=100)  # rows 99 to 101 share their start
    held = frozenset(ids(first))
    second = await walked(moving, position=behind(first))
    assert sorted([*ids(first), *ids(second, held)]) == moving.ids
    assert (second.complete, second.shifted) == (True, False)
    assert len(moving.asked) > 2


@pytest.mark.parametrize("tied", [2, 7, 30])
async def test_rows_of_one_start_are_found_however_many_they_are(tied: int) -> None:
    dice = Random(tied)
    moving = MovingList.of(4210, tied=tied, reorder=lambda _call, group: dice.sample(group, len(group)))
    walk = await walked(moving)
    assert walk.shifted or sorted(ids(walk)) == moving.ids
    assert walk.complete


async def test_a_row_that_joins_far_down_does_not_excuse_one_that_comes_twice() -> None:
    moving = MovingList.of(149, tied=3, reorder=lambda call, group: group[::-1] if call % 2 else group)
    moving.after = lambda call: moving.ids.append("joined") if call == 1 else None
    first = await walked(moving, rows=100)  # rows 99 to 101 share their start
    second = await walked(moving, position=behind(first))
    held = frozenset(ids(first))
    assert second.shifted or sorted([*ids(first), *ids(second, held)]) == sorted(moving.ids)
    assert "row-00101" in {*held, *ids(second, held)}


async def test_a_total_that_was_low_once_does_not_end_the_reading() -> None:
    moving = MovingList.of(1200)
    totals = {(1000, 1000): 1100}

    async def fetch(span: RowRange) -> UpstreamBlock:
        end = 1100 if span == (1000, 1000) else span.end
        rows = tuple(UpstreamRow(one, None) for one in moving.ids[span.offset : end])
        return UpstreamBlock(span.offset, rows, totals.get((span.offset, span.limit), 1200))

    walk = Walk(fetch, Position(), parallel=4)
    await walk.read(MOST, MOST)
    read = {row.interaction_id for block in walk.blocks for row in block.rows}
    assert (len(read), walk.total, walk.complete, walk.shifted) == (1200, 1200, True, False)


async def test_a_list_in_another_order_with_every_call_is_told_and_costs_a_bounded_number_of_calls() -> None:
    dice = Random(1)
    moving = MovingList.of(9000, tied=9000, reorder=lambda _call, group: dice.sample(group, len(group)))
    walk = await walked(moving)
    assert walk.shifted
    assert len(moving.asked) <= 2 * MOST_CALLS


@pytest.mark.parametrize("removed", [120, 149])
async def test_more_is_promised_than_is_sent_also_where_a_report_is_continued(removed: int) -> None:
    moving = MovingList.of(150)
    first = await walked(moving, rows=100)
    full = len(moving.ids)

    async def fetch(span: RowRange) -> UpstreamBlock:
        kept = [one for one in moving.ids[span.offset : span.end] if one != f"row-{removed:05d}"]
        return UpstreamBlock(span.offset, tuple(UpstreamRow(one, None) for one in kept), full)

    walk = Walk(fetch, behind(first), parallel=4)
    await walk.read(MOST, MOST)
    assert (walk.complete, walk.shifted) == (True, True)


async def test_a_last_page_that_is_repeated_is_told() -> None:
    moving = MovingList.of(150)

    async def fetch(span: RowRange) -> UpstreamBlock:
        rows = moving.ids[span.offset : span.end] or moving.ids[-100:]
        return UpstreamBlock(span.offset, tuple(UpstreamRow(one, None) for one in rows), 200)

    for position in (Position(), Position(100, 200, frozenset(moving.ids[:100]), least_total=200)):
        walk = Walk(fetch, position, parallel=4)
        await walk.read(MOST, MOST)
        assert (walk.complete, walk.shifted) == (True, True)


async def test_rows_that_do_not_match_count_among_those_held() -> None:
    moving = MovingList.of(150)
    first = await walked(moving, rows=100)
    assert merge(first.blocks, frozenset()).mismatched == frozenset()
    walk = await walked(moving, position=Position(100, 152, frozenset(moving.ids[:100]), 2, 152))
    assert (walk.complete, walk.shifted) == (True, False)


SIZES = st.integers(1050, 3200)
MOVES = st.dictionaries(st.integers(1, 6), st.tuples(st.integers(0, 3200), st.integers(1, 40)), min_size=1, max_size=4)
TURNS = st.lists(st.integers(1, 6), min_size=1, max_size=8)


async def _never_missed(moving: MovingList, turns: list[int], parallel: int) -> None:
    before = list(moving.ids)
    walk = Walk(fetching(moving, turns), Position(), parallel=parallel)
    await walk.read(MOST, MOST)
    read = ids(walk)
    assert len(read) == len(set(read))
    if not walk.shifted:
        assert set(before) & set(moving.ids) <= set(read)


@given(size=SIZES, moves=MOVES, turns=TURNS, parallel=st.integers(2, 4))
async def test_rows_that_arrive_at_any_moment_hide_none(
    size: int, moves: dict[int, tuple[int, int]], turns: list[int], parallel: int
) -> None:
    moving = MovingList.of(size)
    moving.after = lambda call: moving.insert(moves[call][1]) if call in moves else None
    await _never_missed(moving, turns, parallel)


@given(size=SIZES, moves=MOVES, turns=TURNS, parallel=st.integers(2, 4))
async def test_rows_that_leave_at_any_moment_hide_none(
    size: int, moves: dict[int, tuple[int, int]], turns: list[int], parallel: int
) -> None:
    moving = MovingList.of(size)
    moving.after = lambda call: moving.remove(*moves[call]) if call in moves else None
    await _never_missed(moving, turns, parallel)


@given(size=SIZES, moves=MOVES, turns=TURNS, tied=st.integers(2, 40), seed=st.integers(0, 999))
@settings(max_examples=40)
async def test_rows_of_one_start_in_any_order_hide_none_while_others_arrive(
    size: int, moves: dict[int, tuple[int, int]], turns: list[int], tied: int, seed: int
) -> None:
    dice = Random(seed)
    moving = MovingList.of(size, tied=tied, reorder=lambda _call, group: dice.sample(group, len(group)))
    moving.after = lambda call: moving.insert(moves[call][1]) if call in moves else None
    await _never_missed(moving, turns, parallel=4)


@given(size=SIZES, moves=MOVES, turns=TURNS, tied=st.integers(2, 40), seed=st.integers(0, 999))
@settings(max_examples=40)
async def test_rows_of_one_start_in_any_order_hide_none_while_others_leave(
    size: int, moves: dict[int, tuple[int, int]], turns: list[int], tied: int, seed: int
) -> None:
    dice = Random(seed)
    moving = MovingList.of(size, tied=tied, reorder=lambda _call, group: dice.sample(group, len(group)))
    moving.after = lambda call: moving.remove(*moves[call]) if call in moves else None
    await _never_missed(moving, turns, parallel=4)
