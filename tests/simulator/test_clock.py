"""Simulated time, and the ways upstream writes time."""

from datetime import UTC, datetime

import pytest

from app.simulator.clock import SimulatedClock, parse_time, stamp

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_clock_runs_with_real_time_from_its_anchor_until_frozen() -> None:
    real = [50.0]
    clock = SimulatedClock(NOON, frozen=False, real=lambda: real[0])
    real[0] += 1.5
    assert stamp(clock.now()) == "2026-03-02T12:00:01.500Z"
    clock.freeze()
    real[0] += 100
    clock.advance(60)
    assert stamp(clock.now()) == "2026-03-02T12:01:01.500Z"
    clock.freeze(False)
    real[0] += 0.25
    assert stamp(clock.now()) == "2026-03-02T12:01:01.750Z"
    clock.set(parse_time("2026-01-01T00:00:00Z"))
    real[0] += 1
    assert stamp(clock.now()) == "2026-01-01T00:00:01.000Z"


@pytest.mark.parametrize(
    "text", ["", "x", "2026", "2026-02-30", "2026-02-03T25:00", "2026-02-03T10:60", "2026-02-03T10:00:00Zulu"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (each text fails in its own words)
        parse_time(text)


@pytest.mark.parametrize("text", ["2026-03-02T12:00:00.000Z", "1999-12-31T23:59:59.999Z"])
def test_a_stamp_reads_back(text: str) -> None:
    assert stamp(parse_time(text)) == text
