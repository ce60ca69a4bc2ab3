"""Rows written run by run are those that are selected, and those of a run are written once."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import cooperative
from app.cache.store import Kept, MemoryStore
from app.cache.stored import PurgeToken, Stored
from app.cooperative import Turns
from app.formats import FORMATS_BY_NAME, ByRow, Table
from app.holdings.packing import BLOCK_ROWS, Block, compressed
from app.interactions.grains import GRAINS
from app.interactions.records import encoded, joined
from app.queries.cursor import Cursor, Place
from app.queries.query import NEWEST_FIRST, Filter, InteractionQuery, Order, PageRange, Search, View
from app.queries.select import Selection, WrittenRow, select
from app.queries.snapshot import DecodedSnapshot
from app.queries.writing import RunRows, Writing
from tests.queries.support import NOW, identity, query
from tests.queries.test_tallying import CONTEXT, many, new_store, one, opened

LINES = FORMATS_BY_NAME["ndjson"].by_row("rows") or ByRow(lambda _table: [])
ROWS = 3 * BLOCK_ROWS + 10
IDS = (("interaction_id", "interaction_id"), ("is_final", "is_final"))
ENTRIES = View((*IDS[:1], ("queue_name", "queue_name")), grain="queue_entries")
VIEWS: Mapping[str, dict[str, Any]] = {
    "all": {"view": View(IDS)},
    "other names": {"view": View((("id", "interaction_id"),))},
    "a nested list": {"view": View(IDS, include=("queues",))},
    "a condition": {"view": View(IDS), "filters": (Filter("queue_name", ("Sales",)),)},
    "its opposite": {"view": View(IDS), "filters": (Filter("queue_name", ("Sales",), "ne"),)},
    "an attribute": {"view": View(IDS), "search": Search(attr_pairs=(("plan", "gold"),))},
    "parts": {"view": ENTRIES},
    "parts and a condition": {"view": ENTRIES, "filters": (Filter("queue_name", ("Sales",)),)},
    "another order": {"view": View(IDS), "order": Order("ended_at")},
}


class Desk:
    """Writes pages, and counts the rows that are written for them."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or new_store()
        self.written = 0

    def write(self, selection: Selection) -> Turns[list[WrittenRow]]:
        self.written += len(selection.rows)
        return LINES.written(Table(selection.names, selection.rows, selection.types))

    async def page(
        self, held: DecodedSnapshot, asked: InteractionQuery, wanted: PageRange, **context: Any
    ) -> Selection:
        kept: Kept[RunRows] = Kept(self.store, Stored(held.snapshot, 0, 0.0, 1e9, 0.0, PurgeToken(b"key")), "rows")
        writing = Writing(held, asked, GRAINS, replace(CONTEXT, **context), self.write, kept)
        return await cooperative.run(writing.within(wanted))


def rows_of(count: int) -> list[dict[str, Any]]:
    """Interactions with one entry into a queue, or two, or none."""
    rows = many(count)
    for number, row in enumerate(rows):
        row["queues"] *= number % 3
    return rows


async def selected(held: DecodedSnapshot, asked: InteractionQuery, wanted: PageRange) -> tuple[bytes, Selection]:
    """The rows that are selected, written at once."""
    selection = await cooperative.run(select(held, asked, GRAINS, CONTEXT, wanted))
    table = Table(selection.names, selection.rows, selection.types)
    return b"".join(LINES.further(table)), selection


def told(page: Selection) -> tuple[object, ...]:
    return page.names, page.types, page.following, page.skip, page.count, page.next_id


