"""What a purge keeps out of the store, however a request that began before it goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.interactions.masking import customer_key
from app.queries.purging import purge_all, purge_customer, purge_interaction, purge_question
from app.queries.query import Search
from tests.queries.support import Desk, desk, identity, interaction, interactions, query


def stored(at: Desk) -> int:
    """How many values are stored."""
    return len(at.store)


async def test_who_found_a_report_before_its_purge_reads_on_in_it_and_stores_nothing() -> None:
    at = desk(interactions(250))
    await at.page(query())
    lookup = at.look(query(limit=200))
    assert await purge_all(at.queries) == 1
    page = await at.queries.page(query(limit=200), lookup)
    assert len(page.selection.rows) == 200
    assert stored(at) == 0


async def test_a_page_that_is_not_kept_has_no_cursor_and_says_that_it_is_truncated() -> None:
    at = desk(interactions(250))
    at.upstream.open_gate.clear()
    asking = asyncio.create_task(at.page(query()))
    await at.upstream.called.wait()
    await purge_all(at.queries)
    at.upstream.open_gate.set()
    page = await asking
    assert (page.next_cursor, page.truncated, page.found.kept) == (None, True, False)


async def test_each_purge_counts_the_stored_reports_it_took() -> None:
    at = desk(interactions(3))
    await at.page(query())
    await at.page(query(search=Search(attr=("nobody",))))
    await at.interaction(identity(1))
    assert await purge_question(at.queries, at.queries.planner.plan(query(search=Search(attr=("somebody",))))) == 0
    assert await purge_question(at.queries, at.queries.planner.plan(query(search=Search(attr=("nobody",))))) == 1
    assert await purge_interaction(at.queries, identity(7)) == 0
    assert await purge_interaction(at.queries, identity(1)) == 2
    assert stored(at) == 0


@pytest.mark.parametrize("spelt", [str.lower, str.upper])
async def test_an_interaction_is_found_however_upstream_spells_its_id(spelt: Callable[[str], str]) -> None:
    known = "abcdef00-0000-4000-8000-000000000001"
    at = desk([{**interactions(1)[0], "interactionId": spelt(known)}])
    await at.page(query())
    assert await purge_interaction(at.queries, known) == 1


@pytest.mark.threat("T29")
async def test_a_customer_is_found_in_every_report_that_holds_a_record_of_theirs() -> None:
    at = desk([*interactions(1200), interaction(5000, hours_ago=5000, customer="+15550100")])
    at.queries = replace(at.queries, rules=replace(at.queries.rules, max_rows=2000, most_rows=20_000))
    await at.page(query(limit=2000))
    await at.page(query(limit=10, search=Search(attr=("nobody",))))
    await at.interaction(identity(5000))
    await at.interaction(identity(1))
    secret = at.queries.rules.context.pseudonym_secret
    assert await purge_customer(at.queries, customer_key("+15550199", secret)) == 0
    assert await purge_customer(at.queries, customer_key(" +15550100", secret)) == 2
    assert at.queries.snapshots.current(at.queries.planner.plan_of_one(identity(5000))) is None
    assert at.queries.snapshots.current(at.queries.planner.plan_of_one(identity(1))) is not None


async def test_what_is_fetched_while_a_customer_is_looked_for_is_looked_at_or_not_stored() -> None:
    at = desk([*interactions(300), interaction(5000, hours_ago=5000, customer="+15550100")])
    await at.page(query(limit=100))
    at.upstream.open_gate.clear()
    at.upstream.called.clear()
    under_way = asyncio.create_task(at.page(query(limit=400)))
    await at.upstream.called.wait()
    purging = asyncio.create_task(
        purge_customer(at.queries, customer_key("+15550100", at.queries.rules.context.pseudonym_secret))
    )
    await asyncio.sleep(0)
    at.upstream.open_gate.set()
    page, _ = await asyncio.gather(under_way, purging)
    assert page.selection.rows
    assert not any(snapshot.rows > 300 for snapshot in at.queries.snapshots.snapshots())
