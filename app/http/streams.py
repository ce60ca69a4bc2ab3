"""Streamed answers: any number of rows, encoded and sent a piece at a time while the next one waits for its reader.

They have neither length nor validator, and nobody stores them. A failure on the way ends the connection without the
last chunk (RFC 9112 §8), so that no client takes a part for the whole.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from sys import maxsize
from typing import Any, Literal, Protocol, cast

import zstandard
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.cache.reuse import Reuse
from app.cooperative import unlocked
from app.errors import CxfacadeError, InvalidParameters, ParameterFault
from app.formats import FORMATS_BY_NAME, ByRow, Envelope, Table
from app.http.negotiation import choose_coding
from app.http.representations import file_name
from app.http.response_cache import reuse_of
from app.http.responses import (
    GZIP_LEVEL,
    NO_STORE,
    VARY,
    ZSTD_LEVEL,
    Answer,
    cache_status,
    content_disposition,
    list_headers,
)
from app.http.routing import Services
from app.http.sending import PART_BYTES, Headers
from app.http.telemetry import route_of
from app.observe.lines import STREAM_CUT
from app.queries.page import Lookup
from app.queries.query import InteractionQuery
from app.queries.select import Selection
from app.queries.streaming import Stream, stream

logger = logging.getLogger("cxfacade.streams")

End = Literal["whole", "failed", "left"]
UNCHUNKED = "limit is over what HTTP/1.0 can carry, which cannot tell a part from the whole; ask by HTTP/1.1 or later."
_NO_ENVELOPE = Envelope(None, None, None)


class Coder(Protocol):
    """A content coding, under way."""

    def compress(self, data: bytes, /) -> bytes:
        """The coded bytes that are ready, perhaps none yet."""

    def flush(self) -> bytes:
        """The rest of them."""


class _Identity:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


CODERS: dict[str, Callable[[], Coder]] = {
    "identity": _Identity,
    "gzip": lambda: zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS + 16),
    "zstd": lambda: zstandard.ZstdCompressor(ZSTD_LEVEL).compressobj(),
}


class StreamedRows(Response):
    """The response with all rows of a query."""

    def __init__(
        self, services: Services, query: InteractionQuery, lookup: Lookup, accept_encoding: str | None
    ) -> None:
        self.status_code = 200  # and nothing else of what the framework's have
        self._services = services
        self._query = query
        self._lookup = lookup
        self._format = FORMATS_BY_NAME[query.view.format]
        self._coding = choose_coding(accept_encoding, maxsize, is_packed=self._format.is_packed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises, before anything is sent, as `stream`, and InvalidParameters over HTTP/1.0."""
        if scope.get("http_version") == "1.0":
            raise InvalidParameters([ParameterFault("limit", UNCHUNKED)])
        services = self._services
        async with stream(services.queries, self._query, self._lookup) as begun:
            answer, reuse = self._answer(begun), self._reuse(begun)
            scope["state"]["cache_status"] = cache_status(reuse)
            await send({"type": "http.response.start", "status": 200, "headers": _headers(answer, reuse)})
            try:
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                else:
                    await self._send_body(begun, scope, receive, send)
            finally:
                services.requests.answered(answer, reuse.outcome)

    async def _send_body(self, begun: Stream, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body, or as much of it as there is: without its last part the server ends the connection."""
        end: End = "failed"
        try:
            async with aclosing(_coded(self._parts(begun), self._coding)) as parts:
                end = "whole" if await _before_leaving(receive, _send_all(parts, send)) else "left"
        except CxfacadeError as error:
            logger.warning(STREAM_CUT, route_of(scope), error.code, scope["state"]["request_id"])
        finally:
            self._services.metrics.count("streams", end=end)

    async def _parts(self, begun: Stream) -> AsyncGenerator[bytes, None]:
        """The body in identity coding, in parts of about a millisecond."""
        writer = cast("ByRow", self._format.writers[self._query.view.variant])  # else it is not streamed
        for part in writer.parts(_table(begun.first), _NO_ENVELOPE):
            yield part
        async for piece in begun.further:
            for part in writer.further(_table(piece)):
                yield part

    def _answer(self, begun: Stream) -> Answer:
        view, as_of = self._query.view, begun.found.snapshot.as_of
        return Answer(
            b"",
            self._coding,
            "",
            self._format.content_type,
            as_of,
            file_name=file_name(view.grain, self._format, as_of) if view.download else None,
            truncated=begun.truncated,
            total=begun.total,
            change_token=self._services.queries.following.token(self._query, begun.found.snapshot, is_begun=True),
        )

    def _reuse(self, begun: Stream) -> Reuse:
        reuse = reuse_of(begun.found, self._services.clock.monotonic(), {})
        is_partial = reuse.hit and not begun.found.snapshot.complete
        return replace(reuse, hit=False, fwd="partial") if is_partial else reuse


def _table(selection: Selection) -> Table:
    return Table(selection.names, selection.rows, selection.types)


def _headers(answer: Answer, reuse: Reuse) -> Headers:
    fields = [
        (b"content-type", answer.content_type.encode()),
        (b"vary", VARY),
        (b"accept-ranges", b"none"),
        *list_headers(answer),
        (b"cache-control", NO_STORE),
        (b"cache-status", cache_status(reuse).encode()),
    ]
    if answer.coding != "identity":
        fields.append((b"content-encoding", answer.coding.encode()))
    if answer.file_name is not None:
        fields.append((b"content-disposition", content_disposition(answer.file_name).encode()))
    if answer.change_token is not None:
        fields.append((b"x-change-token", answer.change_token.encode()))
    return fields


async def _coded(parts: AsyncIterator[bytes], coding: str) -> AsyncGenerator[bytes, None]:
    """The parts in a coding of CODERS."""
    coder = CODERS[coding]()
    async for part in parts:
        yield await unlocked(partial(coder.compress, part), size=0 if coding == "identity" else len(part))
    yield coder.flush()


async def _send_all(parts: AsyncIterator[bytes], send: Send) -> None:
    """Send the body; between two slices others have their turn, and a slow reader is waited for."""
    async for part in parts:
        for start in range(0, len(part), PART_BYTES):
            await send({"type": "http.response.body", "body": part[start : start + PART_BYTES], "more_body": True})
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _before_leaving(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Whether the work was done before the client left, which ends it. Raises as the work does."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        return working.done()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
