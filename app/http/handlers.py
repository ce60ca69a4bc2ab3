"""Exceptions become problems: our own errors, the framework's exceptions, and bugs, which are logged."""

import logging
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Router

from app.errors import CxfacadeError, InvalidParameters, ParameterFault
from app.http.problems import READING_METHODS, rendered, slug_of
from app.observe.lines import INTERNAL_ERROR

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
_FIRST_SERVER_ERROR = 500


def install(app: FastAPI) -> None:
    """Make every exception of `app` a problem: ours, the framework's own, and at last any other."""
    app.add_exception_handler(CxfacadeError, _ours)
    app.add_exception_handler(HTTPException, _frameworks)
    app.add_exception_handler(RequestValidationError, _validations)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _last_resort)


async def _ours(request: Request, error: Exception) -> Response:
    known = cast("CxfacadeError", error)
    return _answer(request, slug_of(known), known)


async def _frameworks(request: Request, error: Exception) -> Response:
    status = cast("HTTPException", error).status_code
    other = "bad-request" if status < _FIRST_SERVER_ERROR else "internal-error"
    return _answer(request, _FRAMEWORK_SLUGS.get(status, other))


async def _validations(request: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    return await _ours(request, InvalidParameters([_fault(one) for one in found]))


async def _left(request: Request, _: Exception) -> Response:
    """The client left in the middle of its body: nobody reads this answer, and it is no bug of ours."""
    return _answer(request, "bad-request")


async def _last_resort(request: Request, error: Exception) -> Response:
    log_unexpected(error, request.scope)
    return _answer(request, "internal-error")


def log_unexpected(error: Exception, scope: MutableMapping[str, Any]) -> None:
    """Log a bug of ours, once: its type and places, never its text, which may quote a value (FAULTS T57)."""
    state = scope.setdefault("state", {})
    if state.get("logged_error") is not error:
        state["logged_error"] = error
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_LOGGED:]
        places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
        _LOGGER.error(INTERNAL_ERROR, type(error).__name__, places, state.get("request_id"))


def _answer(request: Request, slug: str, error: CxfacadeError | None = None) -> Response:
    if slug == "not-found" and (shorter := without_slash(request)):
        return shorter
    status, headers, body = rendered(
        slug,
        error,
        request_id=request.scope.get("state", {}).get("request_id", ""),
        instance=request.scope["path"],
        allow=_allow(request) if slug == "method-not-allowed" else "",
        last_success_at=error.last_success_at if error else None,
        root=request.scope.get("root_path", ""),
    )
    response = Response(body, status)
    response.raw_headers = headers
    return response


def _allow(request: Request) -> str:
    """The methods of all routes at this path: the framework names those of the first route alone."""
    router = cast("Router | None", request.scope.get("router"))
    routes = router.routes if router else []
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    taken = [name for name, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
    return ", ".join(taken) or READING_METHODS


def _fault(found: Mapping[str, object]) -> ParameterFault:
    """A fault that the framework's validation found, in words of ours: its own would echo the value."""
    names = [part for part in cast("Sequence[object]", found["loc"]) if isinstance(part, str)]
    name = names[-1] if names else "body"
    return ParameterFault(name, f"`{name}` is missing." if found["type"] == "missing" else f"`{name}` is malformed.")


def without_slash(request: Request) -> Response | None:
    """A redirect to the path without the slash at its end (RFC 9110 §15.4.9); None where no route takes that path.

    Its Location is relative, `../interactions?attr=1`: it holds behind any prefix, and leads to no other host.
    """
    scope = request.scope
    path = scope["path"].removesuffix("/")
    router = cast("Router | None", scope.get("router"))
    if router is None or path == scope["path"] or not path or path.endswith("/"):
        return None
    shorter = {**scope, "path": path}
    if all(route.matches(shorter)[0] is Match.NONE for route in router.routes):
        return None
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope["query_string"]
    location = b"../" + raw_path[:-1].rpartition(b"/")[2] + (b"?" + query if query else b"")
    return Response(status_code=308, headers={"Location": location.decode("ascii")})
