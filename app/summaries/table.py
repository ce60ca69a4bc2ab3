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


@dataclass(frozen=True, slots=True)
class Range:
    """The range of interactions that a summary is of; either end may be open.

    From a `start` it reaches to `now` where it has no end of its own.
    """

    start: datetime | None
    end: datetime | None
    now: datetime

    def cuts(self, interval: Interval) -> bool:
        """Whether an interval, by another time than the interaction's start, may lack rows.

        In the first one those of interactions that began before the range are missing; behind its end, of later ones.
        """
        is_first = self.start is not None and interval.start <= self.start
        return is_first or interval.end > (self.end or self.now)


def tabulated(
    grouping: Grouping, measures: Sequence[Measure], as_of: datetime, cutting: Range | None = None
) -> Turns[tuple[list[Row], Row]]:
    """The rows: interval, groups, measures; and the measures of all rows together. It uses up the groups.

    Each interval is followed by whether it is cut by the range that is `cutting`, if there is one.
    """
    rows, whole = list[Row](), grouping.nothing()
    places = {atom: place for place, atom in enumerate(grouping.atoms)}
    taken = [(one.result, [places[atom] for atom in one.atoms]) for one in measures]

    def results(figures: Sequence[Figure]) -> Row:
        return tuple(result([figures[place] for place in its], as_of) for result, its in taken)

    while grouping.groups:  # freed one by one: ten thousand at once would hold the loop
        key, figures = grouping.groups.popitem()
        rows.append((*(_shown(key, cutting) if grouping.has_interval else key), *results(figures)))
        merged(grouping.atoms, whole, figures)
        yield
    return rows, results(whole)


def _shown(key: Key, cutting: Range | None) -> Row:
    interval, *groups = key
    told = (None, None) if interval is None else interval
    is_cut = [interval and cutting.cuts(interval)] if cutting else []
    return (*told, *is_cut, *groups)


def fill(grouping: Grouping, intervals: Intervals, range_: Range, most_groups: int) -> Turns[None]:
    """Give every interval of the range every group that was seen; nothing else is made up."""
    seen = [key[0] for key in grouping.groups if key[0] is not None]
    groups = dict.fromkeys([key[1:] for key in grouping.groups] if grouping.by else [()])
    added = 0
    for interval in _within(intervals, seen, range_):
        for group in groups:
            added += 1
            if added > most_groups:
                raise TooManyGroups(too_many(most_groups))
            key = (interval, *group)
            if key not in grouping.groups:
                grouping.groups[key] = grouping.nothing()
            yield


def _within(intervals: Intervals, seen: Sequence[Interval], range_: Range) -> Iterator[Interval]:
    starts = [one for one in (range_.start, *(interval.start for interval in seen)) if one is not None]
    if not starts:
        return iter(())
    ends = [interval.end for interval in seen]
    if range_.end is not None:
        ends.append(range_.end)
    elif range_.start is not None:
        ends.append(range_.now)
    return intervals.between(min(starts), max(ends, default=min(starts)))
