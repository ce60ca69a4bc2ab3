"""Atoms: the figures that measures are made of. Each is kept of a part of the rows and merges with that of another.

| atom     | kept                                     | its value                      |
|----------|------------------------------------------|--------------------------------|
| count    | the number of rows                       | that                           |
| known    | the number of values that are not null   | that                           |
| sum      | the sum in millionths, a whole number    | the sum                        |
| min, max | the least, or greatest, value            | that; null where none is known |
| distinct | the set of values                        | their number                   |
| counter  | how often there is each value            | percentiles, by nearest rank   |
| tenths   | how often there is each tenth of a second| percentiles, by nearest rank   |

Whole numbers are added exactly, in any order: Σ of parts is the whole.
"""

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import add
from types import GenericAlias
from typing import Any

Values = Sequence[Any]  # of one column, null among them
Figure = Any  # of the kind that its atom keeps

PARTS_OF_ONE = 1_000_000
TENTHS_OF_ONE = 10
LARGEST_EXACT = 2**53  # of whole numbers that every reader of JSON keeps


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of atom: its figure of some values, and of two parts together. Merging may use up the first.

    `figure` is the type of the figure, by that of the values.
    """

    of: Callable[[Values], Figure]
    merge: Callable[[Figure, Figure], Figure]
    figure: Callable[[type], Any] = lambda _values: int


def scaled(values: Sequence[float], parts: int) -> list[int]:
    """The values in such parts of one, each rounded to a whole number of them."""
    try:
        return [round(value * parts) for value in values]
    except OverflowError:
        return [round(value * parts) if isfinite(value * parts) else int(value) * parts for value in values]


def quotient(over: int, by: int) -> float | None:
    """The ratio of two whole numbers, rounded once; None of nothing."""
    if by == 0:
        return None
    try:
        return over / by
    except OverflowError:
        return sys.float_info.max


def percentile(counter: Mapping[Any, int], percent: int) -> Any:
    """The value of the nearest rank: so many percent of all values are as great, or less. None where there are none."""
    rank, passed = -(-sum(counter.values()) * percent // 100), 0
    for value in sorted(counter):
        passed += counter[value]
        if passed >= rank:
            return value
    return None


def _known(values: Values) -> list[Any]:
    return [value for value in values if value is not None]


def _sum(values: Values) -> int:
    known = _known(values)
    total = sum(known)
    if isinstance(total, int):  # flags and counts, in a tenth of the time
        return total * PARTS_OF_ONE
    return sum(scaled(known, PARTS_OF_ONE))


def _tenths(values: Values) -> Counter[int]:
    return Counter(scaled(_known(values), TENTHS_OF_ONE))


def _either(choose: Callable[[Any, Any], Any]) -> Callable[[Figure, Figure], Figure]:
    def merge(first: Figure, second: Figure) -> Figure:
        if first is None or second is None:
            return second if first is None else first
        return choose(first, second)

    return merge


def _united(first: set[Any], second: set[Any]) -> set[Any]:
    first |= second
    return first


def _counted(first: dict[Any, int], second: Mapping[Any, int]) -> dict[Any, int]:
    for value, number in second.items():
        first[value] = first.get(value, 0) + number
    return first


def _or_null(values: type) -> Any:
    return values | None


KINDS: Mapping[str, Kind] = {
    "count": Kind(len, add),
    "known": Kind(lambda values: len(_known(values)), add),
    "sum": Kind(_sum, add),
    "min": Kind(lambda values: min(_known(values), default=None), _either(min), _or_null),
    "max": Kind(lambda values: max(_known(values), default=None), _either(max), _or_null),
    "distinct": Kind(lambda values: set(_known(values)), _united, lambda values: GenericAlias(set, (values,))),
    "counter": Kind(lambda values: Counter(_known(values)), _counted, lambda values: GenericAlias(dict, (values, int))),
    "tenths": Kind(_tenths, _counted, lambda _values: GenericAlias(dict, (int, int))),
}


@dataclass(frozen=True, slots=True)
class Atom:
    """A figure of a column, or of a value derived from some; a count is of rows and needs none."""

    kind: str
    of: str = ""
