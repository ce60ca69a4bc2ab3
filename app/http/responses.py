"""A finished answer: its bytes in one coding, its validators and headers."""

import gzip
import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import zstandard

from app.cache.reuse import Reuse
from app.cache.stored import Stored
from app.cooperative import unlocked
from app.http.sending import Headers, Pieces

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

    body: bytes | Pieces  # in its coding
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
