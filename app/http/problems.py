"""Problems: how each row of the table is answered (RFC 9457), and how the framework's exceptions become one.

Words come from the table and from our own errors; nothing of a client's values, of upstream's or of an exception's.
"""

import logging
import math
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Router

from app.errors import CxfacadeError, InvalidParameters, ParameterFault
from app.http.problem_table import BY_SLUG, Problem
from app.http.responses import VARY, Headers
from app.http.slashes import without_slash
from app.observe.lines import INTERNAL_ERROR

LONGEST_RETRY_AFTER = 300  # seconds (FAULTS 1.5)
_LOGGER = logging.getLogger("cxfacade.errors")
_FRAMES_LOGGED = 12

_FRAMEWORK_SLUGS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_READING_METHODS = "GET, HEAD"
_FIRST_SERVER_ERROR = 500
_IN_PATHS = "/:@!$&'()*+,;=~"  # beside letters, digits and -._ (RFC 3986 §3.3): `instance` is a URI reference


def problem(
    error: CxfacadeError,
    *,
    request_id: str,
    instance: str,
    allow: str = _READING_METHODS,
    last_success_at: datetime | None = None,
) -> Response:
    """The answer to `error`; `instance` is the request's path without its query, `allow` the methods for a 405."""
    facts = rendered(
        _slug(error), error, request_id=request_id, instance=instance, allow=allow, last_success_at=last_success_at
    )
    return _response(*facts)


def rendered(
    slug: str,
    error: CxfacadeError | None = None,
    *,
    request_id: str,
    instance: str | None,
    allow: str = _READING_METHODS,
    last_success_at: datetime | None = None,
    root: str = "",
) -> tuple[int, Headers, bytes]:
    """Status, headers and body of the problem `slug`, for those who answer below the framework, perhaps no path.

    `root` is the path prefix, without a slash at its end, under which the client sees the service.
    """
    row = BY_SLUG[slug]
    wait = _retry_after(row, error)
    faults = error.faults if isinstance(error, InvalidParameters) else ()
    members = {
        "type": f"{root}/problems/{slug}",
        "title": row.title,
        "status": row.status,
        "detail": _detail(row, error),
        "instance": None if instance is None else quote(instance, safe=_IN_PATHS),
        "code": slug,
        "request_id": request_id,
        "retryable": row.retryable,
        "retry_after_seconds": wait,
        "errors": [_fault_members(fault) for fault in faults] or None,
        "last_success_at": _rfc3339(last_success_at),
    }
    body = msgspec.json.encode({name: value for name, value in members.items() if value is not None})
    return row.status, _headers(row, wait, allow, len(body)), body


def _headers(row: Problem, wait: int | None, allow: str, length: int) -> Headers:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),
        (b"vary", VARY),
    ]
    if wait is not None:
        headers.append((b"retry-after", b"%d" % wait))
    if row.slug == "unauthorized":
        headers.append((b"www-authenticate", b'Bearer realm="cxfacade"'))
    if row.slug == "method-not-allowed":
        headers.append((b"allow", allow.encode()))
    return headers


def _slug(error: CxfacadeError) -> str:
    """The row of `error`; faults that are all of one kind give the whole their code."""
    codes = {fault.code for fault in error.faults} if isinstance(error, InvalidParameters) else set()
    return codes.pop() if len(codes) == 1 else error.code


def _detail(row: Problem, error: CxfacadeError | None) -> str:
    """Our own bugs speak in the table's words only: what they would say was written for the operator."""
    return error.detail if error and error.detail and row.slug != "internal-error" else row.explanation


def _retry_after(row: Problem, error: CxfacadeError | None) -> int | None:
    """Whole seconds, rounded up, exactly where the row is retryable: the error's own time, else the row's."""
    if row.retry_after_seconds is None:
        return None
    seconds = error.retry_after_seconds if error else None
    return math.ceil(min(LONGEST_RETRY_AFTER, max(1, row.retry_after_seconds if seconds is None else seconds)))


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def _fault_members(fault: ParameterFault) -> dict[str, object]:
    members: dict[str, object] = {"parameter": fault.parameter, "detail": fault.detail}
    if fault.allowed:
        members["allowed"] = fault.allowed
    if fault.did_you_mean is not None:
        members["did_you_mean"] = fault.did_you_mean
    return members


def _response(status: int, headers: Headers, body: bytes) -> Response:
    response = Response(body, status)
    response.raw_headers = headers
    return response


def install(app: FastAPI) -> None:
    """Make every exception of `app` a problem: ours, the framework's own, and at last any other."""
    app.add_exception_handler(CxfacadeError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(RequestValidationError, _validations)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _last_resort)


async def _ours(request: Request, error: Exception) -> Response:
    known = cast("CxfacadeError", error)
    return _answer(request, _slug(known), known)


async def _frameworks(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    other = "bad-request" if status < _FIRST_SERVER_ERROR else "internal-error"
    return _answer(request, _FRAMEWORK_SLUGS.get(status, other))


async def _validations(request: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    return await _ours(request, InvalidParameters([_fault(one) for one in found]))


async def _left(request: Request, _: Exception) -> Response:
    """The client, in the middle of its body: nobody reads this, and it is no bug of ours."""
    return _answer(request, "bad-request")


async def _last_resort(request: Request, error: Exception) -> Response:
    log_unexpected(error, request.scope)
    return _answer(request, "internal-error")


def log_unexpected(error: Exception, scope: MutableMapping[str, Any]) -> None:
    """One line about a bug of ours, once: type and places, never its text, which may quote a value (FAULTS T57)."""
    state = scope.setdefault("state", {})
    if state.get("logged_error") is not error:
        state["logged_error"] = error
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
        places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
        _LOGGER.error(INTERNAL_ERROR, type(error).__name__, places, state.get("request_id"))


def _answer(request: Request, slug: str, error: CxfacadeError | None = None) -> Response:
    if slug == "not-found" and (way := without_slash(request)):
        return way
    allow = _allow(request) if slug == "method-not-allowed" else ""
    request_id = request.scope.get("state", {}).get("request_id", "")
    since = error.last_success_at if error else None
    facts = rendered(
        slug,
        error,
        request_id=request_id,
        instance=request.scope["path"],
        allow=allow,
        last_success_at=since,
        root=request.scope.get("root_path", ""),
    )
    return _response(*facts)


def _allow(request: Request) -> str:
    """Every method some route takes at this path: the framework names those of the first route alone."""
    router = cast("Router | None", request.scope.get("router"))
    routes = router.routes if router else []
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    taken = [name for name, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
    return ", ".join(taken) or _READING_METHODS


def _fault(found: Mapping[str, object]) -> ParameterFault:
    """A fault that the framework's validation found, in words of ours: its own would echo the value."""
    names = [part for part in cast("Sequence[object]", found["loc"]) if isinstance(part, str)]
    name = names[-1] if names else "body"
    return ParameterFault(name, f"`{name}` is missing." if found["type"] == "missing" else f"`{name}` is malformed.")
