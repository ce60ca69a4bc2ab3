"""What is told of the part of a question that is held."""

from datetime import timedelta

from app.queries.explain_held import CELLS, HeldPart, held_part
from app.queries.query import Search
from tests.queries.support import NOW, Desk, desk, interaction, query, with_attribute

HOUR = timedelta(hours=1)


def told(at: Desk, search: Search) -> HeldPart | None:
    return held_part(at.queries.plan(query(search=search)), at.queries.holdings, at.clock.wall)


async def test_a_range_is_told_as_a_picture_of_the_part_that_is_held() -> None:
    at = desk([interaction(number, hours_ago=number / 2) for number in range(8)], holds=True)
    await at.page(query(search=Search(start=NOW - 2 * HOUR, end=NOW - HOUR)))
    at.clock.advance(5)
    part = told(at, Search(start=NOW - 4 * HOUR, end=NOW))
    assert part is not None
    quarter = CELLS // 4
    assert part.coverage == "." * 2 * quarter + "#" * quarter + "." * quarter
    assert (part.collection, part.covered, part.records, part.compared_seconds_ago) == ("own", False, 2, None)
    inner = told(at, Search(start=NOW - 2 * HOUR, end=NOW - HOUR))
    assert inner is not None
    assert (inner.covered, inner.records, inner.compared_seconds_ago, inner.coverage) == (True, 2, 5.0, "#" * CELLS)


async def test_a_condition_may_be_answered_from_the_whole_tenant() -> None:
    at = desk([interaction(2, hours_ago=999), interaction(1, **with_attribute("tier", "gold"))], holds=True)
    await at.page(query())
    part = told(at, Search(attr=("gold",)))
    assert part is not None
    assert (part.collection, part.covered, part.records, part.records_due) == ("whole-tenant", True, 2, 0)


async def test_a_question_that_is_asked_whole_is_not_held() -> None:
    assert told(desk([interaction(1)]), Search()) is None
