"""How a snapshot is built of its first reading, and how it grows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.holdings.packing import entries
from app.interactions.facts import Context
from app.interactions.grains import GRAINS
from app.queries.snapshot import DecodedSnapshot
from app.queries.snapshot_building import begun, extended
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, TENANT, identity, interaction, interactions, reading, record

CONTEXT = Context(tenant_id=TENANT, as_of=NOW)
ASKED = UpstreamQuery(attribute_values=("a",))


async def test_a_new_report_says_what_its_first_reading_said() -> None:
    brought = reading(
        interactions(3), offset=5, total=9, complete=False, shifted=True, dropped=2, time_zone="UTC", simulated=True
    )
    snapshot = (await begun(b"key", ASKED, brought, CONTEXT)).snapshot
    assert (snapshot.as_of, snapshot.asked, snapshot.rows, snapshot.offset, snapshot.total) == (NOW, ASKED, 3, 5, 9)
    assert (snapshot.complete, snapshot.shifted, snapshot.dropped) == (False, True, 2)
    assert (snapshot.time_zone, snapshot.simulated) == ("UTC", True)
    assert snapshot.place.offset == 5
    assert snapshot.place.total == 9
    assert snapshot.place.seen == {identity(0), identity(1), identity(2)}


async def test_what_is_read_on_is_added_and_what_went_wrong_is_not_forgotten() -> None:
    first = reading(interactions(2), total=4, complete=False, shifted=True, dropped=1)
    more = reading([interaction(7), interaction(8)], offset=5, total=5, dropped=2)
    begin = await begun(b"key", ASKED, first, CONTEXT)
    longer = await extended(begin, more, CONTEXT)
    snapshot = longer.snapshot
    assert (*snapshot.ids,) == (identity(0), identity(1), identity(7), identity(8))
    assert (snapshot.offset, snapshot.total, snapshot.complete, snapshot.shifted, snapshot.dropped) == (
        5,
        5,
        True,
        True,
        3,
    )
    assert snapshot.version == begin.snapshot.version
    assert begin.snapshot.rows == 2, "the shorter one is as it was"


async def test_a_report_without_rows_is_complete_and_has_no_last_event() -> None:
    opened = await begun(b"key", ASKED, reading([]), CONTEXT)
    assert (opened.snapshot.rows, opened.snapshot.runs, opened.snapshot.sums.last_event_at) == (0, (), None)
    assert opened.snapshot.sums.all_final
    assert [*opened.facts(0, CONTEXT)] == []


async def test_the_version_tells_question_time_and_records_apart_and_nothing_else() -> None:
    async def version(key: bytes = b"key", context: Context = CONTEXT, rows: int = 2) -> str:
        return (await begun(key, ASKED, reading(interactions(rows)), context)).snapshot.version

    same = await version()
    assert same == await version()
    later = replace(CONTEXT, as_of=NOW + timedelta(seconds=1))
    assert len({same, await version(b"other"), await version(context=later), await version(rows=3)}) == 4


async def test_without_the_secret_nobody_can_try_what_records_of_a_version_hold() -> None:
    """A cursor shows the version, and the records hold what few may see."""
    versions = [
        (
            await begun(b"key", ASKED, reading([interaction(1)]), replace(CONTEXT, pseudonym_secret=secret))
        ).snapshot.version
        for secret in (b"invented one", b"invented two", b"invented one")
    ]
    assert versions[0] == versions[2] != versions[1]


async def test_a_row_that_was_lost_is_missed_for_as_long_as_the_report_is_read_on() -> None:
    first = await begun(b"key", ASKED, reading(interactions(2), total=4, complete=False, lost=1), CONTEXT)
    longer = await extended(first, reading(interactions(3)[2:], offset=4, total=4), CONTEXT)
    assert (first.snapshot.lost, longer.snapshot.lost, longer.snapshot.lacks_rows) == (1, 1, True)
    assert not (await begun(b"key", ASKED, reading(interactions(2)), CONTEXT)).snapshot.lacks_rows


async def test_the_index_knows_the_last_event_and_whether_all_is_final() -> None:
    old, recent, running = interaction(0), interaction(1, hours_ago=10), interaction(2, hours_ago=9, is_open=True)
    opened = await begun(b"key", ASKED, reading([old, recent], complete=False, total=3), CONTEXT)
    assert opened.snapshot.sums.last_event_at == NOW - timedelta(hours=10) + timedelta(minutes=1)
    assert opened.snapshot.sums.all_final
    longer = (await extended(opened, reading([running], offset=3), CONTEXT)).snapshot
    assert longer.sums.last_event_at == NOW - timedelta(hours=9)
    assert not longer.sums.all_final
    assert not (await extended(DecodedSnapshot(longer), reading([interaction(4)]), CONTEXT)).snapshot.sums.all_final


@pytest.mark.threat("T47")
async def test_the_rows_of_every_grain_are_counted_a_record_a_turn() -> None:
    parts: dict[str, Any] = {"agents": [{"talkTimes": [{}, {}]}], "queues": [{}, {}, {}], "notes": [{}]}
    rows = [interaction(number, **parts) for number in range(5)]
    opened = await begun(b"key", ASKED, reading(rows[:3], offset=3, total=5, complete=False), CONTEXT)
    longer = await extended(opened, reading(rows[3:], offset=5, total=5), CONTEXT)
    expected = {"interactions": 5, "agent_legs": 5, "queue_entries": 15, "notes": 5, "talk_times": 10}
    assert {grain: longer.snapshot.rows_of(grain) for grain in GRAINS} == dict.fromkeys(GRAINS, 0) | expected
    assert len([*entries([*map(record, rows)], CONTEXT)]) == len(rows)
