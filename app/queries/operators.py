"""Conditions on columns: the operators, and the values that a row shows to each. You find only by what you can see.

| suffix | keeps a row whose value                     | null                      |
|--------|---------------------------------------------|---------------------------|
| none   | is any of those given                       | is none of them           |
| ne     | is none of those given                      | is kept                   |
| gt gte | lies above the bound, or on it              | lies in no range          |
| lt lte | lies below the bound, or on it              | lies in no range          |
| prefix | begins so, capitals aside                   | begins with nothing       |
| null   | is null (`true`), or is not (`false`)       |                           |

Where a grain lacks the column, a condition is on the parts of the interaction: some part must meet it, and for `ne` and
`null=true` all must.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import ge, gt, le, lt
from typing import Any, get_args

from app.interactions.columns import ColumnType
from app.interactions.facts import Facts
from app.interactions.grains import Grain
from app.interactions.times import to_millisecond
from app.queries.query import Filter, Operand

Shown = Iterable[Any]
Test = Callable[[Shown], bool]
Condition = tuple[Callable[[Any], Shown], Test]
"""The values that a row shows, and the test that they must pass."""

SEPARATOR = "."
TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
TEXTS: tuple[ColumnType, ...] = ("uuid", "string", "enum")


@dataclass(frozen=True, slots=True)
class Operator:
    """One row: `of` makes the test of the values given; `types` are those of the columns that have it."""

    suffix: str
    of: Callable[[tuple[Operand, ...]], Test]
    words: str
    types: tuple[ColumnType, ...] = TYPES
    repeatable: bool = False


def _equal(given: tuple[Operand, ...]) -> Test:
    wanted = frozenset(given)
    return lambda shown: any(value in wanted for value in shown)


def _unequal(given: tuple[Operand, ...]) -> Test:
    unwanted = frozenset(given)
    return lambda shown: all(value not in unwanted for value in shown)


def _bounded(compare: Callable[[Any, Any], bool], given: tuple[Operand, ...]) -> Test:
    (bound,) = given
    return lambda shown: any(value is not None and compare(value, bound) for value in shown)


def _prefixed(given: tuple[Operand, ...]) -> Test:
    starts = tuple(str(one).casefold() for one in given)
    return lambda shown: any(value is not None and value.casefold().startswith(starts) for value in shown)


def _null(given: tuple[Operand, ...]) -> Test:
    (is_null,) = given
    return lambda shown: all(value is None for value in shown) is is_null


_ORDERED = tuple(one for one in TYPES if one != "bool")
_TABLE = (
    Operator("", _equal, "is any of these", repeatable=True),
    Operator("ne", _unequal, "is none of these; null is kept", repeatable=True),
    Operator("gt", partial(_bounded, gt), "is greater, or later", _ORDERED),
    Operator("gte", partial(_bounded, ge), "is as great, or greater", _ORDERED),
    Operator("lt", partial(_bounded, lt), "is less, or earlier", _ORDERED),
    Operator("lte", partial(_bounded, le), "is as little, or less", _ORDERED),
    Operator("prefix", _prefixed, "begins with any of these, capitals aside", TEXTS, repeatable=True),
    Operator("null", _null, "is null: `true`, or is not: `false`"),
)
OPERATORS: Mapping[str, Operator] = {one.suffix: one for one in _TABLE}
"""The operators by their suffix; equality has none."""


@dataclass(frozen=True, slots=True)
class OfParts:
    """The values that an interaction shows where a grain has no column of that name."""

    type: ColumnType
    values: Callable[[Facts], Shown]


OF_INTERACTION: Mapping[str, OfParts] = {
    "queue_id": OfParts("string", lambda facts: (queue.queue_id for queue in facts.queues)),
    "queue_name": OfParts("string", lambda facts: (queue.queue_name for queue in facts.queues)),
    "agent_id": OfParts("string", lambda facts: (leg.agent_id for leg in facts.accepted)),
    "flow_id": OfParts("string", lambda facts: (facts.interaction.flow_id,)),
    "is_abandoned": OfParts("bool", lambda facts: (facts.abandoned,)),
    "is_final": OfParts("bool", lambda facts: (facts.is_final,)),
}
FILTERS = ("channel_type", "direction", *OF_INTERACTION)  # the first two are columns of every grain


def parted(name: str) -> tuple[str, str]:
    """The column and the suffix that a parameter's name would be of."""
    column, _, suffix = name.partition(SEPARATOR)
    return column, suffix


def type_of(column: str, grain: Grain) -> ColumnType | None:
    """The type of the values that conditions on this column of the grain compare with; None where it has none."""
    known = grain.columns.get(column) or OF_INTERACTION.get(column)
    return known.type if known else None


def operators_of(type_: ColumnType) -> tuple[Operator, ...]:
    """The operators of columns of that type."""
    return tuple(one for one in _TABLE if type_ in one.types)


def shown_by(column: str, grain: Grain) -> tuple[bool, Callable[[Any], Shown]]:
    """Whether the grain has the column itself, and the values that a row, or else an interaction, shows of it."""
    known = grain.columns.get(column)
    if known is None:
        return False, OF_INTERACTION[column].values
    return True, partial(_time_shown if known.type == "time" else _shown, known.value)


def conditions(filters: Iterable[Filter], grain: Grain) -> tuple[list[Condition], list[Condition]]:
    """The conditions on the grain's own columns, and those on the interaction, of whose parts some must meet them."""
    own: list[Condition] = []
    others: list[Condition] = []
    for one in filters:
        is_own, values_of = shown_by(one.name, grain)
        (own if is_own else others).append((values_of, OPERATORS[one.operator].of(one.values)))
    return own, others


def passes(row: Any, conditions: Iterable[Condition]) -> bool:
    """Whether the row meets all of them."""
    return all(test(shown(row)) for shown, test in conditions)


def _shown(value_of: Callable[[Any], object], row: Any) -> Shown:
    return (value_of(row),)


def _time_shown(value_of: Callable[[Any], Any], row: Any) -> Shown:
    return (to_millisecond(value_of(row)),)
