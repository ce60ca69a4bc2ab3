"""Errors of ours for each exception of the HTTP library and each status of upstream (FAULTS §2.1 and §2.2)."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from app import errors
from app.upstream.connections import Attempt

Kind = tuple[type[errors.CxfacadeError], str]
StatusKind = tuple[type[errors.UpstreamError], str]

LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 300.0
SECONDS = re.compile(r"[0-9]{1,20}", re.ASCII)

EXCEPTIONS: dict[type[Exception], Kind] = {
    httpx.ConnectError: (errors.UpstreamUnreachable, "The upstream cannot be reached."),
    httpx.PoolTimeout: (errors.UpstreamBusy, "No connection to the upstream came free."),
    httpx.RemoteProtocolError: (errors.UpstreamBadAnswer, "The upstream's answer is cut off or not HTTP."),
    httpx.DecodingError: (errors.UpstreamBadAnswer, "The upstream's answer is not coded as it says."),
    httpx.TooManyRedirects: (errors.UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    httpx.ConnectTimeout: (errors.UpstreamShortTimeout, "The upstream did not take the connection in time."),
    **dict.fromkeys(
        (httpx.ReadTimeout, httpx.WriteTimeout, httpx.TimeoutException),
        (errors.UpstreamTimeout, "The upstream did not answer in time."),
    ),
    **dict.fromkeys(
        (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.NetworkError),
        (errors.UpstreamReset, "The upstream reset the connection."),
    ),
    **dict.fromkeys(
        (
            httpx.LocalProtocolError, httpx.ProtocolError, httpx.ProxyError, httpx.UnsupportedProtocol,
            httpx.TransportError, httpx.RequestError, httpx.HTTPStatusError, httpx.HTTPError, httpx.InvalidURL,
            httpx.CookieConflict, httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead,
            httpx.RequestNotRead, httpx.StreamError, httpcore.ConnectionNotAvailable, UnicodeEncodeError,
        ),
        (errors.InternalError, "The call to the upstream was not built as it should be."),
    ),
}  # fmt: skip

CAUSES: dict[type, Kind] = {
    ssl.SSLError: (errors.UpstreamTls, "The upstream's certificate or handshake is not acceptable."),
    socket.gaierror: (errors.UpstreamDns, "The upstream's name does not resolve."),
}

UNKNOWN_TENANT: StatusKind = errors.UpstreamUnknownTenant, "The upstream does not know the façade's tenant."
UNAVAILABLE: StatusKind = errors.UpstreamUnavailable, "The upstream is not available."
UNSUPPORTED: StatusKind = errors.UpstreamUnsupported, "The upstream failed."

STATUSES: dict[int, StatusKind] = {
    401: (errors.UpstreamAuth, "The upstream refuses the façade's credentials."),
    403: (errors.UpstreamForbidden, "The upstream denies the façade these records."),
    404: UNKNOWN_TENANT,
    410: UNKNOWN_TENANT,
    429: (errors.UpstreamThrottled, "The upstream asks for a pause."),
    501: UNSUPPORTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: (errors.UpstreamShortTimeout, "The upstream ran out of time."),
    505: UNSUPPORTED,
}
HUNDREDS: dict[int, StatusKind] = {
    2: (errors.UpstreamShape, "The upstream answered with a success without records."),
    3: (errors.UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    4: (errors.UpstreamRefusedQuery, "The upstream refused the query."),
    5: (errors.UpstreamServerError, "The upstream failed."),
}
NO_STATUS: StatusKind = errors.UpstreamBadAnswer, "The upstream's answer has no usable status."

PAUSING = frozenset({errors.UpstreamThrottled, errors.UpstreamUnavailable, errors.UpstreamShortTimeout})  # Retry-After
LOGIN_REFUSED = frozenset({400, 401, 403})


def translate(error: Exception, attempt: Attempt, *, late: bool = False) -> errors.CxfacadeError:
    """The error for an exception: a failed connect goes by its cause, a closed connection by the bytes received.

    A time-out is short where the head had arrived, but not where it is so `late` that the whole reading is over.
    """
    kind, detail = next(EXCEPTIONS[base] for base in type(error).__mro__ if base in EXCEPTIONS)
    if isinstance(error, httpx.ConnectError):
        kind, detail = next((CAUSES[base] for base in _causes(error) if base in CAUSES), (kind, detail))
    if isinstance(error, httpx.RemoteProtocolError) and attempt.received == 0:
        kind, detail = errors.UpstreamReset, "The upstream closed the connection without an answer."
    if issubclass(kind, errors.UpstreamReset) and attempt.unanswered():
        kind = errors.UpstreamUnanswered
    if issubclass(kind, errors.UpstreamTimeout):
        is_short = attempt.is_answered or kind is errors.UpstreamShortTimeout
        kind = errors.UpstreamShortTimeout if is_short and not late else errors.UpstreamTimeout
    return kind(detail)


def _causes(error: BaseException | None) -> Iterator[type]:
    while error is not None:
        yield from type(error).__mro__
        error = error.__cause__ or error.__context__


def status_fault(status: int, headers: Mapping[str, str], now: datetime) -> errors.UpstreamError:
    """The error for a status other than 200; `headers` in lower case, `now` by the wall clock."""
    error, detail = STATUSES.get(status) or HUNDREDS.get(status // 100, NO_STATUS)
    pause = pause_seconds(headers, now) if error in PAUSING else None
    return error(detail, retry_after_seconds=pause)


def login_fault(status: int, headers: Mapping[str, str], now: datetime) -> errors.UpstreamError:
    """The error for a refused login: 400, 401 and 403 mean the credentials (FAULTS §2.1, row 24)."""
    return status_fault(401 if status in LOGIN_REFUSED else status, headers, now)


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After (RFC 9110 §10.2.3) within 1 to 300 seconds, None where absent or unreadable.

    A date is compared with upstream's own Date header, as its clock may differ from ours.
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
