"""A refresh: what upstream shows as before stays what it was, and is fresh again; whatever else it shows is new."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from app.cache.reuse import Directives
from app.errors import NotFound
from app.holdings.packing import BLOCK_ROWS
from app.interactions import records
from app.interactions.masking import MASKED
from app.queries.page import FetchResult
from app.queries.purging import purge_customer, purge_interaction, purge_question
from app.queries.query import InteractionQuery, Search
from app.queries.snapshot import DecodedSnapshot
from app.upstream.rows import UpstreamRow
from tests.queries.support import NOW, Desk, desk, identity, interaction, interactions, query, record

PAST = 120.0  # seconds; past freshness, and past what is served while it is refreshed
Rows = list[dict[str, Any]]


async def refreshed(at: Desk, asked: InteractionQuery | None = None) -> tuple[FetchResult, FetchResult]:
    """What is found before and after freshness has passed."""
    asked = asked or query(limit=1000)
    before = (await at.page(asked)).found
    at.clock.advance(PAST)
    return before, (await at.page(asked)).found


@pytest.mark.parametrize("count", [1, BLOCK_ROWS + 1, 1000])
async def test_what_is_seen_again_is_as_it_was_first_seen_and_as_fresh_as_it_was_last_checked(count: int) -> None:
    at = desk(interactions(count))
    before, after = await refreshed(at)
    assert (after.fetched, at.upstream.calls) == (True, 2)
    assert (after.snapshot.version, after.snapshot.as_of) == (before.snapshot.version, NOW)
    assert after.snapshot.checked_at == NOW + timedelta(seconds=PAST)
    assert after.snapshot.runs is before.snapshot.runs
    assert after.stored.age(at.clock.monotonic) == 0
    assert after.stored.purge_token is before.stored.purge_token


async def test_nothing_of_what_is_seen_again_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    at = desk(interactions(100))
    await at.page(query(limit=1))
    monkeypatch.setattr(records, "_interactions", None)
    at.clock.advance(PAST)
    found = await at.queries.find(query(limit=1), at.look(query(limit=1)))
    assert (found.snapshot.as_of, found.fetched) == (NOW, True)


def _one_changed(rows: Rows) -> None:
    rows[3]["flowName"] = "another"


def _one_more(rows: Rows) -> None:
    rows.insert(0, interaction(999, hours_ago=999.0))


def _one_gone(rows: Rows) -> None:
    del rows[3]


CHANGES: dict[str, Callable[[Rows], None]] = {
    "a value": _one_changed,
    "a row more": _one_more,
    "a row less": _one_gone,
    "no rows": list.clear,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("count", [10, 3 * BLOCK_ROWS])
async def test_whatever_changes_makes_a_new_snapshot_that_shows_what_upstream_shows(
    count: int, change: Callable[[Rows], None]
) -> None:
    at = desk(interactions(count))
    before = (await at.page(query(limit=1000))).found
    change(at.upstream.rows)
    at.clock.advance(PAST)
    after = (await at.page(query(limit=1000))).found
    assert after.snapshot.version != before.snapshot.version
    assert after.snapshot.as_of == NOW + timedelta(seconds=PAST)
    context = at.queries.rules.context_of(after.snapshot, MASKED)
    expected = [record(row).interaction for row in at.upstream.rows]
    for opened in (after.opened, DecodedSnapshot(after.snapshot)):
        assert [facts.interaction for facts in opened.facts(0, context)] == expected
    assert before.stored.purge_token is not after.stored.purge_token


async def test_a_record_that_only_became_final_makes_a_new_snapshot() -> None:
    at = desk([interaction(0), interaction(1, hours_ago=1.0), interaction(2, hours_ago=9, is_open=True)])
    before, still = await refreshed(at)
    at.clock.advance(PAST)
    after = (await at.page(query(limit=1000))).found
    versions = [one.snapshot.version for one in (before, still, after)]
    assert before.snapshot.sums.pending_since == NOW - timedelta(minutes=59)
    assert versions[0] != versions[1] == versions[2], "an hour after its end it is, two minutes later nothing new is"
    assert [one.snapshot.sums.pending_since for one in (still, after)] == [None, None]
    assert still.snapshot.as_of == NOW + timedelta(seconds=PAST)


async def test_other_bytes_that_say_the_same_are_the_same() -> None:
    at = desk(interactions(70))
    before = (await at.page(query(limit=1000))).found
    at.upstream.rows = [{"unknown": 1, **dict(reversed(row.items()))} for row in at.upstream.rows]
    for _ in range(2):
        at.clock.advance(PAST)
        after = (await at.page(query(limit=1000))).found
        assert (after.snapshot.version, after.snapshot.as_of) == (before.snapshot.version, NOW)
    assert after.snapshot.runs == before.snapshot.runs


async def test_what_is_told_of_rows_that_are_not_read_is_part_of_the_content() -> None:
    at = desk(interactions(300))
    before = (await at.page(query(limit=10))).found
    del at.upstream.rows[250:]
    at.clock.advance(PAST)
    after = (await at.page(query(limit=10))).found
    assert before.snapshot.runs == after.snapshot.runs
    assert (before.snapshot.total, after.snapshot.total) == (300, 250)
    assert before.snapshot.version != after.snapshot.version


async def test_a_snapshot_that_was_read_on_is_not_shortened_under_its_name() -> None:
    at = desk(interactions(300))
    await at.page(query(limit=10))
    longer = (await at.page(query(limit=250))).found
    at.clock.advance(PAST)
    shorter = (await at.page(query(limit=10))).found
    assert (longer.snapshot.rows, shorter.snapshot.rows) == (300, 100)
    assert shorter.snapshot.version != longer.snapshot.version
    kept = at.queries.snapshots.snapshot(at.queries.planner.plan(query()), longer.snapshot.version)
    assert kept is not None
    assert kept.value.rows == 300


async def test_what_is_read_on_while_the_snapshot_is_seen_again_is_kept_beside_neither() -> None:
    """A longer reading begins, a refresh lands with the same rows, then the longer reading lands."""
    at = desk(interactions(300))
    short = (await at.page(query(limit=10))).found
    plan = at.queries.planner.plan(query())
    at.clock.advance(PAST)
    again = (await at.page(query(limit=10))).found
    longer = await at.queries.fetching.extend(plan, 250, short)
    assert longer.kept
    assert (longer.snapshot.version, longer.snapshot.rows) == (again.snapshot.version, 300)
    current = at.queries.snapshots.current(plan)
    assert current is not None
    assert current.value.rows == 300


async def test_a_refresh_that_lands_after_what_was_read_on_leaves_that_as_it_is() -> None:
    at = desk(interactions(300))
    short = (await at.page(query(limit=10))).found
    plan, stale = at.queries.planner.plan(query()), at.look(query()).stored_at
    at.clock.advance(PAST)
    at.upstream.called.clear()
    at.upstream.open_gate = held = asyncio.Event()
    landing = asyncio.create_task(at.queries.fetching.begin(plan, 10, stale))
    await at.upstream.called.wait()
    at.upstream.open_gate = asyncio.Event()
    at.upstream.open_gate.set()
    longer = await at.queries.fetching.extend(plan, 250, short)
    held.set()
    shorter = (await landing).snapshot
    assert (longer.snapshot.rows, shorter.rows) == (300, 100)
    assert longer.snapshot.version != shorter.version
    assert shorter.as_of == NOW + timedelta(seconds=PAST)
    kept = at.queries.snapshots.snapshot(plan, longer.snapshot.version)
    assert kept is not None
    assert kept.value.rows == 300


async def test_a_single_interaction_is_seen_again_only_where_every_byte_is_the_same() -> None:
    at = desk([interaction(0, is_open=True)])

    async def found() -> FetchResult:
        return (await at.interaction(identity(0)))[1]

    before = await found()
    at.clock.advance(PAST)
    again = await found()
    at.upstream.rows[0]["unknown"] = 1
    at.clock.advance(PAST)
    other = await found()
    assert before.snapshot.version == again.snapshot.version != other.snapshot.version
    assert again.snapshot.raw == before.snapshot.raw
    assert b'"unknown": 1' in other.snapshot.raw
    at.upstream.rows.clear()
    at.clock.advance(PAST)
    with pytest.raises(NotFound):
        await found()
    assert other.stored.purge_token.purged


async def test_that_an_interaction_is_still_unknown_is_stored_again() -> None:
    at = desk()
    for _ in range(3):
        with pytest.raises(NotFound):
            await at.interaction(identity(1), directives=Directives(max_age=0.0))
        at.clock.advance(10)
    stored = at.queries.snapshots.current(at.queries.planner.plan_of_one(identity(1)))
    assert stored is not None
    assert (stored.age(at.clock.monotonic), at.upstream.calls - at.upstream.tenancies) == (10, 3)


async def test_a_single_interaction_that_became_final_keeps_what_upstream_sent() -> None:
    at = desk([interaction(0, hours_ago=1.0)])
    before = (await at.interaction(identity(0)))[1]
    at.clock.advance(PAST)
    facts, after = await at.interaction(identity(0))
    assert facts.is_final
    assert before.snapshot.version != after.snapshot.version
    assert before.snapshot.raw == after.snapshot.raw == record(at.upstream.rows[0]).raw


async def test_freshness_grows_with_the_time_that_nothing_changed_in() -> None:
    at = desk([interaction(0, hours_ago=2)])
    settled = query(search=Search(end=NOW - timedelta(hours=1.5)))
    before = (await at.page(settled)).found
    at.clock.advance(3600)
    after = (await at.page(settled)).found
    assert after.snapshot.version == before.snapshot.version
    assert (before.stored.fresh_for, after.stored.fresh_for) == (540.0, 900.0)


@pytest.mark.parametrize("way", ["question", "interaction", "customer"])
async def test_a_purge_reaches_what_was_seen_again_and_all_that_was_ever_made_of_it(way: str) -> None:
    at = desk([interaction(0, customer="+15550100")])
    before, after = await refreshed(at)
    at.store.put(b"made of it", before.stored.holding(b"rows", 4), kind="derived")
    pseudonym = next(after.opened.facts(0, at.queries.rules.context_of(after.snapshot, MASKED))).customer_key or ""
    purge: dict[str, Coroutine[Any, Any, int]] = {
        "question": purge_question(at.queries, at.queries.planner.plan(query())),
        "interaction": purge_interaction(at.queries, identity(0)),
        "customer": purge_customer(at.queries, pseudonym),
    }
    purged = await purge.pop(way)
    for other in purge.values():
        other.close()
    assert purged == 1
    assert len(at.store) == 0


async def test_what_a_purge_reached_on_its_way_is_not_stored_though_nothing_changed() -> None:
    at = desk(interactions(3))
    await at.page(query())
    at.clock.advance(PAST)
    at.upstream.called.clear()
    at.upstream.open_gate.clear()
    caller = asyncio.create_task(at.page(query()))
    await at.upstream.called.wait()
    await purge_question(at.queries, at.queries.planner.plan(query()))
    at.upstream.open_gate.set()
    assert not (await caller).found.kept
    assert len(at.store) == 0


def test_a_row_that_is_held_has_the_start_of_its_record() -> None:
    held = record(interaction(1))
    assert UpstreamRow(identity(1), held).start == held.interaction.start_timestamp
