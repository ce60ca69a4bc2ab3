"""Terms that name a measure: its own name, or a function of any column, as `sum:talk_seconds`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, get_args

from app.interactions.columns import Column, ColumnType
from app.interactions.grains import Grain
from app.summaries.atoms import TENTHS_OF_ONE, Atom, Figure, percentile
from app.summaries.measures import Measure, average, distinct, first, total, whole
from app.summaries.named import named_measures

SEPARATOR = ":"
SECONDS = "seconds"
PERCENTS = (50, 90, 95, 99)
_NUMBERS: tuple[ColumnType, ...] = ("int", "float")


@dataclass(frozen=True, slots=True)
class Function:
    """One row of FUNCTIONS: a measure of any column of these types, by its name before the colon."""

    name: str
    types: tuple[ColumnType, ...]
    of: Callable[[str, Column], Measure]
    words: str


def _sum(name: str, column: Column) -> Measure:
    is_float, atoms = column.type == "float", (Atom("sum", column.name),)
    unit = "count" if column.type == "bool" else column.unit
    return Measure(name, "float" if is_float else "int", unit, f"Σ {column.name}", atoms, total if is_float else whole)


def _average(name: str, column: Column) -> Measure:
    unit = "ratio" if column.type == "bool" else column.unit
    return average(name, f"Σ {column.name} ÷ number known", column.name, unit)


def _extreme(name: str, column: Column, *, kind: str, words: str) -> Measure:
    return Measure(name, column.type, column.unit, f"{words} {column.name}", (Atom(kind, column.name),), first)


def _distinct(name: str, column: Column) -> Measure:
    return distinct(name, f"distinct {column.name}", column.name)


def _percentile(name: str, column: Column, *, percent: int) -> Measure:
    kind, parts, more = ("tenths", TENTHS_OF_ONE, ", in tenths") if column.unit == SECONDS else ("counter", 1, "")
    words = f"{percent} % of the known {column.name} are as great or less, by nearest rank{more}"
    result = partial(_ranked, percent=percent, parts=parts)
    return Measure(name, column.type, column.unit, words, (Atom(kind, column.name),), result)


def _ranked(figures: Sequence[Figure], _as_of: datetime, *, percent: int, parts: int) -> Any:
    found = percentile(figures[0], percent)
    return found if found is None or parts == 1 else found / parts


_ORDERED: tuple[ColumnType, ...] = (*_NUMBERS, "time", "date")
_SUMMED: tuple[ColumnType, ...] = (*_NUMBERS, "bool")
_TABLE = (
    Function("sum", _SUMMED, _sum, "Σ of a number, or rows that have a flag"),
    Function("avg", _SUMMED, _average, "Σ ÷ number known"),
    Function("min", _ORDERED, partial(_extreme, kind="min", words="least"), "least of numbers, times or dates"),
    Function("max", _ORDERED, partial(_extreme, kind="max", words="greatest"), "greatest of them"),
    Function("distinct", get_args(ColumnType), _distinct, "number of distinct values that are not null"),
    *(
        Function(
            f"p{percent}",
            _NUMBERS,
            partial(_percentile, percent=percent),
            f"{percent} % of the known numbers are as great or less, by nearest rank; seconds in tenths",
        )
        for percent in PERCENTS
    ),
)
FUNCTIONS: Mapping[str, Function] = {one.name: one for one in _TABLE}


def column_of(term: str) -> str | None:
    """The column that a term is a function of, if it is one."""
    _, separator, column = term.partition(SEPARATOR)
    return column if separator else None


def measure_of(term: str, grain: Grain) -> Measure | None:
    """The measure that a term names; None where the grain has none such."""
    function, separator, name = term.partition(SEPARATOR)
    if not separator:
        return next((one for one in named_measures(grain) if one.name == term), None)
    row, column = FUNCTIONS.get(function), grain.columns.get(name)
    if row is None or column is None or column.type not in row.types:
        return None
    return row.of(f"{function}_{name}", column)