@given(
    st.sampled_from([*VIEWS]),
    st.integers(0, ROWS),
    st.integers(0, 2 * BLOCK_ROWS),
    st.integers(1, 3 * BLOCK_ROWS),
    st.integers(0, 2),
)
@settings(max_examples=150, deadline=None)
async def test_written_rows_are_those_that_are_selected(
    view: str, position: int, skip: int, limit: int, part: int
) -> None:
    held, desk, asked = await opened(rows_of(ROWS)), Desk(), query(**VIEWS[view])
    wanted = PageRange(position, skip, limit, part if asked.order == NEWEST_FIRST else 0)
    for _ in range(2):
        page = await desk.page(held, asked, wanted)
        body, selection = await selected(held, asked, wanted)
        assert b"".join(one.body for one in page.written) == body
        assert told(page) == told(selection)
        assert not page.rows


@pytest.mark.parametrize("view", ["all", "parts", "a condition"])
@pytest.mark.parametrize("part", [0, 1])
async def test_what_a_cursor_has_passed_at_its_place_is_not_written_again(view: str, part: int) -> None:
    held = await opened(rows_of(ROWS))
    passed, at = (identity(5), identity(BLOCK_ROWS + 1)), identity(8) if part else ""
    place = Place(NOW, passed=passed, at=at)
    asked = query(cursor=Cursor("v", 0, b"", None, None, part=part, place=place), **VIEWS[view])
    wanted = PageRange(0, 0, 2 * BLOCK_ROWS)
    page, (body, selection) = await Desk().page(held, asked, wanted), await selected(held, asked, wanted)
    assert b"".join(one.body for one in page.written) == body
    assert identity(5).encode() not in body
    assert told(page) == told(selection)


async def test_a_repeated_page_writes_nothing_and_one_changed_record_is_written_alone() -> None:
    desk, asked, wanted = Desk(), query(view=View(IDS)), PageRange(0, 0, 10_000)
    rows = rows_of(ROWS)
    before = await desk.page(await opened(rows), asked, wanted)
    assert desk.written == ROWS
    assert (await desk.page(await opened(rows), asked, wanted)).written == before.written
    assert desk.written == ROWS
    rows[BLOCK_ROWS + 3]["queues"] = []
    await desk.page(await opened(rows), asked, wanted)
    assert desk.written == ROWS + 1


async def test_a_page_is_made_of_what_is_kept_of_whole_runs() -> None:
    desk, asked, rows = Desk(), query(view=View(IDS)), rows_of(ROWS)
    before = await desk.page(await opened(rows), asked, PageRange(0, 0, 10_000))
    rows[BLOCK_ROWS + 3]["queues"] = []
    page = await desk.page(await opened(rows), asked, PageRange(0, 0, ROWS - 5))
    assert [one.rows for one in page.written] == [BLOCK_ROWS, BLOCK_ROWS, BLOCK_ROWS, 5]
    assert [one is known for one, known in zip(page.written, before.written, strict=True)] == [True, False, True, False]


async def test_only_the_changed_record_of_a_run_is_decoded() -> None:
    desk, asked, wanted = Desk(), query(view=View(IDS)), PageRange(0, 0, 10_000)
    rows = rows_of(BLOCK_ROWS)
    await desk.page(await opened(rows), asked, wanted)
    rows[7]["queues"] = []
    held = await opened(rows)
    page = await desk.page(unreadable_but_for(held, [7]), asked, wanted)
    assert b"".join(one.body for one in page.written) == (await selected(held, asked, wanted))[0]


async def test_of_a_short_page_only_its_records_and_the_next_one_are_decoded() -> None:
    held, asked, wanted = await opened(rows_of(BLOCK_ROWS)), query(view=View(IDS)), PageRange(20, 5, 10)
    page = await Desk().page(unreadable_but_for(held, range(20, 36)), asked, wanted)
    assert b"".join(one.body for one in page.written) == (await selected(held, asked, wanted))[0]


async def test_a_short_page_goes_on_where_more_records_are_looked_through_than_it_has_rows() -> None:
    place = Place(NOW, passed=tuple(map(identity, range(20))))
    asked = query(view=View(IDS), cursor=Cursor("v", 0, b"", None, None, place=place))
    for position in (0, 50):
        page = await Desk().page(await opened(rows_of(ROWS)), asked, PageRange(position, 3, 40))
        assert (page.count, page.following) == (40, (max(position, 20) + 43, 0))


