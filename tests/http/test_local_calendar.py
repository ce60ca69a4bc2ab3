"""Each hour of a year in zones that change their clocks in every way, against an oracle that only walks and looks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from app.http.local_calendar import CALENDAR, in_utc, midnight
from app.http.times import TimeFrame, moment

QUARTER = timedelta(minutes=15)  # all clocks of these years show whole quarters, and change at one
HOURS = 24 * 365
NEAR = timedelta(days=2)
EACH_HOUR = {
    "Europe/Berlin": 2026,
    "Australia/Lord_Howe": 2026,  # in the south, by half an hour
    "America/Santiago": 2026,  # in the south, at midnight: one never comes, and the hour before another comes twice
    "Africa/Cairo": 2026,  # forward at midnight
}
AROUND_CHANGES = {
    "UTC": 2026,
    "Asia/Kolkata": 2026,
    "America/St_Johns": 2026,
    "Pacific/Auckland": 2026,
    "Asia/Beirut": 2026,
    "America/Havana": 2026,  # one midnight comes twice
    "America/Nuuk": 2026,  # forward in the last hour of a day, back in the first
    "America/Asuncion": 2023,
    "Pacific/Apia": 2011,  # one day never came
}
YEARS = {**EACH_HOUR, **AROUND_CHANGES}


@dataclass(frozen=True, slots=True)
class Walked:
    """When each date, and each local time, first came on a walk through a year."""

    dates: dict[date, datetime]
    times: dict[datetime, datetime]

    def began(self, day: date) -> datetime:
        """The first moment of a day, or of the first after it that came."""
        while day not in self.dates:
            day += timedelta(days=1)
        return self.dates[day]

    def showed(self, local: datetime) -> datetime:
        """The first moment when clocks showed a local time, or had just skipped it."""
        while local not in self.times:
            local += QUARTER
        return self.times[local]


@cache
def walked(zone: str) -> Walked:
    """A walk in quarters of an hour, from two months before the year on."""
    seen, info = Walked({}, {}), ZoneInfo(zone)
    moment = datetime(YEARS[zone] - 1, 10, 31, tzinfo=UTC)
    while moment.year <= YEARS[zone]:
        local = moment.astimezone(info).replace(tzinfo=None)
        seen.dates.setdefault(local.date(), moment)
        seen.times.setdefault(local, moment)
        moment += QUARTER
    return seen


def hours(zone: str) -> Iterator[tuple[datetime, datetime]]:
    """Each hour of the year, or of the days around changes and the first ones, and what clocks show then."""
    first, info = datetime(YEARS[zone], 1, 1, tzinfo=UTC), ZoneInfo(zone)
    for now in (first + timedelta(hours=hour) for hour in range(HOURS)):
        if zone in EACH_HOUR or now < first + NEAR or _is_near_change(now, info):
            yield now, now.astimezone(info).replace(tzinfo=None)


def _is_near_change(now: datetime, zone: ZoneInfo) -> bool:
    return (now - NEAR).astimezone(zone).utcoffset() != (now + NEAR).astimezone(zone).utcoffset()


def last_month(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


STARTS: dict[str, Callable[[date], date]] = {
    "now-1d/d": lambda today: today - timedelta(days=1),
    "now-1w/w": lambda today: date.fromisocalendar(*(today - timedelta(days=7)).isocalendar()[:2], 1),
    "now-1M/M": last_month,
}
"""The local date whose beginning is meant, by the local date of now."""


@pytest.mark.parametrize("zone", YEARS)
def test_each_hour_of_a_year_a_rounded_step_is_the_beginning_of_a_local_day(zone: str) -> None:
    seen, info = walked(zone), ZoneInfo(zone)
    for now, local in hours(zone):
        frame = TimeFrame(now, info, 1)
        for text, start in STARTS.items():
            assert moment(text, frame) == seen.began(start(local.date())), f"{text} at {local}"


@pytest.mark.parametrize("zone", YEARS)
def test_each_hour_of_a_year_a_step_of_a_day_leads_to_the_same_local_time_or_to_just_past_it(zone: str) -> None:
    seen, info = walked(zone), ZoneInfo(zone)
    for now, local in hours(zone):
        found = moment("now-1d", TimeFrame(now, info, 1))
        assert found == seen.showed(local - timedelta(days=1)), f"at {local}"


@pytest.mark.parametrize("zone", YEARS)
def test_each_day_of_a_year_begins_when_its_date_first_comes(zone: str) -> None:
    seen, info = walked(zone), ZoneInfo(zone)
    days = {local.date() for _, local in hours(zone)}
    assert {day: midnight(day, info) for day in days} == {day: seen.began(day) for day in days}


def test_where_clocks_skip_half_an_hour_around_midnight_the_day_begins_when_they_do() -> None:
    toronto = ZoneInfo("America/Toronto")
    assert midnight(date(1919, 3, 31), toronto) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)
    skipped = datetime(1919, 3, 31, 0, 15, tzinfo=toronto)
    assert in_utc(skipped) == in_utc(skipped.replace(minute=29)) == midnight(date(1919, 3, 31), toronto)


@pytest.mark.parametrize("unit", CALENDAR)
@pytest.mark.parametrize("count", [10**4, -(10**4), 10**9, -(10**9), 10**30])
def test_no_step_leaves_the_calendar_without_a_word(unit: str, count: int) -> None:
    try:
        moved = CALENDAR[unit].step(date(2026, 11, 23), count)
    except OverflowError:
        assert abs(count) > 10**4 or unit == "y"
    else:
        assert (moved > date(2026, 11, 23)) is (count > 0)
