"""Record → row, by the table of columns."""

from collections.abc import Callable, Iterable, Sequence

from app.interactions.columns import Column, Value
from app.interactions.facts import Context, Facts
from app.interactions.records import Interaction

Row = tuple[Value, ...]


def flattener(columns: Sequence[Column], context: Context) -> Callable[[Interaction], Row]:
    """A function from a record to its row: one value a column, in the columns' order. Total: it never raises."""
    values = [column.value for column in columns]

    def row(interaction: Interaction) -> Row:
        facts = Facts(interaction, context)
        return tuple([value(facts) for value in values])

    return row


def flatten(interactions: Iterable[Interaction], columns: Sequence[Column], context: Context) -> list[Row]:
    """One row for each record."""
    return list(map(flattener(columns, context), interactions))
