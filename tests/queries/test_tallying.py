"""Tallies: a summary with what is kept of its parts is the one worked out anew, whatever has changed meanwhile."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import cooperative
from app.cache.store import Kept, MemoryStore
from app.cache.stored import PurgeToken, Stored
from app.holdings.packing import BLOCK_ROWS
from app.holdings.partition import MOST_ROWS, partitioned
from app.interactions.facts import Context
from app.interactions.grains import GRAINS, Grain
from app.interactions.masking import Audience
from app.queries.purging import purge_all, purge_interaction
from app.queries.query import Filter, Search
from app.queries.snapshot import DecodedSnapshot
from app.queries.snapshot_building import begun
from app.queries.summarising import SummaryTable, summarise
from app.queries.tallying import TIMED
from app.summaries.summary import Summary
from app.upstream.query import UpstreamQuery
from tests.interactions.records import facts
from tests.queries.support import NOW, TENANT, desk, identity, interaction, reading, with_attribute
from tests.queries.test_summarising import asked, summary

CONTEXT = Context(tenant_id=TENANT, as_of=NOW, pseudonym_secret=b"invented", zone=ZoneInfo("US/Eastern"))
QUEUES = ("Support", "Sales", None)
MEASURES = ("count", "service_level", "abandon_rate", "average_wait_seconds", "longest_current_wait_seconds")
MORE = ("p90:queue_seconds", "distinct:interaction_id", "max:left_at", "min:queue_seconds", "avg:position")
View = tuple[Summary, dict[str, Any]]
VIEWS: Mapping[str, View] = {
    "plain": (Summary(by=("queue_name",), measures=MEASURES), {}),
    "other measures": (Summary(by=("queue_name",), measures=MORE), {}),
    "other groups": (Summary(by=("exit_type",), measures=MEASURES), {}),
    "intervals": (Summary(by=("queue_name",), measures=MEASURES, interval="30m"), {}),
    "other intervals": (Summary(by=("queue_name",), measures=MEASURES, interval="day"), {}),
    "another zone": (Summary(by=("queue_name",), measures=MEASURES, interval="day", time_zone="Asia/Kolkata"), {}),
    "another time": (Summary(by=("queue_name",), measures=MEASURES, interval="30m", at="entered_at"), {}),
    "a condition": (Summary(measures=MEASURES), {"filters": (Filter("queue_name", ("Sales",)),)}),
    "its opposite": (Summary(measures=MEASURES), {"filters": (Filter("queue_name", ("Sales",), "ne"),)}),
    "an attribute": (Summary(measures=MEASURES), {"search": Search(attr_pairs=(("plan", "gold"),))}),
    "no condition": (Summary(measures=MEASURES), {}),
}


def one(number: int, *, minutes_ago: int, wait: float = 5.0, is_open: bool = False) -> dict[str, Any]:
    """An interaction with an entry into one of three queues, and an attribute if its number is even."""
    entered = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    left = {} if is_open else {"endTimestamp": (NOW - timedelta(minutes=minutes_ago - 1)).isoformat()}
    answered = {"timeToAnswer": wait, "queueExitType": "success"} if number % 3 else {"queueExitType": "abandon"}
    entry = {"queueName": QUEUES[number % 2], "queueTime": wait, "startTimestamp": entered, **left, **answered}
    more = with_attribute("plan", "gold") if number % 2 == 0 else {}
    return interaction(number, hours_ago=minutes_ago / 60, is_open=is_open, queues=[entry], **more)


def many(count: int, *, apart: int = 7) -> list[dict[str, Any]]:
    return [one(number, minutes_ago=10_000 + apart * number, wait=number / 8) for number in range(count)]


async def opened(rows: list[dict[str, Any]], context: Context = CONTEXT) -> DecodedSnapshot:
    """A snapshot of them, without facts at hand."""
    found = await begun(b"key", UpstreamQuery(), reading(rows), context)
    return DecodedSnapshot(found.snapshot)


def tallies_of(held: DecodedSnapshot, store: MemoryStore) -> Kept[bytes]:
    return Kept(store, Stored(held.snapshot, 0, 0.0, 1e9, 0.0, PurgeToken(b"key")), "tally")


def new_store(bytes_: int = 10_000_000) -> MemoryStore:
    return MemoryStore(bytes_, lambda: 0.0)


async def table(
    held: DecodedSnapshot,
    store: MemoryStore | None,
    view: View,
    context: Context = CONTEXT,
    grain: str = "queue_entries",
) -> SummaryTable:
    """The summary by what is kept in the store, if there is one, and is missing there."""
    of, more = view
    kept = None if store is None else tallies_of(held, store)
    work = summarise(held, asked(of, grain, **more), GRAINS[grain], context, most_groups=1000, tallies=kept)
    return await cooperative.run(work)


async def test_each_view_has_tallies_of_its_own() -> None:
    held, store = await opened(many(150)), new_store()
    for view in (*VIEWS.values(), *VIEWS.values()):
        assert await table(held, store, view) == await table(held, None, view)
    assert store.count("tally") == len(VIEWS) * len([*partitioned(held.snapshot.runs)])


async def test_those_who_see_more_have_tallies_of_their_own() -> None:
    rows = [interaction(number, customer=f"+1555010{number % 4}") for number in range(100)]
    held, store = await opened(rows), new_store()
    view: View = Summary(measures=("distinct:customer", "distinct:customer_masked")), {}
    for context in (CONTEXT, replace(CONTEXT, audience=Audience(clear=True))) * 2:
        found = await table(held, store, view, context, "interactions")
        assert found.rows == [((4 if context.audience.clear else 0), 4)]


async def test_a_change_has_its_own_partition_counted_anew() -> None:
    rows, store, view = many(3 * MOST_ROWS, apart=1), new_store(), VIEWS["intervals"]
    held = await opened(rows)
    await table(held, store, view)
    parts = store.count("tally")
    assert parts == len([*partitioned(held.snapshot.runs)]) >= 3
    rows[BLOCK_ROWS] = one(BLOCK_ROWS, minutes_ago=10_000 + BLOCK_ROWS, wait=999)
    later = await opened(rows)
    found = await table(later, store, view)
    assert store.count("tally") == parts + 1
    assert found == await table(later, None, view) != await table(held, None, view)


@given(
    numbers=st.lists(st.integers(0, 40), unique=True, max_size=40),
    gone=st.sets(st.integers(0, 40)),
    changed=st.sets(st.integers(0, 40)),
    apart=st.integers(1, 5_000),
)
@settings(max_examples=15)
async def test_whatever_changes_the_table_is_that_of_all_rows(
    numbers: list[int], gone: set[int], changed: set[int], apart: int
) -> None:
    def rows(chosen: set[int], wait: float) -> list[dict[str, Any]]:
        return [
            one(number, minutes_ago=apart * number + 1, wait=wait if number in changed else 5.0, is_open=number < 5)
            for number in sorted(chosen)
        ]

    store = new_store()
    for held in (await opened(rows({*numbers}, 6.0)), await opened(rows({*numbers} - gone, 7.0))):
        for view in VIEWS.values():
            assert await table(held, store, view) == await table(held, None, view)


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_time_changes_what_columns_are_said_to_be_timed_alone(grain: Grain) -> None:
    found = [facts(one(0, minutes_ago=30), replace(CONTEXT, as_of=NOW + later)) for later in LATER]
    shown = [[{name: of.value(row) for name, of in grain.columns.items()} for row in grain.rows(one)] for one in found]
    for before, after in zip(*shown, strict=True):
        assert {name for name in before if before[name] != after[name]} == TIMED & {*before}


LATER = (timedelta(), timedelta(days=1))


async def test_what_time_alone_changes_is_kept_once_it_has_changed() -> None:
    rows, store = [one(0, minutes_ago=30)], new_store()
    view: View = Summary(by=("is_final",)), {}
    for later, expected, kept in zip(LATER, ([(False, 1)], [(True, 1)]), (0, 1), strict=True):
        context = replace(CONTEXT, as_of=NOW + later)
        held = await opened(rows, context)
        for _ in range(2):
            assert (await table(held, store, view, context, "interactions")).rows == expected
        assert store.count("tally") == kept
    final: View = Summary(), {"filters": (Filter("is_final", (False,)),)}
    held = await opened(rows)
    assert (await table(held, store, final)).rows == [(1,)]
    assert store.count("tally") == 1


async def test_the_longest_wait_goes_on_while_nothing_changes() -> None:
    rows, store = [one(0, minutes_ago=30, is_open=True)], new_store(100_000_000)
    view: View = Summary(measures=("longest_current_wait_seconds",)), {}
    held = await opened(rows + many(100))
    found = [(await table(held, store, view, replace(CONTEXT, as_of=NOW + later))).rows for later in LATER]
    assert found == [[(1_800.0,)], [(1_800.0 + 86_400.0,)]]
    assert store.count("tally") == len([*partitioned(held.snapshot.runs)])


async def test_groups_that_are_as_many_as_the_records_are_not_kept() -> None:
    held, store = await opened(many(100)), new_store()
    await table(held, store, (Summary(by=("interaction_id",), measures=MEASURES), {}))
    assert store.count("tally") == 0


async def test_a_purge_reaches_the_tallies() -> None:
    at = desk(many(100))
    of = asked(Summary(by=("queue_name",)), "queue_entries")
    for purge in (purge_all(at.queries), purge_interaction(at.queries, identity(3))):
        await summary(at, of)
        assert at.store.count("tally") > 0
        await purge
        assert at.store.count("tally") == 0
