"""Intervals: begun anew at each local midnight, whatever clocks do on that day."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.interactions.times import midnight
from app.summaries.intervals import STEPS, Interval, Intervals, fewest

ZONES = (
    "UTC",
    "US/Eastern",
    "Europe/Berlin",
    "Asia/Kolkata",  # half an hour beside the others
    "Asia/Kathmandu",  # three quarters
    "Australia/Lord_Howe",  # clocks go forward by half an hour
    "America/Havana",  # midnight comes twice
    "Asia/Beirut",  # midnight never comes
    "America/St_Johns",  # until 2011 clocks went back a minute past midnight
)
MOMENTS = st.integers(0, 21 * 365 * 86_400).map(
    lambda later: datetime(2009, 1, 1, tzinfo=UTC) + timedelta(seconds=later)
)
FIRST, LAST = (datetime.fromisoformat(text) for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"))


def of(step: str, zone: str, moment: str) -> tuple[str, int]:
    interval = Intervals(step, ZoneInfo(zone)).of(datetime.fromisoformat(moment))
    return f"{interval.start:%Y-%m-%dT%H:%M}Z", interval.seconds


@pytest.mark.parametrize(
    ("step", "zone", "moment", "expected"),
    [
        ("15m", "US/Eastern", "2026-03-02T14:29:59.999Z", ("2026-03-02T14:15Z", 900)),
        ("30m", "US/Eastern", "2026-03-02T14:30:00Z", ("2026-03-02T14:30Z", 1800)),
        ("hour", "Asia/Kolkata", "2026-03-02T14:29:00Z", ("2026-03-02T13:30Z", 3600)),
        ("hour", "Asia/Kolkata", "2026-03-02T14:30:00Z", ("2026-03-02T14:30Z", 3600)),
        ("15m", "Asia/Kathmandu", "2026-03-02T14:29:00Z", ("2026-03-02T14:15Z", 900)),
        ("hour", "Asia/Kathmandu", "2026-03-02T14:29:00Z", ("2026-03-02T14:15Z", 3600)),
        ("day", "US/Eastern", "2026-03-02T04:59:59Z", ("2026-03-01T05:00Z", 86_400)),
        ("day", "US/Eastern", "2026-03-08T12:00:00Z", ("2026-03-08T05:00Z", 23 * 3600)),
        ("day", "US/Eastern", "2026-11-01T12:00:00Z", ("2026-11-01T04:00Z", 25 * 3600)),
        ("hour", "US/Eastern", "2026-11-01T06:30:00Z", ("2026-11-01T06:00Z", 3600)),  # one o'clock once more
        ("week", "Europe/Berlin", "2026-03-29T12:00:00Z", ("2026-03-22T23:00Z", 7 * 86_400 - 3600)),
        ("month", "Europe/Berlin", "2026-10-31T23:30:00Z", ("2026-10-31T23:00Z", 30 * 86_400)),
        ("month", "UTC", "2028-02-29T23:59:59Z", ("2028-02-01T00:00Z", 29 * 86_400)),
        ("hour", "Australia/Lord_Howe", "2026-10-04T12:45:00Z", ("2026-10-04T12:30Z", 1800)),  # the last of 23.5 hours
    ],
)
def test_a_moment_lies_in_one_interval(step: str, zone: str, moment: str, expected: tuple[str, int]) -> None:
    assert of(step, zone, moment) == expected


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=200)
@given(step=st.sampled_from([*STEPS]), first=MOMENTS, days=st.integers(0, 40))
def test_intervals_follow_one_another_without_a_gap(step: str, zone: str, first: datetime, days: int) -> None:
    intervals, end = Intervals(step, ZoneInfo(zone)), first + timedelta(days=days if step[-1] in "yhk" else days / 40)
    found = [*intervals.between(first, end)]
    assert fewest(step, first, end) <= len(found)
    assert all(one.end == after.start for one, after in pairwise(found))
    if found:
        assert found[0].start <= first < found[0].end
        assert found[-1].start < end <= found[-1].end
    assert all(intervals.of(one.start) == one for one in found)
    assert all(intervals.of(one.end - timedelta(milliseconds=1)) == one for one in found)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("step", STEPS)
def test_each_local_midnight_begins_one(step: str, zone: str) -> None:
    info = ZoneInfo(zone)
    intervals = Intervals(step, info)
    starts = {midnight(date(2026, 1, 1) + timedelta(days=number), info) for number in range(370)}
    if step in ("week", "month"):
        starts = {start for start in starts if _begins(step, start.astimezone(info).date())}
    assert all(intervals.of(start).start == start for start in starts)


def _begins(step: str, day: date) -> bool:
    return day.weekday() == 0 if step == "week" else day.day == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", [FIRST, LAST, LAST.replace(tzinfo=timezone(-timedelta(hours=23)))])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_at_the_ends_of_the_calendar_there_is_an_interval_too(step: str, moment: datetime, zone: str) -> None:
    intervals = Intervals(step, ZoneInfo(zone))
    assert isinstance(intervals.of(moment), Interval)
    assert len([*intervals.between(LAST, LAST)]) < 2
