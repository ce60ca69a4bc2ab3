"""The arithmetic under the table."""

import pytest

from tests.benchmarks.figures import flatness, paired_ratio, percentile


def test_a_machine_that_slows_down_from_round_to_round_changes_no_ratio_of_pairs() -> None:
    assert paired_ratio([90, 45, 9], [100, 50, 10]) == 0.9
    assert paired_ratio([90, 45, 1], [100, 50, 10]) == 0.9


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (50, 50), (98.5, 99), (99, 99), (99.1, 100), (100, 100)]
)
def test_a_percentile_is_a_value_that_was_measured(percent: float, value: int) -> None:
    assert percentile([*range(100, 0, -1)], percent) == value


def test_of_few_values_the_last_percentile_is_the_largest() -> None:
    assert percentile([3, 1, 2], 99) == 3


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing"):
        percentile([], 99)


@pytest.mark.parametrize(("values", "flat"), [([0.5, 0.4, 0.45], 0.8), ([0.5, 0.6, 0.7], 1.2), ([0.5], 1.0)])
def test_flatness_is_the_worst_after_the_first_against_the_first(values: list[float], flat: float) -> None:
    assert flatness(values) == pytest.approx(flat)
