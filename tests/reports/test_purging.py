"""What a purge keeps out of the store, however a request that began before it goes on."""

import asyncio
from collections.abc import Callable

import pytest

from app.reports.purging import purge_all, purge_interaction, purge_question
from app.reports.query import Search
from tests.reports.support import Desk, desk, identity, interactions, query


def stored(at: Desk) -> int:
    """How many values are stored."""
    return len(at.store)


async def test_who_found_a_report_before_its_purge_reads_on_in_it_and_stores_nothing() -> None:
    at = desk(interactions(250))
    await at.page(query())
    standing = at.reports.look(query(limit=200))
    assert purge_all(at.reports) == 1
    page = await at.reports.page(query(limit=200), standing)
    assert len(page.selection.rows) == 200
    assert stored(at) == 0


async def test_a_page_that_is_not_kept_has_no_cursor_and_says_that_it_is_truncated() -> None:
    at = desk(interactions(250))
    at.upstream.open_gate.clear()
    asking = asyncio.create_task(at.page(query()))
    await at.upstream.called.wait()
    purge_all(at.reports)
    at.upstream.open_gate.set()
    page = await asking
    assert (page.next_cursor, page.truncated, page.found.kept) == (None, True, False)


async def test_each_purge_counts_the_stored_reports_it_took() -> None:
    at = desk(interactions(3))
    await at.page(query())
    await at.page(query(search=Search(attr=("nobody",))))
    await at.interaction(identity(1))
    assert purge_question(at.reports, at.reports.question(query(search=Search(attr=("somebody",))))) == 0
    assert purge_question(at.reports, at.reports.question(query(search=Search(attr=("nobody",))))) == 1
    assert purge_interaction(at.reports, identity(7)) == 0
    assert purge_interaction(at.reports, identity(1)) == 2
    assert stored(at) == 0


@pytest.mark.parametrize("spelt", [str.lower, str.upper])
async def test_an_interaction_is_found_however_upstream_spells_its_id(spelt: Callable[[str], str]) -> None:
    known = "abcdef00-0000-4000-8000-000000000001"
    at = desk([{**interactions(1)[0], "interactionId": spelt(known)}])
    await at.page(query())
    assert purge_interaction(at.reports, known) == 1
