"""The guarded listener over httptools: the checks that parser lacks."""

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.listener.guarded import PART_BYTES, Guarded
from app.listener.progress import Phase
from app.listener.refusals import Refused
from app.listener.targets import declared_length, is_origin_form

VERSIONS = frozenset({"1.0", "1.1"})
BODYLESS = frozenset({b"GET", b"HEAD"})


class GuardedHttpTools(Guarded, HttpToolsProtocol):
    """uvicorn's protocol with deadlines and bounds."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._running: RequestResponseCycle | None = None
        self._headed: object = None  # the scope of the newest request whose head is whole
        self._body_open = False
        self._body_bytes = 0

    @property
    def phase(self) -> Phase:
        """By what the parser has called."""
        if self.scope is not self._headed:
            return Phase.HEAD
        return Phase.BODY if self._body_open else Phase.NONE

    @property
    def running(self) -> RequestResponseCycle | None:
        """`cycle` is the newest, which may stand in line."""
        return self._running

    def data_received(self, data: bytes) -> None:
        """A whole request in one small piece, as most come, is spared what bounds the others."""
        if self._came or self.refused or len(data) > PART_BYTES:
            super().data_received(data)
            return
        self.feed(data)
        running = self._running
        is_whole = self.scope is self._headed and not self._body_open
        if not is_whole or running is None or running.response_complete or self._receipt is not None:
            self._came = len(data) if self.phase else 0
            self._set_receipt()

    def feed(self, part: bytes) -> None:
        """As uvicorn's `data_received`; every request to upgrade is answered as if it were none (RFC 9110 §7.8)."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            cause = error.__context__
            slug = "bad-target" if isinstance(error, httptools.HttpParserInvalidURLError) else "bad-request"
            self.refuse(cause.slug if isinstance(cause, Refused) else slug)

    def on_url(self, url: bytes) -> None:
        """Bounded before the head is whole."""
        self.url += url
        if len(self.url) > self.limits.target_bytes:
            raise Refused("target-too-long")

    def on_headers_complete(self) -> None:
        """Refuse what the application would not see as it was sent, else start it."""
        if not is_origin_form(self.url):
            raise Refused("bad-target")
        if self.parser.get_method() not in BODYLESS and declared_length(self.headers) > self.limits.body_bytes:
            raise Refused("body-too-large")
        if self.pipeline and len(self.pipeline) >= self.limits.requests_in_line:
            raise Refused("bad-request")
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        scope = self._headed = self.scope
        self.headers = []  # trailers are no part of the head
        self._body_open = True
        self._body_bytes = 0
        if scope["http_version"] not in VERSIONS:
            raise Refused("bad-request")

    def on_body(self, body: bytes) -> None:
        """Bounded, also where nobody waits for it."""
        self._body_bytes += len(body)
        if self._body_bytes > self.limits.body_bytes:
            raise Refused("body-too-large")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """As uvicorn's, less its web sockets."""
        self._body_open = False
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The next in line is begun."""
        if self.pipeline:
            self._running = self.pipeline[-1][0]
        super().on_response_complete()

    def drop_pipelined(self) -> None:
        """What is parsed but not begun."""
        self.pipeline.clear()
