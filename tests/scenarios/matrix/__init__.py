"""The fault matrix of FAULTS 2.1: every row in every state of the cache, against an upstream scripted in bytes."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.matrix.cells", "tests.scenarios.matrix.expected")
