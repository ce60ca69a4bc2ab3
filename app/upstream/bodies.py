"""An answer's body from the wire: its coding undone by ourselves, capped while it streams (FAULTS §2.3).

The HTTP library's own decoder makes one piece of whatever a chunk expands to: 408 kB became 64 MB at once.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.errors import UpstreamBadAnswer, UpstreamBomb, UpstreamTimeout, UpstreamTooLarge

PLAIN_BYTES = 32 * 1024 * 1024
GZIP_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024
RATIO = 200
RATIO_FROM_BYTES = 1024 * 1024
YIELD_BYTES = 1024 * 1024
GZIP_WINDOW = 31  # zlib: a window of 2^15 bytes, +16 for a gzip wrapper and nothing else


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: header names in lower case, the body without its coding."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Decoding(Protocol):
    """Undoes one content coding: feed it what the wire gives, then ask for the end."""

    wire_bytes: int

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain pieces of one chunk, each at most PIECE_BYTES or the chunk itself."""

    def finish(self) -> None:
        """Raises UpstreamBadAnswer where the coding has not come to its end."""


class Identity:
    """No coding."""

    wire_bytes = PLAIN_BYTES

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk as it is."""
        yield chunk

    def finish(self) -> None:
        """Its end is the message's own."""


class Gzip:
    """RFC 1952, one member."""

    wire_bytes = GZIP_BYTES

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(GZIP_WINDOW)
        self._wire = 0
        self._plain = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Pieces of at most PIECE_BYTES; raises before a bomb has grown."""
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
        """A cut answer shows here: zlib has not met the trailer."""
        if not self._inflate.eof:
            raise UpstreamBadAnswer("The upstream's compressed answer is cut off.")


CODINGS: dict[str, type[Identity] | type[Gzip]] = {"": Identity, "identity": Identity, "gzip": Gzip, "x-gzip": Gzip}


def decoding(content_encoding: str, content_length: str | None) -> Decoding:
    """What undoes this Content-Encoding.

    Raises UpstreamBadAnswer for a coding nobody asked for, UpstreamTooLarge where the length named is over the cap.
    """
    coding = CODINGS.get(content_encoding.strip().lower())
    if coding is None:
        raise UpstreamBadAnswer("The upstream's answer has a coding that was not asked for.")
    if content_length is not None and content_length.isdecimal() and int(content_length) > coding.wire_bytes:
        raise UpstreamTooLarge("The upstream's answer is larger than is ever read.")
    return coding()


async def read_body(
    chunks: AsyncIterator[bytes], coding: Decoding, monotonic: Callable[[], float], deadline: float
) -> bytes:
    """The whole body without its coding; the loop gets a turn at least every YIELD_BYTES.

    Raises UpstreamTooLarge past the caps, UpstreamTimeout past `deadline`, UpstreamBadAnswer for a broken coding.
    """
    body, wire, turn = bytearray(), 0, YIELD_BYTES
    async for chunk in chunks:
        wire += len(chunk)
        if wire > coding.wire_bytes:
            raise UpstreamTooLarge("The upstream's answer is larger than is ever read.")
        if monotonic() > deadline:
            raise UpstreamTimeout("The upstream did not finish its answer in time.")
        for piece in coding.feed(chunk):
            body += piece
            if len(body) > PLAIN_BYTES:
                raise UpstreamTooLarge("The upstream's answer is larger than is ever read.")
            if len(body) >= turn:
                turn = len(body) + YIELD_BYTES
                await asyncio.sleep(0)
    coding.finish()
    return bytes(body)
