"""What each status means."""

from datetime import UTC, datetime

import pytest

from app import errors
from app.upstream.faults import login_fault, pause_seconds, status_fault

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, errors.UpstreamShape),
        (301, errors.UpstreamRedirect),
        (304, errors.UpstreamRedirect),
        (400, errors.UpstreamRefusedQuery),
        (401, errors.UpstreamAuth),
        (403, errors.UpstreamForbidden),
        (404, errors.UpstreamUnknownTenant),
        (409, errors.UpstreamRefusedQuery),
        (410, errors.UpstreamUnknownTenant),
        (422, errors.UpstreamRefusedQuery),
        (429, errors.UpstreamThrottled),
        (500, errors.UpstreamServerError),
        (501, errors.UpstreamUnsupported),
        (502, errors.UpstreamUnavailable),
        (503, errors.UpstreamUnavailable),
        (504, errors.UpstreamShortTimeout),
        (599, errors.UpstreamServerError),
        (101, errors.UpstreamBadAnswer),
        (999, errors.UpstreamBadAnswer),
    ],
)
def test_a_status_is_one_error_with_words_of_ours(status: int, error: type[errors.UpstreamError]) -> None:
    fault = status_fault(status, {}, NOW)
    assert type(fault) is error
    assert fault.detail.endswith(".")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_means_the_credentials(status: int) -> None:
    assert isinstance(login_fault(status, {}, NOW), errors.UpstreamAuth)


def test_any_other_answer_to_a_login_means_what_it_always_means() -> None:
    assert isinstance(login_fault(503, {}, NOW), errors.UpstreamUnavailable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("1000000000", 300),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 1),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 300),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("", None),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_pause_is_read_in_both_forms_and_kept_in_bounds(value: str, seconds: float | None) -> None:
    assert pause_seconds({"retry-after": value}, NOW) == seconds


def test_a_date_is_read_against_upstreams_own_clock() -> None:
    headers = {"retry-after": "Sun, 22 Nov 2026 08:00:10 GMT", "date": "Sun, 22 Nov 2026 08:00:00 GMT"}
    assert pause_seconds(headers, NOW) == 10


def test_only_a_pause_that_upstream_names_is_told() -> None:
    assert status_fault(429, {}, NOW).retry_after_seconds is None
    assert status_fault(429, {"retry-after": "9"}, NOW).retry_after_seconds == 9
    assert status_fault(503, {}, NOW).retry_after_seconds is None
    assert status_fault(503, {"retry-after": "9"}, NOW).retry_after_seconds == 9
