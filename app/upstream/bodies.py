"""The body of a response: decoded by ourselves and capped while it streams (FAULTS §2.3).

The HTTP library's own decoder makes one piece of whatever a chunk expands to: 408 kB became 64 MB at once.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass

from app.errors import UpstreamBadAnswer, UpstreamBomb, UpstreamTimeout, UpstreamTooLarge

PLAIN_BYTES = 32 * 1024 * 1024
GZIP_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024
RATIO = 200
RATIO_FROM_BYTES = 1024 * 1024
YIELD_BYTES = 1024 * 1024
GZIP_WINDOW = 31  # zlib: a window of 2^15 bytes, +16 for a gzip wrapper and nothing else
TOO_LARGE = "The upstream's answer is larger than is ever read."


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A complete response: header names in lower case, the body decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Identity:
    """Decoder of a body without content coding."""

    wire_bytes = PLAIN_BYTES

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk as it is."""
        yield chunk

    def finish(self) -> None:
        """Nothing to check: the body ends with its message."""


class Gzip(Identity):
    """Decoder of gzip (RFC 1952), one member."""

    wire_bytes = GZIP_BYTES

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(GZIP_WINDOW)
        self._wire = 0
        self._plain = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded chunk in pieces of at most PIECE_BYTES. Raises UpstreamBomb before a bomb has grown."""
        self._wire += len(chunk)
        rest = chunk
        while rest and not self._inflate.eof:
            yield self._piece(rest)
            rest = self._inflate.unconsumed_tail
        if self._inflate.unused_data or (rest and self._inflate.eof):
            raise UpstreamBadAnswer("The upstream sent bytes past the end of its compressed answer.")

    def _piece(self, rest: bytes) -> bytes:
        try:
            piece = self._inflate.decompress(rest, PIECE_BYTES)
        except zlib.error:
            raise UpstreamBadAnswer("The upstream's answer is not compressed as it says.") from None
        self._plain += len(piece)
        if self._plain > max(RATIO_FROM_BYTES, RATIO * self._wire):
            raise UpstreamBomb("The upstream's compressed answer expands beyond measure.")
        return piece

    def finish(self) -> None:
        """Raises UpstreamBadAnswer where the gzip trailer is missing: the body was cut."""
        if not self._inflate.eof:
            raise UpstreamBadAnswer("The upstream's compressed answer is cut off.")


CODINGS = {"": Identity, "identity": Identity, "gzip": Gzip, "x-gzip": Gzip}


def decoder(content_encoding: str, content_length: str | None) -> Identity:
    """The decoder of a Content-Encoding.

    Raises UpstreamBadAnswer for a coding that was not asked for, UpstreamTooLarge for a Content-Length over the cap.
    """
    coding = CODINGS.get(content_encoding.strip().lower())
    if coding is None:
        raise UpstreamBadAnswer("The upstream's answer has a coding that was not asked for.")
    if content_length is not None and content_length.isdecimal() and int(content_length) > coding.wire_bytes:
        raise UpstreamTooLarge(TOO_LARGE)
    return coding()


async def read_body(
    chunks: AsyncIterator[bytes], coding: Identity, monotonic: Callable[[], float], deadline: float
) -> bytes:
    """The whole body, decoded; the loop gets a turn at least every YIELD_BYTES.

    Raises UpstreamTooLarge past the caps, UpstreamTimeout past `deadline`, UpstreamBadAnswer for a broken coding.
    """
    body, wire, turn = bytearray(), 0, YIELD_BYTES
    async for chunk in chunks:
        wire += len(chunk)
        if wire > coding.wire_bytes:
            raise UpstreamTooLarge(TOO_LARGE)
        if monotonic() > deadline:
            raise UpstreamTimeout("The upstream did not finish its answer in time.")
        for piece in coding.feed(chunk):
            body += piece
            if len(body) > PLAIN_BYTES:
                raise UpstreamTooLarge(TOO_LARGE)
            if len(body) >= turn:
                turn = len(body) + YIELD_BYTES
                await asyncio.sleep(0)
    coding.finish()
    return bytes(body)
