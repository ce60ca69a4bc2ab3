"""Every documented sample, and the simulator's kinds, against rows worked out by hand: every column."""

import pytest

from app.simulator.kinds import example
from tests.interactions.expected import KINDS, SAMPLES, Row
from tests.interactions.records import row, sample


def without_version(found: Row) -> Row:
    return {name: value for name, value in found.items() if name != "row_version"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_sample_gives_the_row_worked_out_by_hand(name: str) -> None:
    assert without_version(row(sample(name))) == SAMPLES[name]


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_the_simulator_gives_the_row_worked_out_by_hand(kind: str) -> None:
    assert without_version(row(example(kind))) == KINDS[kind]
