"""Places: a walk that goes on at a worker without its snapshot, where records have arrived and gone meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import CursorExpired, UpstreamTimeout
from app.holdings.changes import Mark
from app.holdings.collection import EVER
from app.queries.cursor import MOST_PASSED, Cursor, NotACursor, Place, cursor_of, cursor_text
from app.queries.page import Page
from app.queries.query import Filter, InteractionQuery, Order
from tests.queries.support import NOW, VIEW, Desk, desk, identity, interaction, interactions, numbers, query

KINDS = Filter("channel_type", ("voice",))
FAILED_SECONDS = 10.0  # after which a reading that has failed is tried again


def workers(rows: list[dict[str, Any]], count: int = 2, **changes: Any) -> list[Desk]:
    """So many workers in front of one list."""
    made = [desk(rows, holds=True, **changes) for _ in range(count)]
    for one in made:
        one.upstream.rows = rows
    return made


async def walked(desks: list[Desk], asked: InteractionQuery, turns: list[int]) -> list[Page]:
    """The pages of a walk; each turn says which of the workers is asked."""
    pages = list[Page]()
    cursor = asked.cursor
    while cursor or not pages:
        at = desks[turns[len(pages) % len(turns)] % len(desks)]
        pages.append(await at.page(replace(asked, cursor=cursor)))
        following = pages[-1].next_cursor
        cursor = cursor_of(cursor_text(following)) if following else None
        assert len(pages) < 200, "the walk does not end"
    return pages


@settings(max_examples=20)
@given(
    ties=st.lists(st.integers(1, 40), min_size=1, max_size=9),
    turns=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    limit=st.integers(1, 60),
    offset=st.integers(0, 30),
    keeps=st.sampled_from([(), (KINDS,)]),
)
def test_a_walk_over_any_worker_shows_each_row_once(
    ties: list[int], turns: list[int], limit: int, offset: int, keeps: tuple[Filter, ...]
) -> None:
    starts = [instant for instant, count in enumerate(ties) for _ in range(count)]
    rows = [
        interaction(number, hours_ago=1000 + instant, channelType="sms" if number % 3 else "voice")
        for number, instant in enumerate(starts)
    ]
    matching = [number for number in range(len(rows)) if not keeps or number % 3 == 0]
    asked = query(max(limit, 1 + len(rows) // 100), offset=offset, filters=keeps)
    pages = asyncio.run(walked(workers(rows, 3), asked, turns))
    assert [number for page in pages for number in numbers(page)] == matching[offset:]


async def test_what_arrives_or_is_erased_moves_no_other_row() -> None:
    rows = interactions(40)
    one, two = workers(rows)
    asked = query(10)
    first = await one.page(asked)
    rows.insert(0, interaction(900, hours_ago=999))
    rows.insert(8, interaction(901, hours_ago=1000 + 7.5 / 3600))
    del rows[12], rows[5]
    rest = await walked([two], replace(asked, cursor=first.next_cursor), [0])
    assert [number for page in [first, *rest] for number in numbers(page)] == [*range(10), *range(11, 40)]


async def test_of_one_millisecond_what_was_passed_stays_passed_whatever_its_order() -> None:
    one, two = workers([interaction(number) for number in range(5)])
    cursor = (await one.page(query(2))).next_cursor
    assert cursor
    assert cursor.place
    odd = replace(cursor, place=replace(cursor.place, passed=(identity(1), identity(3))))
    pages = await walked([two, one], query(1, cursor=odd), [0, 0, 1])
    assert [number for page in pages for number in numbers(page)] == [0, 2, 4]


async def test_only_who_has_read_a_walk_from_its_beginning_tells_its_changes() -> None:
    one, two = workers(interactions(40))
    first = await one.page(query(10))
    asked = query(10, cursor=first.next_cursor)
    second, elsewhere = await one.page(asked), await two.page(asked)
    assert one.queries.following.token(asked, second.found.snapshot) is not None
    assert two.queries.following.token(asked, elsewhere.found.snapshot) is None


async def test_a_walk_tells_one_total_and_reads_no_further_than_it_needs() -> None:
    one, two = workers(interactions(600))
    pages = await walked([one, two], query(100), [0, 1])
    assert {page.total for page in pages} == {600}
    assert sum(end - start for start, end in two.upstream.spans) <= 600


async def test_another_order_goes_on_at_the_same_record() -> None:
    rows = interactions(50)
    one, two = workers(rows)
    asked = query(7, order=Order("duration_seconds", descending=False))
    pages = await walked([one, two], asked, [0, 1])
    assert [number for page in pages for number in numbers(page)] == [*range(50)]
    first = await one.page(asked)
    del rows[7]
    two, _ = workers(rows)
    with pytest.raises(CursorExpired):
        await two.page(replace(asked, cursor=first.next_cursor))


def noted(number: int) -> dict[str, Any]:
    """An interaction with up to three notes, the titles of which are those of many."""
    notes = [{"noteId": f"{number} {place}", "title": str((number + place) % 4)} for place in range(number % 4)]
    return interaction(number, hours_ago=1000 + number / 3600, notes=notes)


@pytest.mark.parametrize("descending", [True, False])
async def test_another_order_of_parts_goes_on_at_the_same_part(*, descending: bool) -> None:
    rows = [noted(number) for number in range(40)]
    one, two = workers(rows)
    view = replace(VIEW, columns=(*VIEW.columns, ("position", "position")), grain="notes")
    asked = query(7, order=Order("note_id", descending=descending), view=view)
    pages = await walked([one, two], asked, [0, 1])
    found = [row for page in pages for row in page.selection.rows]
    whole = await one.page(replace(asked, limit=1000))
    assert found == whole.selection.rows
    assert len({*found}) == len(found) == 60
    first = await one.page(asked)
    name, position = whole.selection.rows[7]
    row = rows[int(str(name)[-12:])]
    row["notes"] = row["notes"][: int(str(position))]
    two, _ = workers(rows)
    with pytest.raises(CursorExpired):
        await two.page(replace(asked, cursor=first.next_cursor))


async def test_without_trust_in_ranges_a_walk_needs_its_snapshot() -> None:
    one, two = workers(interactions(50))
    first = await one.page(query(7))
    two.queries.holdings.is_trusted = False
    with pytest.raises(CursorExpired):
        await two.page(query(7, cursor=first.next_cursor))


def crowd(count: int, *, above: int = 5, below: int = 5) -> list[dict[str, Any]]:
    """So many of one millisecond, between a few others."""
    instants = [*range(above), *[above] * count, *range(above + 1, above + 1 + below)]
    return [interaction(number, hours_ago=1000 + instant / 3600) for number, instant in enumerate(instants)]


@pytest.mark.parametrize("limit", [7, 60, MOST_PASSED, MOST_PASSED + 1, 280, 900])
@pytest.mark.parametrize("above", [0, 5])
async def test_a_crowd_in_one_millisecond_is_walked_by_any_worker_without_being_named(limit: int, above: int) -> None:
    rows = crowd(3 * MOST_PASSED if limit < 900 else 15 * MOST_PASSED, above=above)
    pages = await walked(workers(rows, 3), query(limit), [0, 1, 1, 2])
    assert [number for page in pages for number in numbers(page)] == [*range(len(rows))]
    cursors = [page.next_cursor for page in pages[:-1]]
    assert all(cursor and cursor.place for cursor in cursors)
    assert max(len(cursor_text(cursor)) for cursor in cursors if cursor) < 60 * (MOST_PASSED + 2)


async def test_what_arrives_in_a_crowd_or_leaves_it_moves_no_other_row() -> None:
    rows = crowd(3 * MOST_PASSED)
    one, two = workers(rows)
    first = await one.page(query(200))
    del rows[199], rows[100]
    rows.insert(5, rows.pop(250))
    rest = await walked([two], query(90, cursor=first.next_cursor), [0])
    assert [number for page in [first, *rest] for number in numbers(page)] == [*range(310)]


def descending(rows: list[dict[str, Any]], _one: Desk) -> None:
    """Upstream sends the records of a millisecond the other way round."""
    rows[5:-5] = rows[5:-5][::-1]


def failing(_rows: list[dict[str, Any]], one: Desk) -> None:
    """Upstream answers once."""
    answers = one.upstream.interactions

    async def once(*asked: Any, **terms: Any) -> Any:
        reading = await answers(*asked, **terms)
        one.upstream.failure = UpstreamTimeout()
        return reading

    one.upstream.interactions = once  # type: ignore[method-assign]


def slow(_rows: list[dict[str, Any]], one: Desk) -> None:
    """One call is all that a request may make."""
    one.queries = replace(one.queries, rules=replace(one.queries.rules, most_calls=1))


@pytest.mark.parametrize("ill", [descending, failing, slow])
async def test_a_crowd_whose_order_is_not_known_is_walked_where_that_was_begun(ill: Any) -> None:
    rows = crowd(15 * MOST_PASSED)
    one, two = workers(rows)
    ill(rows, one)
    first = await one.page(query(900))
    assert first.next_cursor
    assert (len(numbers(first)), first.next_cursor.place) == (900, None)
    with pytest.raises(CursorExpired):
        await two.page(query(900, cursor=first.next_cursor))
    one.upstream.failure = None
    one.queries = replace(one.queries, rules=replace(one.queries.rules, most_calls=10))
    one.clock.advance(FAILED_SECONDS)
    rest = await walked([one], query(900, cursor=first.next_cursor), [0])
    assert sorted(number for page in [first, *rest] for number in numbers(page)) == [*range(len(rows))]


async def test_a_purge_of_the_question_reaches_what_is_left_of_a_walk() -> None:
    one, two = workers(interactions(50))
    first = await one.page(query(7))
    asked = query(7, cursor=first.next_cursor)
    await two.page(asked)
    assert two.look(asked).stored is not None
    plan = two.queries.planner.plan(query(7))
    assert two.queries.snapshots.purge(lambda key, _snapshot: key == plan.key) == 1
    assert two.look(asked).stored is None


PLACED = Cursor("v", 10, bytes(8), NOW, None, 1, 2, Place(NOW, (identity(1), identity(2)), identity(3), 17, NOW))
BARE = replace(PLACED, place=Place(NOW, (), identity(3), 17, NOW))
TEXT = "DG_WL5ihdgrECAAAAAAAAAAA1v9rA9_AwAECldb_awPfwJDZJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAwLTAwMDAwMDAwMDAwMxHW_2sD38A"


def test_a_place_comes_back_from_the_text_of_its_cursor() -> None:
    assert cursor_of(cursor_text(PLACED)) == PLACED
    assert PLACED.place
    marks = (Mark(b"newer...", 2**40, NOW), Mark(b"older...", 7, EVER))
    for place in (Place(None), replace(PLACED.place, up_to=identity(9)), replace(PLACED.place, reached=marks)):
        assert cursor_of(cursor_text(replace(PLACED, place=place))) == replace(PLACED, place=place)


def test_a_cursor_with_a_place_given_out_before_an_update_is_good_after_it() -> None:
    assert cursor_text(BARE) == TEXT


@pytest.mark.parametrize("marks", [(Mark(b"", 1, NOW.replace(tzinfo=None)),), (Mark(b"", 1, NOW),) * 3])
def test_marks_that_no_walk_has_reached_are_refused(marks: tuple[Mark, ...]) -> None:
    with pytest.raises(NotACursor):
        cursor_of(cursor_text(replace(BARE, place=Place(NOW, reached=marks))))


async def test_a_forged_place_finds_nothing_that_its_question_would_not_find() -> None:
    one, two = workers(interactions(50))
    first = await one.page(query(7))
    assert first.next_cursor
    assert first.next_cursor.place
    for change in ({"before": None}, {"passed": ("x",)}, {"within": NOW}, {"at": "x", "total": 9}):
        forged = replace(first.next_cursor, place=replace(first.next_cursor.place, **change))
        assert {*numbers(await two.page(query(7, cursor=forged)))} <= {*range(50)}
        assert query(7, cursor=forged).key_parts() != query(7, cursor=first.next_cursor).key_parts()
