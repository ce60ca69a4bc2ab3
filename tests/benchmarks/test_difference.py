"""How two lists of rows differ."""

import pytest

from tests.benchmarks.difference import Rows, difference


def rows(*ids: str, **columns: str) -> Rows:
    return [{"interaction_id": name, "started_at": f"2026-11-18T12:0{name}:00.000Z", **columns} for name in ids]


@pytest.mark.parametrize(
    ("held", "whole", "words"),
    [
        (rows("2", "1"), rows("2", "1"), ""),
        (rows("1"), rows("3", "2", "1"), "lacks 2, newest of 2026-11-18T12:03:00.000Z"),
        (rows("2", "1"), rows("2"), "has beyond it 1, newest of 2026-11-18T12:01:00.000Z"),
        (rows("1", notes="2", end="x"), rows("1", notes="3", end="y"), "other end, notes"),
        (rows("1", "2"), rows("2", "1"), "another order"),
        (
            rows("1", "2", end="x"),
            rows("2", end="y"),
            "has beyond it 1, newest of 2026-11-18T12:01:00.000Z; other end",
        ),
    ],
)
def test_a_difference_is_told_in_one_line(held: Rows, whole: Rows, words: str) -> None:
    assert difference(held, whole) == words
