"""A finished answer: its bytes in one coding, its validators and headers, and how it is sent to slow readers."""

import asyncio
import gzip
import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import zstandard
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.cooperative import Turns, unlocked
from app.errors import RateLimited
from app.owners import owner_of

Headers = list[tuple[bytes, bytes]]

VARY = b"Accept, Accept-Encoding, Authorization, X-API-Key"
_ON_ALL = ((b"vary", VARY), (b"accept-ranges", b"bytes"))
NO_STORE = b"private, no-store"
LONGEST_STALE_IF_ERROR = 300  # seconds; a client's cache may use it on any of our 5xx (RFC 5861 §4, FAULTS 1.4)
_ETAG_BYTES, _BESIDE_BYTES = 16, 8
_BESIDE = re.compile(rf"(?<=^\"[0-9a-f]{{{2 * _ETAG_BYTES}}})\.[0-9a-f]{{{2 * _BESIDE_BYTES}}}(?=[\"-])")
GZIP_LEVEL = 6
ZSTD_LEVEL = 3  # its window is 2 MB; browsers refuse more than 8 MB (RFC 9659 §3)
_URI_CHARACTERS = ":/?#[]@!$&'()*+,;=%-._~"  # RFC 3986 §2: reserved, unreserved, and what is encoded already
_FILE_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Answer:
    """The bytes of one representation in one coding, with what its headers need beside the time of day."""

    body: "bytes | Pieces"  # in its coding
    coding: str  # "identity", "gzip" or "zstd"
    etag: str  # strong, with its quotes, different for each coding
    content_type: str
    last_modified: datetime  # aware; `as_of`
    masked: bool = True  # no personal data in clear: clients may store it
    is_packed: bool = False  # by its format: it is sent without a coding
    file_name: str | None = None  # set when the client asked for a download
    link_next: str | None = None  # absolute URL of the next page
    truncated: bool | None = None  # of a list: more rows match than it and its next pages can show
    total: int | None = None  # rows of a list in all, where that is known
    hint: str | None = None  # of a list without rows: what the question may have meant, in ASCII
    change_token: str | None = None  # of a list whose changes can be told

    @property
    def size(self) -> int:
        """Bytes of the body, as Content-Length says."""
        return len(self.body)


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


def body_of(parts: Iterable[bytes]) -> Turns[bytes | Pieces]:
    """The body of these parts: in pieces where it is large, of which small ones are joined to be sent together."""
    pieces, waiting, size = list[bytes](), list[bytes](), 0
    for part in parts:
        if waiting and size + len(part) > PART_BYTES:
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


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda identity: identity,
    "gzip": lambda identity: gzip.compress(identity, GZIP_LEVEL, mtime=0),
    "zstd": lambda identity: bytes(memoryview(zstandard.ZstdCompressor(ZSTD_LEVEL).compress(identity))),
}  # equal bytes give equal bytes. zstandard's own keep room for the worst case: a copy holds what it needs


async def coded(identity: bytes | Pieces, coding: str) -> bytes:
    """The body in a coding of CODINGS, away from the event loop where the body is large."""
    size = 0 if coding == "identity" else len(identity)
    return await unlocked(lambda: CODINGS[coding](bytes(identity)), size=size)


def in_coding(identity: Answer, coding: str, body: bytes) -> Answer:
    """The answer in another coding, with a validator of its own, as RFC 9110 §8.8.3.3 has it."""
    return replace(identity, body=body, coding=coding, etag=f'{identity.etag[:-1]}-{coding}"')


def entity_tag(
    audience: str, content_type: str, content: bytes | memoryview, told: bytes = b"", beside: bytes | memoryview = b""
) -> str:
    """A strong validator (RFC 9110 §8.8.3), equal in every process for equal content, different between audiences.

    `told` is what headers alone say of the content: a 304 can change a header that a client holds, not take it back.
    `beside` are bytes of the body that tell of the content, as when it was first seen: they are in a part of their own,
    which `content_tag` leaves out.
    """
    digest = hashlib.blake2b(digest_size=_ETAG_BYTES, person=b"cxfacade-etag")
    for part in (audience.encode(), content_type.encode(), content, told):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    if not beside:
        return f'"{digest.hexdigest()}"'
    return f'"{digest.hexdigest()}.{hashlib.blake2b(beside, digest_size=_BESIDE_BYTES).hexdigest()}"'


def content_tag(etag: str) -> str:
    """The validator of the content alone: two representations with one are the same but for what stands beside it."""
    return _BESIDE.sub("", etag, count=1)


