"""Records → the rows of one answer: filter, sort, page, columns. Pure, and in turns."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain, islice
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from app.cooperative import Turns, look_at_the_young, ordered
from app.errors import CursorExpired
from app.interactions.columns import Column, ListType, reader
from app.interactions.facts import Context, Facts
from app.interactions.grains import INCLUDES, Grain
from app.queries.operators import Condition, conditions, passes
from app.queries.places import passed_by, position_of
from app.queries.query import ALL_ROWS, NEWEST_FIRST, InteractionQuery, Order, PageRange, Search, View
from app.queries.snapshot import DecodedSnapshot, Snapshot
from app.queries.visible import Visibility, meets, visibility_of

_INCLUDES = {include.name: include for include in INCLUDES}

T = TypeVar("T")
Row = tuple[Facts, Any]
"""A record, and one of its rows in some grain."""

Place = tuple[int, int]
"""A place in a snapshot: of a record, or of the row in another order, and of the row among the rows of its record."""


WrittenRow = tuple[bytes, bytes]
"""A row as a format writes it, with what parts it from the next one, and the digest of the row alone."""


class Written(NamedTuple):
    """Some rows as a format writes them, in one piece: where each ends there, and their digests in a row."""

    body: bytes
    ends: "array[int]"
    digests: bytes

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.ends)

    def row(self, number: int) -> WrittenRow:
        """A row by its number, and its digest."""
        start, size = self.ends[number - 1] if number else 0, len(self.digests) // len(self.ends)
        return self.body[start : self.ends[number]], self.digests[number * size : (number + 1) * size]

    def of(self, numbers: Sequence[int]) -> "Written":
        """Some of them, in their order."""
        return self if len(numbers) == self.rows else written(map(self.row, numbers))


def written(rows: Iterable[WrittenRow]) -> Written:
    """The rows in one piece."""
    bodies, digests = [*zip(*rows, strict=True)] or ((), ())
    return Written(b"".join(bodies), array("Q", accumulate(map(len, bodies))), b"".join(digests))


class Removed(NamedTuple):
    """In place of a row: the interaction has none any more that matches."""

    interaction_id: str


BY_PLACE = -1  # as a position in another order than upstream's, or in a list of changes: where the cursor's place is


@dataclass(frozen=True, slots=True)
class Selection:
    """A page of rows. `following` is the place of the next row that matches; None where the records ran out first.

    `skip` rows that match are still to be passed over there. In another order than upstream's, `next_id` is that of its
    record. Of changes, `removed` are the ids of the interactions that are gone, or have no row that matches: they count
    as rows. Rows that were `written` are not in `rows`.
    """

    names: tuple[str, ...]
    types: tuple[str | ListType, ...]
    rows: list[tuple[object, ...]]
    following: Place | None
    skip: int = 0
    removed: tuple[str, ...] = ()
    next_id: str = ""
    written: Sequence[Written] = ()

    @property
    def count(self) -> int:
        """The number of rows, without those removed."""
        return len(self.rows) + sum([len(one.ends) for one in self.written])

    def then(self, more: "Selection") -> "Selection":
        """This page with the rows that were found further on."""
        return replace(more, rows=[*self.rows, *more.rows], written=[*self.written, *more.written])


def select(
    opened: DecodedSnapshot,
    query: InteractionQuery,
    grains: Mapping[str, Grain],
    context: Context,
    wanted: PageRange,
) -> Turns[Selection]:
    """The rows that answer `query` within `wanted`, from the records at hand. Raises CursorExpired."""
    grain, visibility = grains[query.view.grain], visibility_of(query.search, context)
    position, skip, limit, part = past_offset(opened.snapshot, query, grain, visibility, wanted)
    named = query.cursor.place if query.cursor else None
    shown = shown_before(opened.snapshot, query)
    in_order: list[Row] = []
    newest: list[Row] = []
    if query.order == NEWEST_FIRST:
        if position == BY_PLACE:
            position = position_of(opened.snapshot, named) if named else 0
        likely = skip + limit + len(shown) + 1 if is_row_each(query, grain, visibility) else ALL_ROWS
        candidates = ((facts, grain.rows(facts)) for facts in opened.facts(position, context, likely))
    else:
        in_order = yield from _sorted(opened, grain, query.order, context)
        if position == BY_PLACE:
            at = (named.at, query.cursor.part) if named and query.cursor else ("", 0)
            position = _position_of(at, in_order)
        yield from let_go(in_order, position)
        part, shown, candidates = 0, {}, ((facts, [row]) for facts, row in _noted(in_order, newest))
    met = conditions(query.filters, grain)
    values, rows, removed = values_of(query.view, grain.columns), list[tuple[object, ...]](), list[str]()
    following = None
    tells_removed = opened.snapshot.gone is not None
    found_rows = matching(candidates, position, part, met, visibility.left, shown=shown, tells_removed=tells_removed)
    for found in chain(found_rows, _gone(opened.snapshot, position)):
        if found is None:
            yield
            continue
        place, row = found
        if len(rows) + len(removed) == limit:
            following = place
            break
        if skip:
            skip -= 1
        elif isinstance(row, Removed):
            removed.append(row.interaction_id)
        else:
            rows.append(values(row))
            look_at_the_young(len(rows))
    yield from let_go(in_order, len(in_order))
    next_id = ""
    if newest and following:
        next_id, number = _identity(newest[0])
        following = following[0], number
    return Selection(*shape(query.view, grain.columns), rows, following, skip, tuple(removed), next_id)


def shown_before(snapshot: Snapshot, query: InteractionQuery) -> dict[str, int]:
    """Of the records around the place of a cursor, by their ids, how many rows were shown already."""
    cursor = query.cursor
    if cursor is None or cursor.place is None:
        return {}
    shown = dict.fromkeys(passed_by(snapshot, cursor.place), ALL_ROWS)
    return shown | {cursor.place.at: cursor.part} if cursor.part else shown


def past_offset(
    snapshot: Snapshot, query: InteractionQuery, grain: Grain, visibility: Visibility, wanted: PageRange
) -> PageRange:
    """The range `wanted` from the first row of the page on, where each record is a row that matches."""
    is_named = query.cursor is not None and query.cursor.place is not None
    if is_named or not is_row_each(query, grain, visibility):
        return wanted
    passed = min(wanted.skip, max(0, snapshot.rows - wanted.position))
    return wanted._replace(position=wanted.position + passed, skip=wanted.skip - passed)


def is_row_each(query: InteractionQuery, grain: Grain, visibility: Visibility) -> bool:
    """Whether each record is one row that matches."""
    return not (grain.is_of_parts or query.is_filtered_here() or visibility.is_narrowed_here)


def matching(
    candidates: Iterable[tuple[Facts, list[Any]]],
    position: int,
    part: int,
    required: tuple[list[Condition], list[Condition]],
    left: Search,
    *,
    shown: Mapping[str, int] = MappingProxyType({}),
    tells_removed: bool = False,
) -> Iterator[tuple[Place, Any] | None]:
    """The rows that match with their places, from the given one on; None after each that was looked at.

    Of some records, by their ids, so many rows were `shown` already.
    Where that is to be told, a record without any comes as Removed.
    """
    own, others = required
    for place, (facts, rows) in enumerate(candidates, position):
        yield None
        over = shown.get(facts.interaction.interaction_id, 0) if shown else 0
        part = max(part, min(over, len(rows)))
        has_row = not tells_removed or max(part, over) > 0
        if meets(facts, left) and passes(facts, others):
            for number, row in islice(enumerate(rows), part, None):
                if number:
                    yield None
                if passes(row, own):
                    has_row = True
                    yield (place, number), row
        if not has_row:
            yield (place, 0), Removed(facts.interaction.interaction_id)
        part = 0


def _gone(snapshot: Snapshot, position: int) -> Iterator[tuple[Place, Any] | None]:
    """The interactions that are gone, in the places behind the records, from the given one on."""
    passed = max(0, position - snapshot.rows)
    for place, interaction_id in enumerate(islice(snapshot.gone or (), passed, None), snapshot.rows + passed):
        yield (place, 0), Removed(interaction_id)


def shape(view: View, columns: Mapping[str, Column]) -> tuple[tuple[str, ...], tuple[str | ListType, ...]]:
    """Output names and types: the columns, then the nested lists."""
    names = (*(output for output, _ in view.columns), *view.include)
    return names, (*(columns[name].type for _, name in view.columns), *(_INCLUDES[name].type for name in view.include))


def row_of(facts: Facts, view: View, columns: Mapping[str, Column]) -> Selection:
    """The row of one record alone."""
    return Selection(*shape(view, columns), [values_of(view, columns)(facts)], None)


def _sorted(opened: DecodedSnapshot, grain: Grain, order: Order, context: Context) -> Turns[list[Row]]:
    """All rows in another order than upstream's, the last one first, to be popped.

    Nulls are last either way, ties in the order of identity and place in the record.
    """
    value_of = grain.columns[order.column].value
    valued: list[tuple[Any, Row]] = []
    for facts in opened.facts(0, context):
        yield
        for row in grain.rows(facts):
            valued.append((value_of(row), (facts, row)))
            yield
    valued = yield from ordered(valued, lambda pair: pair[1][0].interaction.interaction_id)
    absent = [row for value, row in valued if value is None]
    valued = [pair for pair in valued if pair[0] is not None]
    valued = yield from ordered(valued, lambda pair: pair[0], descending=order.descending)
    return [*(row for _, row in valued), *absent][::-1]


def _identity(row: Row) -> tuple[str, int]:
    """The id of the record of a row, and the number of the row among those of its record."""
    facts, part = row
    return facts.interaction.interaction_id, getattr(part, "position", 0)


def _position_of(identity: tuple[str, int], in_order: list[Row]) -> int:
    """The position of a row among rows of which the last one comes first. Raises CursorExpired."""
    for position, row in enumerate(reversed(in_order)):
        if _identity(row) == identity:
            return position
    raise CursorExpired()


def _noted(in_order: list[Row], newest: list[Row]) -> Iterator[Row]:
    """The rows in their order; the last one is noted."""
    for row in _popped(in_order):
        newest[:] = [row]
        yield row


def _popped(rows: list[T]) -> Iterator[T]:
    """An iterator over them from the last one on, that keeps none."""
    while rows:
        yield rows.pop()


def let_go(rows: list[T], count: int) -> Turns[None]:
    """Pop so many of them: to free ten thousand records that nobody else holds takes 90 ms."""
    for _ in islice(_popped(rows), count):
        yield


def values_of(view: View, columns: Mapping[str, Column]) -> Callable[[Any], tuple[object, ...]]:
    """A function from a row of a grain to its values: the columns, then the nested lists."""
    values = reader([columns[name] for _, name in view.columns])
    lists = [_INCLUDES[name].elements for name in view.include]
    if not lists:
        return values
    return lambda facts: (*values(facts), *[elements(facts) for elements in lists])
