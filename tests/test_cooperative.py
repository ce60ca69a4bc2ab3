"""Long work in turns, in threads, and without full garbage collections."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from itertools import count
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import cooperative
from app.cooperative import (
    INLINE_BYTES,
    LASTING_ROWS,
    MANY_ROWS,
    MOST_THREADS,
    NEVER,
    OFTEN_ROWS,
    Turns,
    held_back,
    in_parallel,
    look_at_the_young,
    ordered,
    set_aside,
    unlocked,
)

STEPS = 5
ROWS = 10 * OFTEN_ROWS


@pytest.fixture
def nothing_set_aside() -> Iterator[None]:
    """Rows are counted from 0 on, and the collector looks at all objects again in the end."""
    cooperative._come_to_stay.clear()
    yield
    cooperative._come_to_stay.clear()
    gc.unfreeze()


@pytest.fixture
def each_step_is_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time flies: whenever somebody looks at the clock, a second has passed."""
    monkeypatch.setattr(cooperative, "perf_counter", count().__next__)


def work(name: str, seen: list[str]) -> Turns[str]:
    for _ in range(STEPS):
        seen.append(name)
        yield
    return name


async def beside(*names: str) -> list[str]:
    """What is done in each turn of the loop, parted by `|`."""
    seen: list[str] = []
    async with asyncio.TaskGroup() as group:
        working = [group.create_task(cooperative.run(work(name, seen))) for name in names]
        while not all(one.done() for one in working):
            await asyncio.sleep(0)
            seen.append("|")
    assert [one.result() for one in working] == [*names]
    return seen


@pytest.mark.threat("T47")
@pytest.mark.usefixtures("each_step_is_a_turn")
async def test_between_two_turns_others_have_theirs() -> None:
    assert "".join(await beside("a")).rstrip("|") == "aa|a|a|a"


@pytest.mark.threat("T47")
@pytest.mark.usefixtures("each_step_is_a_turn")
async def test_of_much_long_work_one_has_a_turn_at_a_time() -> None:
    first, *others = "".join(await beside(*"abcd")).split("|")
    assert set(first) == set("abcd"), "each begins at once, as it may be short"
    assert max(map(len, others)) == 1
    assert sorted("".join([first, *others])) == sorted("abcd" * STEPS)


async def test_a_turn_lasts_as_long_as_it_may_however_often_the_work_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooperative, "perf_counter", lambda: 0.0)
    assert "".join(await beside("a")).rstrip("|") == "a" * STEPS


async def test_what_work_raises_is_raised() -> None:
    def failing() -> Turns[None]:
        yield
        raise LookupError

    with pytest.raises(LookupError):
        await cooperative.run(failing())


@pytest.mark.parametrize(("size", "is_inline"), [(INLINE_BYTES, True), (INLINE_BYTES + 1, False)])
async def test_work_that_lets_go_of_the_lock_is_done_in_a_thread_where_bytes_are_many(
    size: int, is_inline: bool
) -> None:
    assert (await unlocked(threading.current_thread, size=size) is threading.current_thread()) is is_inline


async def test_so_many_threads_work_at_once_and_no_more() -> None:
    at_once, most, ready = 0, 0, threading.Barrier(MOST_THREADS)
    lock = threading.Lock()

    def working() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        ready.wait(10)
        with lock:
            at_once -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(3 * MOST_THREADS):
            group.create_task(unlocked(working, size=INLINE_BYTES + 1))
    assert most == MOST_THREADS


def full() -> int:
    return gc.get_threshold()[2]


def test_full_collections_are_put_off_until_the_last_work_on_many_rows_has_ended() -> None:
    usual = gc.get_threshold()
    with held_back(MANY_ROWS):
        assert gc.get_threshold() == usual
    with held_back(MANY_ROWS + 1):
        with held_back(MANY_ROWS + 1):
            assert full() == NEVER
        assert gc.get_threshold() == (*usual[:2], NEVER)
    assert gc.get_threshold() == usual


@pytest.mark.threat("T47")
def test_rows_made_while_as_many_records_are_freed_are_looked_at_in_time() -> None:
    records: list[list[None]] = [[] for _ in range(ROWS)]
    gc.collect()
    rows: list[list[None]] = []
    while records:
        records.pop()
        rows.append([])
        look_at_the_young(len(rows))
    young = {id(one) for one in gc.get_objects(generation=0)}
    assert sum(id(row) in young for row in rows) < OFTEN_ROWS


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())), st.booleans())
async def test_rows_are_ordered_in_turns_as_they_would_be_at_once(
    rows: list[tuple[int, int]], descending: bool
) -> None:
    with mock.patch.object(cooperative, "SORTED_AT_ONCE", 4):
        in_order = await cooperative.run(ordered(rows, lambda row: row[0], descending=descending))
    assert in_order == sorted(rows, key=lambda row: row[0], reverse=descending)


@pytest.mark.parametrize("most", [1, 2, 9])
async def test_in_parallel_so_many_are_at_work_and_the_results_are_in_order(most: int) -> None:
    at_work, seen = 0, list[int]()

    async def one(number: int) -> int:
        nonlocal at_work
        at_work += 1
        seen.append(at_work)
        await asyncio.sleep(0)
        at_work -= 1
        return number

    assert await in_parallel([partial(one, number) for number in range(5)], most) == [*range(5)]
    assert max(seen) == min(most, 5)


async def test_in_parallel_after_a_failure_none_is_begun_and_those_at_work_are_let_finish() -> None:
    begun, ended = list[int](), list[int]()

    async def one(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(0)
        if number == 0:
            raise KeyError("invented")
        await asyncio.sleep(0)
        ended.append(number)
        return number

    with pytest.raises(KeyError, match="invented"):
        await in_parallel([partial(one, number) for number in range(5)], 2)
    assert (begun, ended) == ([0, 1], [1])


@pytest.mark.usefixtures("nothing_set_aside")
def test_after_so_many_rows_full_collections_pass_over_all_objects_that_live() -> None:
    before = [[number] for number in range(100)]
    set_aside(LASTING_ROWS - 1)
    assert _looked_at(before) == 100
    set_aside(1)
    since = [[number] for number in range(100)]
    set_aside(LASTING_ROWS - 1)
    assert (_looked_at(before), _looked_at(since)) == (0, 100)


@pytest.mark.usefixtures("nothing_set_aside")
def test_objects_set_aside_are_freed_when_nobody_holds_them_and_young_cycles_are_collected_before() -> None:
    class Ring:
        ring: "Ring"

    lone, ring = Ring(), Ring()
    ring.ring = ring
    seen = [weakref.ref(lone), weakref.ref(ring)]
    del ring
    set_aside(LASTING_ROWS)
    assert [one() for one in seen] == [lone, None]
    del lone
    assert seen[0]() is None


def _looked_at(objects: list[list[int]]) -> int:
    known = {id(one) for one in gc.get_objects()}
    return sum(id(one) in known for one in objects)
