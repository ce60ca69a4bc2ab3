"""Which pages of other origins may read answers (CORS, as the Fetch standard has it).

Origins are listed one by one: no pattern, no `null`, no cookies (FAULTS T36). Pure ASGI, inside the guard.
"""

from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients.file import ClientKeys
from app.http.auth import Viewer
from app.http.responses import Headers

EXPOSED = (
    b"ETag, Age, Cache-Status, Server-Timing, Link, X-Total-Count, X-Truncated, X-Request-Id, RateLimit, "
    b"RateLimit-Policy, Retry-After, Content-Disposition, Content-Range, Accept-Ranges"
)
READING = (b"GET", b"HEAD")  # a purge is never asked for by another site's page (FAULTS T38)
# fmt: off
SENDABLE = frozenset({
    b"accept", b"authorization", b"cache-control", b"content-type", b"if-match",
    b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"pragma",
    b"range", b"traceparent", b"tracestate", b"x-api-key", b"x-request-id",
})
# fmt: on
PREFLIGHT_SECONDS = 600
VARY = (b"vary", b"Origin")
_ORIGIN = b"origin"


class Origins:
    """The origins that may read: those of the settings for every answer, those of a key for answers to it.

    Before it is known whose request it is, and where nobody needs to know, those of any key may read: there is nothing
    of a customer in it.
    """

    def __init__(self, of_all: Iterable[str], keys: ClientKeys) -> None:
        self._of_all = frozenset(one.encode() for one in of_all)
        self._keys = keys

    def known(self) -> frozenset[bytes]:
        """Every origin that may read something."""
        return self._of_all | self._keys.origins if self._keys.origins else self._of_all

    def on_every_answer(self) -> Sequence[tuple[bytes, bytes]]:
        """The fields of every answer: else an answer to one origin might be reused for another."""
        return (VARY,) if self.known() else ()

    def may_read(self, origin: bytes, viewer: Viewer | None) -> bool:
        """Whether pages of this origin may read an answer to the viewer."""
        if origin in self._of_all or viewer is None:
            return origin in self.known()
        return viewer.key is not None and origin.decode("latin-1") in viewer.key.origins


class Cors:
    """ASGI middleware: answers what browsers ask beforehand, and marks the answers that pages may read."""

    def __init__(self, app: ASGIApp, *, origins: Origins) -> None:
        self.app = app
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Nothing happens where no origin is listed."""
        if scope["type"] != "http" or not self.origins.known():
            await self.app(scope, receive, send)
            return
        origin = _only(_ORIGIN, scope["headers"])
        if scope["method"] == "OPTIONS" and origin and self._is_granted(origin, scope["headers"]):
            await send({"type": "http.response.start", "status": 204, "headers": _granted(origin, scope["headers"])})
            await send({"type": "http.response.body", "body": b""})
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = self._marks(origin, scope["state"].get("viewer"))
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            await send(message)

        await self.app(scope, receive, marked)

    def _marks(self, origin: bytes | None, viewer: Viewer | None) -> Headers:
        common = self.origins.on_every_answer()
        if origin is None or not self.origins.may_read(origin, viewer):
            return [*common]
        return [*common, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", EXPOSED)]

    def _is_granted(self, origin: bytes, headers: Headers) -> bool:
        names = _wanted(headers)
        return (
            origin in self.origins.known()
            and _only(b"access-control-request-method", headers) in READING
            and SENDABLE.issuperset(names)
        )


def _granted(origin: bytes, headers: Headers) -> Headers:
    """A preflight carries no key, so it cannot tell whose request follows: that one is looked at itself."""
    answer = [
        (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", b", ".join(READING)),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
    ]
    names = sorted(_wanted(headers))
    return [*answer, (b"access-control-allow-headers", b", ".join(names))] if names else answer


def _wanted(headers: Headers) -> set[bytes]:
    named = b",".join(value for name, value in headers if name == b"access-control-request-headers")
    return {name.strip().lower() for name in named.split(b",") if name.strip()}


def _only(name: bytes, headers: Headers) -> bytes | None:
    values = [value for field, value in headers if field == name]
    return values[0] if len(values) == 1 else None
