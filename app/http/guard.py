"""The outermost layer: a request as its client sent it, what it must be, and what every answer carries.

Pure ASGI. The listener below has bounded heads and bodies already; what it lets through, this layer checks again.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from string import ascii_letters, digits
from typing import Any
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients.key import holds_key
from app.http.forwarding import NOTHING_FORWARDED, Forwarding, allowed_host
from app.http.negotiation import sole
from app.http.problems import log_unexpected, problem_of
from app.http.response_cache import ARRIVAL, REPLAYABLE, Keep
from app.http.sending import Headers
from app.http.telemetry import Sampled, log_request
from app.observe.tracing import entered

LONGEST_TARGET = 8 * 1024  # bytes, query included (FAULTS 1.5)
LONGEST_REQUEST_ID = 64
# Probes and Prometheus ask by an address or a name of their own, whatever we are called outside.
BY_ANY_NAME = frozenset({b"/health/live", b"/health/ready", b"/metrics"})
_LETTERS_AND_DIGITS = (ascii_letters + digits).encode()
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
    `finished` is told of each request its scope, status (0 where none was sent) and seconds. `forwarding` tells the
    request of the client from that of a proxy.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Iterable[str],
        new_request_id: Callable[[], str],
        monotonic: Callable[[], float],
        finished: Callable[[Scope, int, float], None] = lambda _scope, _status, _seconds: None,
        forwarding: Forwarding = NOTHING_FORWARDED,
    ) -> None:
        self.app = app
        self.is_allowed_host = allowed_host(allowed_hosts)
        self.new_request_id = new_request_id
        self.monotonic = monotonic
        self.finished = finished
        self.seen = forwarding.seen
        self.refusals = Sampled()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that must not go on; else hand it on and finish its answer's headers."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            with entered(scope["headers"]):
                await self._http(self.seen(scope), receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self.monotonic()
        own_id = sole(scope["headers"], b"x-request-id")
        request_id = (own_id and usable_request_id(own_id)) or self.new_request_id()
        scope = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        answering = _Answering(send, request_id, scope["state"], scope.get(ARRIVAL))
        fault = fault_of(scope, self.is_allowed_host)
        try:
            if fault is not None:
                await answering.problem(fault, scope)
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


def new_request_ids() -> Callable[[], str]:
    """A source of ids that no other process gives out: random once, then counted."""
    source, numbers = uuid4().hex[:16], count()
    return lambda: f"{source}-{next(numbers)}"


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
        status, headers, body = problem_of(scope, slug)
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


def fault_of(scope: Scope, is_allowed_host: Callable[[bytes], bool]) -> str | None:
    """The code of the first thing wrong: Host, target, headers, body, in this order; None where nothing is."""
    fields = dict(scope["headers"])
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    raw_path: bytes = scope.get("raw_path") or b""
    path = (raw_path or scope["path"].encode()).removeprefix(scope.get("root_path", "").encode())
    if len(hosts) > 1 or not (path in BY_ANY_NAME or (hosts and is_allowed_host(hosts[0]))):
        return "bad-host"
    if len(path) + len(scope["query_string"]) + 1 > LONGEST_TARGET:
        return "target-too-long"
    if not (_is_plain(path) and raw_path.isascii() and scope["query_string"].isascii()):
        return "bad-target"
    if b"_" in b"".join(fields) or (b"content-length" in fields and b"transfer-encoding" in fields):
        return "bad-request"
    # A body is told by its framing (RFC 9112 §6.3).
    has_body = b"transfer-encoding" in fields or fields.get(b"content-length", b"").strip(b"0 \t") != b""
    if has_body and scope["method"] in {"GET", "HEAD"}:
        return "body-not-allowed"
    return None


def _is_plain(path: bytes) -> bool:
    """One slash first, and nothing that a router and a proxy could read differently (FAULTS T18)."""
    if not path.startswith(b"/") or path.startswith(b"//"):
        return False
    if not path.translate(None, _PLAIN_BYTES):
        return True
    lowered = path.lower().replace(b"%2e", b".")
    return _DOT_SEGMENTS.isdisjoint(lowered.split(b"/")) and not any(part in lowered for part in _REFUSED_IN_PATHS)


def usable_request_id(value: bytes) -> str | None:
    """The client's id as text, if it is of the right length, of harmless characters, and no key: logs keep it (T55)."""
    if not 1 <= len(value) <= LONGEST_REQUEST_ID or value.translate(None, _REQUEST_ID_BYTES):
        return None
    text = value.decode("ascii")
    return None if holds_key(text) else text
