"""Rows → groups: each group holds the figure of every atom, and two groupings of parts of the rows merge into one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from itertools import repeat
from operator import itemgetter
from typing import Any

from app.errors import TooManyGroups
from app.interactions.columns import Column, ColumnType
from app.interactions.grains import Grain
from app.interactions.times import to_millisecond
from app.summaries.atoms import KINDS, Atom, Figure, Values
from app.summaries.intervals import Interval, Intervals
from app.summaries.measures import Measure
from app.summaries.named import DERIVED, Derived
from app.summaries.summary import Summary

Key = tuple[Any, ...]
"""The interval of a group, where there are intervals, then its values."""


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
        self._time = (summary.at or grain.ordered_by) if intervals else None
        self._derived = {atom.of: one for atom in self.atoms if (one := DERIVED.get(grain.name, {}).get(atom.of))}
        self.by = [grain.columns[name] for name in summary.by]
        timed = [self._time] if self._time else []
        names = (*timed, *summary.by, *columns_of(self.atoms, self._derived))
        self.columns: Mapping[str, Column] = {name: grain.columns[name] for name in names}
        """The columns that decide what is counted, by name."""
        self._values = {name: column.value for name, column in self.columns.items()}

    @property
    def has_interval(self) -> bool:
        """Whether a key begins with an interval."""
        return self._intervals is not None

    def type_of(self, atom: Atom) -> ColumnType:
        """The type of the values that the atom is of; any, for a count."""
        if atom.of in self._derived:
            return self._derived[atom.of].type
        return self.columns[atom.of].type if atom.of else "int"

    def part(self) -> "Grouping":
        """Another of the same kind, for a part of the rows."""
        part = copy(self)
        part.groups = {}
        return part

    def add(self, rows: Sequence[Any]) -> None:
        """Count some hundred rows of the grain in."""
        if not rows:
            return
        values: dict[str, Values] = {name: [*map(value_of, rows)] for name, value_of in self._values.items()}
        keys, places = self._keys(values), defaultdict[Key, list[int]](list)
        for place, key in enumerate(keys or repeat((), len(rows))):
            places[key].append(place)
        for name, derived in self._derived.items():
            values[name] = [*map(derived.of, *(values[column] for column in derived.columns))]
        columns = [values[atom.of] if atom.of else rows for atom in self.atoms]
        for key, members in places.items():
            self._merge(key, self._figures(columns, members))

    def merge(self, groups: Iterable[tuple[Key, Sequence[Figure]]]) -> None:
        """Count the groups of other rows in; they may be used up."""
        for key, figures in groups:
            self._merge(key, [*figures])

    def nothing(self) -> list[Figure]:
        """The figures of no rows."""
        return [KINDS[atom.kind].of(()) for atom in self.atoms]

    def _keys(self, values: Mapping[str, Values]) -> list[Key]:
        """The key of each row; none where all rows are one group."""
        parts = [
            [*map(to_millisecond, values[one.name])] if one.type == "time" else values[one.name] for one in self.by
        ]
        if self._time:
            parts.insert(0, [*map(self._interval_of, values[self._time])])
        return [*zip(*parts, strict=True)]

    def _interval_of(self, moment: datetime | None) -> Interval | None:
        return self._intervals.of(moment) if self._intervals and moment else None

    def _figures(self, columns: Iterable[Values], members: Sequence[int]) -> list[Figure]:
        """The figures of the rows at these places."""
        if len(members) == 1:
            chosen = [(column[members[0]],) for column in columns]
        else:
            chosen = [*map(itemgetter(*members), columns)]
        return [KINDS[atom.kind].of(values) for atom, values in zip(self.atoms, chosen, strict=True)]

    def _merge(self, key: Key, figures: list[Figure]) -> None:
        known = self.groups.get(key)
        if known is None:
            if len(self.groups) >= self._most:
                raise TooManyGroups(too_many(self._most))
            self.groups[key] = figures
        else:
            merged(self.atoms, known, figures)


def columns_of(atoms: Iterable[Atom], derived: Mapping[str, Derived]) -> list[str]:
    """The columns that the atoms are of, also by way of a derived value."""
    each = [derived[atom.of].columns if atom.of in derived else (atom.of,) for atom in atoms if atom.of]
    return [name for names in each for name in names]


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
