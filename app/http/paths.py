"""Paths that are not answered as they were asked for: the path or the method that may be meant."""

from collections.abc import Iterator
from typing import cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import Scope

from app.http.values import nearest, offer

SEARCH = "/search"  # behind the path of a list or summary: POST asks there


def nearest_path(scope: Scope) -> str:
    """The words that offer a path with the same parent and a last segment much like the one asked for; or none."""
    root: str = scope.get("root_path", "")
    parent, _, last = scope["path"].removeprefix(root).rpartition("/")
    segments = (path.rpartition("/") for path in _paths(scope))
    near = nearest(last, tuple(known for above, _, known in segments if above == parent and known))
    return offer(f"{root}{parent}/{near}" if near else None)


def methods_taken(scope: Scope, allow: str) -> str:
    """The words that tell the methods of `allow`, and where a question is sent as a body by POST."""
    root, path = scope.get("root_path", ""), f"{getattr(scope.get('route'), 'path', '')}{SEARCH}"
    search = f" A question in a body goes by POST to {root}{path}." if path in _paths(scope) else ""
    return f"This path takes {allow} alone.{search}"


def _paths(scope: Scope) -> Iterator[str]:
    """The paths of all routes that have no parameters in theirs."""
    router = cast("Router | None", scope.get("router"))
    routes = [route for route in router.routes if isinstance(route, Route)] if router else []
    return (route.path for route in routes if not route.param_convertors)


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
