"""The requests of a connection: each is refused, replayed, or handed to the application."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

import httptools

from app.http.paths import SEARCH
from app.http.response_cache import ARRIVAL
from app.listener.connection import PART_BYTES, Connection
from app.listener.refusals import Refused
from app.listener.replay import OWN_ID, Address, ReplayCache, replay_key

LONGEST_LENGTH = 19  # digits: as many are too long a body already
VERSIONS = frozenset({"1.0", "1.1"})
BODYLESS = frozenset({b"GET", b"HEAD"})


class Repeatable(NamedTuple):
    """A request that may be replayed: its key, the id it brought, and whether its connection ends with it."""

    key: bytes
    own_id: bytes | None
    is_last: bool


class Protocol(Connection):
    """The parser's callbacks, with the checks it lacks."""

    replays: ReplayCache | None
    _address: Address
    _last: Repeatable | None = None  # the newest request, where it was replayed
    _last_bytes = b""  # of that request, where it came whole and alone
    _replayed_at = 0.0
    _body_bytes = 0
    _question: bytearray | None = None  # the body of a question that is coming in, by which its replay is found

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        """As inherited; what of it shapes responses is known from now on."""
        super().connection_made(transport)
        self.replays = self.listener.replays
        if self.replays is not None:
            is_trusted = self.replays.is_trusted(self.client[0] if self.client else "")
            self._address = Address.of(self.scheme, self.server, is_trusted=is_trusted)

    def data_received(self, data: bytes) -> None:
        """A whole request in one piece is spared the bounds of others; bytes that were replayed are not parsed anew."""
        if self._came or self.refused or len(data) > PART_BYTES:
            self._last_bytes = b""
            super().data_received(data)
        elif data != self._last_bytes or not self._is_replayed(self._last):
            self._replayed = 0
            self.feed(data)
            phase = self.phase
            self._last_bytes = data if self._replayed == 1 and not phase else b""
            if phase or not self.is_answering or self._receipt is not None:
                self._came = len(data) if phase else 0
                self._set_receipt()

    def feed(self, part: bytes) -> None:
        """As uvicorn's `data_received`; every request to upgrade is answered as if it were none (RFC 9110 §7.8)."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            cause = error.__context__
            slug = "bad-target" if isinstance(error, httptools.HttpParserInvalidURLError) else "bad-request"
            self.refuse(str(cause) if isinstance(cause, Refused) else slug)

    def on_url(self, url: bytes) -> None:
        """Bounded before the head is whole."""
        self.url += url
        if len(self.url) > self.limits.target_bytes:
            raise Refused("target-too-long")

    def on_headers_complete(self) -> None:
        """Refuse a request that the application would not see as it was sent; replay its response, or start it."""
        if not is_origin_form(self.url):
            raise Refused("bad-target")
        if self.parser.get_method() not in BODYLESS and declared_length(self.headers) > self.limits.body_bytes:
            raise Refused("body-too-large")
        if self.pipeline and len(self.pipeline) >= self.limits.requests_in_line:
            raise Refused("bad-request")
        self._body_bytes = 0
        if self._is_question():
            self._question, self._headed, self._body_open = bytearray(), self.scope, True
        else:
            self._begin(self._key())

    def _begin(self, key: bytes | None) -> bool:
        """Replay the response to a request, or start it; whether it was started."""
        if key is not None:
            self._last = Repeatable(key, dict(self.headers).get(OWN_ID), not self.parser.should_keep_alive())
        if self.transport.is_closing() or (key is not None and self._is_replayed(self._last)):
            self._headed = self.scope
            return False
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        scope = self._headed = self.scope
        if key is not None and self.replays is not None:
            scope[ARRIVAL] = self.replays.arrival(key)  # type: ignore[literal-required] # an extension of ours
        self.headers = []  # trailers are no part of the head
        self._body_open = True
        if scope["http_version"] not in VERSIONS:
            raise Refused("bad-request")
        return True

    def _key(self, body: bytes | None = None) -> bytes | None:
        """The key of its replay; None where there can be none."""
        if self.replays is None or self.parser.get_http_version() != "1.1":
            return None
        return replay_key(self.parser.get_method(), self.url, self.headers, self._address, body)

    def _is_question(self) -> bool:
        """Whether it is a question in a short body, so that it may be replayed once that is here."""
        method = self.parser.get_method()
        is_asked = method == b"QUERY" or (method == b"POST" and self.url.partition(b"?")[0].endswith(SEARCH.encode()))
        return is_asked and 0 < declared_length(self.headers) <= PART_BYTES and self._key(b"") is not None

    def _is_replayed(self, request: Repeatable | None) -> bool:
        """Whether the response has been sent, to a client who waits for none before it and reads what it is sent."""
        if (
            request is None
            or self.replays is None
            or (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
            or self.transport.is_closing()
            or self.listener.is_ending
        ):
            return False
        response = self.replays.response(request.key, request.own_id, is_last=request.is_last)
        if response is None:
            return False
        self.transport.write(response)
        self.server_state.total_requests += 1
        self._replayed += 1
        self._replayed_at = self.loop.time()
        if request.is_last:
            self.transport.close()
            self.watch_close()
        elif self.timeout_keep_alive_task is None:
            self._wait_for_next(self.timeout_keep_alive)
        return True

    def _wait_for_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """As inherited; a replay prolongs the wait without setting another timer."""
        left = self._replayed_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait_for_next(left)
        else:
            super().timeout_keep_alive_handler()

    def on_body(self, body: bytes) -> None:
        """Bounded, also where nobody waits for it."""
        self._body_bytes += len(body)
        if self._body_bytes > self.limits.body_bytes:
            raise Refused("body-too-large")
        if self._question is None:
            super().on_body(body)
        else:
            self._question += body

    def on_message_complete(self) -> None:
        """As uvicorn's, less its web sockets."""
        question, self._question = self._question, None
        if question is not None:
            self._body_open = False
            if not self._begin(self._key(bytes(question))):
                return
            super().on_body(bytes(question))
        self._body_open = False
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The next in line is begun."""
        if self.pipeline:
            self._running = self.pipeline[-1][0]
        super().on_response_complete()


def is_origin_form(target: bytes) -> bool:
    """Whether a target is one path with its query (RFC 9112 §3.2.1): of others the parser drops or misreads a part."""
    return target.startswith(b"/") and not target.startswith(b"//") and b"#" not in target


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The largest Content-Length in a head, 0 where none is a number: what is no number the parser refuses itself."""
    values = [value.strip()[:LONGEST_LENGTH] for name, value in headers if name == b"content-length"]
    return max((int(value) for value in values if value.isdigit()), default=0)
