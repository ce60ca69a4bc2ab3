"""What is stored while upstream is left alone, refuses our credentials, or fails for long (FAULTS 1.1 and 1.3)."""

from dataclasses import replace

import pytest

from app.cache.reuse import Directives
from app.cache.store import MemoryStore
from app.errors import NotStored, UpstreamAuth
from app.queries.snapshot_store import SnapshotStore
from tests.queries.support import STALE_SECONDS, desk, interactions, query

FRESH = 15


async def test_behind_a_stale_answer_upstream_is_asked_in_the_background() -> None:
    at = desk(interactions(3, is_open=True))
    await at.page(query())
    at.clock.advance(FRESH + 1)
    await at.page(query())
    await at.completed()
    assert at.upstream.background == [False, True]


async def test_nothing_is_refreshed_while_upstream_is_left_alone() -> None:
    at = desk(interactions(3, is_open=True))
    await at.page(query())
    at.clock.advance(FRESH + 1)
    at.upstream.is_blocked = True
    page = await at.page(query())
    assert page.found.detail == "stale-if-error"
    assert len(at.flights) == 0
    assert at.upstream.calls == 1


async def test_refused_credentials_are_covered_for_five_minutes_and_no_longer() -> None:
    at = desk(interactions(3, is_open=True))
    await at.page(query())
    at.clock.advance(FRESH + 1)
    at.upstream.is_blocked, at.upstream.failure, at.upstream.refused_for = True, UpstreamAuth("refused"), 300.0
    assert (await at.page(query())).found.detail == "stale-if-error"
    at.upstream.refused_for = 300.1
    for _ in range(2):
        with pytest.raises(UpstreamAuth):
            await at.page(query())
    with pytest.raises(NotStored):
        await at.page(query(), Directives(only_if_cached=True))


async def test_what_is_fresh_stays_so_however_long_credentials_are_refused() -> None:
    at = desk(interactions(3, is_open=True))
    await at.page(query())
    at.upstream.is_blocked, at.upstream.refused_for = True, 10_000.0
    page = await at.page(query())
    assert (page.found.detail, page.found.fetched) == (None, False)


@pytest.mark.parametrize(("random", "fresh_for"), [(0.0, 13.5), (0.5, 15.0), (1.0, 16.5)])
async def test_lifetimes_that_begin_together_end_apart_and_their_hard_end_stays(
    random: float, fresh_for: float
) -> None:
    at = desk(interactions(3, is_open=True))
    snapshots = SnapshotStore(MemoryStore(10_000_000, lambda: 0.0), STALE_SECONDS, random=lambda: random)
    at = replace(at, queries=replace(at.queries, snapshots=snapshots))
    stored = (await at.page(query())).found.stored
    assert stored.fresh_for == pytest.approx(fresh_for)
    assert stored.fresh_for + stored.stale_for == pytest.approx(FRESH + STALE_SECONDS)


async def test_no_lifetime_gets_longer_than_any_may_be() -> None:
    at = desk(interactions(3, is_open=True))
    store = MemoryStore(10_000_000, lambda: 0.0)
    snapshots = SnapshotStore(store, STALE_SECONDS, random=lambda: 1.0, most_fresh_seconds=16)
    at = replace(at, queries=replace(at.queries, snapshots=snapshots))
    assert (await at.page(query())).found.stored.fresh_for == 16
