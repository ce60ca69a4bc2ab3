"""Every row of every grain, of all documented samples and the simulator's kinds, against rows worked out by hand."""

import pytest

from app.interactions.grains import GRAINS
from app.simulator.kinds import KINDS as ALL_KINDS
from app.simulator.kinds import example
from tests.interactions.expected_parts import BLANK, HEAD, KINDS, SAMPLES
from tests.interactions.records import CLEAR, parts, sample


@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_sample_gives_the_parts_worked_out_by_hand(name: str) -> None:
    assert parts(sample(name), CLEAR) == SAMPLES[name]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_kind_of_the_simulator_gives_the_parts_worked_out_by_hand(kind: str) -> None:
    assert parts(example(kind)) == KINDS[kind]


def test_rows_worked_out_by_hand_have_all_columns_of_every_grain_but_the_version() -> None:
    named = {grain.name: list(grain.columns) for grain in GRAINS.values() if grain.is_of_parts}
    assert {grain: [*HEAD, "row_version", *blank] for grain, blank in BLANK.items()} == named
