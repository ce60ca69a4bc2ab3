"""Holdings in front of an upstream whose ranges also list what starts before them and has not ended then."""

import logging
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from app.holdings.collection import Span
from app.holdings.overlap import MORE_ROWS
from app.holdings.partition import FOREVER
from app.upstream.query import EVERYTHING, UpstreamQuery
from app.upstream.walk import Position
from tests.holdings.support import NOW, Place, day, identity, ids_of, place, records_of, row

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FROM = NOW - 6 * HOUR
RANGE: dict[str, Any] = {"start": FROM}


def lasting(number: int, hours_ago: float, **more: Any) -> dict[str, Any]:
    """An interaction that has not ended, unless it says when."""
    return row(number, NOW - hours_ago * HOUR, **{"minutes": None, **more})


def of_long_ones() -> Place:
    """A day of short interactions, and forty that last: half began before the range, and half have not ended."""
    upstream = [*day(1_000), *(lasting(2_000 + number, 4 + number / 10) for number in range(0, 40, 2))]
    upstream += [lasting(2_000 + number, 4 + number / 10, minutes=400.0) for number in range(1, 40, 2)]
    at = place(upstream, overlaps=True)
    listed = at.upstream.listed(UpstreamQuery(**RANGE))
    assert {one.interaction.interaction_id for one in listed} > {*at.expected(**RANGE)}
    return at


async def polled(at: Place, seconds: float = 16) -> list[int]:
    """The limits of the calls that a poll takes, some seconds later; its rows must be right."""
    at.clock.advance(seconds)
    at.upstream.calls.clear()
    at.upstream.sent.clear()
    answered = await at.answer(**RANGE)
    assert ids_of(answered) == at.expected(**RANGE)
    assert answered.total == len(at.expected(**RANGE))
    ranges = [(asked.start, asked.end) for asked, _, _ in at.upstream.calls]
    assert all(start < end for start, end in ranges if start and end), "an empty range may be refused"
    return [limit for _, _, limit in at.upstream.calls]


async def at_rest(at: Place) -> None:
    """Poll until the newest was looked at, and nothing is due."""
    await polled(at)
    await polled(at, 61)
    await polled(at)


async def test_rows_that_start_before_a_range_are_no_part_of_it_and_a_repeated_question_asks_nothing() -> None:
    at = of_long_ones()
    answered = await at.answer(**RANGE)
    assert ids_of(answered) == at.expected(**RANGE)
    calls = len(at.upstream.calls)
    assert calls == 1
    for hours in (5, 4, 2):
        asked: dict[str, Any] = {"start": NOW - hours * HOUR, "end": NOW - HOUR}
        assert await at.ids(**asked) == at.expected(**asked)
    assert len(at.upstream.calls) == calls
    assert await polled(at) == [1], "how many start before the range was seen as it was read"


async def test_a_poll_costs_one_count_and_an_arrival_one_row_more() -> None:
    at = of_long_ones()
    await at_rest(at)
    assert await polled(at, 15.5) == [0]
    at.upstream.put(row(9_000, at.clock.wall - 6 * timedelta(seconds=1)))
    assert await polled(at, 15.5) == [0, 1]
    assert at.upstream.sent == [identity(9_000)]


@pytest.mark.parametrize("hours", [1.2, 2.5, 3.0, 5.9])
async def test_a_late_joiner_is_found_by_counting(hours: float) -> None:
    at = of_long_ones()
    await at_rest(at)
    at.upstream.put(row(9_000, NOW - hours * HOUR))
    assert len(await polled(at)) <= 14
    assert len(at.upstream.sent) <= 80


@pytest.mark.parametrize("gone", [0, 7, 400, 800, 2_003])
async def test_an_erased_row_is_found_by_counting(gone: int) -> None:
    at = of_long_ones()
    await at_rest(at)
    del at.upstream.rows[identity(gone)]
    assert len(await polled(at)) <= 14


@pytest.mark.parametrize("alive", [True, False])
async def test_rows_that_start_before_the_range_may_come_and_go(alive: bool, caplog: pytest.LogCaptureFixture) -> None:
    at = of_long_ones()
    await at_rest(at)
    for number in range(5):
        if alive:
            at.upstream.put(lasting(9_000 + number, 7))
        else:
            del at.upstream.rows[identity(2_030 + number)]
        await polled(at)
    assert not at.holdings.collection(EVERYTHING).failures
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_of_a_range_that_is_held_in_part_the_total_is_that_of_rows_within_it() -> None:
    at = of_long_ones()
    for rows in (100, 100, 150, 1_000):
        answered = await at.answer(rows, **RANGE)
        assert answered.total == len(at.expected(**RANGE))
        assert ids_of(answered)[:rows] == at.expected(**RANGE)[:rows]


async def test_the_total_of_a_range_held_in_part_follows_rows_that_came_before_it() -> None:
    at = place(day(3_000), overlaps=True)
    asked: dict[str, Any] = {"start": NOW - 16 * HOUR}
    for rows in (100, 1_200, 1_300):
        at.upstream.put(*(lasting(9_000 + rows + number, 17) for number in range(3)))
        at.clock.advance(1)
        answered = await at.answer(rows, **asked)
        assert answered.total == len(at.expected(**asked))


async def test_a_list_is_read_on_by_the_total_that_upstream_named() -> None:
    at = of_long_ones()
    with mock.patch.object(at.upstream, "interactions", wraps=at.upstream.interactions) as asked:
        reader = at.holdings.collection(EVERYTHING).reader(at.holdings.client, 10, None, background=False)
        span, total = Span(FROM, FOREVER), len(at.upstream.listed(UpstreamQuery(**RANGE)))
        first = await reader.walk(span, Position(), 100)
        assert first.total == len(at.expected(**RANGE)) < total
        await reader.walk(span, Position(first.offset, first.total), 100)
    assert [call.args[1].total for call in asked.call_args_list] == [None, total]


async def test_an_open_interaction_is_read_again_by_a_short_call() -> None:
    newest = row(9_001, NOW - HOUR)
    at = place([*(lasting(1_000 + number, 7) for number in range(500)), lasting(9_000, 1.5), newest], overlaps=True)
    await at_rest(at)
    at.upstream.put(lasting(9_000, 1.5, minutes=89.0, flowName="ended"))
    assert await polled(at, 4_000) == [1, 1 + MORE_ROWS]
    answered = await at.answer(**RANGE)
    assert [one.flow_name for one in records_of(answered) if one.interaction_id == identity(9_000)] == ["ended"]


async def test_a_condition_is_counted_without_rows_that_start_before_the_range() -> None:
    gold = {"interactionAttributes": [{"hookType": "tier", "hookName": "gold", "interactionHookId": "1"}]}
    at = of_long_ones()
    at.upstream.put(*(lasting(3_000 + number, 5 + number / 10, **gold) for number in range(20)))
    await at.answer(**RANGE)
    at.upstream.calls.clear()
    asked: dict[str, Any] = {"attribute_values": ("gold",), **RANGE}
    assert await at.ids(**asked) == at.expected(**asked)
    assert [limit for _, _, limit in at.upstream.calls] == [0, 0]
    assert not at.holdings.supersets._refused


async def test_lists_of_many_blocks_end_where_the_range_does() -> None:
    at = place([*day(2_600), *(lasting(5_000 + number, 40 + number / 60) for number in range(1_500))], overlaps=True)
    for hours in (15, 15.4, 16, 30):
        asked: dict[str, Any] = {"start": NOW - hours * HOUR}
        answered = await at.answer(**asked)
        assert ids_of(answered) == at.expected(**asked)
        assert answered.composition.complete
