"""The comparison of composed and whole answers compares, and finds an answer that differs."""

import pytest

from tests.benchmarks.identity import compared, is_alike
from tests.benchmarks.idle import run_idle
from tests.benchmarks.polls import Got

ROWS = b'{"items":[{"interaction_id":"1"}],"next":null,"next_cursor":null,"meta":{"count":1,"as_of":"%d"}}'
JSON = {"content-type": "application/json", "x-total-count": "1"}


@pytest.mark.parametrize(("tests", "instants"), [("start", 8), ("overlap", 4)])
def test_answers_from_what_is_held_are_those_of_whole_readings(tests: str, instants: int) -> None:
    """The simulator takes its time for ranges that test overlap."""
    result = run_idle(lambda loop: compared(instants, loop, tests))
    assert result.unlike == []
    assert result.bodies >= result.instants == instants


def test_rows_and_totals_are_compared_and_times_are_not() -> None:
    one, later = Got(200, JSON, ROWS % 1), Got(200, JSON, ROWS % 2)
    assert is_alike([one], [later])
    assert is_alike([one], [replace_total(later, None)]), "not known"
    assert not is_alike([one], [replace_total(later, "2")])
    assert not is_alike([one], [later._replace(body=later.body.replace(b'"1"}]', b'"2"}]'))])
    assert not is_alike([one], [one, one])


def replace_total(got: Got, total: str | None) -> Got:
    told = {"x-total-count": total} if total else {}
    return got._replace(headers={"content-type": "application/json", **told})
