"""Moments as `from` and `to` name them (INTERFACE §4): absolute, or relative to now, also by the local calendar."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, tzinfo

from app.interactions.times import in_utc, midnight

MONTHS_OF_A_YEAR = 12
FORMS = ("2026-11-01T08:00:00Z", "2026-11-01", "1793520000000", "now", "now-24h", "now-7d/d", "now-1M/M")
LENGTHS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)  # not included; what stands beyond is a slip, and some calendars end there
LEAST_MILLISECONDS = 100_000_000_000  # in 1973; below it stand the seconds of our time
_OUTSIDE = "lies outside the years 1970 to 2999"
_LONGEST = 40
_UNIT_WORDS = "s, m, h, d, w, M or y"
_DATE_LENGTH = len("2026-11-01")
END_OF_DAY = "24:00"
MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class CalendarUnit:
    """A unit of whole days: `step` moves a date, or raises OverflowError; `start` is where a date's unit begins."""

    step: Callable[[date, int], date]
    start: Callable[[date], date]


def _months(day: date, count: int) -> date:
    """The same day of another month, or the last day of a shorter one."""
    years, month = divmod(day.month - 1 + count, MONTHS_OF_A_YEAR)
    year, month = day.year + years, month + 1
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return date(year, month, min(day.day, monthrange(year, month)[1]))


CALENDAR: Mapping[str, CalendarUnit] = {
    "d": CalendarUnit(lambda day, count: day + timedelta(days=count), start=lambda day: day),
    "w": CalendarUnit(
        lambda day, count: day + timedelta(weeks=count), start=lambda day: day - timedelta(days=day.weekday())
    ),
    "M": CalendarUnit(_months, start=lambda day: day.replace(day=1)),
    "y": CalendarUnit(
        lambda day, count: _months(day, MONTHS_OF_A_YEAR * count), start=lambda day: day.replace(month=1, day=1)
    ),
}
UNITS = (*LENGTHS, *CALENDAR)


class NotATime(Exception):
    """The text names no moment; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """The present that relative times start from, its zone, and a grid: within one of its steps `now` is the same."""

    now: datetime
    zone: tzinfo
    grid_seconds: float


@dataclass(frozen=True, slots=True)
class Relative:
    """A moment `count` units from now, then back to the start of the local unit `rounding`, where that is set."""

    count: int = 0
    unit: str = "s"
    rounding: str | None = None


def needs_zone(text: str) -> bool:
    """Whether a text means another moment in another time zone: a bare date, steps of the calendar, a rounding."""
    try:
        meant = _read(text)
    except NotATime:
        return False
    if isinstance(meant, Relative):
        return meant.rounding is not None or meant.unit in CALENDAR
    return not isinstance(meant, datetime)


def moment(text: str, frame: TimeFrame) -> datetime:
    """The moment in UTC, to the millisecond. Raises NotATime."""
    meant = _read(text)
    try:
        if isinstance(meant, Relative):
            now = frame.now - (frame.now - EARLIEST) % _step(frame)
            here = _shifted(now.astimezone(frame.zone), meant.count, meant.unit)
            found = _rounded(here, meant.rounding, frame.zone)
        else:
            found = meant if isinstance(meant, datetime) else midnight(meant, frame.zone)
    except OverflowError:
        raise NotATime(_OUTSIDE) from None
    if not EARLIEST <= found < LATEST:
        raise NotATime(_OUTSIDE)
    return found


def _read(text: str) -> Relative | datetime | date:
    """The moment, date or relative time in a text, without any frame. Raises NotATime."""
    if len(text) > _LONGEST:
        raise NotATime("is too long for a time")
    try:
        if text.startswith("now"):
            return _relative(text.removeprefix("now"))
        if text.isascii() and text.isdigit():
            milliseconds = int(text)
            if milliseconds < LEAST_MILLISECONDS:
                raise NotATime("looks like seconds; give milliseconds since 1970")
            return EARLIEST + timedelta(milliseconds=milliseconds)
        return _date(text) if len(text) == _DATE_LENGTH else _rfc3339(text)
    except OverflowError:
        raise NotATime(_OUTSIDE) from None
    except ValueError:
        raise NotATime("is not a time; write it like one of the allowed forms") from None


def _date(text: str) -> date:
    """A date as RFC 3339 writes it: Python would also take `2026-W44-7`."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(text)
    return day


def _rfc3339(text: str) -> datetime:
    """A date, a time of day, whose 24:00 is the next midnight, and an offset, whose `+` may arrive as a space."""
    day, separator, hours = text[:_DATE_LENGTH], text[_DATE_LENGTH : _DATE_LENGTH + 1], text[_DATE_LENGTH + 1 :]
    if separator not in ("T", "t", " "):
        raise ValueError(text)
    is_end_of_day = hours.startswith(END_OF_DAY)
    if is_end_of_day:
        hours = hours.replace(END_OF_DAY, "00:00", 1)
    parsed = datetime.fromisoformat(f"{_date(day)}T{hours.upper().replace(' ', '+')}")
    if parsed.tzinfo is None:
        raise NotATime("has no time zone; end it with Z or an offset like +01:00")
    if is_end_of_day:
        if parsed.time() != MIDNIGHT:
            raise ValueError(text)
        parsed += timedelta(days=1)
    utc = parsed.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _relative(text: str) -> Relative:
    """`-24h`, `-7d/d`, `+1h` or nothing; the `+` may have arrived as a space."""
    shift, slash, rounding = text.partition("/")
    if slash and rounding not in UNITS:
        raise NotATime(f"rounds to something else than {_UNIT_WORDS}")
    if not shift:
        return Relative(rounding=rounding or None)
    sign, count, unit = shift[0], shift[1:-1], shift[-1]
    if sign not in "+- " or not (count.isascii() and count.isdigit()) or unit not in UNITS:
        raise NotATime(f"is not a relative time; write it like now-24h, with {_UNIT_WORDS}")
    return Relative(-int(count) if sign == "-" else int(count), unit, rounding or None)


def seconds_to_next_step(frame: TimeFrame) -> float:
    """Seconds for which relative times still mean the same moments."""
    step = _step(frame)
    return (step - (frame.now - EARLIEST) % step).total_seconds()


def _step(frame: TimeFrame) -> timedelta:
    return timedelta(seconds=max(1, int(frame.grid_seconds)))


def _shifted(here: datetime, count: int, unit: str) -> datetime:
    """By a length of time, or by the calendar: then at the same local time, which clocks may skip on that day."""
    if unit in LENGTHS:
        return (here.astimezone(UTC) + count * LENGTHS[unit]).astimezone(here.tzinfo)
    day = CALENDAR[unit].step(here.date(), count)
    return here if day == here.date() else here.replace(year=day.year, month=day.month, day=day.day, fold=0)


def _rounded(here: datetime, unit: str | None, zone: tzinfo) -> datetime:
    """Back to the start of the local unit, in UTC. An hour that comes twice has two starts."""
    if unit is not None and unit in CALENDAR:
        return midnight(CALENDAR[unit].start(here.date()), zone)
    if unit == "h":
        here = here.replace(minute=0)
    return in_utc(here.replace(second=0) if unit in {"h", "m"} else here)
