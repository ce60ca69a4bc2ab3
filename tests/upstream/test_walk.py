"""How far a list is read, in which blocks, when it is given up, and how blocks become one list."""

import asyncio
from itertools import count

import pytest

from app.interactions.parts import Interaction
from app.upstream.query import RowRange
from app.upstream.rows import Record, UpstreamRow
from app.upstream.walk import MOST_CALLS, MOST_REPAIRS, Position, UpstreamBlock, Walk, around, merge
from tests.upstream.moving import MOST, MovingList, behind, fetching, ids, walked


async def test_the_first_block_alone_when_that_is_enough() -> None:
    moving = MovingList.of(2500)
    walk = await walked(moving, rows=100)
    assert moving.asked == [(0, 100)]
    assert (walk.offset, walk.total, walk.complete) == (100, 2500, False)


async def test_blocks_only_as_far_as_needed() -> None:
    moving = MovingList.of(5000)
    walk = await walked(moving, rows=1001)
    assert moving.asked == [(0, 1000), (1000, 1000)]
    assert (walk.offset, walk.complete) == (2000, False)


async def test_the_whole_list_in_its_order() -> None:
    moving = MovingList.of(3210)
    walk = await walked(moving)
    assert ids(walk) == moving.ids
    assert (walk.offset, walk.complete, walk.shifted) == (3210, True, False)


async def test_nothing_is_read_past_the_most() -> None:
    moving = MovingList.of(5000)
    walk = Walk(fetching(moving), Position(), parallel=4)
    await walk.read(5000, 1500)
    assert moving.asked[-1] == (1000, 500)
    assert (walk.offset, walk.complete) == (1500, False)


async def test_a_known_list_is_read_on_from_where_it_stopped() -> None:
    moving = MovingList.of(2500)
    walk = await walked(moving, position=Position(100, 2500, frozenset(moving.ids[:100])))
    assert moving.asked == [(100, 900), (1000, 1000), (2000, 1000)]
    assert ids(walk) == moving.ids[100:]


async def test_nothing_is_asked_when_enough_is_held() -> None:
    moving = MovingList.of(2500)
    await walked(moving, rows=100, position=Position(100, 2500))
    assert moving.asked == []


async def test_a_silent_cap_is_read_on() -> None:
    moving = MovingList.of(1200, cap=250)
    walk = await walked(moving)
    assert ids(walk) == moving.ids
    assert (walk.complete, walk.shifted) == (True, False)


async def test_an_empty_answer_while_more_is_promised_ends_the_reading_and_is_told() -> None:
    async def fetch(span: RowRange) -> UpstreamBlock:
        return UpstreamBlock(span.offset, (), 500)

    walk = Walk(fetch, Position(), parallel=4)
    await walk.read(500, MOST)
    assert (walk.complete, walk.shifted) == (True, True)


async def test_the_same_rows_again_end_the_reading_and_are_told() -> None:
    calls = count(1)

    async def fetch(span: RowRange) -> UpstreamBlock:
        assert next(calls) <= 2
        return UpstreamBlock(span.offset, (UpstreamRow("one", None),), 127)

    walk = Walk(fetch, Position(), parallel=4)
    await walk.read(500, MOST)
    assert (walk.complete, walk.shifted) == (True, True)


@pytest.mark.parametrize("position", [Position(), Position(100, 100_000, frozenset(MovingList.of(100).ids))])
async def test_an_offset_that_is_ignored_ends_the_reading_and_is_told(position: Position) -> None:
    first = MovingList.of(1000).ids
    asked: list[RowRange] = []

    async def fetch(span: RowRange) -> UpstreamBlock:
        asked.append(span)
        return UpstreamBlock(span.offset, tuple(UpstreamRow(one, None) for one in first[: span.limit]), 100_000)

    walk = Walk(fetch, position, parallel=1)
    await walk.read(MOST, MOST)
    assert (walk.complete, walk.shifted) == (True, True)
    assert len(asked) <= MOST_CALLS + MOST_REPAIRS


