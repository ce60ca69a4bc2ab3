"""Atoms merge: in any order, and in any parts, the figures of the parts are those of the whole."""

from collections import Counter
from copy import deepcopy
from functools import reduce
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.summaries.atoms import KINDS, PARTS_OF_ONE, percentile, quotient, scaled

NUMBERS = st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
PARTS = st.lists(st.lists(NUMBERS, max_size=6), max_size=5)


def figure(kind: str, values: list[Any]) -> Any:
    return KINDS[kind].of(values)


def merged(kind: str, *figures: Any) -> Any:
    """The figures together; merging may use up what it is given."""
    return reduce(KINDS[kind].merge, map(deepcopy, figures), figure(kind, []))


@pytest.mark.parametrize("kind", KINDS)
@given(parts=PARTS)
def test_the_parts_merge_into_the_whole(kind: str, parts: list[list[Any]]) -> None:
    whole = figure(kind, [value for part in parts for value in part])
    assert merged(kind, *(figure(kind, part) for part in parts)) == whole
    assert merged(kind, *(figure(kind, part) for part in reversed(parts))) == whole


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(NUMBERS), st.lists(NUMBERS), st.lists(NUMBERS))
def test_merging_is_associative(kind: str, first: list[Any], second: list[Any], third: list[Any]) -> None:
    a, b, c = (figure(kind, values) for values in (first, second, third))
    merge = KINDS[kind].merge
    left = merge(merge(deepcopy(a), deepcopy(b)), deepcopy(c))
    assert left == merge(deepcopy(a), merge(deepcopy(b), deepcopy(c)))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("count", 5),
        ("known", 4),
        ("sum", 13_682_000),
        ("min", 0.25),
        ("max", 6.591),
        ("distinct", {0.25, 6.591}),
        ("counter", Counter({6.591: 2, 0.25: 2})),
        ("tenths", Counter({66: 2, 2: 2})),
    ],
)
def test_each_atom_keeps_what_the_table_says(kind: str, expected: Any) -> None:
    assert figure(kind, [6.591, None, 0.25, 6.591, 0.25]) == expected


def test_the_figures_of_nothing() -> None:
    assert [figure(kind, []) for kind in KINDS] == [0, 0, 0, None, None, set(), Counter(), Counter()]


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([50, 90, 95, 99]))
def test_a_percentile_is_the_value_of_the_nearest_rank(values: list[int], percent: int) -> None:
    assert percentile(Counter(values), percent) == sorted(values)[ceil(len(values) * percent / 100) - 1]


def test_a_percentile_of_nothing_is_null() -> None:
    assert percentile(Counter(), 90) is None


def test_seconds_add_up_exactly_in_any_order() -> None:
    """Floats would not: 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1."""
    assert figure("sum", [0.1, 0.2, 0.3]) == figure("sum", [0.3, 0.2, 0.1])
    assert quotient(figure("sum", [47.212] * 3), PARTS_OF_ONE) == 141.636


@pytest.mark.parametrize("value", [1.7e308, 5e-324, 2.0**53])
def test_no_number_is_too_large(value: float) -> None:
    """Upstream may send any that JSON has."""
    total, largest = scaled([value, 1.7e308], PARTS_OF_ONE)
    assert quotient(total, PARTS_OF_ONE) == pytest.approx(value, abs=1e-6)
    assert quotient(10 * largest, PARTS_OF_ONE) == pytest.approx(1.7976931348623157e308)


def test_a_ratio_by_nothing_is_null() -> None:
    assert quotient(1, 0) is None
