"""A summary as it is asked: groups, measures and intervals, and the columns that its table has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.interactions.columns import ColumnType
from app.interactions.grains import Grain
from app.summaries.measures import Measure
from app.summaries.terms import measure_of

INTERVAL_COLUMNS: tuple[tuple[str, ColumnType], ...] = (("interval_start", "time"), ("interval_seconds", "int"))
OF_ANOTHER_TIME: tuple[tuple[str, ColumnType], ...] = (("interval_is_partial", "bool"),)
MOST_GROUPING, MOST_MEASURES = 4, 30


class Output(NamedTuple):
    """A column of a summary's table."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of rows: by which columns, with which measures, in which intervals of the time `at`.

    `measures` are terms, as `service_level` or `sum:talk_seconds`. `time_zone` is that of local days, without it the
    tenant's. `fill`: every interval with every group seen. `sort` is an output column with a direction; without it the
    order is by interval, then by groups.
    """

    by: tuple[str, ...] = ()
    measures: tuple[str, ...] = ("count",)
    interval: str | None = None
    time_zone: str | None = None
    fill: bool = False
    at: str | None = None
    sort: tuple[str, bool] | None = None

    def key_parts(self) -> tuple[str | bool | tuple[str | bool, ...] | None, ...]:
        """Everything here."""
        return self.by, self.measures, self.interval, self.time_zone, self.fill, self.at, self.sort


def measures_of(summary: Summary, grain: Grain) -> list[Measure]:
    """The measures of the summary, in their order."""
    found = [measure_of(term, grain) for term in summary.measures]
    return [one for one in found if one is not None]


def outputs(summary: Summary, grain: Grain, measures: Sequence[Measure]) -> tuple[Output, ...]:
    """The columns of its table: interval, and with `at` whether it may lack rows, groups, measures."""
    columns = (*INTERVAL_COLUMNS, *(OF_ANOTHER_TIME if summary.at else ())) if summary.interval else ()
    interval = [Output(*one) for one in columns]
    groups = [Output(name, grain.columns[name].type) for name in summary.by]
    return (*interval, *groups, *(Output(one.name, one.type) for one in measures))
