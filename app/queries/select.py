"""Records → the rows of one answer: filter, sort, page, columns. Pure, and in turns."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from app.cooperative import Turns, look_at_the_young
from app.interactions.columns import Column, reader
from app.interactions.facts import Context, Facts
from app.interactions.nested import INCLUDES
from app.queries.query import NEWEST_FIRST, Filter, InteractionQuery, Order, PageRange, View
from app.queries.snapshot import DecodedSnapshot
from app.queries.visible import meets, visibility_of

# The conditions answered here: the texts a record shows for each, of which one must be among those asked.
FILTERS: Mapping[str, Callable[[Facts], Iterable[str | None]]] = {
    "channel_type": lambda facts: (facts.interaction.channel_type,),
    "direction": lambda facts: (facts.interaction.direction,),
    "queue_id": lambda facts: (queue.queue_id for queue in facts.queues),
    "queue_name": lambda facts: (queue.queue_name for queue in facts.queues),
    "agent_id": lambda facts: (leg.agent_id for leg in facts.accepted),
    "flow_id": lambda facts: (facts.interaction.flow_id,),
    "is_abandoned": lambda facts: (_text(facts.abandoned),),
    "is_final": lambda facts: (_text(facts.is_final),),
}
_INCLUDES = {include.name: include for include in INCLUDES}

T = TypeVar("T")

SORTED_AT_ONCE = 1_000  # about 1 ms


@dataclass(frozen=True, slots=True)
class Selection:
    """A page of rows. `following` is the place of the next row that matches; None where the records ran out first.

    `skip` rows that match are still to be passed over there.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[object, ...]]
    following: int | None
    skip: int = 0

    def then(self, more: "Selection") -> "Selection":
        """This page with the rows that were found further on."""
        return replace(more, rows=[*self.rows, *more.rows])


def select(
    opened: DecodedSnapshot,
    query: InteractionQuery,
    columns: Mapping[str, Column],
    context: Context,
    wanted: PageRange,
) -> Turns[Selection]:
    """The rows that answer `query` within `wanted`, from the records at hand."""
    position, skip, limit = wanted
    visibility = visibility_of(query.search, context)
    if not (query.is_filtered_here() or visibility.is_narrowed_here):
        passed = min(skip, max(0, opened.snapshot.rows - position))
        position, skip = position + passed, skip - passed
    in_order: list[Facts] = []
    if query.order == NEWEST_FIRST:
        candidates = enumerate(opened.facts(position, context), position)
    else:
        in_order = yield from _sorted(opened, columns[query.order.column], query.order, context)
        candidates = enumerate(islice(_popped(in_order), position, None), position)
    row, left = _row(query.view, columns), visibility.left
    rows: list[tuple[object, ...]] = []
    following = None
    for place, facts in candidates:
        yield
        if not (meets(facts, left) and _passes(facts, query.filters)):
            continue
        if len(rows) == limit:
            following = place
            break
        if skip:
            skip -= 1
        else:
            rows.append(row(facts))
            look_at_the_young(len(rows))
    while in_order:  # freed in turns, too
        in_order.pop()
        yield
    return Selection(*shape(query.view, columns), rows, following, skip)


def shape(view: View, columns: Mapping[str, Column]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Output names and types: the columns, then the nested lists."""
    names = (*(output for output, _ in view.columns), *view.include)
    return names, (*(columns[name].type for _, name in view.columns), *("list" for _ in view.include))


def row_of(facts: Facts, view: View, columns: Mapping[str, Column]) -> dict[str, object]:
    """A row as names and values."""
    names, _ = shape(view, columns)
    return dict(zip(names, _row(view, columns)(facts), strict=True))


def _sorted(opened: DecodedSnapshot, column: Column, order: Order, context: Context) -> Turns[list[Facts]]:
    """All records in another order than upstream's; nulls last either way, ties by identity."""
    value_of = column.value
    valued: list[tuple[Any, Facts]] = []
    for facts in opened.facts(0, context):
        valued.append((value_of(facts), facts))
        yield
    valued = yield from _ordered(valued, lambda pair: pair[1].interaction.interaction_id)
    absent = [facts for value, facts in valued if value is None]
    valued = [pair for pair in valued if pair[0] is not None]
    valued = yield from _ordered(valued, lambda pair: pair[0], descending=order.descending)
    return [*(facts for _, facts in valued), *absent]


def _popped(facts: list[Facts]) -> Iterator[Facts]:
    """An iterator over them that keeps none."""
    facts.reverse()
    while facts:
        yield facts.pop()


def _ordered(given: list[T], key: Callable[[T], Any], *, descending: bool = False) -> Turns[list[T]]:
    """As `sorted`, which would not let go: parts are sorted by themselves, then merged. Both keep the order of ties."""
    parts = []
    for start in range(0, len(given), SORTED_AT_ONCE):
        parts.append(sorted(given[start : start + SORTED_AT_ONCE], key=key, reverse=descending))
        yield
    merged = []
    for one in merge(*parts, key=key, reverse=descending):
        merged.append(one)
        yield
    return merged


def _passes(facts: Facts, filters: Iterable[Filter]) -> bool:
    return all(any(shown in one.values for shown in FILTERS[one.name](facts)) for one in filters)


def _row(view: View, columns: Mapping[str, Column]) -> Callable[[Facts], tuple[object, ...]]:
    """A function from the facts of a record to its row: the columns, then the nested lists."""
    values = reader([columns[name] for _, name in view.columns])
    lists = [_INCLUDES[name].elements for name in view.include]
    if not lists:
        return values
    return lambda facts: (*values(facts), *[elements(facts) for elements in lists])


def _text(value: bool) -> str:
    return "true" if value else "false"
