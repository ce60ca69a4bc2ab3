"""What is told of the part of a question that is held."""

from datetime import timedelta

from app.queries.explain_held import CELLS, HeldDay, HeldHours, HeldPart, held_hours, held_part
from app.queries.query import Search
from tests.queries.support import NOW, Desk, desk, interaction, query, with_attribute

HOUR = timedelta(hours=1)


def told(at: Desk, search: Search) -> HeldPart | None:
    return held_part(at.queries.planner.plan(query(search=search)), at.queries.holdings, at.clock.wall)


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


def hours(at: Desk, *, others: bool = False, hooks: bool = True) -> dict[str, list[HeldDay]]:
    """The hours told of each collection."""
    return {one.conditions: one.days for one in collections(at, Search(), others=others, hooks=hooks)}


def collections(at: Desk, search: Search, *, others: bool = True, hooks: bool = True) -> list[HeldHours]:
    found = held_hours(
        at.queries.planner.plan(query(search=search)), at.queries.holdings, at.clock.wall, others=others, hooks=hooks
    )
    assert found is not None
    return found


async def test_the_hours_of_the_whole_tenant_are_told_by_the_day() -> None:
    at = desk([interaction(1, hours_ago=0.01, is_open=True), interaction(2, hours_ago=5)], holds=True)
    assert hours(at) == {"": [HeldDay("2026-11-23", "." * 7 + " " * 17)]}
    await at.page(query(search=Search(start=NOW - 8 * HOUR)))
    yesterday = HeldDay("2026-11-22", "." * 23 + "#")
    assert hours(at) == {"": [HeldDay("2026-11-23", "#" * 7 + " " * 17), yesterday]}
    at.clock.advance(100)
    assert hours(at) == {"": [HeldDay("2026-11-23", "#" * 6 + "~" + " " * 17), yesterday]}


async def test_an_hour_is_held_up_to_a_minute_ago() -> None:
    at = desk([interaction(2, hours_ago=5)], holds=True)
    await at.page(query(search=Search(start=NOW - HOUR, end=NOW)))
    told = []
    for _ in range(2):
        at.clock.advance(50)
        told.append((hours(at))[""][0].hours.rstrip())
    assert told == ["." * 6 + "#", "." * 7]


async def test_other_collections_are_told_without_what_may_be_personal() -> None:
    contact = "44444444-0000-4000-8000-000000000000"
    at = desk([interaction(1, hours_ago=1, contactId=contact, **with_attribute("tier", "gold"))], holds=True)
    for search in (Search(contact_id=contact), Search(attr=("gold",)), Search(attr_names=("tier",))):
        at.clock.advance(1)
        await at.page(query(search=search))
    told = hours(at, others=True)
    assert [*told] == ["", "hook_type=tier&hook_subtype=interaction-attribute", "attr=…", "contact_id=…"]
    assert told["attr=…"][0].hours == "#" * 7 + " " * 17
    assert [*hours(at, others=True, hooks=False)] == ["", "contact_id=…"]
    assert [*hours(at)] == [""]
    assert [(one.conditions, one.is_asked, one.records) for one in collections(at, Search(attr=("gold",)))] == [
        ("", False, 0),
        ("hook_type=tier&hook_subtype=interaction-attribute", False, 1),
        ("attr=…", True, 1),
        ("contact_id=…", False, 1),
    ]
    at.queries.holdings.purge()
    assert [*hours(at, others=True)] == [""]
    at.queries.holdings.is_trusted = False
    assert held_hours(at.queries.planner.plan(query()), at.queries.holdings, NOW, others=True, hooks=True) is None
