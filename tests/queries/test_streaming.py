"""Streams of all rows: in pieces, past the bounds of a snapshot, whole or ended by an error."""

import asyncio
import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.reuse import Directives
from app.errors import (
    NotStored,
    Overloaded,
    RateLimited,
    SortNeedsCompleteResult,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamForbidden,
    UpstreamThrottled,
)
from app.holdings.partition import EVERYTHING as EVERYWHEN
from app.interactions.masking import by_name
from app.queries import streaming
from app.queries.admission import MOST_STREAMS, STREAMS_OF_ONE_OWNER
from app.queries.query import ALL_ROWS, Filter, InteractionQuery, Order, Search, View
from app.queries.streaming import MOST_PAUSES, Stream, stream
from app.settings import load
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, UpstreamQuery, mismatch
from app.upstream.walk import Position, Reading
from tests.queries.support import (
    NOW,
    Desk,
    FakeUpstream,
    desk,
    interaction,
    interactions,
    query,
    record,
    with_attribute,
)

SMALL: dict[str, Any] = {"max_rows": 50, "most_rows": 300, "scan_rows": 100}
"""Snapshots of three hundred rows at most."""


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred rows a call and a piece, and one call a step."""
    monkeypatch.setattr("app.upstream.query.MOST_ROWS_PER_CALL", 100)
    monkeypatch.setattr(streaming, "PIECE_ROWS", 100)
    monkeypatch.setattr(streaming, "STEP_ROWS", 95)


class Filtering(FakeUpstream):
    """An upstream that sends what was asked for, and whose readings `each` may look at and change, by their number."""

    each: Callable[[int, Reading], Reading] = staticmethod(lambda _number, reading: reading)

    async def interactions(self, query: UpstreamQuery, position: Position, **terms: Any) -> Reading:
        asked = copy.copy(self)
        asked.rows = [row for row in self.rows if mismatch(record(row).interaction, query) is None]
        reading = await FakeUpstream.interactions(asked, query, position, **terms)
        last = asked.rows[reading.offset - 1]["startTimestamp"] if reading.offset else None
        reading = replace(reading, last_start=last and datetime.fromisoformat(last))
        return self.each(len(self.asked), reading)

    async def newest(self, query: UpstreamQuery, limit: int, **_terms: Any) -> Reading:
        return await self.interactions(query, Position(), rows=limit, most=limit)

    async def tenancy(self, _query: UpstreamQuery = EVERYTHING, **terms: Any) -> Reading:
        reading = await super().tenancy(_query, **terms)
        return replace(reading, total=sum(mismatch(record(row).interaction, _query) is None for row in self.rows))


def filtering(
    rows: Iterable[dict[str, Any]], kind: type[Filtering] = Filtering, *, holds: bool = True, **changes: Any
) -> tuple[Desk, Filtering]:
    at = desk(rows, holds=holds, **{**SMALL, **changes})
    upstream = kind(at.upstream.rows)
    at.upstream, at.queries = upstream, replace(at.queries, upstream=cast("UpstreamClient", upstream))
    at.queries.holdings.client = at.queries.upstream
    return at, upstream


def every(**more: Any) -> InteractionQuery:
    return query(limit=ALL_ROWS, **more)


async def rows_of(at: Desk, asked: InteractionQuery, begun: Callable[[Stream], object] = lambda _: None) -> list[Any]:
    """The first value of each row of a stream, read to its end."""
    found: list[Any] = []
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        begun(streamed)
        found += [row[0] for row in streamed.first.rows]
        async for piece in streamed.further:
            found += [row[0] for row in piece.rows]
    return found


def ids(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [row["interactionId"] for row in rows]


async def test_every_row_comes_once_and_in_order_however_many_snapshots_that_takes() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    told: list[tuple[int | None, bool]] = []
    assert await rows_of(at, every(), lambda it: told.append((it.total, it.truncated))) == ids(rows)
    assert told == [(1_000, False)]
    assert len({asked.end for asked in upstream.asked}) == 6
    assert max(end for _, end in upstream.spans) == 200, "nobody asks far down in a list"


async def test_rows_that_began_at_the_same_instant_come_once_where_a_snapshot_ends_among_them() -> None:
    rows = [interaction(number, hours_ago=1000 + number // 7) for number in range(1_000)]
    at, _ = filtering(rows)
    assert await rows_of(at, every()) == ids(rows)


async def test_more_rows_of_one_instant_than_a_snapshot_holds_come_once() -> None:
    rows = [interaction(number, hours_ago=1000) for number in range(700)]
    at, _ = filtering(rows)
    assert await rows_of(at, every()) == ids(rows)


async def test_a_snapshot_that_is_whole_is_streamed_without_a_call() -> None:
    rows = interactions(30)
    at, upstream = filtering(rows)
    await at.page(query(limit=50))
    calls = upstream.calls
    assert await rows_of(at, every()) == ids(rows)
    assert upstream.calls == calls


async def test_no_snapshot_but_the_first_is_stored_and_what_is_held_is_streamed_without_a_reading() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    assert await rows_of(at, every()) == ids(rows)
    assert [one.rows for one in at.queries.snapshots.snapshots()] == [100]
    calls = upstream.calls
    assert await rows_of(at, every()) == ids(rows)
    assert upstream.calls == calls


async def test_a_snapshot_of_fewer_rows_than_are_held_is_not_complete() -> None:
    at, _ = filtering(interactions(400))
    await rows_of(at, every())
    at.clock.advance(3600)
    page = await at.page(query(limit=50))
    snapshot = page.found.snapshot
    assert 50 <= snapshot.rows <= 300
    assert (snapshot.total, snapshot.complete) == (400, False)
    assert (page.total, page.truncated) == (400, True)


@pytest.mark.parametrize("rows_of_a_partition", [1_000, 60])
async def test_more_rows_than_the_cache_holds_are_streamed_within_its_bound_and_drive_nothing_out(
    monkeypatch: pytest.MonkeyPatch, rows_of_a_partition: int
) -> None:
    monkeypatch.setattr("app.holdings.store.MOST_ROWS", rows_of_a_partition)
    monkeypatch.setattr("app.upstream.query.MOST_ROWS_PER_CALL", 50)
    monkeypatch.setattr(streaming, "STEP_ROWS", 45)
    bound, random = 400_000, Random(1)  # of seed 1
    rows = [
        interaction(number, hours_ago=number / 2, **with_attribute("text", random.randbytes(500).hex()))
        for number in range(1_000)
    ]
    at, upstream = filtering(rows, cache_bytes=bound)
    text = rows[7]["interactionAttributes"][0]["hookName"]
    asked, other, held = every(), every(search=Search(attr=(text,))), set[bool]()
    assert await rows_of(at, other) == ids(rows[7:8])
    found: list[Any] = []
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        found += [row[0] for row in streamed.first.rows]
        async for piece in streamed.further:
            found += [row[0] for row in piece.rows]
            held.add(at.store.bytes_held <= bound)
    assert (found, held) == (ids(rows), {True})
    assert at.store.evictions == 0
    assert at.store.has_room == (rows_of_a_partition == 1_000), "a partition too large is not held at all"
    calls = upstream.calls
    assert await rows_of(at, other) == ids(rows[7:8])
    assert upstream.calls == calls


@pytest.mark.parametrize("limit", [1, 299, 300, 301, 999, 1_000, 1_001])
@pytest.mark.parametrize("offset", [0, 1, 299, 301, 650, 1_000])
async def test_limit_and_offset_count_across_snapshots(limit: int, offset: int) -> None:
    rows = interactions(1_000)
    at, _ = filtering(rows)
    told: list[bool] = []
    found = await rows_of(at, query(limit=limit, offset=offset), lambda it: told.append(it.truncated))
    assert found == ids(rows)[offset : offset + limit]
    assert told == [offset + limit < 1_000]


@pytest.mark.parametrize("read_first", [10, 290, 650])
async def test_a_stream_goes_on_from_a_cursor(read_first: int) -> None:
    rows = interactions(1_000)
    at, _ = filtering(rows, most_rows=700)
    page = await at.page(query(limit=read_first))
    assert page.next_cursor
    assert await rows_of(at, every(cursor=page.next_cursor)) == ids(rows)[read_first:]


VIEWS = {
    "filtered": every(filters=(Filter("channel_type", ("sms",)),)),
    "parts": every(view=View((("queue_id", "queue_id"),), grain="queue_entries")),
    "parts filtered": every(
        view=View((("queue_id", "queue_id"),), grain="queue_entries"), filters=(Filter("queue_id", ("7-1", "999-0")),)
    ),
}


def several_parts(count: int) -> list[dict[str, Any]]:
    return [
        {
            **one,
            "channelType": "sms" if number % 3 else "voice",
            "queues": [{"queueId": f"{number}-{part}", "startTimestamp": one["startTimestamp"]} for part in range(3)],
        }
        for number, one in enumerate(interactions(count))
    ]


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("offset", [0, 5, 400])
async def test_filters_and_grains_stream_what_one_answer_would_hold(name: str, offset: int) -> None:
    asked = replace(VIEWS[name], offset=offset)
    at, _ = filtering(several_parts(1_000))
    whole, _ = filtering(several_parts(1_000), max_rows=10_000, most_rows=100_000)
    page = await whole.page(replace(asked, limit=10_000))
    assert await rows_of(at, asked) == [row[0] for row in page.selection.rows]


async def test_another_order_is_streamed_where_one_answer_may_hold_the_whole_result() -> None:
    rows = interactions(50)
    at, _ = filtering(rows)
    by_length = Order("duration_seconds", descending=False)
    assert await rows_of(at, every(order=by_length)) == ids(rows)
    at, _ = filtering(interactions(301))
    with pytest.raises(SortNeedsCompleteResult):
        await rows_of(at, every(order=by_length))


async def test_rows_known_to_be_missing_are_told_at_the_beginning() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    upstream.lost = 1
    told: list[tuple[int | None, bool]] = []
    assert await rows_of(at, every(), lambda it: told.append((it.total, it.truncated))) == ids(rows)
    assert told == [(None, True)]


@pytest.mark.parametrize(
    "harm",
    [
        lambda reading: replace(reading, shifted=True),
        lambda reading: replace(reading, lost=1),
        lambda reading: replace(reading, total=50, records=reading.records[:50], offset=50, complete=True),
        lambda reading: replace(reading, total=0, records=(), offset=0, complete=True),
    ],
    ids=["shifted", "lost", "too few below", "none below"],
)
async def test_rows_found_missing_later_end_the_stream(harm: Callable[[Reading], Reading]) -> None:
    at, upstream = filtering(interactions(1_000))
    upstream.each = lambda number, reading: harm(reading) if number > 1 else reading
    with pytest.raises(UpstreamBadAnswer):
        await rows_of(at, every())


class OfEnds(Filtering):
    """An upstream that tests ranges on the end of an interaction, which here is a minute after its start."""

    async def interactions(self, query: UpstreamQuery, position: Position, **terms: Any) -> Reading:
        narrower = query.end and query.end - timedelta(minutes=1)
        return await super().interactions(replace(query, end=narrower), position, **terms)


async def test_ranges_that_turn_out_not_to_be_of_starts_end_the_stream() -> None:
    at, _ = filtering(interactions(1_000), OfEnds)
    with pytest.raises(UpstreamBadAnswer):
        await rows_of(at, every())


class Overlapping(Filtering):
    """An upstream whose ranges also list what starts before them and has not ended then."""

    def of(self, query: UpstreamQuery) -> FakeUpstream:
        """The upstream with the rows that it lists for the query alone."""
        known = [(row, record(row).interaction) for row in self.rows]
        since, listed = query.start or datetime.min.replace(tzinfo=UTC), copy.copy(self)
        fits = replace(query, start=None)
        listed.rows = [row for row, one in known if mismatch(one, fits) is None and (one.end_timestamp or NOW) >= since]
        return listed

    async def interactions(self, query: UpstreamQuery, position: Position, **terms: Any) -> Reading:
        checked = terms.pop("checked", None) or query
        reading = await FakeUpstream.interactions(self.of(query), checked, position, **terms)
        return self.each(len(self.asked), reading)

    async def tenancy(self, _query: UpstreamQuery = EVERYTHING, **terms: Any) -> Reading:
        return replace(await FakeUpstream.tenancy(self, _query, **terms), total=len(self.of(_query).rows))


async def test_rows_that_start_before_the_range_are_not_missed_where_one_was_erased_meanwhile() -> None:
    rows, gone = interactions(1_000), 700
    since = NOW - timedelta(hours=1_000, seconds=900)
    lasting: dict[str, Any] = {"endTimestamp": (since + timedelta(minutes=5)).isoformat()}
    earlier = [interaction(5_000 + number, hours_ago=1_001, **lasting) for number in range(50)]
    at, upstream = filtering(rows + earlier, Overlapping)
    at.queries.holdings.overlaps = True

    def erase(number: int, reading: Reading) -> Reading:
        upstream.rows = [*rows[:gone], *rows[gone + 1 :], *earlier] if number == 1 else upstream.rows
        return reading

    upstream.each = erase
    expected = ids(rows[:gone] + rows[gone + 1 : 901])
    assert await rows_of(at, every(search=Search(start=since))) == expected


async def test_where_ranges_are_trusted_no_more_the_stream_ends() -> None:
    rows = interactions(1_000)
    at, _ = filtering(rows)
    asked, found = every(), list[object]()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        found += [row[0] for row in (await anext(streamed.further)).rows]
        at.queries.holdings.is_trusted = False
        found += [row[0] for row in (await anext(streamed.further)).rows]
        with pytest.raises(UpstreamBadAnswer):
            await anext(streamed.further)
    assert found == ids(rows)[100 : 100 + len(found)], "none came twice"


@pytest.mark.parametrize(("most_rows", "streamed"), [(100_000, 1_000), (400, 400)])
async def test_where_ranges_cannot_be_trusted_one_snapshot_is_read_as_far_as_it_may_be(
    most_rows: int, streamed: int
) -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows, OfEnds, holds=False, most_rows=most_rows)
    told: list[bool] = []
    assert await rows_of(at, every(), lambda it: told.append(it.truncated)) == ids(rows[:streamed])
    assert told == [streamed < 1_000]
    assert max(end for _, end in upstream.spans) == streamed


async def test_a_row_erased_between_two_windows_ends_no_stream() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows, most_rows=600)
    gone = 700

    def erase(number: int, reading: Reading) -> Reading:
        upstream.rows = rows[:gone] + rows[gone + 1 :] if number == 1 else upstream.rows
        return reading

    upstream.each = erase
    assert await rows_of(at, every()) == ids(rows[:gone] + rows[gone + 1 :])


async def test_a_row_that_arrived_meanwhile_does_not_make_up_for_an_erased_one() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    gone, newer = 700, interaction(5_000, hours_ago=1)

    def change(number: int, reading: Reading) -> Reading:
        upstream.rows = [newer, *rows[:gone], *rows[gone + 1 :]] if number == 1 else upstream.rows
        return reading

    upstream.each = change
    assert await rows_of(at, every()) == ids(rows[:gone] + rows[gone + 1 :])


async def test_a_list_that_never_gets_further_ends_the_stream() -> None:
    at, upstream = filtering(interactions(400), most_rows=100_000, step_rows=100)
    upstream.each = lambda number, reading: (
        reading if number == 1 else replace(reading, offset=100, records=(), complete=False)
    )
    asked = replace(every(), search=Search(end=datetime.fromisoformat(interactions(1)[0]["startTimestamp"])))
    with pytest.raises(UpstreamBadAnswer):
        await rows_of(at, asked)


async def test_a_failure_comes_as_an_error_wherever_it_happens() -> None:
    at, upstream = filtering(interactions(1_000))
    upstream.failure = UpstreamError()
    with pytest.raises(UpstreamError):
        await rows_of(at, every())
    upstream.failure = None
    at.clock.advance(5)
    asked, found = every(), list[object]()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        found += [row[0] for row in streamed.first.rows]
        upstream.failure = UpstreamError()
        with pytest.raises(UpstreamError):
            await anext(streamed.further)
    assert found == ids(interactions(100))


async def test_a_denial_on_the_way_purges_what_is_stored() -> None:
    at, upstream = filtering(interactions(1_000))
    asked = every()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        upstream.failure = UpstreamForbidden()
        with pytest.raises(UpstreamForbidden):
            await anext(streamed.further)
    assert len(at.queries.snapshots) == 0


async def test_a_purge_on_the_way_takes_nothing_from_the_stream_and_leaves_none_of_it_stored() -> None:
    rows = interactions(1_000)
    at, _ = filtering(rows)

    def purge(_: Stream) -> None:
        at.queries.holdings.purge()
        at.queries.snapshots.purge(lambda _of, _snapshot: True)

    assert await rows_of(at, every(), purge) == ids(rows)
    [held] = at.queries.holdings.collections()
    assert [*at.queries.snapshots.snapshots()] == []
    assert held.rows(EVERYWHEN) == 901, "nothing that was read before"


async def test_only_if_cached_streams_what_is_stored_whole() -> None:
    rows = interactions(20)
    at, _ = filtering(rows)
    asked, only = every(), Directives(only_if_cached=True)
    await at.page(query(limit=50))
    async with stream(at.queries, asked, at.look(asked, only)) as streamed:
        assert [row[0] for row in streamed.first.rows] == ids(rows)
    at, _ = filtering(interactions(400))
    await at.page(query(limit=50))
    with pytest.raises(NotStored):
        async with stream(at.queries, asked, at.look(asked, only)):
            pass


async def test_where_attributes_are_hidden_a_stream_ends_with_the_snapshot_and_says_so() -> None:
    rows = interactions(400, **with_attribute("tier", "gold"))
    policy = load({"attribute_policy": "pin=drop"}, environ={}, env_file=None).attribute_policy
    at, _ = filtering(rows)
    context = replace(at.queries.rules.context, attribute_policy=by_name(policy))
    at.queries = replace(at.queries, rules=replace(at.queries.rules, context=context))
    asked = every(search=Search(attr=("gold",)))
    assert at.queries.planner.plan(asked).visibility.is_guarded
    told: list[bool] = []
    assert await rows_of(at, asked, lambda it: told.append(it.truncated)) == ids(rows)[:300]
    assert told == [True]


async def test_one_owner_has_few_streams_under_way_and_all_together_not_many() -> None:
    at, _ = filtering(interactions(20))
    asked, held = every(), []

    async def begin(owner: str) -> None:
        one = stream(at.queries, asked, at.look(asked, owner=owner))
        await one.__aenter__()
        held.append(one)

    for number in range(MOST_STREAMS):
        await begin(f"owner {number // STREAMS_OF_ONE_OWNER}")
    with pytest.raises(RateLimited):
        await begin("owner 0")
    with pytest.raises(Overloaded):
        await begin("another")
    assert at.queries.making.admission.streams == MOST_STREAMS
    for one in held:
        await one.__aexit__(None, None, None)
    assert at.queries.making.admission.streams == 0
    await begin("owner 0")
    await held[-1].__aexit__(None, None, None)


async def test_a_piece_after_the_first_takes_as_long_as_it_takes() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    asked = every()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        upstream.open_gate.clear()
        upstream.called.clear()
        further = asyncio.ensure_future(anext(streamed.further))
        await upstream.called.wait()
        at.clock.advance(60)
        await asyncio.sleep(0)
        assert not further.done()
        upstream.open_gate.set()
        assert [row[0] for row in (await further).rows] == ids(rows)[100:200]


async def test_a_pause_that_upstream_asks_for_is_waited_out() -> None:
    rows = interactions(1_000)
    at, upstream = filtering(rows)
    asked = every()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        upstream.failure = UpstreamThrottled(retry_after_seconds=15)
        further = asyncio.ensure_future(anext(streamed.further))
        while len(upstream.asked) == 1:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)
        upstream.failure = None
        while not further.done():
            at.clock.advance(1)
            await asyncio.sleep(0)
        assert [row[0] for row in (await further).rows] == ids(rows)[100:200]


@pytest.mark.parametrize("seconds", [21, 0.001])
async def test_a_long_pause_and_one_too_many_end_the_stream(seconds: float) -> None:
    at, upstream = filtering(interactions(1_000))
    asked = every()
    async with stream(at.queries, asked, at.look(asked)) as streamed:
        upstream.failure = UpstreamThrottled(retry_after_seconds=seconds)
        further = asyncio.ensure_future(anext(streamed.further))
        while not further.done():
            at.clock.advance(0.01)
            await asyncio.sleep(0)
        with pytest.raises(UpstreamThrottled):
            await further
    assert len(upstream.asked) == (2 if seconds > 1 else 2 + MOST_PAUSES)


@settings(max_examples=30)
@given(
    ties=st.lists(st.integers(1, 150), max_size=12),
    most_rows=st.integers(152, 400),
    offset=st.integers(0, 500),
    keeps=st.sampled_from([(), ("voice",), ("sms",)]),
    cache_bytes=st.sampled_from([0, 20_000, 200_000, 10_000_000]),
)
def test_any_list_is_streamed_whole_where_a_snapshot_may_hold_the_rows_of_each_instant(
    ties: list[int], most_rows: int, offset: int, keeps: tuple[str, ...], cache_bytes: int
) -> None:
    starts = [instant for instant, count in enumerate(ties) for _ in range(count)]
    kinds = ["sms" if number % 3 else "voice" for number in range(len(starts))]
    rows = [
        interaction(number, hours_ago=1000 + instant, channelType=kind)
        for number, (instant, kind) in enumerate(zip(starts, kinds, strict=True))
    ]
    filters = (Filter("channel_type", keeps),) if keeps else ()

    async def streamed() -> list[object]:
        at, _ = filtering(rows, max_rows=4, most_rows=most_rows, cache_bytes=cache_bytes)
        return await rows_of(at, every(filters=filters, offset=offset))

    matching = [row for row in rows if not keeps or row["channelType"] in keeps]
    assert asyncio.run(streamed()) == ids(matching)[offset:]
