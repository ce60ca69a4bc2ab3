"""What a snapshot keeps of upstream's records, and how they are read."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
import zstandard

from app.holdings.packing import BLOCK_ROWS, Block
from app.interactions.facts import Context
from app.queries.snapshot import DecodedSnapshot
from app.queries.snapshot_building import begun, extended
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, TENANT, identity, interactions, reading

CONTEXT = Context(tenant_id=TENANT, as_of=NOW)
ASKED = UpstreamQuery(attribute_values=("a",))


async def report_of(*readings_of: int) -> DecodedSnapshot:
    """A report of so many rows a reading, one after the other."""
    rows = interactions(sum(readings_of))
    opened, taken = None, 0
    for count in readings_of:
        taken += count
        brought = reading(rows[taken - count : taken], offset=taken, total=len(rows), complete=taken == len(rows))
        opened = await (extended(opened, brought, CONTEXT) if opened else begun(b"key", ASKED, brought, CONTEXT))
    assert opened is not None
    return opened


def ids(opened: DecodedSnapshot, position: int = 0) -> list[str]:
    return [facts.interaction.interaction_id for facts in opened.facts(position, CONTEXT)]


@pytest.mark.parametrize("readings_of", [(1,), (100, 900, 1000), (2500,), (3, 0, 4)])
async def test_records_come_back_from_their_blocks_from_any_position_on(readings_of: tuple[int, ...]) -> None:
    opened = await report_of(*readings_of)
    stored = DecodedSnapshot(opened.snapshot)
    total = sum(readings_of)
    for position in {0, 1, 99, 100, 101, 999, 1000, 1001, total - 1, total, total + 1}:
        expected = [identity(number) for number in range(position, total)]
        assert ids(opened, position) == ids(stored, position) == expected


async def test_no_block_is_larger_than_what_a_page_may_have_to_decode() -> None:
    opened = await report_of(10, 2 * BLOCK_ROWS + 1)
    assert [run.count for run in opened.snapshot.runs] == [10, BLOCK_ROWS, BLOCK_ROWS, 1]


async def test_only_the_blocks_that_are_reached_are_unpacked() -> None:
    snapshot = (await report_of(BLOCK_ROWS, 900)).snapshot
    unreadable = replace(snapshot.runs[0], block=Block(b"not zstd", BLOCK_ROWS))
    stored = DecodedSnapshot(replace(snapshot, runs=(unreadable, snapshot.runs[1])))
    assert next(stored.facts(BLOCK_ROWS, CONTEXT)).interaction.interaction_id == identity(BLOCK_ROWS)
    with pytest.raises(zstandard.ZstdError):
        next(stored.facts(BLOCK_ROWS - 1, CONTEXT))


async def test_what_is_at_hand_is_shown_in_the_context_asked_for() -> None:
    opened = await report_of(2)
    elsewhere = replace(CONTEXT, zone=ZoneInfo("Asia/Tokyo"))
    here, there = (next(opened.facts(1, context)) for context in (CONTEXT, elsewhere))
    assert here is next(opened.facts(1, CONTEXT))
    assert (there.context, there.interaction) == (elsewhere, here.interaction)
    assert there.interaction is here.interaction


async def test_the_size_of_a_report_grows_with_what_it_keeps() -> None:
    short, long = (await report_of(10)).snapshot, (await report_of(10, 500)).snapshot
    kept = sum(len(run.block.compressed) for run in long.runs) + sum(map(len, long.ids))
    size, less = (one.size + sum(run.size for run in one.runs) for one in (long, short))
    assert kept < size < kept + 200 * long.rows
    assert less < size
