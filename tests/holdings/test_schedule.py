"""When a record is read again: by its state, its last event and the ladder of the settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.holdings.schedule import GRID_SHARE, Schedule

RUNGS = (300.0, 3600.0, 86400.0, 604800.0)
SCHEDULE = Schedule(60.0, RUNGS)
LONG_AGO = 1_000_000_000.0  # seconds

times = st.floats(0, 10_000_000).map(lambda seconds: LONG_AGO + round(seconds, 3))


@pytest.mark.parametrize(
    ("quiet", "is_open", "wait"),
    [
        (0.0, True, 60.0),
        (100.0, True, 60.0),
        (1000.0, True, 500.0),  # half the time since its last event
        (0.0, False, 300.0),
        (299.0, False, 1.0),
        (300.0, False, 3300.0),
        (5000.0, False, 81400.0),
        (100_000.0, False, 504_800.0),
    ],
)
def test_the_wait_is_by_the_documents_table_and_a_quarter_longer_at_most(
    quiet: float, is_open: bool, wait: float
) -> None:
    due = SCHEDULE.due_at(LONG_AGO, LONG_AGO + quiet, is_open=is_open)
    assert due is not None
    assert wait <= due - (LONG_AGO + quiet) <= (1 + GRID_SHARE) * wait


def test_past_the_last_rung_nothing_is_due() -> None:
    assert SCHEDULE.due_at(LONG_AGO, LONG_AGO + RUNGS[-1], is_open=False) is None
    assert Schedule(60.0, ()).due_at(LONG_AGO, LONG_AGO, is_open=False) is None


@given(times, st.floats(0, 600_000).map(lambda seconds: round(seconds, 3)), st.booleans())
def test_a_recheck_comes_after_its_allowance_and_never_more_than_a_quarter_late(
    last_event_at: float, quiet: float, is_open: bool
) -> None:
    checked_at = last_event_at + quiet
    wait = max(60.0, quiet / 2) if is_open else min(rung for rung in RUNGS if rung > checked_at - last_event_at) - quiet
    due = SCHEDULE.due_at(last_event_at, checked_at, is_open=is_open)
    assert due is not None
    assert wait - 0.001 <= due - checked_at <= (1 + GRID_SHARE) * wait + 0.001


@given(times)
def test_an_ended_record_is_read_again_once_a_rung_and_no_more(ended_at: float) -> None:
    checked_at, readings = ended_at, 0
    while (due := SCHEDULE.due_at(ended_at, checked_at, is_open=False)) is not None:
        assert due > checked_at
        checked_at, readings = due, readings + 1
    assert readings == len(RUNGS)


@given(st.lists(st.floats(0, 50).map(lambda seconds: round(seconds, 3)), min_size=20, max_size=20))
def test_neighbours_fall_due_together(ends: list[float]) -> None:
    dues = {SCHEDULE.due_at(LONG_AGO + end, LONG_AGO + end, is_open=False) for end in ends}
    assert len(dues) <= 2
