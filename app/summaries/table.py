"""The table of a summary: a row for each group, in no order yet, and the totals of all rows beside it. In turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.cooperative import Turns
from app.errors import TooManyGroups
from app.summaries.atoms import Figure
from app.summaries.grouping import Grouping, Key, merged, too_many
from app.summaries.intervals import Interval, Intervals
from app.summaries.measures import Measure

Row = tuple[Any, ...]
NO_INTERVAL = (None, None)


@dataclass(frozen=True, slots=True)
class Filling:
    """The range whose intervals all stand in the table, with every group seen; either end may be open.

    From a `start` it reaches to `now` where it has no end of its own.
    """

    start: datetime | None
    end: datetime | None
    now: datetime


def tabulated(
    grouping: Grouping, measures: Sequence[Measure], as_of: datetime, *, has_interval: bool
) -> Turns[tuple[list[Row], Row]]:
    """The rows: interval, groups, measures; and the measures of all rows together. It uses up the groups."""
    rows, whole = list[Row](), grouping.nothing()
    places = {atom: place for place, atom in enumerate(grouping.atoms)}
    taken = [(one.result, [places[atom] for atom in one.atoms]) for one in measures]

    def results(figures: Sequence[Figure]) -> Row:
        return tuple(result([figures[place] for place in its], as_of) for result, its in taken)

    while grouping.groups:  # freed one by one: ten thousand at once would hold the loop
        key, figures = grouping.groups.popitem()
        rows.append((*_shown(key, has_interval=has_interval), *results(figures)))
        merged(grouping.atoms, whole, figures)
        yield
    return rows, results(whole)


def _shown(key: Key, *, has_interval: bool) -> Row:
    return (*(key[0] or NO_INTERVAL), *key[1:]) if has_interval else key


def fill(grouping: Grouping, intervals: Intervals, filling: Filling, most_groups: int) -> Turns[None]:
    """Give every interval of the range every group that was seen; nothing else is made up."""
    seen = [key[0] for key in grouping.groups if key[0] is not None]
    groups = dict.fromkeys(key[1:] for key in grouping.groups) or {(): None}
    added = 0
    for interval in _range(intervals, seen, filling):
        for group in groups:
            added += 1
            if added > most_groups:
                raise TooManyGroups(too_many(most_groups))
            key = (interval, *group)
            if key not in grouping.groups:
                grouping.groups[key] = grouping.nothing()
            yield


def _range(intervals: Intervals, seen: Sequence[Interval], filling: Filling) -> Iterator[Interval]:
    starts = [one for one in (filling.start, *(interval.start for interval in seen)) if one is not None]
    if not starts:
        return iter(())
    ends = [interval.end for interval in seen]
    if filling.end is not None:
        ends.append(filling.end)
    elif filling.start is not None:
        ends.append(filling.now)
    return intervals.between(min(starts), max(ends, default=min(starts)))
