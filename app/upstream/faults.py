"""What a status of upstream's means to us (FAULTS §2.1, rows 23 to 32)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from app.errors import (
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamForbidden,
    UpstreamRedirect,
    UpstreamRefusedQuery,
    UpstreamServerError,
    UpstreamShape,
    UpstreamShortTimeout,
    UpstreamThrottled,
    UpstreamUnavailable,
    UpstreamUnknownTenant,
    UpstreamUnsupported,
)

LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 300.0
SECONDS = re.compile(r"[0-9]{1,20}", re.ASCII)
SUCCESS, REDIRECTION, CLIENT_ERROR, SERVER_ERROR, BEYOND = 200, 300, 400, 500, 600


class StatusFault(NamedTuple):
    """The error a status becomes, and our words for it."""

    error: type[UpstreamError]
    detail: str


STATUSES = {
    401: StatusFault(UpstreamAuth, "The upstream refuses the façade's credentials."),
    403: StatusFault(UpstreamForbidden, "The upstream denies the façade these records."),
    404: StatusFault(UpstreamUnknownTenant, "The upstream does not know the façade's tenant."),
    410: StatusFault(UpstreamUnknownTenant, "The upstream does not know the façade's tenant."),
    429: StatusFault(UpstreamThrottled, "The upstream asks for a pause."),
    500: StatusFault(UpstreamServerError, "The upstream failed."),
    502: StatusFault(UpstreamUnavailable, "The upstream is not available."),
    503: StatusFault(UpstreamUnavailable, "The upstream is not available."),
    501: StatusFault(UpstreamUnsupported, "The upstream failed."),
    505: StatusFault(UpstreamUnsupported, "The upstream failed."),
    504: StatusFault(UpstreamShortTimeout, "The upstream ran out of time."),
}

CLASSES = (
    (range(SUCCESS, REDIRECTION), StatusFault(UpstreamShape, "The upstream answered with a success without records.")),
    (
        range(REDIRECTION, CLIENT_ERROR),
        StatusFault(UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    ),
    (range(CLIENT_ERROR, SERVER_ERROR), StatusFault(UpstreamRefusedQuery, "The upstream refused the query.")),
    (range(SERVER_ERROR, BEYOND), StatusFault(UpstreamServerError, "The upstream failed.")),
)
NO_STATUS = StatusFault(UpstreamBadAnswer, "The upstream's answer has no usable status.")

PAUSING = frozenset({UpstreamThrottled, UpstreamUnavailable, UpstreamShortTimeout})  # Retry-After is read

LOGIN_REFUSED = frozenset({400, 401, 403})


def status_fault(status: int, headers: Mapping[str, str], now: datetime) -> UpstreamError:
    """The error for a status other than 200; `headers` in lower case, `now` by the wall clock."""
    fault = STATUSES.get(status) or next((fault for statuses, fault in CLASSES if status in statuses), NO_STATUS)
    if fault.error not in PAUSING:
        return fault.error(fault.detail)
    return fault.error(fault.detail, retry_after_seconds=pause_seconds(headers, now))


def login_fault(status: int, headers: Mapping[str, str], now: datetime) -> UpstreamError:
    """The error for a refused login: 400, 401 and 403 mean the credentials (FAULTS §2.1, row 24)."""
    if status in LOGIN_REFUSED:
        return UpstreamAuth("The upstream refuses the façade's credentials.")
    return status_fault(status, headers, now)


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After (RFC 9110 §10.2.3) within 1 to 300 seconds, None where absent or unreadable.

    A date is read against upstream's own Date, so that a clock that differs from ours does no harm.
    """
    value = headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(value):
        return min(max(float(value), LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS)
    until = _date(value)
    if until is None:
        return None
    pause = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(pause, LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
