"""Planning: what a cursor's question asks for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import CursorMismatch
from app.queries.query import Search
from tests.queries.support import NOW, desk, interactions, numbers, query

LAST_WEEK = Search(start=NOW - timedelta(days=60), end=NOW - timedelta(days=1))


async def test_a_cursor_of_another_question_is_refused_before_anything_is_looked_up() -> None:
    at = desk(interactions(30))
    first = await at.page(query(asked=(("attr", "a"),)))
    other = query(asked=(("attr", "b"),), cursor=first.next_cursor)
    with pytest.raises(CursorMismatch):
        at.look(other)
    assert at.upstream.calls == 1


async def test_relative_times_mean_in_the_walk_what_they_meant_on_its_first_page() -> None:
    at = desk(interactions(150))
    asked = query(limit=60, search=LAST_WEEK, asked=(("from", "now-60d"),))
    first = await at.page(asked)
    later = replace(LAST_WEEK, start=NOW, end=NOW)
    second = await at.page(replace(asked, search=later, cursor=first.next_cursor))
    assert [*numbers(first), *numbers(second)] == list(range(120))
    assert {(query.start, query.end) for query in at.upstream.asked} == {(LAST_WEEK.start, LAST_WEEK.end)}
