"""Replays: stored responses for byte-identical requests, sent before scope, task and framework exist.

A request is identical where every byte is that may shape a response: method, target, host, the address that was
reached, the fields of SHAPING, and the body of a question with its type. A field that is neither one of these nor known
to be HARMLESS sends the request the ordinary way. A replay lies in the store among the values made of its snapshot:
what ends that ends it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache, partial
from hashlib import sha256
from http import HTTPStatus
from math import floor, inf
from time import time
from typing import NamedTuple

from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.http.forwarding import FIELDS as FORWARDED
from app.http.guard import usable_request_id
from app.http.response_cache import Charge, Keep, Replayable
from app.http.responses import NO_STORE, cache_control
from app.http.sending import PART_BYTES, Headers
from app.http.telemetry import TIMED_ONE_IN, TIMING_MASK, Hits, log_request

REPLAYED = frozenset({200, 206, 304})
READING = frozenset({b"GET", b"HEAD"})
ASKING = frozenset({b"QUERY", b"POST"})  # with a body
SHAPING = frozenset(
    b"host accept accept-encoding authorization x-api-key origin "
    b"if-match if-none-match if-modified-since if-unmodified-since if-range range".split()
)
HARMLESS = frozenset(
    b"connection user-agent accept-language x-request-id cookie referer priority dnt sec-gpc save-data sec-fetch-dest "
    b"sec-fetch-mode sec-fetch-site sec-fetch-user sec-fetch-storage-access sec-ch-ua sec-ch-ua-mobile "
    b"sec-ch-ua-platform upgrade-insecure-requests x-requested-with x-real-ip x-forwarded-port x-forwarded-server "
    b"forwarded via traceparent tracestate x-amzn-trace-id x-correlation-id x-b3-traceid x-b3-spanid x-b3-sampled "
    b"keep-alive".split()
)
KNOWN = SHAPING | HARMLESS | FORWARDED
OF_A_BODY = frozenset({b"content-type", b"content-length"})
OWN_ID = b"x-request-id"
MOST_BYTES = PART_BYTES  # of a body; what a larger one costs is sending it
OVERHEAD_BYTES = 900  # the objects of one replay, beside its key, head and body

_ACCESS = logging.getLogger("cxfacade.access")
_QUOTA = frozenset({b"ratelimit", b"ratelimit-policy"})

Fields = Sequence[tuple[bytes, bytes]]


class Address(NamedTuple):
    """The part of a connection that shapes responses: the address reached, and whether its peer is a trusted proxy."""

    reached: bytes
    is_trusted: bool

    @classmethod
    def of(cls, scheme: str | None, server: tuple[str, int | None] | None, *, is_trusted: bool) -> "Address":
        """The same bytes for the same scheme, address and port."""
        return cls(repr((scheme, server, is_trusted)).encode(), is_trusted)


def replay_key(
    method: bytes, target: bytes, fields: Fields, address: Address, body: bytes | None = None
) -> bytes | None:
    """The bytes that identical requests share; None for one that goes the ordinary way. Names are in small letters.

    A `body` is that of a question.
    """
    names = dict(fields)
    methods, known = (READING, KNOWN) if body is None else (ASKING, KNOWN | OF_A_BODY)
    if method not in methods or len(names) != len(fields) or not known.issuperset(names):
        return None
    shaping = SHAPING | FORWARDED if address.is_trusted else SHAPING
    parts = [method, target, address.reached]
    if body is not None:
        shaping |= OF_A_BODY
        parts.append(sha256(body).hexdigest().encode())  # of one length: a body may hold what parts the others
    parts += [part for field in fields if field[0] in shaping for part in field]
    return b"\0".join(parts)  # which no part can hold: the parser refuses it


@dataclass(slots=True, eq=False)
class Replay:
    """A stored response for byte-identical requests, in three pieces: the request's id stands between the last two.

    `told` is a format with the names `date`, `age`, `ttl` and `max-age`; what it gives, `head`, holds until
    `told_until`, all times being monotonic seconds. The response holds until `valid_until`, and not where the time of
    day was set back before `last_modified`. `is_pinned`: it is of the snapshot that a cursor names, whichever is the
    current one. `charge` counts it against the quota of its key.
    """

    told: bytes
    rest: bytes  # fields and body
    valid_until: float
    last_modified: datetime
    is_pinned: bool
    hits: Hits
    charge: Charge | None
    head: bytes = b""
    told_until: float = -inf


@dataclass(slots=True, eq=False)
class ReplayCache:
    """The replays of one application, kept in its store; `is_trusted` tells trusted proxies by their addresses."""

    store: MemoryStore
    is_trusted: Callable[[str], bool]
    monotonic: Callable[[], float]
    wall: Callable[[], datetime]
    new_request_id: Callable[[], str]
    _era: bytes = b"0"

    def end_all(self) -> None:
        """Replay nothing that was answered until now: other client keys are in force."""
        self._era = b"%d" % (int(self._era) + 1)

    def arrival(self, key: bytes) -> Keep:
        """Keeps the response to a request that came just now, and is answered the ordinary way."""
        return partial(self.keep, self._era + key)

    def keep(self, key: bytes, replayable: Replayable, status: int, headers: Headers, body: bytes) -> None:
        """Store a response that the ordinary way has given, where it may be replayed."""
        snapshot = replayable.snapshot
        if status not in REPLAYED or len(body) > MOST_BYTES or replayable.valid_until <= self.monotonic():
            return
        told, rest = _head(status, headers, replayable)
        replay = Replay(
            told,
            rest + body,
            replayable.valid_until,
            replayable.last_modified,
            replayable.is_pinned,
            replayable.hits(status),
            replayable.charge,
        )
        size = 2 * len(told) + len(replay.rest) + OVERHEAD_BYTES
        self.store.put(key, snapshot.holding(replay, size), kind="derived")

    def response(self, key: bytes, own_id: bytes | None, *, is_last: bool = False) -> bytes | None:
        """The response to an identical request, which brought `own_id`; None where the ordinary way must answer it."""
        stored = self.store.get(self._era + key)
        if stored is None:
            return None
        now, token = self.monotonic(), stored.purge_token
        replay: Replay = stored.value
        if token.extended or (token.superseded and not replay.is_pinned) or now >= replay.valid_until:
            return None
        if now >= replay.told_until and not self._tell(replay, stored, now):
            return None
        more = b"connection: close\r\n" if is_last else b""
        if replay.charge is not None:
            told, wait = replay.charge()
            if wait:
                return None
            more += b"".join(b"%b: %b\r\n" % field for field in told)
        request_id = (own_id and usable_request_id(own_id)) or self.new_request_id()
        hits = replay.hits
        hits.count = number = hits.count + 1
        if not number & TIMING_MASK:
            hits.timing.took(self.monotonic() - now, TIMED_ONE_IN)
        if _ACCESS.isEnabledFor(logging.DEBUG):
            state = {"request_id": request_id, "cache_status": "cxfacade; hit", "key": hits.key}
            seen = {"method": hits.method, "route": hits.route, "state": state}
            log_request(seen, hits.status, self.monotonic() - now, logging.DEBUG)
        return b"%bx-request-id: %b\r\n%b%b" % (replay.head, request_id.encode(), more, replay.rest)

    def _tell(self, replay: Replay, stored: Stored[Replay], now: float) -> bool:
        """Say what changes from second to second; False where the time of day was set back."""
        wall = self.wall()
        if replay.last_modified > wall:
            return False
        age, left = stored.age(now), stored.time_left(now)
        whole_age, whole_left = floor(age), floor(left)
        told = {b"date": date_now(), b"age": whole_age, b"ttl": whole_left, b"max-age": whole_age + whole_left}
        replay.head = replay.told % told
        replay.told_until = now + min(whole_age + 1 - age, left - whole_left, 1 - wall.microsecond / 1e6)
        return True


def date_now() -> bytes:
    """The value of the Date field."""
    return _date(int(time()))


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def _head(status: int, headers: Headers, replayable: Replayable) -> tuple[bytes, bytes]:
    """The head of a fresh hit, in the order in which the ordinary way has sent it: around the request's id."""
    snapshot = replayable.snapshot
    lifetimes = cache_control(0, 0, snapshot.revalidate_for, snapshot.stale_for)
    changing: Mapping[bytes, bytes] = {
        b"age": b"age: %(age)d\r\n",
        b"cache-status": b"cache-status: cxfacade; hit; ttl=%(ttl)d\r\n",
        b"server-timing": b"server-timing: cache;dur=0.00\r\n",
        b"cache-control": b"cache-control: " + lifetimes.replace(b"max-age=0", b"max-age=%(max-age)d") + b"\r\n",
    }
    id_at = [name for name, _ in headers].index(OWN_ID)
    told = [b"HTTP/1.1 %d %b\r\ndate: %%(date)b\r\n" % (status, HTTPStatus(status).phrase.encode())]
    for name, value in headers[:id_at]:
        if name in changing and value != NO_STORE:
            told.append(changing[name])
        else:
            told.append(b"%b: %b\r\n" % (name, value.replace(b"%", b"%%")))
    rest = [b"%b: %b\r\n" % field for field in headers[id_at + 1 :] if field[0] not in _QUOTA]
    return b"".join(told), b"".join([*rest, b"\r\n"])