async def test_calls_are_bounded_however_little_each_brings() -> None:
    moving = MovingList.of(1000, cap=1)
    walk = await walked(moving, parallel=1)
    assert len(moving.asked) == walk.calls == MOST_CALLS
    assert (walk.offset, walk.complete, walk.shifted) == (MOST_CALLS, False, False)
    assert ids(walk) == moving.ids[:MOST_CALLS]


@pytest.mark.parametrize("most_calls", [1, 2, 5])
async def test_a_reading_ends_at_its_last_call_and_the_next_goes_on_there(most_calls: int) -> None:
    moving = MovingList.of(8000)
    first = Walk(fetching(moving), Position(), parallel=4, most_calls=most_calls)
    await first.read(MOST, MOST)
    assert (first.calls, first.offset, first.complete) == (most_calls, most_calls * 1000, False)
    held = frozenset(ids(first))
    second = await walked(moving, position=behind(first))
    assert [*ids(first), *ids(second, held)] == moving.ids


async def test_no_more_calls_are_under_way_than_allowed_and_a_failure_cancels_none() -> None:
    under_way = 0
    most = 0
    ended: list[int] = []

    async def fetch(span: RowRange) -> UpstreamBlock:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5 if span.offset == 1000 else 10):
            await asyncio.sleep(0)
        under_way -= 1
        ended.append(span.offset)
        if span.offset == 1000:
            raise ValueError("this one fails")
        return UpstreamBlock(span.offset, (), 9000)

    with pytest.raises(ValueError, match="this one fails"):
        await Walk(fetch, Position(100, 9000), parallel=3).read(9000, MOST)
    assert most == 3
    assert sorted(ended) == [100, 1000, 2000]


def record(interaction_id: str, content: bytes = b"{}") -> UpstreamRow:
    return UpstreamRow(interaction_id, Record(content, Interaction(interaction_id=interaction_id), hash(content)))


def test_what_is_read_again_lies_on_both_sides_of_the_boundary() -> None:
    assert around(1000, 3) == RowRange(997, 6)
    assert around(100, 200) == RowRange(0, 300)
    assert around(5000, 500) == RowRange(4500, 1000)


def test_too_large_a_shift_is_not_read_again() -> None:
    assert around(5000, 501) is None


def test_an_id_keeps_its_first_place_and_its_last_content() -> None:
    first = UpstreamBlock(0, (record("a", b"old"), record("b")), 3, arrival=1)
    later = UpstreamBlock(1, (record("a", b"new"), record("c")), 3, arrival=2)
    for blocks in ([first, later], [later, first]):
        held = merge(blocks, frozenset()).records
        assert [isinstance(one, Record) and one.raw for one in held] == [b"new", b"{}", b"{}"]


def test_ids_already_held_are_skipped() -> None:
    merged = merge([UpstreamBlock(0, (record("a"), record("b"), UpstreamRow("c", None)), 3)], frozenset({"a", "c"}))
    assert [held.interaction.interaction_id for held in merged.records] == ["b"]
    assert merged.mismatched == frozenset()


def test_the_ids_of_rows_that_do_not_match_are_told_once() -> None:
    merged = merge(
        [UpstreamBlock(0, (record("a"), UpstreamRow("b", None), UpstreamRow("b", None), UpstreamRow(None, None)), 4)],
        frozenset(),
    )
    assert (len(merged.records), merged.mismatched) == (1, frozenset({"b"}))


def test_a_row_whose_last_answer_no_longer_matches_is_gone() -> None:
    blocks_read = [
        UpstreamBlock(0, (record("a"),), 1, arrival=1),
        UpstreamBlock(0, (UpstreamRow("a", None),), 1, arrival=2),
    ]
    assert merge(blocks_read, frozenset()).records == ()
