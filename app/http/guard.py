"""The outermost layer: a request as its client sent it, what it must be, and what every answer carries.

Pure ASGI. The listener below has bounded heads and bodies already; what it lets through, this layer checks again.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from itertools import count
from string import ascii_letters, digits
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clients.key import holds_key
from app.http.negotiation import joined, sole
from app.http.problems import log_unexpected, problem_of
from app.http.response_cache import ARRIVAL, REPLAYABLE, Keep
from app.http.responses import Headers
from app.http.telemetry import Sampled, log_request
from app.observe.tracing import entered
from app.owners import address_of, within
from app.settings.forms import path_prefix

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
        forwarding: "Forwarding | None" = None,
    ) -> None:
        self.app = app
        self.is_allowed_host = allowed_host(allowed_hosts)
        self.new_request_id = new_request_id
        self.monotonic = monotonic
        self.finished = finished
        self.seen = (forwarding or NOTHING_FORWARDED).seen
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


FOR, PROTO, HOST, PREFIX = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix"
FIELDS = frozenset({FOR, PROTO, HOST, PREFIX})
MOST_HOPS = 32  # looked at, the nearest first
_LONGEST_HOP = 80  # characters
_REMEMBERED = 4096
_SCHEMES = frozenset({"http", "https"})


class Forwarding:
    """The settings CXF_PUBLIC_URL, without a slash at its end, and CXF_TRUSTED_PROXIES, which are networks, at work.

    The address, scheme, host and prefix that a trusted proxy names replace those of its own connection; whoever else
    sends such fields is not believed (FAULTS T34). The prefix becomes the ASGI `root_path`.
    """

    def __init__(self, public_url: str | None, trusted_proxies: Iterable[str]) -> None:
        parts = urlsplit(public_url or "")
        self.public_url = public_url
        self.hosts = (without_port(parts.netloc),) if public_url else ()
        self.prefix = parts.path if public_url else None
        self._networks = tuple(trusted_proxies)
        self.is_trusted = within(self._networks)

    def seen(self, scope: Scope) -> Scope:
        """The request as its client sent it; the very scope where there is nothing to say of it."""
        if scope["type"] != "http" or not (self._networks or self.prefix):
            return scope
        prefix, client, raw_path = self.prefix, scope.get("client"), scope.get("raw_path")
        if client and self.is_trusted(client[0]) and (said := joined(scope["headers"], FIELDS)):
            scope = self._forwarded(scope, client[0], said)
            if prefix is None:
                with suppress(ValueError):
                    prefix = path_prefix(_nearest(PREFIX, said))
        if not prefix:
            return scope
        raw_path = prefix.encode() + raw_path if raw_path else raw_path
        return {**scope, "root_path": prefix, "path": prefix + scope["path"], "raw_path": raw_path}

    def url(self, scope: Scope, path: str) -> str:
        """The absolute URL of a path of this service, for one who sent this request; its Host has been checked."""
        if self.public_url is not None:
            return self.public_url + path
        host = next(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
        return f"{scope['scheme']}://{host}{scope.get('root_path', '')}{path}"

    def _forwarded(self, scope: Scope, peer: str, said: Mapping[bytes, str]) -> Scope:
        headers, hops = scope["headers"], said.get(FOR, "").split(",")
        scheme, host = _nearest(PROTO, said).lower(), _nearest(HOST, said).encode("latin-1")
        if is_host(host):
            headers = [(name, host if name == b"host" else value) for name, value in headers]
        return {
            **scope,
            "client": (client_of(peer, hops, self.is_trusted), 0),
            "server": None,  # which of its addresses the client reached, no field tells: nobody is local (FAULTS T37)
            "scheme": scheme if scheme in _SCHEMES else scope["scheme"],
            "headers": headers,
        }


NOTHING_FORWARDED = Forwarding(None, ())


def client_of(peer: str, hops: Sequence[str], is_trusted: Callable[[str], bool]) -> str:
    """The client's address: the nearest hop that is no trusted proxy, as each trusted one is believed for the next.

    Where a hop is no address, its sender is the client: nothing beyond it is known. `hops` end with the nearest.
    """
    client = peer
    for hop in reversed(hops[-MOST_HOPS:]):
        address = _address(hop) if len(hop) <= _LONGEST_HOP else None
        if address is None:
            break
        client = address
        if not is_trusted(client):
            break
    return client


@lru_cache(maxsize=_REMEMBERED)
def _address(hop: str) -> str | None:
    """The address in a hop: IPv4 or IPv6, the latter perhaps in brackets, and perhaps a port behind."""
    hop = hop.strip(" \t")
    is_bare_ipv6 = hop.count(":") > 1 and not hop.startswith("[")
    host = hop if is_bare_ipv6 else without_port(hop)
    address = address_of(host.removeprefix("[").removesuffix("]"))
    return None if address is None else str(address)


def _nearest(field: bytes, said: Mapping[bytes, str]) -> str:
    """The value set by the nearest proxy, the last one of the field; empty where there is none."""
    return said.get(field, "").rpartition(",")[2].strip(" \t")


ANY_HOST = "*"
_HOST_BYTES = _LETTERS_AND_DIGITS + b".-_"
_HOSTS_REMEMBERED = 256
_AUTHORITY = re.compile(r"(\[.*\]|[^:\]]*)(?::[0-9]*)?", re.DOTALL)


def allowed_host(allowed_hosts: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a Host field names one of `allowed_hosts`, at any port; remembers the last verdicts."""
    names = frozenset(host if host == ANY_HOST else _host_name(host) for host in allowed_hosts)

    @lru_cache(maxsize=_HOSTS_REMEMBERED)
    def is_allowed(host: bytes) -> bool:
        name = _host_name(without_port(host.decode("latin-1")))
        return bool(name) and (name in names or ANY_HOST in names)

    return is_allowed


def without_port(authority: str) -> str:
    """The host of a Host field (RFC 9110 §7.2); the empty string where the port is no number."""
    found = _AUTHORITY.fullmatch(authority)
    return found[1] if found else ""


def _host_name(host: str) -> str:
    """A host as hosts are compared: lower case, without brackets and trailing dot; empty where it is malformed."""
    if ":" in host:
        with suppress(ValueError):
            return str(ip_address(host.removeprefix("[").removesuffix("]")))
    name = host.lower().removesuffix(".")
    return "" if name.encode("utf-8").translate(None, _HOST_BYTES) else name


is_host = allowed_host((ANY_HOST,))
"""Whether a Host field is well formed, whomever it names."""
