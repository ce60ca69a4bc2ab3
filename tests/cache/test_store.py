"""The contract of every store, and the bound of the one in memory."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.keys import digest
from app.cache.store import OVERHEAD_BYTES, MemoryStore, Store
from app.cache.stored import Stored
from tests.support.clock import HandClock

STORES: list[Callable[[HandClock], Store]] = [lambda hand: MemoryStore(1_048_576, hand.clock.monotonic)]
KEY, OTHER = digest("one"), digest("other")


def stored(value: bytes, at: float = 1_000.0, fresh_for: float = 10.0, stale_for: float = 5.0) -> Stored[bytes]:
    return Stored(value, len(value), at, fresh_for, stale_for)


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, hand: HandClock) -> Store:
    made: Store = request.param(hand)
    return made


def test_what_was_put_is_got_and_other_keys_know_nothing_of_it(store: Store) -> None:
    assert store.put(KEY, stored(b"rows"))
    assert store.get(KEY) == stored(b"rows")
    assert store.get(OTHER) is None
    assert len(store) == 1


def test_a_newer_value_takes_the_place_of_an_older_one(store: Store) -> None:
    store.put(KEY, stored(b"older"))
    assert store.put(KEY, stored(b"newer", at=1_001.0))
    assert store.get(KEY) == stored(b"newer", at=1_001.0)
    assert len(store) == 1


def test_a_late_result_never_replaces_a_newer_value(store: Store) -> None:
    store.put(KEY, stored(b"newer", at=1_001.0))
    assert not store.put(KEY, stored(b"older", at=1_000.0))
    assert store.get(KEY) == stored(b"newer", at=1_001.0)


def test_deleting_forgets_and_may_be_repeated(store: Store) -> None:
    store.put(KEY, stored(b"rows"))
    store.delete(KEY)
    store.delete(KEY)
    assert store.get(KEY) is None
    assert (len(store), store.bytes_held) == (0, 0)


def test_a_value_is_served_while_usable_and_gone_afterwards(store: Store, hand: HandClock) -> None:
    store.put(KEY, stored(b"rows"))
    hand.advance(15)
    assert store.get(KEY) is not None
    hand.advance(0.5)
    assert store.get(KEY) is None
    assert (len(store), store.bytes_held) == (0, 0)


@pytest.mark.parametrize("wall_seconds", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_changes_no_lifetime(store: Store, hand: HandClock, wall_seconds: float) -> None:
    store.put(KEY, stored(b"rows"))
    hand.step(wall=wall_seconds)
    assert store.get(KEY) is not None
    hand.step(monotonic=15.5)
    assert store.get(KEY) is None


def test_an_empty_value_costs_its_key_and_overhead(store: Store) -> None:
    store.put(KEY, stored(b""))
    assert store.bytes_held == 32 + OVERHEAD_BYTES


def test_a_value_over_the_bound_is_refused_and_drives_out_the_facts_it_has_overtaken(store: Store) -> None:
    store.put(OTHER, stored(b"kept"))
    store.put(KEY, stored(b"older"))
    assert not store.put(KEY, Stored(b"newer", 1_048_576, 1_001.0, 10.0, 5.0))
    assert store.get(KEY) is None
    assert store.get(OTHER) is not None


def test_the_bound_is_exact(hand: HandClock) -> None:
    store = MemoryStore(1_000, hand.clock.monotonic)
    assert not store.put(KEY, stored(b"x" * 369))
    assert store.put(KEY, stored(b"x" * 368))
    assert store.bytes_held == 1_000


def test_the_least_recently_used_goes_first(hand: HandClock) -> None:
    store = MemoryStore(2 * (32 + OVERHEAD_BYTES), hand.clock.monotonic)
    store.put(KEY, stored(b""))
    store.put(OTHER, stored(b""))
    store.get(KEY)
    store.put(digest("third"), stored(b""))
    assert store.get(KEY) is not None
    assert store.get(OTHER) is None


puts = st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 4_000))
gets = st.tuples(st.just("get"), st.integers(0, 9), st.just(0))
deletes = st.tuples(st.just("delete"), st.integers(0, 9), st.just(0))
advances = st.tuples(st.just("advance"), st.just(0), st.integers(1, 9))


@given(st.integers(0, 9_000), st.lists(puts | gets | deletes | advances, max_size=60))
def test_bytes_held_are_the_sum_of_what_is_held_and_never_above_the_bound(
    bound: int, steps: list[tuple[str, int, int]]
) -> None:
    hand, last = HandClock(), dict[int, Stored[bytes]]()
    store = MemoryStore(bound, hand.clock.monotonic)
    for verb, name, number in steps:
        key = digest(name)
        if verb == "put":
            newcomer = stored(b"x" * number, at=hand.monotonic)
            kept = store.put(key, newcomer)
            assert kept == (32 + number + OVERHEAD_BYTES <= bound)
            last.pop(name, None)
            last |= {name: newcomer} if kept else {}
        elif verb == "get":
            found = store.get(key)
            assert found is None or (found is last[name] and found.is_usable(hand.monotonic))
        elif verb == "delete":
            store.delete(key)
            last.pop(name, None)
        else:
            hand.advance(number)
        assert store.bytes_held <= bound
    held = [found for name in range(10) if (found := store.get(digest(name))) is not None]
    assert store.bytes_held == sum(32 + each.size + OVERHEAD_BYTES for each in held)
    assert len(store) == len(held)
