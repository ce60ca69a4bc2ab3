"""Partitions: the records of a fixed UTC span of a collection, in runs, each with when it is to be read again."""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from math import inf

from app.holdings.collection import EVER, Span
from app.holdings.packing import EPOCH, MICROSECOND, Run, microseconds

DECEMBER = 12
MOST_ROWS = 1_000  # more are parted, as long as they are of more than an hour
FOREVER = datetime.max.replace(tzinfo=UTC)
EVERYTHING = Span(EVER, FOREVER)


def _year(moment: datetime) -> Span:
    start = datetime(moment.year, 1, 1, tzinfo=UTC)
    return Span(start, start.replace(year=start.year + 1) if start.year < FOREVER.year else FOREVER)


def _month(moment: datetime) -> Span:
    start = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    if start.month < DECEMBER:
        return Span(start, start.replace(month=start.month + 1))
    return Span(start, _year(moment).end)


def _hours(hours: int) -> Callable[[datetime], Span]:
    def span(moment: datetime) -> Span:
        start = moment.replace(hour=moment.hour // hours * hours, minute=0, second=0, microsecond=0)
        return Span(start, min(start, FOREVER - timedelta(hours=hours)) + timedelta(hours=hours))

    return span


day_of, hour_of = _hours(24), _hours(1)
"""The day, and the hour, that a moment lies in."""

LEVELS: tuple[Callable[[datetime], Span], ...] = (
    lambda _moment: EVERYTHING,
    _year,
    _month,
    day_of,
    hour_of,
)
"""The span of each width that a moment lies in, the widest first."""


@dataclass(frozen=True, eq=False)
class HeldRun:
    """A run, when upstream last showed each of its records, and when each is to be read again (monotonic seconds).

    `changed` holds the number of the change that brought each record as it is.
    """

    run: Run
    checked: "array[float]"
    due: "array[float]"
    changed: "array[int]"

    @property
    def newest(self) -> int:
        """The start of its first record, in microseconds since 1970."""
        return self.run.starts[0]

    @property
    def oldest(self) -> int:
        """The start of its last record."""
        return self.run.starts[-1]

    @cached_property
    def due_at(self) -> float:
        """When the first of its records is due."""
        return min(self.due)

    @cached_property
    def checked_at(self) -> float:
        """When the record was shown that was not for longest."""
        return min(self.checked)

    @cached_property
    def changed_in(self) -> int:
        """The number of the last change of its records."""
        return max(self.changed)

    def of(self, run: Run, places: Sequence[int]) -> "HeldRun":
        """The records at these places of it, which are those of `run`."""
        checked, due = (array("d", [known[place] for place in places]) for known in (self.checked, self.due))
        return HeldRun(run, checked, due, array("q", [self.changed[place] for place in places]))


@dataclass(frozen=True, eq=False)
class Partition:
    """The records of a span, newest first. `changed_at` is when this content was first seen, by which change."""

    span: Span
    changed_at: datetime
    runs: tuple[HeldRun, ...] = ()
    level: int = 0
    changed_in: int = 0

    def __post_init__(self) -> None:
        """Its sums are worked out as it comes: the first who asks of a million rows held would wait for them all."""
        for name in ("rows", "due_at", "pending_since"):
            getattr(self, name)

    @cached_property
    def rows(self) -> int:
        """The number of records."""
        return sum(one.run.count for one in self.runs)

    @cached_property
    def due_at(self) -> float:
        """When the first of its records is due (monotonic seconds)."""
        return min((one.due_at for one in self.runs), default=inf)

    @cached_property
    def pending_since(self) -> datetime | None:
        """The last event of the closed record that is soonest final."""
        return min(filter(None, (one.run.sums.pending_since for one in self.runs)), default=None)

    @property
    def size(self) -> int:
        """Bytes held beside the runs."""
        return 300 + 300 * len(self.runs) + 24 * self.rows

    def is_within(self, span: Span) -> bool:
        """Whether its span is a part of this one."""
        return span.start <= self.span.start and self.span.end <= span.end

    def within(self, span: Span) -> Iterator[tuple[HeldRun, int, int]]:
        """The runs that have records in the span, each with the places of the first of these and of the one behind."""
        if self.is_within(span):
            yield from ((one, 0, one.run.count) for one in self.runs)
            return
        newest, oldest = microseconds(span.end), microseconds(span.start)
        for one in self.runs:
            if oldest <= one.oldest and one.newest < newest:
                yield one, 0, one.run.count
            elif one.oldest < newest and one.newest >= oldest:
                first, last = places(one.run.starts, oldest, newest)
                if first < last:
                    yield one, first, last


def partitioned(runs: Iterable[Run], level: int = 0) -> Iterator[tuple[Run, ...]]:
    """Runs in their order, parted as partitions are: those of the widest span that holds no more than MOST_ROWS."""
    for _, within in groupby(runs, lambda run: LEVELS[level](moment_of(run.starts[0]))):
        part = tuple(within)
        if level == len(LEVELS) - 1 or sum(run.count for run in part) <= MOST_ROWS:
            yield part
        else:
            yield from partitioned(part, level + 1)


def moment_of(microseconds_since: int) -> datetime:
    """The moment so many microseconds after the beginning of 1970."""
    return EPOCH + microseconds_since * MICROSECOND


def places(starts: Sequence[int], oldest: int, newest: int) -> tuple[int, int]:
    """Where descending `starts` are in `[oldest, newest)`: the first place, and the one behind the last."""
    first = bisect_left(starts, -newest + 1, key=lambda start: -start)
    return first, bisect_left(starts, -oldest + 1, key=lambda start: -start)
