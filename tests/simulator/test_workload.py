"""The workload of "a day of dashboards": its shares, its changes, and what is visible when."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from statistics import mean, median
from typing import Any

import pytest

from app.simulator import SimulatorState
from app.simulator.arrival import Arrival
from app.simulator.clock import DAY, parse_time, stamp
from app.simulator.interaction import Form
from app.simulator.workload import CHANNELS, WRITTEN_MS, Day, arrivals_of
from tests.support.simulator import QUIET

MONDAY = 20_773
"""16 November 2026, in days since 1970."""

WORKLOAD = replace(QUIET, per_weekday=100)
LISTED = Form()
NEVER = "9999"


@pytest.fixture(scope="module")
def arrived() -> list[Arrival]:
    """The arrivals of five weekdays, 4,000 each."""
    days = (Day(MONDAY + day, 7, 4_000, "UTC", QUIET.tenant_id) for day in range(5))
    return [row for day in days for row in arrivals_of(day)]


@pytest.fixture(scope="module")
def some(arrived: list[Arrival]) -> list[Arrival]:
    """Every seventh of them: enough for shares of their records."""
    return arrived[::7]


def share(of: list[Any], having: list[Any]) -> float:
    return len(having) / len(of)


def edited(row: Arrival, field: str) -> list[float]:
    """The seconds from its end to each late edit of a field."""
    ended = row.record.get("endTimestamp", NEVER)
    return [(parse_time(when) - parse_time(ended)) / 1000 for when, fields in row.edits if field in fields]


def test_a_weekday_has_as_many_arrivals_as_asked_for_and_a_sunday_few() -> None:
    counts = [len(arrivals_of(Day(MONDAY + day, 7, 4_000, "UTC", QUIET.tenant_id))) for day in range(7)]
    assert all(3_700 < count < 4_300 for count in counts[:5])
    assert counts[6] < counts[5] < 1_700


def test_the_channels_have_their_shares(some: list[Arrival]) -> None:
    counts = Counter(row.record["channelType"] for row in some)
    for channel, (wanted, _) in CHANNELS.items():
        assert counts[channel] / len(some) == pytest.approx(wanted, abs=0.03)
    assert sum(wanted for wanted, _ in CHANNELS.values()) == pytest.approx(1)


def test_an_email_takes_three_hours(some: list[Arrival]) -> None:
    taken = [row.record["interactionTime"] for row in some if row.record["channelType"] == "email"]
    assert 2 * 3600 < median(taken) < 4 * 3600


def test_it_changes_three_or_four_times_while_open(some: list[Arrival]) -> None:
    calls = [row for row in some if row.record["channelType"] == "voice" and "queues" in row.record][:300]
    changes = []
    for row in calls:
        end = row.record["endTimestamp"]
        shown = [row.at(when) for when in row.moments() if when < end]
        changes.append(sum(one != other for one, other in pairwise(shown)))
    assert 3 <= mean(changes) <= 5
    assert any(
        leg["endTimestamp"] > row.record["endTimestamp"] for row in calls for leg in row.record.get("agents", ())
    )


def test_notes_scores_flags_and_corrections_come_late(arrived: list[Arrival], some: list[Arrival]) -> None:
    ended = [row for row in some if "endTimestamp" in row.record]
    assert share(ended, [row for row in ended if "notes" in row.record]) == pytest.approx(0.25, abs=0.03)
    scored = [after for row in ended for after in edited(row, "customerSatisfactionScore")]
    assert share(ended, scored) == pytest.approx(0.15, abs=0.02)
    assert 30 * 60 < median(scored) < 50 * 60
    flagged = [after for row in ended for after in edited(row, "flagged")]
    assert share(ended, flagged) == pytest.approx(0.02, abs=0.008)
    assert 86_400 < median(flagged) < 3.5 * 86_400
    corrected = [after for row in ended for after in edited(row, "dispositionName") if after > 60]
    assert 0 < share(ended, corrected) < 0.008
    assert max(corrected) <= 14 * 86_400


def test_some_changes_leave_no_trace_of_their_time(some: list[Arrival]) -> None:
    ended = [row for row in some if edited(row, "customerSatisfactionScore")]
    dated = [row for row in ended if "updated" in row.record]
    assert share(ended, dated) == pytest.approx(0.75, abs=0.08)
    for row in ended[:50]:
        when = next(when for when, fields in row.edits if "customerSatisfactionScore" in fields)
        assert (row.at(when).get("updated") == when) is ("updated" in row.record)


def test_a_row_is_visible_after_seconds_and_one_in_a_hundred_joins_late(arrived: list[Arrival]) -> None:
    delays = [(row.seen - row.order[0]) / 1000 for row in arrived]
    late = [delay for delay in delays if delay > 5]
    assert min(delays) >= 2
    assert WRITTEN_MS <= 2_000
    assert share(delays, late) == pytest.approx(0.01, abs=0.003)
    assert 40 < median(late) < 90
    assert max(late) > 180


def test_some_are_erased_within_a_fortnight(arrived: list[Arrival]) -> None:
    erased = [row.gone - row.seen for row in arrived if row.gone is not None]
    assert share(arrived, erased) == pytest.approx(0.0005, abs=0.0004)
    assert min(erased) > 0
    assert max(erased) <= 14 * DAY


def listed(state: SimulatorState, now: int) -> list[bytes]:
    """The list at a moment, as bytes."""
    return [row.encoded(stamp(now), LISTED) for row in state.world.rows(now)]


def test_the_list_is_a_function_of_seed_and_moment_whatever_was_asked_before() -> None:
    state = SimulatorState(WORKLOAD)
    now = state.now()
    moments = [now, now + 3 * DAY, now + 60_000, now + 61_000]
    shown = {moment: listed(state, moment) for moment in moments}
    arrivals_of.cache_clear()
    other = SimulatorState(WORKLOAD)
    assert all(listed(other, moment) == shown[moment] for moment in sorted(moments))
    assert listed(SimulatorState(replace(WORKLOAD, seed=8)), now) != shown[now]


def test_the_history_begins_so_many_days_before_the_anchor() -> None:
    state = SimulatorState(replace(WORKLOAD, history_days=3))
    starts = [row.start for row in state.world.rows(state.now()) if row.kind != "documented"]
    assert stamp(state.now() - 3 * DAY) <= min(starts) < stamp(state.now() - 2 * DAY)
    assert max(starts) <= state.now_text()


def test_a_record_is_the_same_after_it_was_forgotten() -> None:
    row = arrivals_of(Day(MONDAY, 7, 50, "UTC", QUIET.tenant_id))[0]
    moments, last = row.moments(), row.moments()[-1]
    before = [row.encoded(moment, LISTED) for moment in moments]
    assert row.encoded(last, LISTED) is row.encoded(NEVER, LISTED)
    assert [row.encoded(moment, LISTED) for moment in moments] == before
    assert json.loads(before[-1])["interactionId"] == row.id
    assert row.sent(moments[0]).version < row.sent(last).version
    assert (row.sent(moments[0]).is_open, row.sent(last).is_open) == (True, False)


def test_a_row_tells_of_its_last_event_but_of_a_change_only_where_it_is_updated() -> None:
    rows = arrivals_of(Day(MONDAY, 7, 50, "UTC", QUIET.tenant_id))
    edited = [row for row in rows if row.edits and row.edits[-1][0] == row.moments()[-1]]
    told = {("updated" in row.at(NEVER), row.sent(NEVER).event == row.sent(NEVER).since) for row in edited}
    assert told == {(True, True), (False, False)}


def test_an_arrival_has_no_other_attributes() -> None:
    row = arrivals_of(Day(MONDAY, 7, 50, "UTC", QUIET.tenant_id))[0]
    with pytest.raises(AttributeError):
        row.nothing  # noqa: B018


def test_the_week_begins_on_the_day_it_says() -> None:
    assert datetime.fromtimestamp(MONDAY * DAY / 1000, UTC).strftime("%A %d %B %Y") == "Monday 16 November 2026"