def answer_headers(answer: Answer, reuse: Reuse, snapshot: Stored[Any], now: datetime) -> Headers:
    """All headers of an answer `now`, from the facts of how it was obtained and the lifetimes of its snapshot."""
    fields = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"etag", answer.etag.encode()),
        # Where the clock was set back, nothing was modified later than now (RFC 9110 §8.8.2.1).
        _last_modified(min(answer.last_modified, now).replace(microsecond=0)),
        *_ON_ALL,
    ]
    if answer.coding != "identity":
        fields.append((b"content-encoding", answer.coding.encode()))
    fields += list_headers(answer)
    if answer.change_token is not None:
        fields.append((b"x-change-token", answer.change_token.encode()))
    if answer.link_next is not None:
        fields.append((b"link", f'<{quote(answer.link_next, safe=_URI_CHARACTERS)}>; rel="next"'.encode()))
    if answer.file_name is not None:
        fields.append((b"content-disposition", content_disposition(answer.file_name).encode()))
    lifetimes = cache_control(reuse.age, reuse.ttl or 0.0, snapshot.revalidate_for, snapshot.stale_for)
    fields += [
        (b"cache-control", lifetimes if answer.masked else NO_STORE),
        (b"age", b"%d" % whole_age(reuse.age)),
        (b"cache-status", cache_status(reuse).encode()),
    ]
    if reuse.seconds:
        timings = [f"{name};dur={1000 * seconds:.2f}" for name, seconds in reuse.seconds.items()]
        fields.append((b"server-timing", ", ".join(timings).encode()))
    return fields


def list_headers(answer: Answer) -> Headers:
    """How whole a list is: formats without an envelope have no other place for it."""
    if answer.truncated is None:
        return []
    told = [(b"x-truncated", b"true" if answer.truncated else b"false")]
    if answer.hint is not None:
        told.append((b"x-hint", answer.hint.encode("ascii")))
    return told if answer.total is None else [*told, (b"x-total-count", b"%d" % answer.total)]


@lru_cache(maxsize=1_000)  # all answers of a snapshot share it
def _last_modified(moment: datetime) -> tuple[bytes, bytes]:
    return (b"last-modified", format_datetime(moment, usegmt=True).encode())


def whole_age(age: float) -> int:
    """The Age field in whole seconds, never negative (FAULTS T60)."""
    return max(0, math.floor(age))


def cache_control(age: float, time_left: float, revalidate_for: float, stale_for: float) -> bytes:
    """Cache-Control of a masked view (FAULTS 1.4); all in seconds.

    `time_left` until it is stale, negative past that. From then on it is served at once for `revalidate_for`, at all
    for `stale_for`: the field says what is left of either. A client subtracts Age from `max-age` (RFC 9111 §4.2.3), so
    the number is Age plus what must be left for it.
    """
    past = min(0.0, time_left)
    return b"private, max-age=%d, stale-while-revalidate=%d, stale-if-error=%d" % (
        whole_age(age) + max(0, math.floor(time_left)),
        max(0, math.floor(revalidate_for + past)),
        max(0, math.floor(min(LONGEST_STALE_IF_ERROR, stale_for + past))),
    )


def content_disposition(file_name: str) -> str:
    """An attachment with a file name that needs no quoting rules (RFC 6266 §4.3): other characters become `-`."""
    safe = "".join(character if character in _FILE_NAME_CHARACTERS else "-" for character in file_name)
    return f'attachment; filename="{safe.lstrip(".") or "download"}"'


NAME = "cxfacade"
TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+\-.^_`|~]*")  # sf-token, RFC 9651 §3.3.4
UNPRINTABLE = re.compile(r"[^ -~]")


def cache_status(reuse: Reuse) -> str:
    """The field's value, as `cxfacade; hit; ttl=42`; never with `key`, which would tell what was asked."""
    parameters = {
        "hit": reuse.hit,
        f"fwd={reuse.fwd}": reuse.fwd is not None,
        "stored": reuse.stored,
        "collapsed": reuse.collapsed,
        f"ttl={math.floor(reuse.ttl or 0)}": reuse.ttl is not None,  # floor: half a second past freshness is stale
    }
    told = "; ".join([NAME, *[parameter for parameter, holds in parameters.items() if holds]])
    return told if reuse.detail is None else f"{told}; detail={_bare(reuse.detail)}"


def _bare(detail: str) -> str:
    """A token where it can be one, else a quoted string (RFC 9651 §3.3.3)."""
    if TOKEN.fullmatch(detail):
        return detail
    return '"' + UNPRINTABLE.sub("?", detail).replace("\\", "\\\\").replace('"', '\\"') + '"'


MIB = 1024 * 1024
MOST_BYTES = 128 * MIB  # twice the largest answer
PART_BYTES = 128 * 1024  # handed to the transport at once: none is a copy (FAULTS T41)
TURN_PARTS = 8  # after so many of them others have their turn
LARGE_BYTES = 256 * 1024  # smaller answers are not counted: connections are, by the listener
RETRY_SECONDS = 1


class Unread:
    """The large answers that are being sent, by the address they are sent to; one sent twice counts once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._sending: dict[str, Counter[int]] = {}
        self._held: Counter[str] = Counter()

    @contextmanager
    def sending(self, scope: Scope, body: bytes | Pieces) -> Iterator[None]:
        """Count the answer until the end of the block. Raises RateLimited where there is no room."""
        if len(body) < LARGE_BYTES:
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
