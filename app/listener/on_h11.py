"""The guarded listener over h11, for where httptools has no wheel."""

import asyncio
import logging
import re
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.listener.guarded import Guarded
from app.listener.limits import ListenerLimits
from app.listener.progress import Phase
from app.listener.refusals import Refused
from app.listener.targets import declared_length, is_origin_form

RAW_TARGET = re.compile(r"illegal request line: bytearray\(b.[A-Z]+ /.*\\x[89a-f]")  # h11 tells it in words alone


class CheckedConnection(h11.Connection):
    """h11's, with the checks it lacks; a refusal looks like an error of the parser's own, `slug` says what it is."""

    def __init__(self, limits: ListenerLimits) -> None:
        super().__init__(h11.SERVER, limits.head_bytes)
        self.limits = limits
        self.slug = "bad-request"
        self._body_bytes = 0
        self.phase = Phase.NONE  # before the newest event, which may have been an error

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's; raises RemoteProtocolError for what is refused."""
        self.phase = self.phase_now()
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                self._check_head(event)
            elif isinstance(event, h11.Data):
                self._count(len(event.data))
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == 431:  # noqa: PLR2004 - its only way to tell
                self.slug = self.too_long()
            elif RAW_TARGET.match(str(error)):
                self.slug = "bad-target"
            raise
        except Refused as refused:
            self.slug = refused.slug
            raise h11.RemoteProtocolError(refused.slug) from None
        return event

    def too_long(self) -> str:
        """Which part of an unfinished head, or trailer, is over its bound."""
        begun, _ = self.trailing_data
        has_line = self.phase is Phase.BODY or b"\n" in begun[: self.limits.target_bytes + 32]
        return "headers-too-large" if has_line else "target-too-long"

    def phase_now(self) -> Phase:
        """By the client's state; after an error that is what it was before."""
        state = self.their_state
        if state is h11.ERROR:
            return self.phase
        if state is h11.SEND_BODY:
            return Phase.BODY
        return Phase.HEAD if state is h11.IDLE and self._receive_buffer else Phase.NONE  # `trailing_data` is a copy

    def _check_head(self, head: h11.Request) -> None:
        self._body_bytes = 0
        fields = list(head.headers)
        if len(head.target) > self.limits.target_bytes:
            raise Refused("target-too-long")
        if len(head.target) + sum(len(name) + len(value) + 4 for name, value in fields) > self.limits.head_bytes:
            raise Refused("headers-too-large")
        if not is_origin_form(head.target):
            raise Refused("bad-target")
        if head.http_version not in {b"1.1", b"1.0"}:
            raise Refused("bad-request")
        names = {name for name, _ in fields}
        if b"content-length" in names and b"transfer-encoding" in names:  # RFC 9112 §6.1: close, whoever sent it
            raise Refused("bad-request")
        if declared_length(fields) > self.limits.body_bytes and head.method not in {b"GET", b"HEAD"}:
            raise Refused("body-too-large")

    def _count(self, size: int) -> None:
        self._body_bytes += size
        if self._body_bytes > self.limits.body_bytes:
            raise Refused("body-too-large")


class NoWarnings(logging.LoggerAdapter[logging.Logger]):
    """uvicorn warns of every malformed request; the listener has a line of its own for them, and fewer (FAULTS T52)."""

    level = logging.WARNING

    def warning(self, *_: object, **__: object) -> None:
        """Say nothing."""


class GuardedH11(Guarded, H11Protocol):
    """uvicorn's protocol with deadlines and bounds."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = cast("logging.Logger", NoWarnings(self.logger))
        self.conn: CheckedConnection = CheckedConnection(self.limits)

    @property
    def phase(self) -> Phase:
        """By the state of h11."""
        return self.conn.phase_now()

    @property
    def running(self) -> RequestResponseCycle | None:
        """h11 gives one request at a time."""
        newest: RequestResponseCycle | None = self.cycle
        return newest

    def feed(self, part: bytes) -> None:
        """As uvicorn does."""
        H11Protocol.data_received(self, part)

    def too_long(self) -> str:
        """As the connection finds."""
        return self.conn.too_long()

    def send_400_response(self, _msg: str) -> None:
        """With the slug of what was wrong."""
        if not self.refused:
            self.refuse(self.conn.slug)

    def shutdown(self) -> None:
        """h11 may be past the point where a close can be told."""
        if self.conn.our_state in {h11.ERROR, h11.MUST_CLOSE, h11.CLOSED}:
            self.cut()
        else:
            super().shutdown()
