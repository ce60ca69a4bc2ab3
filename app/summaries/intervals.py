"""Intervals of a summary: absolute steps begun anew at each local midnight, and local days, weeks and months."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from app.interactions.times import local, midnight

_DAY = timedelta(days=1)
NO_TIME = timedelta()
_WEEK = timedelta(days=7)
_LONGER_THAN_A_MONTH = timedelta(days=31)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC, microsecond=0)


class Interval(NamedTuple):
    """A stretch of time: its start in UTC, and its length."""

    start: datetime
    seconds: int

    @property
    def end(self) -> datetime:
        """Where the next one begins."""
        return self.start + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """One row of STEPS: the first day of the period that a day is in, and of the next; a period's parts, if any.

    No interval is longer than `bound`.
    """

    first: Callable[[date], date]
    after: Callable[[date], date]
    bound: timedelta
    part: timedelta | None = None


def _same(day: date) -> date:
    return day


def _next_day(day: date) -> date:
    return day + _DAY


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _next_week(monday: date) -> date:
    return monday + _WEEK


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _next_month(first: date) -> date:
    return (first + _LONGER_THAN_A_MONTH).replace(day=1)


_PARTS = {"15m": timedelta(minutes=15), "30m": timedelta(minutes=30), "hour": timedelta(hours=1)}
STEPS: Mapping[str, Step] = {
    **{name: Step(_same, _next_day, part, part) for name, part in _PARTS.items()},
    "day": Step(_same, _next_day, 2 * _DAY),
    "week": Step(_monday, _next_week, _WEEK + _DAY),
    "month": Step(_first_of_month, _next_month, _LONGER_THAN_A_MONTH + _DAY),
}
"""The steps by their name. A day may have 23 or 25 hours, and its last part may be shorter than the others."""


def fewest(step: str, start: datetime, end: datetime) -> int:
    """How many intervals of the step there are at least from start to end."""
    return max(end - start, NO_TIME) // STEPS[step].bound


class Intervals:
    """The intervals of one step in one time zone."""

    def __init__(self, step: str, zone: tzinfo) -> None:
        self._step = STEPS[step]
        self._zone = zone
        self._periods: dict[date, tuple[datetime, datetime]] = {}
        self._latest = Interval(_FIRST, 0)
        self._end = _FIRST

    def of(self, moment: datetime) -> Interval:
        """The interval that holds the moment. Rows come in the order of time: mostly it is that of the row before."""
        if not self._latest.start <= moment < self._end:
            self._latest = self._found(moment)
            self._end = self._latest.end
        return self._latest

    def between(self, first: datetime, end: datetime) -> Iterator[Interval]:
        """The intervals from the one that holds `first`, as long as they begin before `end`."""
        interval, latest = self._found(first), None
        while interval.start < end and interval != latest:  # the last one of the calendar has none behind it
            yield interval
            latest, interval = interval, self._found(interval.end)

    def _found(self, moment: datetime) -> Interval:
        start, end = self._period(local(moment, self._zone).date())
        if moment >= end:  # clocks went back over midnight, which was there already
            start, end = self._period(local(end, self._zone).date())
        part = self._step.part
        if part:
            start += max(min(moment, end) - start, NO_TIME) // part * part  # in another zone, years go beyond 9999
        length = end - start
        return Interval(start, int((min(part, length) if part else length).total_seconds()))

    def _period(self, day: date) -> tuple[datetime, datetime]:
        first = self._step.first(day)
        known = self._periods.get(first)
        if known is None:
            known = self._periods[first] = self._midnight(first, 0), self._midnight(first, 1)
        return known

    def _midnight(self, first: date, count: int) -> datetime:
        """The start of a period, or of the next one; at the two ends of the calendar, those of all time."""
        try:
            return midnight(self._step.after(first) if count else first, self._zone)
        except (OverflowError, ValueError):
            return _LAST if count else _FIRST
