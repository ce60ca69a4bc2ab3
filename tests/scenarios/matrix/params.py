"""The rows of the matrix as parameters of a test, marked with what they show."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.scenarios.matrix.rows import ROWS, SUMMARIES, Row

THREATS = {
    "T01": ("32",),
    "T05": ("3",),
    "T13": ("37",),
    "T45": ("20", "21", "22"),
    "T46": ("11", "12", "13", "14", "15", "16", "17", "18"),
    "T58": ("7", "8", "9", "10", "22"),
    "T62": ("13",),
}
"""Threats of FAULTS section 5 that are rows of the matrix."""


def cells(rows: Iterable[Row] = (*ROWS, *SUMMARIES)) -> list[Any]:
    """The rows as parameters, with the threats they show."""
    return [pytest.param(row, id=row.name, marks=_threats(row)) for row in rows]


def _threats(row: Row) -> list[pytest.MarkDecorator]:
    return [pytest.mark.threat(threat) for threat, numbers in THREATS.items() if row.number in numbers]
