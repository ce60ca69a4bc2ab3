"""Places: where a walk goes on, told by the records that are there, for a process that has not its snapshot."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, takewhile
from operator import neg

from app.holdings.packing import microseconds
from app.holdings.partition import moment_of
from app.queries.cursor import MOST_PASSED, Place
from app.queries.query import NEWEST_FIRST, Order
from app.queries.snapshot import Snapshot

MILLISECOND_MICROSECONDS = 1_000


def place_of(
    snapshot: Snapshot, following: tuple[int, int], next_id: str, order: Order, before: Place | None
) -> Place | None:
    """The place of the row that follows, by what is there; None where that cannot be told in a few words.

    In another order than upstream's `next_id` is the id of its record. The page began at the place `before`.
    """
    if order != NEWEST_FIRST:
        return Place(None, at=next_id) if next_id else None
    position, part = following
    if snapshot.gone is not None and position >= snapshot.rows:
        return Place(None, at=snapshot.gone[position - snapshot.rows])
    found = _around(snapshot, position)
    if found is None:
        return None
    end, same, name = found
    passed = {*same} | (passed_by(snapshot, before) if before and before.before == end else set())
    at = name if part else ""
    if len(passed) <= MOST_PASSED:
        return Place(end, tuple(sorted(passed)), at)
    last, others = max(passed), {*_ids_within(snapshot, end)} - passed
    is_told = not _is_lacking(snapshot, end) and all(last < one for one in others)
    return Place(end, at=at, up_to=last) if is_told else None


def is_crowded(snapshot: Snapshot, position: int) -> bool:
    """Whether a cursor to the position has to wait until all records of its millisecond were read."""
    found = None if snapshot.complete else _around(snapshot, position)
    return found is not None and len(found[1]) > MOST_PASSED and _is_lacking(snapshot, found[0])


def passed_by(snapshot: Snapshot, place: Place) -> set[str]:
    """The ids of the records in the millisecond of a place that are over."""
    passed = {*place.passed}
    if place.before and place.up_to:
        passed |= {one for one in _ids_within(snapshot, place.before) if one <= place.up_to}
    return passed


def position_of(snapshot: Snapshot, place: Place) -> int:
    """The position of a place in a list of changes: behind all that started later, or among the ids that are gone."""
    if place.before is None:
        return snapshot.rows + bisect_left(snapshot.gone or (), place.at)
    end = microseconds(place.before)
    return sum(bisect_left(run.starts, 1 - end, key=neg) for run in snapshot.runs)


def _is_lacking(snapshot: Snapshot, end: datetime) -> bool:
    """Whether records of the millisecond that ends at `end` may not have been read yet."""
    return not snapshot.complete and microseconds(end) - snapshot.runs[-1].starts[-1] <= MILLISECOND_MICROSECONDS


def _ids_within(snapshot: Snapshot, end: datetime) -> Iterator[str]:
    """The ids of the records that start within the millisecond before its `end`."""
    high = microseconds(end)
    low = high - MILLISECOND_MICROSECONDS
    runs = (run for run in snapshot.runs if run.starts[-1] < high and low <= run.starts[0])
    pairs = chain.from_iterable(zip(run.ids, run.starts, strict=True) for run in runs)
    return (name for name, start in pairs if low <= start < high)


def _around(snapshot: Snapshot, position: int) -> tuple[datetime, list[str], str] | None:
    """The end of the millisecond in which the record at a position starts, the ids of that before it, and its own.

    Behind the last record that is the millisecond of the last one, without an id; None where there is no record.
    """
    if not snapshot.rows:
        return None
    back = _back_from(snapshot, min(position, snapshot.rows - 1))
    name, start = next(back)
    low = start // MILLISECOND_MICROSECONDS
    same = [one for one, start in takewhile(lambda pair: pair[1] // MILLISECOND_MICROSECONDS == low, back)]
    end = moment_of((low + 1) * MILLISECOND_MICROSECONDS)
    return (end, same, name) if position < snapshot.rows else (end, [name, *same], "")


def _back_from(snapshot: Snapshot, position: int) -> Iterator[tuple[str, int]]:
    """The ids and starts of the records from a position on, towards the first one."""
    first = snapshot.rows
    for run in reversed(snapshot.runs):
        first -= run.count
        if position >= first:
            for place in range(min(position - first, run.count - 1), -1, -1):
                yield run.ids[place], run.starts[place]
