"""The forms of a moment, and the local calendar.

Each hour of a year is tried, in zones that change their clocks in every way, against an oracle that walks and looks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.times import (
    CALENDAR,
    EARLIEST,
    FORMS,
    LATEST,
    UNITS,
    NotATime,
    TimeFrame,
    moment,
    needs_zone,
)
from app.interactions.times import in_utc, midnight

NOW = datetime(2026, 11, 23, 6, 40, 7, 123_456, tzinfo=UTC)
ZONES = [
    "UTC",
    "US/Eastern",
    "Europe/Berlin",
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Havana",  # clocks go back at one: midnight comes twice
    "Asia/Beirut",  # clocks go forward at midnight: it never comes
    "Pacific/Apia",  # a whole day that never came
    "Africa/Monrovia",  # odd seconds off, until 1972
]


TIMES = st.integers(32_000_000_000_000, 32_000_000_000_000_000).map(
    lambda microseconds: EARLIEST + timedelta(microseconds=microseconds)
)
"""From 1971, when nothing rounds to before 1970, until 2984."""


def frame(zone: str = "US/Eastern", now: datetime = NOW, grid_seconds: float = 15) -> TimeFrame:
    return TimeFrame(now, ZoneInfo(zone), grid_seconds)


def shown(text: str, **facts: Any) -> str:
    return moment(text, frame(**facts)).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01t08:00:00z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01T08:00Z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01 08:00:00Z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01T08:00:00.123Z", "2026-11-01T08:00:00.123000+00:00"),
        ("2026-11-01T08:00:00.123999Z", "2026-11-01T08:00:00.123000+00:00"),
        ("2026-11-01T08:00:00+01:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-01T08:00:00 01:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-01 08:00:00 01:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-01T08:00:00-05:30", "2026-11-01T13:30:00+00:00"),
        ("2026-11-01T24:00:00.000Z", "2026-11-02T00:00:00+00:00"),
        ("2026-12-31T24:00Z", "2027-01-01T00:00:00+00:00"),
        ("2026-11-01 24:00:00 01:00", "2026-11-01T23:00:00+00:00"),
        ("2026-11-01", "2026-11-01T04:00:00+00:00"),
        ("2026-11-02", "2026-11-02T05:00:00+00:00"),
        ("1793520000000", "2026-11-01T08:00:00+00:00"),
        ("1793520000123", "2026-11-01T08:00:00.123000+00:00"),
        ("now", "2026-11-23T06:40:00+00:00"),
        ("now-24h", "2026-11-22T06:40:00+00:00"),
        ("now-90s", "2026-11-23T06:38:30+00:00"),
        ("now-5m", "2026-11-23T06:35:00+00:00"),
        ("now-7d", "2026-11-16T06:40:00+00:00"),
        ("now-1w", "2026-11-16T06:40:00+00:00"),
        ("now+1h", "2026-11-23T07:40:00+00:00"),
        ("now 1h", "2026-11-23T07:40:00+00:00"),
        ("now/s", "2026-11-23T06:40:00+00:00"),
        ("now-1s/m", "2026-11-23T06:39:00+00:00"),
        ("now/h", "2026-11-23T06:00:00+00:00"),
        ("now/d", "2026-11-23T05:00:00+00:00"),
        ("now-7d/d", "2026-11-16T05:00:00+00:00"),
        ("now/w", "2026-11-23T05:00:00+00:00"),
        ("now-1d/w", "2026-11-16T05:00:00+00:00"),
        ("now-1M", "2026-10-23T05:40:00+00:00"),
        ("now-1M/M", "2026-10-01T04:00:00+00:00"),
        ("now/M", "2026-11-01T04:00:00+00:00"),
        ("now+2M/M", "2027-01-01T05:00:00+00:00"),
        ("now-11M/M", "2025-12-01T05:00:00+00:00"),
        ("now-1y", "2025-11-23T06:40:00+00:00"),
        ("now/y", "2026-01-01T05:00:00+00:00"),
        ("now-1y/y", "2025-01-01T05:00:00+00:00"),
        ("now-0d", "2026-11-23T06:40:00+00:00"),
    ],
)
def test_a_moment_may_be_written_in_these_forms(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("text", FORMS)
def test_every_form_that_is_offered_is_taken(text: str) -> None:
    assert moment(text, frame()).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not a time"),
        ("yesterday", "is not a time"),
        ("2026", "looks like seconds"),
        ("20261101", "looks like seconds"),
        ("1793520000", "looks like seconds; give milliseconds since 1970"),
        ("0", "looks like seconds"),
        ("-1793520000000", "is not a time"),
        ("1793520000000.5", "is not a time"),
        ("١٧٩٣٥٢٠٠٠٠٠٠٠", "is not a time"),
        ("1793520000000000", "lies outside the years 1970 to 2999"),
        ("9" * 40, "lies outside"),
        ("9" * 41, "is too long"),
        ("2026-11-01T08:00:00", "has no time zone"),
        ("2026-11-01T08:00:00x", "is not a time"),
        ("2026-11-01x08:00:00Z", "is not a time"),
        ("2026-11-01T25:00:00Z", "is not a time"),
        ("2026-11-01T24:00:01Z", "is not a time"),
        ("2026-11-01T24:01Z", "is not a time"),
        ("2026-11-01T24:00:00.001Z", "is not a time"),
        ("2026-11-31", "is not a time"),
        ("2026-13-01T00:00:00Z", "is not a time"),
        ("2026-W44-7", "is not a time"),
        ("2026-W44-7T08:00:00Z", "is not a time"),
        ("20261101T080000Z", "is not a time"),
        ("1969-12-31T23:59:59Z", "lies outside"),
        ("0001-01-01T00:00:00+14:00", "lies outside"),
        ("0001-01-01", "lies outside"),
        ("9999-12-31", "lies outside"),
        ("9999-12-31T23:59:59.999Z", "lies outside"),
        ("3000-01-01T00:00:00Z", "lies outside"),
        ("now-60y", "lies outside"),
        ("now-9999y", "lies outside"),
        ("now+8000y", "lies outside"),
        ("now-" + "9" * 30 + "M", "lies outside"),
        ("now-1D", "is not a relative time; write it like now-24h, with s, m, h, d, w, M or y"),
        ("now-1Y", "is not a relative time"),
        ("now-", "is not a relative time"),
        ("now-h", "is not a relative time"),
        ("now24h", "is not a relative time"),
        ("now--24h", "is not a relative time"),
        ("now-1.5h", "is not a relative time"),
        ("now-1h-1h", "is not a relative time"),
        ("nowhere", "is not a relative time"),
        ("now-7d/", "rounds to something else"),
        ("now/Y", "rounds to something else than s, m, h, d, w, M or y"),
        ("now/d/d", "rounds to something else"),
        ("now-60w/" + "d" * 20, "rounds to something else"),
        ("now-3000w", "lies outside"),
        ("now-105600w/w", "lies outside"),
        ("now-739577d/w", "lies outside"),
        ("now+999999w", "lies outside"),
        ("now-" + "9" * 30 + "s", "lies outside"),
    ],
)
def test_what_is_no_moment_is_refused_with_a_hint(text: str, words: str) -> None:
    with pytest.raises(NotATime, match=words):
        moment(text, frame())
    assert not (needs_zone(text) and words == "is not a time")


@pytest.mark.parametrize(
    ("zone", "now", "text", "expected"),
    [
        # Clocks went back on 2026-11-01 at two: that day had 25 hours.
        ("US/Eastern", "2026-11-02T04:59:59", "now/d", "2026-11-01T04:00:00+00:00"),
        ("US/Eastern", "2026-11-02T05:00:00", "now/d", "2026-11-02T05:00:00+00:00"),
        ("US/Eastern", "2026-11-01T05:30:00", "now/h", "2026-11-01T05:00:00+00:00"),
        ("US/Eastern", "2026-11-01T06:30:00", "now/h", "2026-11-01T06:00:00+00:00"),
        ("US/Eastern", "2026-11-02T12:00:00", "now/w", "2026-11-02T05:00:00+00:00"),
        ("US/Eastern", "2026-11-01T12:00:00", "now/w", "2026-10-26T04:00:00+00:00"),
        # And forward on 2026-03-08: 23 hours.
        ("US/Eastern", "2026-03-09T03:59:59", "now/d", "2026-03-08T05:00:00+00:00"),
        ("US/Eastern", "2026-03-09T04:00:00", "now/d", "2026-03-09T04:00:00+00:00"),
        ("US/Eastern", "2026-03-10T12:00:00", "now-1w/w", "2026-03-02T05:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "now/d", "2026-10-24T22:00:00+00:00"),
        ("Europe/Berlin", "2026-10-25T23:00:00", "now/d", "2026-10-25T23:00:00+00:00"),
        ("Asia/Kolkata", "2026-11-23T06:40:00", "now/h", "2026-11-23T06:30:00+00:00"),
        ("Asia/Kolkata", "2026-11-23T18:40:00", "now/d", "2026-11-23T18:30:00+00:00"),
        # A step of the calendar keeps the local time; where clocks skip it that day, it is the moment they do.
        ("Europe/Berlin", "2026-03-29T22:30:00", "now-1d/d", "2026-03-28T23:00:00+00:00"),
        ("Europe/Berlin", "2026-03-30T10:00:00", "now-1d", "2026-03-29T10:00:00+00:00"),
        ("Europe/Berlin", "2026-03-29T10:00:00", "now-1d", "2026-03-28T11:00:00+00:00"),
        ("Europe/Berlin", "2026-03-30T00:30:00", "now-1d", "2026-03-29T01:00:00+00:00"),
        ("Europe/Berlin", "2026-10-26T01:30:00", "now-1d", "2026-10-25T00:30:00+00:00"),
        ("Europe/Berlin", "2026-10-25T01:30:00", "now-0d", "2026-10-25T01:30:00+00:00"),
        ("America/Nuuk", "2026-03-30T00:30:00", "now-1d/d", "2026-03-28T02:00:00+00:00"),
        ("America/Nuuk", "2026-03-30T00:30:00", "now-1d", "2026-03-29T01:00:00+00:00"),
        # A shorter month ends sooner.
        ("UTC", "2026-03-31T12:00:00", "now-1M", "2026-02-28T12:00:00+00:00"),
        ("UTC", "2026-03-31T12:00:00", "now-1M/M", "2026-02-01T00:00:00+00:00"),
        ("UTC", "2028-03-31T12:00:00", "now-1M", "2028-02-29T12:00:00+00:00"),
        ("UTC", "2028-02-29T12:00:00", "now-1y", "2027-02-28T12:00:00+00:00"),
        ("UTC", "2026-01-31T12:00:00", "now-1M", "2025-12-31T12:00:00+00:00"),
        # Clocks went forward at a minute past midnight, from half an hour before it, and by a whole day.
        ("America/St_Johns", "2010-03-14T03:35:00", "now/h", "2010-03-14T03:31:00+00:00"),
        ("Pacific/Apia", "2011-12-31T12:00:00", "now-1d/d", "2011-12-30T10:00:00+00:00"),
        # Midnight twice: the first. No midnight: the moment clocks skip it.
        ("America/Havana", "2026-11-01T05:30:00", "now/d", "2026-11-01T04:00:00+00:00"),
        ("Asia/Beirut", "2026-03-29T12:00:00", "now/d", "2026-03-28T22:00:00+00:00"),
    ],
)
def test_local_days_weeks_and_hours_begin_where_clocks_say_so(zone: str, now: str, text: str, expected: str) -> None:
    assert shown(text, zone=zone, now=datetime.fromisoformat(now).replace(tzinfo=UTC), grid_seconds=1) == expected


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00+00:00"),
        ("2026-11-01", "America/Havana", "2026-11-01T04:00:00+00:00"),
        ("2026-11-01", "UTC", "2026-11-01T00:00:00+00:00"),
    ],
)
def test_a_date_is_the_beginning_of_that_day_in_the_zone(day: str, zone: str, expected: str) -> None:
    assert shown(day, zone=zone) == expected


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("2026-11-01", True),
        ("now/d", True),
        ("now-7d/w", True),
        ("now/h", True),
        ("now", False),
        ("now-7d", True),
        ("now 7d", True),
        ("now-1M", True),
        ("now-168h", False),
        ("2026-11-01T08:00:00Z", False),
        ("2026-11-01 08:00:00 01:00", False),
        ("1793520000000", False),
        ("garbage", False),
        ("2026-11-31", False),
        ("a/b", False),
        ("", False),
    ],
)
def test_only_dates_calendar_steps_and_roundings_need_the_zone_and_nonsense_never_does(text: str, needs: bool) -> None:
    assert needs_zone(text) is needs


@given(st.floats(0, 14.999), st.floats(0, 14.999), st.sampled_from(["now", "now-24h", "now-7d/d", "now-1M", "now/m"]))
def test_pollers_within_one_step_of_the_grid_mean_the_same_moment(one: float, other: float, text: str) -> None:
    step = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
    moments = {moment(text, frame(now=step + timedelta(seconds=seconds))) for seconds in (one, other)}
    assert len(moments) == 1


@given(st.floats(0.1, 86_400), TIMES)
def test_the_grid_never_lies_ahead_and_never_far_behind(grid_seconds: float, now: datetime) -> None:
    behind = now - moment("now", frame(now=now, grid_seconds=grid_seconds))
    assert timedelta() <= behind < timedelta(seconds=max(1.0, grid_seconds))


RELATIVE = st.builds(
    "now{}{}{}{}".format,
    st.sampled_from(["-", "+", " "]),
    st.integers(0, 10**5),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from(["", *(f"/{unit}" for unit in UNITS)]),
)
TEXTS = st.one_of(
    st.text(max_size=45),
    st.text("0123456789-+:TZ ./nowsmhdwMy", max_size=30),
    RELATIVE,
    st.integers(0, 10**16).map(str),
    st.dates().map(date.isoformat),
    TIMES.map(datetime.isoformat),
)


@given(TEXTS, st.sampled_from(ZONES), TIMES)
def test_any_text_is_a_moment_in_bounds_or_refused_and_says_rightly_whether_it_needs_a_zone(
    text: str, zone: str, now: datetime
) -> None:
    try:
        found = moment(text, frame(zone, now))
    except NotATime:
        found = None
    if found is not None:
        assert EARLIEST <= found < LATEST
        assert found.microsecond % 1000 == 0
    if not needs_zone(text):
        try:
            assert moment(text, frame("UTC", now)) == found
        except NotATime:
            assert found is None


LONGEST = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=2),
    "d": timedelta(days=1, hours=25),  # where a day never came, or has 25 hours
    "w": timedelta(weeks=1, hours=25),
    "M": timedelta(days=31, hours=25),
    "y": timedelta(days=366, hours=25),
}


@given(st.sampled_from(UNITS), st.sampled_from(ZONES), TIMES)
def test_a_rounded_moment_begins_its_local_unit(unit: str, zone: str, now: datetime) -> None:
    rounded = moment(f"now/{unit}", frame(zone, now, 1))
    assert rounded <= now
    assert now - rounded <= LONGEST[unit]
    assert moment(f"now/{unit}", frame(zone, rounded, 1)) == rounded, "what is rounded stays as it is"


@given(st.floats(-20, 20))
def test_python_finds_the_same_moments_for_what_it_writes(hours: float) -> None:
    when = NOW + timedelta(hours=hours)
    assert moment(when.isoformat(), frame()) == when.replace(microsecond=when.microsecond // 1000 * 1000)


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
