"""Reading a list that moves: nothing that stood still all the while is missed, or the reading says so."""

from hypothesis import given
from hypothesis import strategies as st

from app.upstream.reading import Position
from app.upstream.walk import Walk
from tests.upstream.moving import MOST, MovingList, fetching, ids, walked


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
    assert (97, 6) in moving.asked
    assert (walk.total, walk.complete, walk.shifted) == (1497, True, False)


async def test_rows_that_arrive_between_two_answers_under_way_are_fetched_behind_the_boundary() -> None:
    moving = MovingList.of(1500)
    moving.after = lambda call: moving.insert(4) if call == 2 else None
    before = list(moving.ids)
    walk = Walk(fetching(moving, turns=[1, 6, 1]), Position(), parallel=4)  # rows 100 to 999 are answered last
    await walk.read(MOST, MOST)
    assert ids(walk) == before
    assert moving.asked[1:] == [(1000, 1000), (100, 900), (996, 8)]


async def test_rows_that_leave_between_two_readings_are_repaired_by_the_second() -> None:
    moving = MovingList.of(1500)
    first = await walked(moving, rows=100)
    held = frozenset(ids(first))
    moving.remove(0, 5)
    second = await walked(moving, position=Position(first.offset, first.total, held))
    assert ids(second, held) == moving.ids[95:]
    assert not second.shifted


async def test_a_list_that_goes_on_moving_is_repaired_three_times_and_then_told() -> None:
    moving = MovingList.of(1500)
    moving.after = lambda _: moving.remove(0, 1)
    walk = await walked(moving, parallel=1)
    assert walk.shifted
    assert len(moving.asked) == 3 + 2 * 3


async def test_too_large_a_fall_is_told_without_another_call() -> None:
    moving = MovingList.of(5000)
    moving.after = lambda call: moving.remove(0, 2000) if call == 1 else None
    walk = await walked(moving, rows=1000)
    assert walk.shifted
    assert moving.asked == [(0, 100), (100, 900)]


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
