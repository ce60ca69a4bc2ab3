"""The stock of a collection: where a thousand partitions are held, a poll looks each of them up once."""

import gc
from collections import Counter
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from app import cooperative
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.partition import Partition
from app.upstream.query import EVERYTHING
from tests.holdings.support import NOW, Place, day, ids_of, place, records_of, row, text

FAR_APART = timedelta(minutes=1)  # so many an hour that each hour has a partition
ROWS = 3_000


async def lookups(at: Place, **asked: Any) -> Counter[bytes]:
    """How often each partition is looked up in the store while a question is answered."""
    seen = Counter[bytes]()
    get = MemoryStore.get

    def counted(store: MemoryStore, key: bytes) -> Stored[Any] | None:
        seen[key] += key.startswith(b"partition")
        return get(store, key)

    with mock.patch.object(MemoryStore, "get", counted):
        assert await at.ids(**asked) == at.expected(**asked)
    return +seen


async def test_partitions_are_looked_up_once_though_one_is_replaced_by_the_comparison() -> None:
    at = place(day(ROWS, step=FAR_APART))
    await at.ids()
    at.clock.advance(60)
    at.upstream.put(row(ROWS, NOW - timedelta(minutes=5)))
    seen = await lookups(at)
    once_more = [key for key, times in seen.items() if times > 2]
    assert len(seen) > 10
    assert len(once_more) <= 1  # the one that the arrival is added to
    assert sum(seen.values()) < 2 * len(seen) + 5


async def test_a_replaced_partition_is_found_in_the_same_turn_in_place_of_the_former() -> None:
    at = place(day(ROWS, step=FAR_APART))
    await at.ids()
    changed = [row(number, NOW - timedelta(minutes=60 + number), minutes=2) for number in (0, 700, 1_500)]
    at.upstream.put(*changed)
    at.clock.advance(3_600 * 24 * 8)
    answered = await at.answer()
    assert ids_of(answered) == at.expected()
    ended = {one.interaction_id: one.end_timestamp and text(one.end_timestamp) for one in records_of(answered)}
    assert [ended[one["interactionId"]] for one in changed] == [one["endTimestamp"] for one in changed]


async def test_partitions_are_kept_for_as_long_again_once_they_were_compared_past_half_their_time() -> None:
    at = place(day(ROWS, step=FAR_APART))
    await at.ids()
    half = at.holdings.kept_seconds / 2 + 60
    for _ in range(2):
        at.clock.advance(half)
        await at.ids()
        at.store.sweep(ROWS)
        assert at.holdings.records() == ROWS
    at.clock.advance(2 * half)
    at.store.sweep(ROWS)
    assert at.holdings.records() == 0


async def test_a_full_collection_passes_over_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million rows it held the loop for 168 ms."""
    monkeypatch.setattr(cooperative, "LASTING_ROWS", ROWS)
    at = place(day(2 * ROWS, step=FAR_APART))
    try:
        await at.ids()
        looked_at = {id(one) for one in gc.get_objects()}
        runs = [
            id(run) for one in at.store.values("primary") if isinstance(one.value, Partition) for run in one.value.runs
        ]
        assert len(runs) > 50
        assert sum(run in looked_at for run in runs) < len(runs) / 2
    finally:
        gc.unfreeze()


async def test_what_was_let_go_of_before_its_span_is_covered_is_read_again() -> None:
    at = place(day(300, step=FAR_APART))
    await at.ids()
    held = at.holdings.collection(EVERYTHING)
    lost = held.partitions(WHOLE)[0]
    at.store.delete(held._key_of(lost.span))
    held.partitions(WHOLE)
    held.cover(WHOLE, at.clock.monotonic)
    assert not held.reach(WHOLE).complete
    assert await at.ids() == at.expected()
