"""Parts that values share are counted once, and let go of with the last of them."""

from dataclasses import dataclass, replace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from app.cache.store import OVERHEAD_BYTES, MemoryStore
from app.cache.stored import Stored


@dataclass(eq=False)
class Shared:
    """A part of values."""

    size: int


def test_what_values_share_is_counted_once_and_for_as_long_as_one_of_them_is_held() -> None:
    store, part = MemoryStore(100_000, lambda: 0.0), Shared(5_000)
    empty: Stored[str] = Stored("", 0, 0.0, 1.0, 1.0)
    store.put(b"alone", empty)
    alone = store.bytes_held
    store.put(b"first", replace(empty, shared=(part, part)))
    with_one = store.bytes_held
    store.put(b"other", replace(empty, shared=(part,)))
    assert (with_one, store.bytes_held) == (2 * alone + part.size, 3 * alone + part.size)
    store.put(b"first", replace(empty, stored_at=1.0))
    assert store.bytes_held == 3 * alone + part.size
    store.delete(b"other")
    assert store.bytes_held == 2 * alone
    store.put(b"first", replace(empty, stored_at=1.0, shared=(part,)))
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
        held = [*store.primary()]
        distinct = {id(part): part.size for one in held for part in cast("tuple[Shared, ...]", one.shared)}
        assert store.bytes_held == len(held) * (1 + 100 + OVERHEAD_BYTES) + sum(distinct.values())
        assert store.bytes_held <= 60_000
