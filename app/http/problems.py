"""Every problem a client can meet, as a table, the answer to each (RFC 9457), and the exceptions that become one.

Words come from the table and from our own errors; nothing of a client's values, of upstream's or of an exception's.
"""

import logging
import math
import traceback
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from msgspec import UNSET
from msgspec.json import encode
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from app.errors import CxfacadeError, InvalidParameters, MethodNotAllowed, NotAForm, NotFound
from app.http import messages
from app.http.paths import methods_taken, nearest_path, without_slash
from app.http.responses import VARY
from app.http.sending import Headers
from app.interactions.times import written
from app.observe.lines import INTERNAL_ERROR

LONGEST_RETRY_AFTER = 300  # seconds (FAULTS 1.5)
READING_METHODS = "GET, HEAD"
_IN_PATHS = "/:@!$&'()*+,;=~"  # beside letters, digits and -._ (RFC 3986 §3.3): `instance` is a URI reference


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One row of PROBLEMS: a type of problem (RFC 9457 §3.1.1)."""

    slug: str  # the code of the error, and the last part of `type`
    status: int
    retry_after_seconds: int | None  # None: trying again changes nothing. An error may name a time of its own
    title: str
    explanation: str  # for people: what it means and what to do

    @property
    def retryable(self) -> bool:
        """Whether the same request may work later."""
        return self.retry_after_seconds is not None


# fmt: off
# A row reads as a row: name and numbers, then the words.
PROBLEMS = (
    ProblemType("upstream-unreachable", 503, 5, "Upstream cannot be reached",
            "The reporting service refused the connection or has no route to it. Try again shortly."),
    ProblemType("upstream-dns", 503, 5, "Upstream's name does not resolve",
            "The name of the reporting service could not be looked up. Try again; if it lasts, tell the operator."),
    ProblemType("upstream-reset", 503, 2, "Upstream closed the connection",
            "The reporting service broke off before it had answered. Try again."),
    ProblemType("upstream-error", 503, 2, "Upstream failed",
            "The reporting service reported an error of its own. Try again."),
    ProblemType("upstream-unavailable", 503, 5, "Upstream is unavailable",
            "The reporting service is down or overloaded for the moment. Try again after the time given."),
    ProblemType("upstream-throttled", 503, 5, "Upstream asked for a pause",
            "The reporting service limits how often it may be asked. Try again after the time given."),
    ProblemType("upstream-busy", 503, 1, "All calls to upstream are taken",
            "As many questions as allowed are being asked already. Try again in a moment."),
    ProblemType("upstream-circuit-open", 503, 5, "Upstream is left alone to recover",
            "The reporting service failed repeatedly and is not asked for a while. Try again after the time given."),
    ProblemType("upstream-timeout", 504, 5, "Upstream took too long",
            "The reporting service did not answer in time. Try again, or ask for a shorter time range."),
    ProblemType("still-fetching", 504, 2, "Still fetching",
            "The answer takes longer than one request may wait; fetching goes on. Send the same request again soon."),
    ProblemType("rate-limited", 429, 60, "Too many requests",
            "This key used up its quota, or a purge came too soon after another. Wait the time given."),
    ProblemType("overloaded", 503, 1, "Too busy",
            "The service is refusing some requests to keep the others quick. Try again in a moment."),
    ProblemType("upstream-bad-answer", 502, None, "Upstream's answer cannot be read",
            "What the reporting service sent was cut short or cannot be decoded. Tell the operator if it lasts."),
    ProblemType("upstream-shape", 502, None, "Upstream's answer has an unknown form",
            "The reporting service answered in a form this version does not know. Tell the operator."),
    ProblemType("upstream-tls", 502, None, "Upstream's certificate is not acceptable",
            "The connection to the reporting service could not be made safe, so nothing was asked. Tell the operator."),
    ProblemType("upstream-redirect", 502, None, "Upstream pointed elsewhere",
            "The reporting service answered with a redirect, which is never followed. Tell the operator."),
    ProblemType("upstream-auth", 502, None, "Upstream refuses our credentials",
            "The credentials held on the server no longer work; yours are not at fault. Tell the operator."),
    ProblemType("upstream-forbidden", 502, None, "Upstream denies this data",
            "The account held on the server may not read this tenant or these records. Tell the operator."),
    ProblemType("upstream-unknown-tenant", 502, None, "Upstream does not know the tenant",
            "The configured tenant does not exist at the reporting service. Tell the operator."),
    ProblemType("upstream-refused-query", 502, None, "Upstream refused the query",
            "The reporting service refused what your parameters were turned into. Try other filters."),
    ProblemType("upstream-too-large", 502, None, "Upstream's answer is too large",
            "The answer is over the size that may be fetched at once. Narrow the time range or add filters."),
    ProblemType("upstream-wrong-tenant", 502, None, "Upstream answered for another tenant",
            "The answer named a tenant that was not asked about and was thrown away. Tell the operator."),
    ProblemType("not-stored", 504, None, "Not stored",
            "You asked for a stored answer only (only-if-cached); there is none. Ask without it to have it fetched."),
    ProblemType("bad-request", 400, None, "Malformed request",
            "The request is not valid HTTP, has an underscore in a header name, or carries two credentials."),
    ProblemType("bad-target", 400, None, "Malformed URL",
            "Percent-encode what is not ASCII, in the path and in the query: é is %C3%A9. "
            "The path must start with one slash and hold no semicolon, encoded slash or dot segment."),
    ProblemType("bad-host", 400, None, "Unknown host",
            "The Host header is missing, doubled or not one this service answers to. The operator lists those in "
            "CXF_ALLOWED_HOSTS."),
    ProblemType("body-not-allowed", 400, None, "Body not allowed",
            "GET and HEAD take no body here. Put everything into the query string, or send a body by QUERY."),
    ProblemType("unknown-parameter", 400, None, "Unknown parameter",
            "A query parameter has an unknown name; a misspelt filter would return everything. Correct the name."),
    ProblemType("duplicate-parameter", 400, None, "Parameter given twice",
            "A query parameter that takes one value was given more than once. Give it once."),
    ProblemType("invalid-parameter", 400, None, "Invalid parameter",
            "A query parameter has a value out of range or malformed. The errors listed say which, and what it takes."),
    ProblemType("key-in-query", 400, None, "Key in the question",
            "A key in a question ends up in logs and histories. Replace it, and send the new one in a header."),
    ProblemType("sort-needs-complete-result", 400, None, "Order needs the whole result",
            "Only the order by start works on results larger than one answer. Narrow the time range, or drop `sort`."),
    ProblemType("too-many-groups", 400, None, "Too many groups",
            "A summary has as many rows as it has groups. Take fewer columns into `by`, a longer `interval`, or a "
            "shorter range by `from` and `to`."),
    ProblemType("summary-needs-complete-result", 400, None, "Summary needs the whole result",
            "A summary counts all rows of its range, and these are more than can be held at once. Narrow the "
            "range by `from` and `to`, add `attr` or `contact_id`, or have CXF_CACHE_BYTES raised."),
    ProblemType("cursor-mismatch", 400, None, "Cursor of another query",
            "The cursor was made for other parameters. Send it with the parameters it came with, or start without it."),
    ProblemType("cursor-expired", 410, None, "Cursor expired",
            "The snapshot that this cursor walks through is no longer kept. Start again without the cursor."),
    ProblemType("change-token-expired", 410, None, "Change token expired",
            "What changed since this token was given can no longer be told. Load anew without `changed_since`."),
    ProblemType("unauthorized", 401, None, "Key needed",
            "There is no valid key in the request. Send `Authorization: Bearer <key>` or `X-API-Key: <key>`."),
    ProblemType("forbidden", 403, None, "Not allowed",
            "The key is valid but lacks the scope this needs. Ask the operator for one that has it."),
    ProblemType("not-found", 404, None, "Not found",
            "There is no such path or interaction. Check its spelling."),
    ProblemType("method-not-allowed", 405, None, "Method not allowed",
            "This path does not take that method. The Allow header lists those it takes."),
    ProblemType("body-too-large", 413, None, "Body too large",
            "The body is over 64 KiB. Send less."),
    ProblemType("target-too-long", 414, None, "URL too long",
            "The path with its query is over 8 KiB. Use fewer or shorter parameters, or send them as a body: by QUERY, "
            "or by POST to the list's path and /search."),
    ProblemType("unsupported-media-type", 415, None, "Unsupported media type",
            "Purges take `application/json` alone, questions in a body `application/x-www-form-urlencoded`. Send that "
            "as Content-Type."),
    ProblemType("range-not-satisfiable", 416, None, "Range not satisfiable",
            "The range starts past the end of the answer. Content-Range says how long the answer is."),
    ProblemType("headers-too-large", 431, None, "Headers too large",
            "The request's headers are over 32 KiB together. Send fewer or shorter ones."),
    ProblemType("internal-error", 500, None, "Our mistake",
            "Something went wrong here, not with your request. Tell the operator the request id."),
)
# fmt: on

BY_SLUG = {row.slug: row for row in PROBLEMS}


def rendered(
    slug: str,
    error: CxfacadeError | None = None,
    *,
    request_id: str,
    instance: str | None,
    allow: str = READING_METHODS,
    root: str = "",
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the problem `slug`; what `error` says of itself goes into it.

    `instance` is the request's path without its query, None where it could not be read; `allow` are the methods for a
    405; `root` is the path prefix, without a slash at its end, under which the client sees the service.
    """
    row = BY_SLUG[slug]
    wait = _retry_after(row, error)
    # The words of a bug of ours were written for the operator.
    has_words = error is not None and error.detail and slug != "internal-error"
    faults = [
        messages.ParameterFault(one.parameter, one.detail, one.allowed or UNSET, one.did_you_mean or UNSET)
        for one in (error.faults if isinstance(error, InvalidParameters) else ())
    ]
    last_success_at = error.last_success_at if error else None
    message = messages.Problem(
        type=f"{root}/problems/{slug}",
        title=row.title,
        status=row.status,
        detail=error.detail if error and has_words else row.explanation,
        instance=UNSET if instance is None else quote(instance, safe=_IN_PATHS),
        code=slug,
        request_id=request_id,
        retryable=row.retryable,
        retry_after_seconds=UNSET if wait is None else wait,
        errors=faults or UNSET,
        last_success_at=written(last_success_at) if last_success_at else UNSET,
    )
    body = encode(message)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"vary", VARY),
    ]
    if wait is not None:
        headers.append((b"retry-after", b"%d" % wait))
    if slug == "unauthorized":
        headers.append((b"www-authenticate", b'Bearer realm="cxfacade"'))
    if isinstance(error, NotAForm):  # RFC 10008 §3
        headers.append((b"accept-query", b"application/x-www-form-urlencoded"))
    if slug == "method-not-allowed":
        headers.append((b"allow", allow.encode()))
    return row.status, headers, body


