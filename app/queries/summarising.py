"""Records → the table of a summary: filter, group, measure, order. In turns."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from operator import itemgetter
from zoneinfo import ZoneInfo

from app.cache.store import Kept
from app.cooperative import Turns, ordered
from app.errors import TooManyGroups
from app.interactions.columns import ColumnType
from app.interactions.facts import Context
from app.interactions.grains import Grain
from app.queries.query import InteractionQuery
from app.queries.select import let_go
from app.queries.snapshot import DecodedSnapshot
from app.queries.tallying import Counting
from app.summaries.grouping import Grouping, too_many
from app.summaries.intervals import Intervals, fewest
from app.summaries.summary import Summary, measures_of, outputs
from app.summaries.table import Range, Row, fill, tabulated


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """The rows shown of a summary, of `groups` in all, made of so many rows `counted`.

    `totals` is a table of one row: each measure of all rows together. `time_zone` is that of local times.
    """

    names: tuple[str, ...]
    types: tuple[ColumnType, ...]
    rows: list[Row]
    groups: int
    counted: int
    totals: tuple[tuple[str, ...], list[Row], tuple[ColumnType, ...]]
    time_zone: str


def summarise(
    opened: DecodedSnapshot,
    query: InteractionQuery,
    grain: Grain,
    context: Context,
    *,
    most_groups: int,
    tallies: Kept[bytes] | None = None,
) -> Turns[SummaryTable]:
    """The summary of all rows of the snapshot that match, with the tallies kept of them. Raises TooManyGroups."""
    summary = query.summary or Summary()
    zone = ZoneInfo(summary.time_zone) if summary.time_zone else context.zone
    context = replace(context, zone=zone)
    measures = measures_of(summary, grain)
    intervals = Intervals(summary.interval, zone) if summary.interval else None
    grouping = Grouping(summary, measures, grain, intervals, most_groups)
    counted = yield from Counting(opened, query, grain, context, tallies).into(grouping)
    range_ = Range(query.search.start, query.search.end, context.as_of)
    if intervals and summary.fill:
        yield from fill(grouping, intervals, range_, most_groups)
    if not (summary.by or intervals or grouping.groups):
        grouping.groups[()] = grouping.nothing()
    rows, totals = yield from tabulated(grouping, measures, context.as_of, range_ if summary.at else None)
    known = outputs(summary, grain, measures)
    rows = yield from _in_order(rows, summary, [one.name for one in known], len(known) - len(measures))
    places = {one.name: place for place, one in enumerate(known)}
    shown = [known[places[source]] for _, source in query.view.columns]
    table = yield from _chosen(rows, [places[one.name] for one in shown], query.limit)
    groups = len(rows)
    yield from let_go(rows, groups)
    return SummaryTable(
        tuple(name for name, _ in query.view.columns),
        tuple(one.type for one in shown),
        table,
        groups,
        counted,
        (tuple(one.name for one in measures), [totals], tuple(one.type for one in measures)),
        str(zone),
    )


def require_few_intervals(query: InteractionQuery, now: datetime, most: int) -> None:
    """Raise TooManyGroups where a range has more intervals than there may be groups, and each of them is wanted."""
    summary, start, end = query.summary, query.search.start, query.search.end or now
    if summary and summary.interval and summary.fill and start and fewest(summary.interval, start, end) > most:
        raise TooManyGroups(too_many(most))


def _chosen(rows: list[Row], places: list[int], limit: int) -> Turns[list[Row]]:
    """The columns at these places, of the first rows."""
    table = list[Row]()
    for row in islice(rows, limit):
        table.append(tuple([row[place] for place in places]))
        yield
    return table


def _in_order(rows: list[Row], summary: Summary, names: list[str], keys: int) -> Turns[list[Row]]:
    """By interval, then by groups, unless the summary is sorted by some column; nulls are last either way."""
    rows = yield from ordered(rows, lambda row: [(value is None, value) for value in row[:keys]])
    if summary.sort is None:
        return rows
    column, descending = summary.sort
    value_of = itemgetter(names.index(column))
    present = [row for row in rows if value_of(row) is not None]
    present = yield from ordered(present, value_of, descending=descending)
    return [*present, *(row for row in rows if value_of(row) is None)]
