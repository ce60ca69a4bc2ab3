"""A façade driven at random, step by step, against an upstream that numbers its answers (FAULTS section 9)."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.machine.account", "tests.scenarios.machine.world")
