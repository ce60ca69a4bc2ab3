"""Measures: an output column of a summary, made of the figures of some atoms by its formula."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import mul
from typing import Any

from app.interactions.columns import ColumnType
from app.summaries.atoms import LARGEST_EXACT, PARTS_OF_ONE, Atom, Figure, quotient

Result = Callable[[Sequence[Figure], datetime], Any]
"""The value of a measure: of the figures of its atoms, and the time that the rows are of."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: the name, type and unit of its column, its formula in words, its atoms and their result."""

    name: str
    type: ColumnType
    unit: str | None
    formula: str
    atoms: tuple[Atom, ...]
    result: Result


def first(figures: Sequence[Figure], _as_of: datetime) -> Any:
    """The only figure, as it is."""
    return figures[0]


def size(figures: Sequence[Figure], _as_of: datetime) -> int:
    """The number of distinct values."""
    return len(figures[0])


def total(figures: Sequence[Figure], _as_of: datetime) -> float:
    """A sum."""
    return quotient(figures[0], PARTS_OF_ONE) or 0.0


def whole(figures: Sequence[Figure], as_of: datetime) -> float:
    """A sum of whole numbers; one that JSON would not keep exactly becomes a float."""
    found = figures[0] // PARTS_OF_ONE
    return found if abs(found) <= LARGEST_EXACT else total(figures, as_of)


def _mean(figures: Sequence[Figure], _as_of: datetime) -> float | None:
    return quotient(figures[0], figures[1] * PARTS_OF_ONE)


def _ratio(figures: Sequence[Figure], _as_of: datetime, *, signs: Sequence[int], over: int) -> float | None:
    terms = [*map(mul, signs, figures)]
    return quotient(sum(terms[:over]), sum(terms[over:]))


def rows(name: str) -> Measure:
    """The number of rows."""
    return Measure(name, "int", "count", "rows", (Atom("count"),), first)


def number(name: str, formula: str, of: str) -> Measure:
    """The number of rows that have a flag."""
    return Measure(name, "int", "count", formula, (Atom("sum", of),), whole)


def distinct(name: str, formula: str, of: str) -> Measure:
    """The number of distinct values."""
    return Measure(name, "int", "count", formula, (Atom("distinct", of),), size)


def average(name: str, formula: str, of: str, unit: str | None = "seconds") -> Measure:
    """A sum over the number of values known; null where none is."""
    return Measure(name, "float", unit, formula, (Atom("sum", of), Atom("known", of)), _mean)


def rate(name: str, formula: str, over: Sequence[str], by: Sequence[str]) -> Measure:
    """A ratio of sums of flags; of a flag behind a minus the sum is taken away. Null where it is by nothing."""
    atoms = tuple(Atom("sum", flag.removeprefix("-")) for flag in (*over, *by))
    signs = [-1 if flag.startswith("-") else 1 for flag in (*over, *by)]
    return Measure(name, "float", "ratio", formula, atoms, partial(_ratio, signs=signs, over=len(over)))
