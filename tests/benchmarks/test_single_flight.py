"""What docs/single-flight.md says of us is what happens."""

from pathlib import Path

import pytest

from tests.benchmarks.coalescers import CONTESTANTS, OURS
from tests.benchmarks.single_flight import SCENARIOS, Outcome, Scenario, outcome, row

PUBLISHED = (Path(__file__).parents[2] / "docs/single-flight.md").read_text(encoding="utf-8").splitlines()
EXPECTED = [Outcome(1, 20), Outcome(1, 19), Outcome(1, 19), Outcome(1, 0), Outcome(1, 20), Outcome(1, 1)]


@pytest.mark.parametrize(
    ("scenario", "expected"), [*zip(SCENARIOS, EXPECTED, strict=True)], ids=lambda one: str(one)[:40]
)
def test_upstream_is_asked_once_and_nobody_harms_another(scenario: Scenario, expected: Outcome) -> None:
    assert outcome(CONTESTANTS[OURS], scenario) == expected


def test_the_document_shows_our_row_as_it_is() -> None:
    assert row(OURS) in PUBLISHED


def test_the_document_shows_every_scenario_and_contestant() -> None:
    head = f"| | {' | '.join(scenario.name for scenario in SCENARIOS)} |"
    first = PUBLISHED.index(head) + 2
    shown = [published.split(" | ")[0].removeprefix("| ") for published in PUBLISHED[first : first + len(CONTESTANTS)]]
    assert [name for name, published in zip(CONTESTANTS, shown, strict=True) if not published.startswith(name)] == []


def test_a_lock_is_told_apart_from_a_flight() -> None:
    fails = next(scenario for scenario in SCENARIOS if scenario.fails)
    assert outcome(CONTESTANTS["asyncio.Lock per key"], fails) == Outcome(20, 0)