def problem_of(
    scope: Scope, slug: str, error: CxfacadeError | None = None, allow: str = READING_METHODS
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the problem `slug`, as the answer to this request."""
    request_id, root = scope.get("state", {}).get("request_id", ""), scope.get("root_path", "")
    return rendered(slug, error, request_id=request_id, instance=scope["path"], allow=allow, root=root)


def slug_of(error: CxfacadeError) -> str:
    """The code of `error`; faults that are all of one kind give the whole their code."""
    codes = {fault.code for fault in error.faults} if isinstance(error, InvalidParameters) else set()
    return codes.pop() if len(codes) == 1 else error.code


def _retry_after(row: ProblemType, error: CxfacadeError | None) -> int | None:
    """Whole seconds, rounded up, exactly where the row is retryable: the error's own time, else the row's."""
    if row.retry_after_seconds is None:
        return None
    seconds = error.retry_after_seconds if error else None
    return math.ceil(min(LONGEST_RETRY_AFTER, max(1, row.retry_after_seconds if seconds is None else seconds)))


_LOGGER = logging.getLogger("cxfacade.errors")
_FRAMES_LOGGED = 12
_FIRST_SERVER_ERROR = 500
_HANDLED = (CxfacadeError, HTTPException, RequestValidationError, ClientDisconnect)


def install(app: FastAPI) -> None:
    """Make exceptions of `app` problems: ours and the framework's own; any other is the guard's."""
    for kind in _HANDLED:
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    match error:
        case CxfacadeError():
            return _answer(request, slug_of(error), error)
        case HTTPException(status_code=404):  # the router's: a resource that is missing raises our own
            docs, near = f"{request.scope.get('root_path', '')}/docs", nearest_path(request.scope)
            words = f"There is no such path.{near} {docs} lists those there are."
            return _answer(request, NotFound.code, NotFound(words))
        case HTTPException(status_code=405, headers={"Allow": methods}):
            allow = ", ".join(sorted(methods.split(", ")))
            return _answer(request, MethodNotAllowed.code, MethodNotAllowed(methods_taken(request.scope, allow)), allow)
        case HTTPException():
            return _answer(request, _slug_of_status(error.status_code))
        case RequestValidationError():  # its own words would echo the value
            return _answer(request, "invalid-parameter")
    return _answer(request, "bad-request")  # a body broken off: nobody reads this answer, and it is no bug of ours


def _slug_of_status(status: int) -> str:
    """The problem that alone has this status, else the general one of its class."""
    slugs = [row.slug for row in PROBLEMS if row.status == status]
    if len(slugs) == 1:
        return slugs[0]
    return "bad-request" if status < _FIRST_SERVER_ERROR else "internal-error"


def log_unexpected(error: Exception, scope: MutableMapping[str, Any]) -> None:
    """Log a bug of ours, once: its type and places, never its text, which may quote a value (FAULTS T57)."""
    state = scope.setdefault("state", {})
    if state.get("logged_error") is not error:
        state["logged_error"] = error
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
        places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
        _LOGGER.error(INTERNAL_ERROR, type(error).__name__, places, state.get("request_id"))


def _answer(request: Request, slug: str, error: CxfacadeError | None = None, allow: str = READING_METHODS) -> Response:
    if slug == "not-found" and (shorter := without_slash(request)):
        return shorter
    status, headers, body = problem_of(request.scope, slug, error, allow)
    response = Response(body, status)
    response.raw_headers = headers
    return response
