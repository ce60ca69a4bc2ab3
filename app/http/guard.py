"""The outermost layer: what a request must be before anything reads it, and what every answer carries.

Pure ASGI. The listener below has bounded heads and bodies already; what it lets through, this layer checks again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients.key import holds_key
from app.errors import BadHost, BadRequest, BadTarget, BodyNotAllowed, RequestError, TargetTooLong
from app.http.forwarding import allowed_host
from app.http.handlers import log_unexpected
from app.http.problems import rendered
from app.http.replayable import ARRIVAL, REPLAYABLE, Keep
from app.http.request_log import log_request, sampled_refusals
from app.http.responses import Headers
from app.observe.tracing import entered

LONGEST_TARGET = 8 * 1024  # bytes, query included (FAULTS 1.5)
LONGEST_REQUEST_ID = 64
# Probes and Prometheus ask by an address or a name of their own, whatever we are called outside.
BY_ANY_NAME = frozenset({b"/health/live", b"/health/ready", b"/metrics"})
_LETTERS_AND_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_REQUEST_ID_BYTES = _LETTERS_AND_DIGITS + b"._-"
_PLAIN_BYTES = _LETTERS_AND_DIGITS + b"/-_~"  # the dot is looked at more closely
_REFUSED_IN_PATHS = (b";", b"%2f", b"%5c", b"\\", b"#")
_DOT_SEGMENTS = frozenset({b".", b".."})
_POLICY = b"content-security-policy"
NOT_MODIFIED = 304
ON_EVERY_ANSWER = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (_POLICY, b"default-src 'none'; frame-ancestors 'none'"),  # unless it is a page, which has its own
]
# A browser updates what it has stored by a 304 (RFC 9111 §4.3.4): a page would lose its policy to this one.
ON_NOT_MODIFIED = [field for field in ON_EVERY_ANSWER if field[0] != _POLICY]
_CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Guard:
    """ASGI middleware around the whole application.

    `allowed_hosts` are names without a port, `*` for any; `monotonic` gives seconds; `new_request_id` a fresh id.
    `finished` is told of each request its scope, status (0 where none was sent) and seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Iterable[str],
        new_request_id: Callable[[], str],
        monotonic: Callable[[], float],
        finished: Callable[[Scope, int, float], None] = lambda _scope, _status, _seconds: None,
    ) -> None:
        self.app = app
        self.is_allowed_host = allowed_host(allowed_hosts)
        self.new_request_id = new_request_id
        self.monotonic = monotonic
        self.finished = finished
        self.refusals = sampled_refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that must not go on; else hand it on and finish its answer's headers."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            with entered(scope["headers"]):
                await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self.monotonic()
        request_id = request_id_of(scope["headers"]) or self.new_request_id()
        scope = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        answering = _Answering(send, request_id, scope["state"], scope.get(ARRIVAL))
        fault = fault_of(scope, self.is_allowed_host)
        try:
            if fault is not None:
                await answering.problem(fault.code, scope)
            else:
                await self.app(scope, receive, answering)
        except Exception as error:
            # Goes no further: the server would log its text, which may quote a value (FAULTS T57). Where half an answer
            # is out, the server closes the connection, and so the client learns that the rest is missing.
            log_unexpected(error, scope)
            if not answering.status:
                await answering.problem("internal-error", scope)
        finally:
            seconds = self.monotonic() - began
            log_request(scope, answering.status, seconds, refusals=self.refusals)
            self.finished(scope, answering.status, seconds)


class _Answering:
    """The way out of one request: adds the headers, keeps the status, 0 before it is sent, and has it replayed."""

    def __init__(self, send: Send, request_id: str, state: Mapping[str, Any], keep: Keep | None) -> None:
        self.send = send
        self.keep = keep
        self.headers: Headers = []
        self.request_id = request_id.encode()
        self.state = state
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = self._finished(list(message.get("headers", ())))
            message = {**message, "headers": self.headers}
        await self.send(message)
        if self.keep and REPLAYABLE in self.state and message["type"] == "http.response.body":
            if not message.get("more_body"):
                self.keep(self.state[REPLAYABLE], self.status, self.headers, message["body"])
            self.keep = None  # a body in parts is not kept

    async def problem(self, slug: str, scope: Scope) -> None:
        facts = {"request_id": scope["state"]["request_id"], "instance": scope["path"]}
        status, headers, body = rendered(slug, **facts, root=scope.get("root_path", ""))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _finished(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        fields = dict(headers)
        if fields.get(b"content-type", b"").startswith(b"text/html") and _POLICY not in fields:
            headers.append((_POLICY, _CONTENT_SECURITY_POLICY))
            fields[_POLICY] = _CONTENT_SECURITY_POLICY
        headers += [(b"x-request-id", self.request_id), *self.state.get("answer_fields", ())]
        headers += ON_NOT_MODIFIED if self.status == NOT_MODIFIED or _POLICY in fields else ON_EVERY_ANSWER
        if b"cache-control" not in fields:  # else caches may guess a lifetime (RFC 9111 §4.2.2)
            headers.append((b"cache-control", b"no-store"))
        return headers


def fault_of(scope: Scope, is_allowed_host: Callable[[bytes], bool]) -> RequestError | None:
    """The first thing wrong with the request, in the order Host, target, headers, body; None where nothing is."""
    fields = dict(scope["headers"])
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    raw_path: bytes = scope.get("raw_path") or b""
    path = (raw_path or scope["path"].encode()).removeprefix(scope.get("root_path", "").encode())
    if len(hosts) > 1 or not (path in BY_ANY_NAME or (hosts and is_allowed_host(hosts[0]))):
        return BadHost()
    if len(path) + len(scope["query_string"]) + 1 > LONGEST_TARGET:
        return TargetTooLong()
    if not (_is_plain(path) and raw_path.isascii() and scope["query_string"].isascii()):
        return BadTarget()
    if b"_" in b" ".join(fields) or (b"content-length" in fields and b"transfer-encoding" in fields):
        return BadRequest()
    if scope["method"] in {"GET", "HEAD"} and _has_body(fields):
        return BodyNotAllowed()
    return None


def _has_body(fields: Mapping[bytes, bytes]) -> bool:
    """By its framing (RFC 9112 §6.3): any Transfer-Encoding, or a Content-Length that is not nought."""
    return b"transfer-encoding" in fields or fields.get(b"content-length", b"").strip(b"0 \t") != b""


def _is_plain(path: bytes) -> bool:
    """One slash first, and nothing that a router and a proxy could read differently (FAULTS T18)."""
    if not path.startswith(b"/") or path.startswith(b"//"):
        return False
    if not path.translate(None, _PLAIN_BYTES):
        return True
    lowered = path.lower().replace(b"%2e", b".")
    return _DOT_SEGMENTS.isdisjoint(lowered.split(b"/")) and not any(part in lowered for part in _REFUSED_IN_PATHS)


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The client's id, where it sends one that can stand in headers and logs as it is (FAULTS T55)."""
    ids = [value for name, value in headers if name == b"x-request-id"]
    return usable_request_id(ids[0]) if len(ids) == 1 else None


def usable_request_id(value: bytes) -> str | None:
    """The id as text, if it is of the right length, made of harmless characters, and no key: logs keep it."""
    if not 1 <= len(value) <= LONGEST_REQUEST_ID or value.translate(None, _REQUEST_ID_BYTES):
        return None
    text = value.decode("ascii")
    return None if holds_key(text) else text
