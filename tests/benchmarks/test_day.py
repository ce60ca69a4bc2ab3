"""A minute of a day of dashboards, with the façade of this tree."""

import re
from dataclasses import asdict, replace

import pytest

from tests.benchmarks import day, driven
from tests.benchmarks.boards import BOARDS
from tests.benchmarks.client import Unanswered
from tests.benchmarks.driven import Driven, outcome
from tests.benchmarks.idle import IdleLoop, run_idle
from tests.benchmarks.processes import ROOT
from tests.benchmarks.stretch import Outcome, Stretch, Verdict

MINUTE = Stretch(per_weekday=120, seconds=60, samples=4)


def a_minute() -> Outcome:
    return run_idle(lambda loop: outcome(MINUTE, loop))


def test_a_minute_is_played_and_judged_the_same_each_time() -> None:
    first, second = a_minute(), a_minute()
    assert asdict(first) | {"cpu_seconds": 0} == asdict(second) | {"cpu_seconds": 0}
    assert first.tally.polls == first.tally.answers == 145
    assert 0 < first.verdict.calls < 145
    assert first.verdict.first > 400  # a week's rows
    assert first.compared == 4
    assert first.same_rows <= first.same_ids <= 4
    assert first.same_as_of > 0


def test_a_long_day_tells_on_its_way_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driven, "TOLD_SECONDS", 25)
    a_minute()
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(
        re.fullmatch(r"15:00 UTC: \d+ calls, \d+ rows, \d+ distinct, 0 late; membership 1\.\d+", line) for line in told
    )


def test_work_that_waits_for_the_clock_has_it_turned() -> None:
    async def work(loop: IdleLoop) -> float:
        driven = Driven(MINUTE, loop)
        async with driven.facade() as app:
            await driven.finish(driven._clock.sleep(0.35))
            await driven.compare(app, BOARDS[0], result := Outcome(Verdict()))
        assert (result.compared, result.same_ids, result.same_rows, result.same_as_of) == (1, 1, 1, 1)
        assert not result.unlike
        return driven.passed

    assert run_idle(work) == pytest.approx(0.4)


def test_every_figure_is_shown_and_a_run_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    shown = day.figures(day.run(ROOT, Stretch(per_weekday=50, seconds=15)))
    assert shown["polls"] == "40"
    assert shown["same ids as a whole reading"] == "0 of 0"
    with pytest.raises(Unanswered, match="ended with status 1"):
        day.run(ROOT, Stretch(from_hour=10**9))
    assert "OverflowError" in capfd.readouterr().err
    with pytest.raises(Unanswered, match="git does not know"), day.tree_before("nonsense"):
        pass


def test_processes_that_share_a_tier_read_little_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tier.client.LEASE_MILLISECONDS", 1)  # a slow machine's reading outlives a lease
    stretch = Stretch(per_weekday=120, seconds=70)
    alone = run_idle(lambda loop: outcome(stretch, loop))
    shared = run_idle(lambda loop: outcome(replace(stretch, processes=3), loop))
    assert shared.tally.polls == alone.tally.polls
    assert shared.verdict.first == alone.verdict.first
    assert shared.verdict.rows < 1.5 * alone.verdict.rows
