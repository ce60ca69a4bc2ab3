"""A connection: when its client is waited for, for how long, and how it is ended."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Literal, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.listener.limits import ListenerLimits
from app.listener.refusals import refusal
from app.listener.state import CLOSE, DatedHeaders, ListenerState

PART_BYTES = 4096  # handed to the parser at once: a bound is passed by no more than this


class Connection(HttpToolsProtocol, ABC):
    """uvicorn's connection (0.54) with deadlines and bounds; `protocol.py` says what of a request is refused."""

    cycle: Any  # None before the first
    listener: ListenerState
    limits: ListenerLimits
    refused = False  # what else comes is dropped
    _came = 0  # bytes of the request that is coming in
    _headed: object = None  # the scope of the newest request whose head is whole
    _body_open = False
    _running: RequestResponseCycle | None = None  # `cycle` is the newest, which may stand in line
    _replayed = 0  # of the requests in what came last
    _peer: str | None = None
    _receipt: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    @property
    def phase(self) -> Literal["head", "body", ""]:
        """How far the request that is coming in has got, by what the parser has called."""
        if self.scope is not self._headed:
            return "head"
        return "body" if self._body_open else ""

    @property
    def is_answering(self) -> bool:
        """Whether a response is due: to a request that is whole, or to one that is still coming in."""
        return self._running is not None and not self._running.response_complete

    @property
    def is_answering_whole(self) -> bool:
        """Whether a response is due to a request that is whole."""
        return self._running is not None and not self._running.response_complete and not self._running.more_body

    @property
    def is_streaming(self) -> bool:
        """Whether the response under way has no length: it may take any time, as long as each part of it is read."""
        return self._running is not None and self._running.chunked_encoding is True

    @abstractmethod
    def feed(self, part: bytes) -> None:
        """Hand bytes to the parser."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        """Count it, and begin to wait for its first request."""
        super().connection_made(transport)
        self.listener = cast("ListenerState", self.server_state)
        self.limits = self.listener.limits
        transport.set_write_buffer_limits(high=self.limits.write_buffer_bytes)
        peer = self.client[0] if self.client else ""
        excess = self.listener.admit(peer)
        if excess is None:
            self._peer = peer
            self._receipt = self.loop.call_later(self.limits.receipt_seconds, self._not_received)
        else:
            self.refused = True
            self.listener.say(excess)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """All timers end with it."""
        if self._peer is not None:
            self.listener.leaves(self._peer)
            self._peer = None
        for timer in (self._receipt, self._stall, self._answer, self.timeout_keep_alive_task):
            stop(timer)
        self._disconnected()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound what comes; wait for the rest of a request from its first byte on, however often some more comes."""
        taken, head, self._replayed = 0, self.limits.head_bytes, 0
        while taken < len(data) and not self.refused:
            size = PART_BYTES if self._came >= head else min(PART_BYTES, head - self._came)
            part = data[taken : taken + size]
            taken += len(part)
            self.feed(part)
            phase = self.phase
            self._came = self._came + len(part) if phase else 0
            if phase == "head" and self._came >= head and not self.refused:
                self.refuse("headers-too-large")
            elif self._came > self.limits.message_bytes and not self.refused:
                self.refuse("body-too-large")
        self._set_receipt()

    def _set_receipt(self) -> None:
        if self.is_answering_whole or (self._replayed and not self.phase):  # now it is the client who waits
            stop(self._receipt)
            self._receipt = None
        elif self._receipt is None and not self.refused:
            self._receipt = self.loop.call_later(self.limits.receipt_seconds, self._not_received)

    def on_response_complete(self) -> None:
        """Wait for the rest of the next request, if it has begun: nobody else would (measured, FAULTS 6)."""
        super().on_response_complete()
        if self.transport.is_closing():
            self.watch_close()
            return
        stop(self._answer)
        self._answer = None
        if self.phase:
            self._set_receipt()

    def pause_writing(self) -> None:
        """The client leaves unread what it is sent."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.limits.write_stall_seconds, self._not_read)
        if self._answer is None:
            self._answer = self.loop.call_later(self.limits.answer_seconds, self._not_read)

    def resume_writing(self) -> None:
        """It reads again; what is left at a close still has its time."""
        super().resume_writing()
        if not self.transport.is_closing():
            stop(self._stall)
            self._stall = None
        if not self.is_answering or self.is_streaming:  # it was of a replay, or a part of something longer
            stop(self._answer)
            self._answer = None

    def timeout_keep_alive_handler(self) -> None:
        """As uvicorn's, and sees the close through."""
        super().timeout_keep_alive_handler()
        self.watch_close()

    def watch_close(self) -> None:
        """Where somebody has closed the connection: what is still to be sent has as long as any unread answer."""
        if self._stall is None and self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._stall = self.loop.call_later(self.limits.write_stall_seconds, self._not_read)

    def refuse(self, slug: str) -> None:
        """Answer with the problem and close; where another answer is out or due, close without a word after it."""
        self.refused = True
        self.listener.say(slug)
        running = self._running
        if running is not None and self.is_answering_whole:
            self.pipeline.clear()
            make_last(running)
        elif running is not None and running.response_started and not running.response_complete:
            self.cut()
        else:
            is_answered = self.phase == "body" and running is not None and running.response_complete
            root = self.listener.forwarding.prefix or ""
            self._disconnected()
            self.transport.write(b"" if is_answered else refusal(slug, self.listener.default_headers, root))
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.flow.resume_reading()
            self._cut_after(self.limits.linger_seconds)  # to close now would reset what the client is still sending

    def _cut_after(self, seconds: float) -> None:
        stop(self._receipt)
        self._receipt = self.loop.call_later(seconds, self.cut)

    def cut(self) -> None:
        """End the connection now; the application hears of it first, else its next write would fail (measured)."""
        self.refused = True
        self._disconnected()
        self.flow.resume_writing()
        self.transport.abort()

    def _disconnected(self) -> None:
        self.pipeline.clear()
        for cycle in (self._running, self.cycle):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _not_received(self) -> None:
        if self.phase:
            self.listener.say("not-received-in-time")
        self.cut()

    def _not_read(self) -> None:
        self.listener.say("not-read-in-time")
        self.cut()

    def drain(self) -> None:
        """The server will end: what is being answered is the last."""
        if self.cycle is not None and not self.cycle.response_complete:
            make_last(self.cycle)

    def shutdown(self) -> None:
        """The server ends: an idle connection at once, one whose request is on its way after a last call."""
        if self.refused and self.transport.is_closing():
            return
        if self.is_answering:
            self.drain()
        elif self.refused:
            self.cut()
        elif self.phase or self._running is None:
            self._cut_after(self.limits.last_call_seconds)
        else:
            super().shutdown()
            self.watch_close()


def stop(timer: asyncio.TimerHandle | None) -> None:
    """Cancel a timer, where it is set."""
    if timer is not None:
        timer.cancel()


def make_last(cycle: RequestResponseCycle) -> None:
    """Have this answer say, where it still can, that the connection ends with it."""
    cycle.keep_alive = False
    if not cycle.response_started and CLOSE not in cycle.default_headers:
        cycle.default_headers = DatedHeaders((*cycle.default_headers, CLOSE))
