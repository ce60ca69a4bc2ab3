"""Rows → groups: each group holds the figure of every atom, and two groupings of parts of the rows merge into one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from app.errors import TooManyGroups
from app.interactions.columns import Column
from app.interactions.grains import Grain
from app.interactions.times import to_millisecond
from app.summaries.atoms import KINDS, Atom, Figure, Values
from app.summaries.intervals import Intervals
from app.summaries.measures import Measure
from app.summaries.named import DERIVED
from app.summaries.summary import Summary

Key = tuple[Any, ...]
"""The interval of a group, where there are intervals, then its values."""

Row = tuple[Any, ...]
"""The values of Grouping.columns of one row."""


class Grouping:
    """The groups of a summary, of as many rows as were added. Raises TooManyGroups past `most_groups` of them."""

    def __init__(
        self,
        summary: Summary,
        measures: Iterable[Measure],
        grain: Grain,
        intervals: Intervals | None,
        most_groups: int,
    ) -> None:
        self.atoms = tuple(dict.fromkeys(atom for one in measures for atom in one.atoms))
        self.groups: dict[Key, list[Figure]] = {}
        self._most = most_groups
        self._intervals = intervals
        derived = DERIVED.get(grain.name, {})
        timed = [summary.at or grain.ordered_by] if intervals else []
        needed = {
            atom.of: derived[atom.of].columns if atom.of in derived else (atom.of,) for atom in self.atoms if atom.of
        }
        names = dict.fromkeys((*timed, *summary.by, *(name for many in needed.values() for name in many)))
        places = {name: place for place, name in enumerate(names)}
        self.columns: tuple[Column, ...] = tuple(grain.columns[name] for name in names)
        """The columns that rows must have the values of, in their order."""
        self._time = places[timed[0]] if timed else None
        self._by = [(places[name], grain.columns[name].type == "time") for name in summary.by]
        self._values: Mapping[str, Callable[[Sequence[Values]], Values]] = {
            of: _column(derived[of].of if of in derived else None, [places[name] for name in columns])
            for of, columns in needed.items()
        }

    def add(self, rows: Sequence[Row]) -> None:
        """Count some hundred rows in."""
        parts: dict[Key, list[Row]] = {}
        for row in rows:
            parts.setdefault(self._key(row), []).append(row)
        for key, members in parts.items():
            self._merge(key, self._figures(members))

    def merge(self, groups: Mapping[Key, list[Figure]]) -> None:
        """Count the groups of other rows in; they may be used up."""
        for key, figures in groups.items():
            self._merge(key, figures)

    def nothing(self) -> list[Figure]:
        """The figures of no rows."""
        return [KINDS[atom.kind].of(()) for atom in self.atoms]

    def _key(self, row: Row) -> Key:
        values = tuple(to_millisecond(row[place]) if is_time else row[place] for place, is_time in self._by)
        if self._time is None or self._intervals is None:
            return values
        moment: datetime | None = row[self._time]
        return (None if moment is None else self._intervals.of(moment), *values)

    def _figures(self, rows: Sequence[Row]) -> list[Figure]:
        columns = [*zip(*rows, strict=True)] if self.columns else []
        values = {of: take(columns) for of, take in self._values.items()}
        return [KINDS[atom.kind].of(values[atom.of] if atom.of else rows) for atom in self.atoms]

    def _merge(self, key: Key, figures: list[Figure]) -> None:
        known = self.groups.get(key)
        if known is None:
            if len(self.groups) >= self._most:
                raise TooManyGroups(too_many(self._most))
            self.groups[key] = figures
        else:
            merged(self.atoms, known, figures)


def merged(atoms: Sequence[Atom], first: list[Figure], second: Sequence[Figure]) -> list[Figure]:
    """The figures of both parts, in the first list."""
    for place, atom in enumerate(atoms):
        first[place] = KINDS[atom.kind].merge(first[place], second[place])
    return first


def too_many(most: int) -> str:
    """The words of a refusal."""
    return (
        f"There are more than {most} groups: take fewer columns into `by`, a longer `interval`, or a shorter range by "
        "`from` and `to`."
    )


def _column(derive: Callable[..., Any] | None, places: Sequence[int]) -> Callable[[Sequence[Values]], Values]:
    if derive is None:
        return itemgetter(places[0])
    return lambda columns: [*map(derive, *(columns[place] for place in places))]
