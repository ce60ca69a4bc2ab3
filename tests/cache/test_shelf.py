"""Parts that values share are counted once, and let go of with the last of them."""

from dataclasses import dataclass, replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from app.cache.shelf import Held, Parts, Shelf
from app.cache.store import OVERHEAD_BYTES, MemoryStore
from app.cache.stored import Stored

EMPTY: Stored[str] = Stored("", 0, 0.0, 1.0, 1.0)


@dataclass(eq=False)
class Shared:
    """A part of values."""

    size: int


def test_what_values_share_is_counted_once_and_for_as_long_as_one_of_them_is_held() -> None:
    store, part = MemoryStore(100_000, lambda: 0.0), Shared(5_000)
    store.put(b"alone", EMPTY)
    alone = store.bytes_held
    store.put(b"first", replace(EMPTY, shared=(part, part)))
    with_one = store.bytes_held
    store.put(b"other", replace(EMPTY, shared=(part,)))
    assert (with_one, store.bytes_held) == (2 * alone + part.size, 3 * alone + part.size)
    store.put(b"first", replace(EMPTY, stored_at=1.0))
    assert store.bytes_held == 3 * alone + part.size
    store.delete(b"other")
    assert store.bytes_held == 2 * alone
    store.put(b"first", replace(EMPTY, stored_at=1.0, shared=(part,)))
    store.clear()
    assert store.bytes_held == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=4)), max_size=40))
def test_shared_parts_stay_within_the_bound_and_are_forgotten_with_their_values(
    puts: list[tuple[int, list[int]]],
) -> None:
    store, parts = MemoryStore(60_000, lambda: 0.0), [Shared(1_000 * (1 + number)) for number in range(10)]
    for key, numbers in puts:
        shared = tuple(parts[number] for number in numbers)
        store.put(b"%d" % key, Stored("", 100, 0.0, 1.0, 1.0, shared=shared))
        held = [*store.values("primary")]
        distinct = {id(part): part.size for one in held for part in cast("tuple[Shared, ...]", one.shared)}
        assert store.bytes_held == len(held) * (1 + 100 + OVERHEAD_BYTES) + sum(distinct.values())
        assert store.bytes_held <= 60_000


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.lists(st.integers(0, 5), max_size=4))))
def test_a_part_counts_once_on_the_first_shelf_that_holds_it(changes: list[tuple[int, int, list[int]]]) -> None:
    """Each change puts a value on a shelf, or without parts takes it off."""
    parts, counted = [Shared(10**number) for number in range(6)], Parts(3)
    shelves = [Shelf(10**9, counted, number) for number in range(3)]
    newcomer = Held(1, replace(EMPTY, shared=tuple(parts)))
    for key, number, names in changes:
        if names:
            shelves[number][b"%d" % key] = Held(0, replace(EMPTY, shared=tuple(parts[name] for name in names)))
        else:
            shelves[number].pop(b"%d" % key, None)
        before = set[int]()
        for shelf in shelves:
            own = {id(part) for one in shelf.values() for part in one.stored.shared}
            assert shelf.bytes_held == sum(part.size for part in parts if id(part) in own - before)
            before |= own
            assert shelf.cost_of(newcomer) == 1 + sum(part.size for part in parts if id(part) not in before)
    shelves[0].clear()
    assert shelves[0].bytes_held == 0


def test_a_value_costs_only_the_parts_that_no_other_brings_and_lets_go_of_them_when_it_is_replaced() -> None:
    shelf, part, other = Shelf(10_000), Shared(5_000), Shared(3_000)
    shelf[b"key"] = Held(100, replace(EMPTY, shared=(part,)))
    assert shelf.cost_of(Held(1, replace(EMPTY, shared=(part, other)))) == 1 + other.size
    shelf[b"key"] = Held(100, EMPTY)
    assert shelf.bytes_held == 100


def test_each_coming_and_each_going_of_a_value_is_a_change() -> None:
    shelf = Shelf(10_000)
    counts = [shelf.changes]
    for held in (Held(100, EMPTY), Held(200, EMPTY)):
        shelf[b"key"] = held
        counts.append(shelf.changes)
    del shelf[b"key"]
    counts.append(shelf.changes)
    shelf.clear()
    assert [*counts, shelf.changes] == [0, 1, 3, 4, 5]


def test_a_shelf_may_be_full_to_the_byte() -> None:
    shelf = Shelf(100)
    shelf[b"key"] = Held(60, EMPTY)
    assert not shelf.is_crowded_by(40)
    assert shelf.is_crowded_by(41)


def test_a_value_used_lately_is_not_dropped_and_looked_at_last() -> None:
    shelf = Shelf(1_000)
    for number in range(3):
        shelf[b"%d" % number] = Held(10, EMPTY, used_at=float(10 * number))
    assert [shelf.drop_idle(10.0), shelf.drop_idle(10.0), [*shelf]] == [True, False, [b"2", b"1"]]
    assert shelf.drop_idle(30.0)
    assert [*shelf] == [b"1"]
