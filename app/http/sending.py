"""How a response is sent: in slices that are no copies, within what one address may leave unread."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.cooperative import Turns
from app.errors import RateLimited
from app.owners import owner_of

Headers = list[tuple[bytes, bytes]]
MOST_BYTES = 128 * 1024 * 1024  # twice the largest answer
PART_BYTES = 256 * 1024  # handed to the transport at once: none is a copy (FAULTS T41)
TURN_PARTS = 4  # after so many of them others have their turn
JOINED_BYTES = 128 * 1024  # of small pieces; two written runs of 64 records are more, and stay as they are
RETRY_SECONDS = 1


class Pieces:
    """The bytes of a large body, in pieces that others may hold too: a copy of the whole would take new memory."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces = (*pieces,)
        self._size = sum(map(len, self._pieces))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        return iter(self._pieces)

    def part(self, selected: range) -> "Pieces":
        """The bytes in these places, none a copy."""
        chosen, end = list[memoryview](), 0
        for piece in self._pieces:
            first, end = end, end + len(piece)
            if first < selected.stop and end > selected.start:
                chosen.append(memoryview(piece)[max(0, selected.start - first) : selected.stop - first])
        return Pieces(chosen)


def coalesced(parts: Iterable[bytes]) -> Turns[bytes | Pieces]:
    """The body of these parts, small ones joined to be sent together: in pieces where it is large."""
    pieces, waiting, size = list[bytes](), list[bytes](), 0
    for part in parts:
        if waiting and size + len(part) > JOINED_BYTES:
            pieces.append(b"".join(waiting))
            waiting, size = [], 0
            yield
        waiting.append(part)
        size += len(part)
    pieces.append(b"".join(waiting))
    return pieces[0] if len(pieces) == 1 else Pieces(pieces)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A response that is ready to be sent."""

    status: int
    headers: Headers
    body: bytes | memoryview | Pieces


class Unread:
    """The large answers that are being sent, by the address they are sent to; one sent twice counts once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._sending: dict[str, Counter[int]] = {}
        self._held: Counter[str] = Counter()

    @contextmanager
    def sending(self, scope: Scope, body: bytes | Pieces) -> Iterator[None]:
        """Count the answer until the end of the block. Raises RateLimited where there is no room."""
        if len(body) <= PART_BYTES:  # of such there is one on each connection, and these the listener counts
            yield
            return
        owner = peer_owner(scope)
        is_sent = id(body) in self._sending.get(owner, ())
        if not is_sent and self._held[owner] + len(body) > self._most:
            raise RateLimited(
                "Too much of what your address asked for lies unread: read it, or ask for less at once.",
                retry_after_seconds=RETRY_SECONDS,
            )
        responses = self._sending.setdefault(owner, Counter())
        if not is_sent:
            self._held[owner] += len(body)
        responses[id(body)] += 1
        try:
            yield
        finally:
            responses[id(body)] -= 1
            if not responses[id(body)]:
                del responses[id(body)]
                self._held[owner] -= len(body)
            if not responses:
                del self._sending[owner], self._held[owner]


def peer_owner(scope: Scope) -> str:
    """The owner of the address behind the socket, or of the client that trusted proxies name (FAULTS T34)."""
    return owner_of(scope["client"][0] if scope.get("client") else "")


class PreparedResponse(Response):
    """A prepared answer in place of the framework's responses; `whole` is the body that a range is a part of.

    Its body is handed on in slices, so that a slow reader holds little memory; `unread` bounds what one address leaves
    unread (FAULTS T41). A short part is a copy, which keeps nothing of the whole.
    """

    def __init__(self, prepared: Prepared, whole: bytes | Pieces, unread: Unread) -> None:
        self.status_code = prepared.status  # and nothing else of what the framework's have
        is_short = len(prepared.body) <= PART_BYTES
        is_part = not isinstance(prepared.body, bytes)
        self.prepared = replace(prepared, body=bytes(prepared.body)) if is_short and is_part else prepared
        self.whole = b"" if is_short else whole
        self.unread = unread

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it. Raises RateLimited, before anything is sent."""
        body = self.prepared.body
        start = {"type": "http.response.start", "status": self.prepared.status, "headers": self.prepared.headers}
        if len(body) <= PART_BYTES:
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return
        left = len(body)
        with self.unread.sending(scope, self.whole):
            await send(start)
            for number, part in enumerate(_slices(body), 1):
                left -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": left > 0})
                if left and not number % TURN_PARTS:
                    await asyncio.sleep(0)  # others have their turn


def _slices(body: bytes | memoryview | Pieces) -> Iterator[memoryview]:
    """The body in slices of PART_BYTES at most; it is held until all is sent, so that none is a copy."""
    for piece in body if isinstance(body, Pieces) else (body,):
        view = memoryview(piece)
        for start in range(0, len(view), PART_BYTES):
            yield view[start : start + PART_BYTES]
