"""Whether an attempt is made again, decided from its error and what is left."""

import pytest

from app import errors
from app.upstream.access import Limits
from app.upstream.call import Budget, Remaining, pause_after
from tests.support.clock import HandClock

LIMITS = Limits()
PLENTY = Remaining(attempts=1, wait_seconds=10, total_seconds=60)
NOBODY = Remaining(attempts=1, wait_seconds=0, total_seconds=60, background=True)

ROWS: dict[type[errors.UpstreamError], tuple[bool, errors.Verdict, float, bool]] = {
    errors.UpstreamUnreachable: (True, "failure", 1, False),
    errors.UpstreamDns: (True, "failure", 1, False),
    errors.UpstreamTls: (False, "failure", 10, True),
    errors.UpstreamTimeout: (False, "failure", 5, False),
    errors.UpstreamShortTimeout: (True, "failure", 1, False),
    errors.UpstreamBadAnswer: (True, "failure", 1, False),
    errors.UpstreamErrorAnswer: (False, "failure", 1, False),
    errors.UpstreamBadEncoding: (False, "uncounted", 1, False),
    errors.UpstreamShape: (False, "uncounted", 30, True),
    errors.UpstreamBadNumber: (False, "uncounted", 1, True),
    errors.UpstreamTooLarge: (False, "uncounted", 60, False),
    errors.UpstreamBomb: (False, "failure", 60, True),
    errors.UpstreamAuth: (False, "uncounted", 0, True),
    errors.UpstreamForbidden: (False, "success", 60, False),
    errors.UpstreamUnknownTenant: (False, "success", 10, False),
    errors.UpstreamRefusedQuery: (False, "success", 10, True),
    errors.UpstreamThrottled: (True, "uncounted", 0, False),
    errors.UpstreamServerError: (True, "failure", 1, False),
    errors.UpstreamUnsupported: (False, "failure", 1, False),
    errors.UpstreamUnavailable: (True, "failure", 1, False),
    errors.UpstreamRedirect: (False, "uncounted", 10, True),
    errors.UpstreamReset: (True, "failure", 1, False),
    errors.UpstreamUnanswered: (True, "failure", 1, False),
    errors.UpstreamBusy: (False, "uncounted", 0, False),
    errors.UpstreamCircuitOpen: (False, "uncounted", 0, False),
    errors.UpstreamWrongTenant: (False, "uncounted", 1, True),
}
"""FAULTS 2.1: whether a second attempt may help, column Brk, the memo, and whether an operator is called."""


def kinds(base: type[errors.UpstreamError]) -> set[type[errors.UpstreamError]]:
    return {kind for child in base.__subclasses__() for kind in {child, *kinds(child)}}


def test_every_error_of_upstream_has_its_row() -> None:
    assert kinds(errors.UpstreamError) == set(ROWS)


@pytest.mark.parametrize("kind", ROWS)
def test_an_error_is_treated_as_its_row_says(kind: type[errors.UpstreamError]) -> None:
    assert (kind.retried, kind.verdict, kind.memo_seconds, kind.alarm) == ROWS[kind]
    assert (pause_after(kind("x"), 1, PLENTY, LIMITS, 0.5) is not None) == kind.retried


def test_nothing_is_tried_again_without_an_attempt_left() -> None:
    assert pause_after(errors.UpstreamReset(), 2, Remaining(0, 10, 60), LIMITS, 0.5) is None


def test_the_pause_is_a_random_part_of_a_bound_that_doubles() -> None:
    pauses = [pause_after(errors.UpstreamReset(), failed, PLENTY, LIMITS, 1.0) for failed in range(1, 7)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert pause_after(errors.UpstreamReset(), 3, PLENTY, LIMITS, 0.25) == 0.2


def test_no_attempt_is_made_that_the_reading_would_not_live_to_see() -> None:
    assert pause_after(errors.UpstreamReset(), 1, Remaining(1, 10, 0.1), LIMITS, 1.0) is None


@pytest.mark.parametrize("kind", [errors.UpstreamThrottled, errors.UpstreamUnavailable])
def test_a_pause_that_upstream_names_must_fit_into_the_callers_wait(kind: type[errors.UpstreamError]) -> None:
    fits, does_not = kind(retry_after_seconds=7), kind(retry_after_seconds=30)
    assert pause_after(fits, 1, PLENTY, LIMITS, 0.5) == 7
    assert pause_after(does_not, 1, PLENTY, LIMITS, 0.5) is None
    assert pause_after(fits, 1, Remaining(1, -1, 50), LIMITS, 0.5) is None


def test_where_nobody_waits_an_outage_is_waited_out_and_throttling_is_not() -> None:
    assert pause_after(errors.UpstreamUnavailable(retry_after_seconds=30), 1, NOBODY, LIMITS, 0.5) == 30
    assert pause_after(errors.UpstreamThrottled(retry_after_seconds=1), 1, NOBODY, LIMITS, 0.5) is None


def test_two_attempts_for_a_caller_and_three_behind() -> None:
    assert [LIMITS.attempts(background=background) for background in (False, True)] == [2, 3]
    assert [LIMITS.slot_wait(background=background) for background in (False, True)] == [8, 2]


def taken(budget: Budget) -> int:
    count = 0
    while budget.take():
        count += 1
    return count


def test_three_retries_are_always_allowed_in_a_window_and_a_fifth_of_many() -> None:
    hand = HandClock()
    budget = Budget(LIMITS, hand.clock.monotonic)
    assert taken(budget) == 3
    hand.advance(10)
    for _ in range(100):
        budget.count_first()
    assert taken(budget) == 20
    hand.advance(10)
    assert taken(budget) == 3


def test_a_pause_that_ends_with_the_reading_or_the_wait_is_not_begun() -> None:
    assert pause_after(errors.UpstreamReset(), 1, Remaining(1, 10, 0.2), LIMITS, 1.0) is None
    assert pause_after(errors.UpstreamReset(), 1, Remaining(1, 10, 0.21), LIMITS, 1.0) == 0.2
    asked = errors.UpstreamThrottled(retry_after_seconds=10.0)
    assert pause_after(asked, 1, Remaining(1, 10, 60), LIMITS, 1.0) is None
    assert pause_after(asked, 1, Remaining(1, 10.1, 60), LIMITS, 1.0) == 10.0
