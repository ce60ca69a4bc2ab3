"""What each exception of the HTTP library becomes (FAULTS §2.2)."""

import socket
import ssl
from collections.abc import Iterator

import httpcore
import httpx

from app import errors
from app.upstream.wire import Attempt

EXCEPTIONS: dict[type[Exception], tuple[type[errors.CxfacadeError], str]] = {
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

CAUSES: dict[type, tuple[type[errors.CxfacadeError], str]] = {
    ssl.SSLError: (errors.UpstreamTls, "The upstream's certificate or handshake is not acceptable."),
    socket.gaierror: (errors.UpstreamDns, "The upstream's name does not resolve."),
}


def translate(error: Exception, attempt: Attempt, *, late: bool = False) -> errors.CxfacadeError:
    """Our error for one of the library's: a failed connect goes by its cause, a closed connection by its bytes.

    A time-out is short where the head had come, and never where it is so `late` that the whole reading is over.
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
