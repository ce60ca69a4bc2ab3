"""How much upstream has, where a scenario does not depend on it."""

import pytest

from tests.support.facade import TENANT

FEW = frozenset({
    "test_access.py", "test_credentials.py", "test_faults.py", "test_forwarded.py", "test_isolation.py", "test_raw.py",
    "test_refusals.py", "test_replays_isolation.py", "test_replays_left.py", "test_unchanged.py",
})  # fmt: skip
"""Files whose tests put in the rows they ask about, or ask about none."""


@pytest.fixture
def interactions(request: pytest.FixtureRequest) -> int:
    """How many interactions upstream has."""
    return 60 if request.path.name in FEW else TENANT.interactions
