"""Linters look at few rows."""

import pytest


@pytest.fixture
def interactions() -> int:
    """How many interactions upstream has."""
    return 60
