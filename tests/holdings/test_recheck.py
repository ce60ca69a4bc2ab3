"""Records that are due are read again: all of them, and few others with them."""

import asyncio
from datetime import timedelta
from math import inf
from unittest.mock import patch

import pytest

from app.holdings.answering import Wanted
from app.holdings.recheck import BEHIND, FARTHEST, IN_FRONT, MOST_BESIDE
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery
from app.upstream.walk import Reading
from tests.holdings.support import FRESH_SECONDS, NOW, Place, day, identity, place, row

BEGAN = NOW - timedelta(hours=2)
APART = timedelta(seconds=20)


def due_at(*places: int) -> tuple[Place, set[str]]:
    """A thousand ended interactions, and an open one above each of some places; the ids of the open ones."""
    names = range(1_000, 1_000 + len(places))
    opened = [
        row(name, BEGAN - number * APART + APART / 2, minutes=None) for name, number in zip(names, places, strict=True)
    ]
    return place([*day(1_000, ends=BEGAN + timedelta(hours=1)), *opened]), {*map(identity, names)}


async def read_again(at: Place, *, background: bool = True) -> list[set[str]]:
    """The ids that upstream sends for each call when all that is open is due."""
    await at.answer()
    at.upstream.calls.clear()
    at.clock.advance(5 * 3_600)
    wanted = Wanted(10_000, 10, lambda _: FRESH_SECONDS, FRESH_SECONDS, inf, background=background)
    await at.holdings.answer(EVERYTHING, wanted, at.context)
    calls = [asked for asked, _, limit in at.upstream.calls if limit == MOST_ROWS_PER_CALL]
    return [{one.interaction.interaction_id for one in at.upstream.matching(asked)} for asked in calls]


async def test_all_that_is_due_is_read_again_by_one_comparison() -> None:
    """A board that polls alone is shown no row of a large tenant later than promised."""
    at, opened = due_at(*range(0, 1_000, 2 * FARTHEST))
    assert sorted(map(list, await read_again(at))) == sorted([one] for one in opened)


async def test_due_neighbours_are_read_by_one_call() -> None:
    at, opened = due_at(100, 101, 102, 500, 500 + FARTHEST - 1, 800, 800 + FARTHEST)
    calls = await read_again(at)
    assert sorted(len(one & opened) for one in calls) == [1, 1, 2, 3]
    assert set.union(*calls) >= opened


async def test_few_others_are_read_with_what_is_due_the_nearest_first() -> None:
    pairs = [(first, first + 1 + number % 5) for number, first in enumerate(range(0, 1_000, 40))]
    at, opened = due_at(*(one for pair in pairs for one in pair))
    calls = await read_again(at)
    assert set.union(*calls) >= opened
    beside = [len(one - opened) for one in calls]
    assert MOST_BESIDE - 5 < sum(beside) <= MOST_BESIDE
    assert [beside.count(number) for number in range(1, 6)] == [5, 5, 3, 0, 0]


@pytest.mark.parametrize(("background", "at_once"), [(True, BEHIND), (False, IN_FRONT)])
async def test_more_calls_are_made_at_once_where_somebody_waits(background: bool, at_once: int) -> None:
    at, opened = due_at(*range(0, 1_000, 100))
    under_way, most, newest = 0, 0, at.upstream.newest

    async def counted(*args: object, **more: object) -> Reading:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await newest(*args, **more)  # type: ignore[arg-type]

    with patch.object(at.upstream, "newest", counted):
        assert len(await read_again(at, background=background)) == len(opened)
    assert most == at_once


async def test_a_record_was_checked_when_its_own_call_was_answered() -> None:
    at, _ = due_at(100, 500)
    began, newest = at.clock.monotonic + 5 * 3_600, at.upstream.newest

    async def slower(asked: UpstreamQuery, *args: object, **more: object) -> Reading:
        reading = await newest(asked, *args, **more)  # type: ignore[arg-type]
        at.clock.advance(3)
        return reading

    with patch.object(at.upstream, "newest", slower):
        await read_again(at)
    pieces = (await at.answer()).composition.pieces
    checked = {name: seconds for one in pieces for name, seconds in zip(one.run.ids, one.held.checked, strict=True)}
    assert checked[identity(1_001)] - checked[identity(1_000)] == 3
    assert checked[identity(1_000)] > began
