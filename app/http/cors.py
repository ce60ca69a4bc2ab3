"""Which pages of other origins may read answers (CORS, as the Fetch standard has it).

Origins are listed one by one: no pattern, no `null`, no cookies (FAULTS T36). Pure ASGI, inside the guard.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients.file import ClientKeys
from app.http.auth import Viewer
from app.http.negotiation import sole
from app.http.paths import SEARCH
from app.http.sending import Headers

EXPOSED = (
    b"ETag, Age, Cache-Status, Server-Timing, Link, X-Total-Count, X-Truncated, X-Change-Token, X-Hint, X-Request-Id, "
    b"RateLimit, RateLimit-Policy, Retry-After, Content-Disposition, Content-Range, Accept-Ranges"
)
READING = (b"GET", b"HEAD", b"QUERY")  # a purge is never asked for by another site's page (FAULTS T38)
SEARCHING = (b"POST",)  # where a path ends with SEARCH, and asks as GET does
SENDABLE = frozenset(
    b"accept authorization cache-control content-type if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since pragma range traceparent tracestate x-api-key x-request-id".split()
)
PREFLIGHT_SECONDS = 600
VARY = (b"vary", b"Origin")  # else an answer to one origin might be reused for another


class Cors:
    """ASGI middleware: answers what browsers ask beforehand, and marks the answers that pages may read.

    The origins of the settings may read every answer, those of a key the answers to it. Before it is known whose
    request it is, and where nobody needs to know, those of any key may: there is nothing of a customer in it.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: Iterable[str], keys: ClientKeys) -> None:
        self.app = app
        self._of_all = frozenset(one.encode() for one in allowed_origins)
        self._keys = keys

    def _known(self) -> frozenset[bytes]:
        """Every origin that may read something."""
        return self._of_all | self._keys.origins if self._keys.origins else self._of_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing happens where no origin is listed."""
        if scope["type"] != "http" or not self._known():
            await self.app(scope, receive, send)
            return
        origin = sole(scope["headers"], b"origin")
        granted = self._preflight(origin, scope) if scope["method"] == "OPTIONS" and origin else None
        if granted:
            await send({"type": "http.response.start", "status": 204, "headers": granted})
            await send({"type": "http.response.body", "body": b""})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = self._marks(origin, scope["state"].get("viewer"))
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self.app(scope, receive, marked)

    def _marks(self, origin: bytes | None, viewer: Viewer | None) -> Headers:
        if origin is None:
            return [VARY]
        if origin in self._of_all or viewer is None:
            may_read = origin in self._known()
        else:
            may_read = viewer.key is not None and origin.decode("latin-1") in viewer.key.origins
        allowed = [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]
        return [VARY, *allowed] if may_read else [VARY]

    def _preflight(self, origin: bytes, scope: Scope) -> Headers | None:
        """The fields for a browser that asks beforehand, and so without a key; None where it is not granted."""
        headers, methods = scope["headers"], SEARCHING if scope["path"].endswith(SEARCH) else READING
        named = b",".join(value for name, value in headers if name == b"access-control-request-headers")
        names = {name.strip().lower() for name in named.split(b",") if name.strip()}
        is_reading = sole(headers, b"access-control-request-method") in methods
        if not is_reading or origin not in self._known() or not SENDABLE.issuperset(names):
            return None
        granted = [
            (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", b", ".join(methods)),
            (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
        ]
        return [*granted, (b"access-control-allow-headers", b", ".join(sorted(names)))] if names else granted
