"""Record → row, by the table of columns."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter

from app.interactions.columns import Column, Value
from app.interactions.facts import Context, Facts
from app.interactions.parts import Interaction

Row = tuple[Value, ...]


def reader(columns: Sequence[Column]) -> Callable[[Facts], Row]:
    """A function from the facts of a record to its row: one value a column, in the columns' order.

    One `attrgetter` reads all paths, in half the time of a call for each. It and `itemgetter` are asked for two more
    than needed, as they make no tuple of a single one.
    """
    paths = [column.origin for column in columns if isinstance(column.origin, str)]
    derivations = [column.origin for column in columns if not isinstance(column.origin, str)]
    places = {origin: place for place, origin in enumerate([*paths, *derivations], 2)}
    values_at = attrgetter("interaction", "interaction", *paths)
    in_order = itemgetter(0, 1, *[places[column.origin] for column in columns])

    def row(facts: Facts) -> Row:
        values: Row = in_order((*values_at(facts), *[derive(facts) for derive in derivations]))
        return values[2:]

    return row


def flatten(interactions: Iterable[Interaction], columns: Sequence[Column], context: Context) -> list[Row]:
    """One row for each record. Total: it never raises."""
    row = reader(columns)
    return [row(Facts(interaction, context)) for interaction in interactions]
