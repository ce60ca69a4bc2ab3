"""A slash too many: 308 to the path without it (RFC 9110 §15.4.9), where that is a path of ours."""

from typing import cast
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Match, Router


def without_slash(request: Request) -> Response | None:
    """The way to the path without the slash at its end; None where there is none, or no route takes that path.

    The way is relative, `../interactions?attr=1`: it holds behind any prefix, and leads to no other host.
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
