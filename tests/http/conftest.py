"""Answers at the edge are seen with few rows."""

import pytest


@pytest.fixture
def interactions() -> int:
    """How many interactions upstream has."""
    return 60