def unreadable_but_for(held: DecodedSnapshot, places: Iterable[int]) -> DecodedSnapshot:
    """The snapshot of one run with nothing in place of its other records."""
    run = held.snapshot.runs[0]
    texts = [encoded(one) if place in places else b"0" for place, one in enumerate(run.block.records())]
    mangled = replace(run, block=Block(compressed([joined(texts)])[0], run.count))
    return DecodedSnapshot(replace(held.snapshot, runs=(mangled,)))


async def test_a_short_page_writes_its_rows_alone() -> None:
    desk = Desk()
    page = await desk.page(await opened(rows_of(ROWS)), query(view=View(IDS)), PageRange(BLOCK_ROWS + 5, 0, 10))
    assert (page.count, desk.written) == (10, 10)


async def test_no_view_takes_the_rows_of_another() -> None:
    held, desk, wanted = await opened(rows_of(ROWS)), Desk(), PageRange(0, 0, 10_000)
    for asked in (query(**shown) for shown in VIEWS.values()):
        page = await desk.page(held, asked, wanted)
        assert b"".join(one.body for one in page.written) == (await selected(held, asked, wanted))[0]


async def test_a_record_that_becomes_final_is_written_again_and_one_that_is_open_is_not() -> None:
    rows = [one(0, minutes_ago=1, is_open=True), one(1, minutes_ago=20), one(2, minutes_ago=3_000)]
    rows[0].pop("endTimestamp", None)
    desk, asked, wanted = Desk(), query(view=View(IDS)), PageRange(0, 0, 100)
    ended = max(facts.last_event_at for facts in (await opened(rows)).facts(1, CONTEXT) if not facts.is_final)
    seen = []
    for moment in (ended + CONTEXT.settle - timedelta(microseconds=1), ended + CONTEXT.settle, NOW + timedelta(days=9)):
        at = replace(CONTEXT, as_of=moment)
        page = await desk.page(await opened(rows, at), asked, wanted, as_of=moment)
        seen.append((desk.written, b"".join(one.body for one in page.written).count(b'"is_final":true')))
    assert seen == [(3, 1), (4, 2), (4, 2)]


async def test_whether_a_record_is_final_goes_by_the_time_of_the_answer_alone() -> None:
    """Its run may have been packed later than the answer was first seen."""
    held, desk = await opened([one(1, minutes_ago=20)], replace(CONTEXT, as_of=NOW + timedelta(days=1))), Desk()
    asked, wanted, seen = query(view=View(IDS)), PageRange(0, 0, 100), []
    for moment in (NOW, NOW + timedelta(days=1)):
        page = await desk.page(held, asked, wanted, as_of=moment)
        seen.append(b'"is_final":true' in page.written[0].body)
    assert seen == [False, True]


@pytest.mark.parametrize("view", [*VIEWS])
async def test_rows_of_a_run_that_has_grown_or_shrunk_are_those_that_are_selected(view: str) -> None:
    desk, asked, wanted = Desk(), query(**VIEWS[view]), PageRange(0, 0, 10_000)
    rows = rows_of(BLOCK_ROWS - 10)
    for changed in (rows, rows[4:], [*rows[:20], *rows[21:]], [*rows[:3], *with_more(rows[3:6]), *rows[6:]], rows[:40]):
        held = await opened(changed)
        page = await desk.page(held, asked, wanted)
        assert b"".join(one.body for one in page.written) == (await selected(held, asked, wanted))[0]


def with_more(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with another entry into the other queue."""
    return [
        {**row, "queues": [*row["queues"], *({**entry, "queueName": "Sales"} for entry in row["queues"])]}
        for row in rows
    ]
