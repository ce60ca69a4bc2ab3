"""The local calendar: units that differ in length from place to place, and the moments that local times mean."""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, tzinfo

DAYS_OF_A_WEEK = 7
MONTHS_OF_A_YEAR = 12


@dataclass(frozen=True, slots=True)
class CalendarUnit:
    """A unit made of whole days: `step` moves a date by so many units, `start` is the first date of a date's unit.

    `step` raises OverflowError where no calendar goes.
    """

    step: Callable[[date, int], date]
    start: Callable[[date], date]


def _days(day: date, count: int) -> date:
    return day + timedelta(days=count)


def _weeks(day: date, count: int) -> date:
    return day + timedelta(days=DAYS_OF_A_WEEK * count)


def _months(day: date, count: int) -> date:
    """The same day of another month, or the last day of a shorter one."""
    years, month = divmod(day.month - 1 + count, MONTHS_OF_A_YEAR)
    year, month = day.year + years, month + 1
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _years(day: date, count: int) -> date:
    return _months(day, MONTHS_OF_A_YEAR * count)


CALENDAR: Mapping[str, CalendarUnit] = {
    "d": CalendarUnit(_days, start=lambda day: day),
    "w": CalendarUnit(_weeks, start=lambda day: _days(day, -day.weekday())),  # Monday
    "M": CalendarUnit(_months, start=lambda day: day.replace(day=1)),
    "y": CalendarUnit(_years, start=lambda day: day.replace(month=1, day=1)),
}


def midnight(day: date, zone: tzinfo) -> datetime:
    """The start of a local day, in UTC."""
    return in_utc(datetime(day.year, day.month, day.day, tzinfo=zone))


def in_utc(local: datetime) -> datetime:
    """The moment of a local time: of two the one its `fold` names, and where clocks skip it, the moment they do."""
    moment = local.astimezone(UTC)
    return moment if _is_shown(local, moment) else _change(local)


def _is_shown(local: datetime, moment: datetime) -> bool:
    """Whether clocks ever show this local time; PEP 495 gives one that they skip a moment all the same."""
    return moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _change(local: datetime) -> datetime:
    """When clocks went forward past a local time, to the second: the first moment with the offset of afterwards."""
    later = local.replace(fold=0).astimezone(UTC)  # by the offset of before
    earlier = local.replace(fold=1).astimezone(UTC)
    offset = later.astimezone(local.tzinfo).utcoffset()

    def is_over(passed: int) -> bool:
        return (earlier + timedelta(seconds=passed)).astimezone(local.tzinfo).utcoffset() == offset

    passed = bisect_left(range(int((later - earlier).total_seconds())), x=True, key=is_over)
    return earlier + timedelta(seconds=passed)
