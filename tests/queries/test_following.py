"""Following: which answers have a change token."""

from dataclasses import replace

import pytest

from app.queries.change_token import token_of
from app.queries.query import InteractionQuery, Search
from app.summaries.summary import Summary
from tests.queries.support import Desk, desk, interactions, query


async def token(at: Desk, asked: InteractionQuery) -> str | None:
    return at.queries.following.token(asked, (await at.page(asked)).found.snapshot)


async def test_the_token_is_of_the_question_and_of_what_is_held_of_it() -> None:
    at = desk(interactions(30), holds=True)
    asked = query(30)
    told = await token(at, asked)
    assert told
    assert token_of(told).question == asked.question()
    assert token_of(told).marks == (await at.page(asked)).found.snapshot.marks


@pytest.mark.parametrize("holds", [True, False])
async def test_what_is_read_whole_has_no_token(holds: bool) -> None:
    assert (await token(desk(interactions(30), holds=holds), query(30)) is not None) is holds


async def test_neither_a_union_nor_a_summary_has_a_token() -> None:
    at = desk(interactions(30), holds=True)
    found = (await at.page(query(30))).found.snapshot
    for untold in (query(30, search=Search(attr_any=("a", "b"))), replace(query(30), summary=Summary())):
        assert at.queries.following.token(untold, found) is None
