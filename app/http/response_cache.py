"""Response cache: a representation is made once and stored beside its snapshot, and may be replayed from there."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from starlette.types import Scope

from app.cache.keys import Part, digest
from app.cache.reuse import Reuse
from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.clock import Clock
from app.cooperative import INLINE_BYTES
from app.http.negotiation import choose_coding
from app.http.responses import Answer, coded, in_coding
from app.http.sending import Headers
from app.http.telemetry import Hits
from app.queries.fetch_plan import FetchPlan
from app.queries.page import FetchResult
from app.queries.query import InteractionQuery
from app.queries.snapshot import Snapshot

OVERHEAD_BYTES = 500  # the objects around a body


@dataclass(frozen=True, slots=True)
class Built:
    """An answer in identity coding, made just now, with the snapshot it is from and where the time went, in seconds."""

    answer: Answer
    found: FetchResult
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Served:
    """An answer in the client's coding, made of `snapshot`, which is its `home` where the answer is stored with it."""

    answer: Answer
    reuse: Reuse
    snapshot: Stored[Snapshot]
    home: Stored[Snapshot] | None


class ResponseCache:
    """Finished answers. The key of each holds whatever shapes its bytes: rules, snapshot, audience, view, link."""

    def __init__(
        self, store: MemoryStore, clock: Clock, rules: Part, flights: SingleFlight, wait_seconds: float
    ) -> None:
        self._store = store
        self._flights = flights
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._rules = rules

    async def get_or_build(
        self,
        current: Stored[Snapshot] | None,
        shape: bytes,
        accept_encoding: str | None,
        *,
        find: Callable[[], Awaitable[FetchResult]],
        make: Callable[[FetchResult], Awaitable[Built]],
        detail: str | None = None,
    ) -> Served:
        """The answer made before of the `current` snapshot, which asks nobody, or of one found; else one made now.

        `shape` is of all that shapes the answer beside the snapshot and the coding. `detail` says why `current` serves
        though it is stale.
        """
        began = self._clock.monotonic()
        identity = self._get(_key(current, shape)) if current else None
        if current and identity:
            answer = await self._in_coding(current, shape, identity, accept_encoding)
            seconds = {"cache": self._clock.monotonic() - began}
            ttl, age = current.time_left(began), current.age(began)
            return Served(answer, Reuse(True, ttl=ttl, age=age, detail=detail, seconds=seconds), current, current)
        found = await find()
        is_seen_again = found.fetched and found.kept  # perhaps: then it has the version that it had before
        known = self._get(_key(found.stored, shape)) if is_seen_again else None
        made = Built(known, found.packed(), {"upstream": found.upstream_seconds}) if known else await make(found)
        snapshot, now = made.found.stored, self._clock.monotonic()
        home = snapshot if made.found.kept else None  # no request would look for an answer without its snapshot
        if home:
            self._put(_key(home, shape), home, made.answer)
        answer = await self._in_coding(home, shape, made.answer, accept_encoding)
        return Served(answer, reuse_of(made.found, now, made.seconds), snapshot, home)

    def shape(self, *parts: Part) -> bytes:
        """The digest of all that shapes an answer beside the snapshot and the coding, its audience among it."""
        return digest("answer", self._rules, parts)

    def is_stored(self, current: Stored[Snapshot], shape: bytes) -> bool:
        """Whether the answer of this shape has been made of the snapshot, and is stored."""
        return self._get(_key(current, shape)) is not None

    async def _in_coding(
        self, home: Stored[Snapshot] | None, shape: bytes, identity: Answer, accept_encoding: str | None
    ) -> Answer:
        """The answer in the coding that suits the client, which is made once for the life of `home`."""
        coding = choose_coding(accept_encoding, identity.size, is_packed=identity.is_packed)
        if coding == identity.coding:
            return identity
        if home is None:
            return await self._coded(identity, coding)
        key = _key(home, shape, coding, of=identity.etag)
        answer = self._get(key)
        if answer is None:
            answer = await self._coded(identity, coding)
            self._put(key, home, answer)
        return answer

    async def _coded(self, identity: Answer, coding: str) -> Answer:
        """The answer in another coding; a large one is coded once for all who want it. Raises StillFetching."""
        coding_it = partial(coded, identity.body, coding)
        if identity.size <= INLINE_BYTES:
            return in_coding(identity, coding, await coding_it())
        key = digest("coding", identity.etag, coding)
        joined = await self._flights.join(key, coding_it, wait_seconds=self._wait_seconds)
        return in_coding(identity, coding, joined.value)

    def _get(self, key: bytes) -> Answer | None:
        stored: Stored[Answer] | None = self._store.get(key)
        return stored.value if stored else None

    def _put(self, key: bytes, snapshot: Stored[Snapshot], answer: Answer) -> None:
        self._store.put(key, snapshot.holding(answer, answer.size + OVERHEAD_BYTES), kind="derived")


def _key(snapshot: Stored[Snapshot], shape: bytes, coding: str = "identity", of: str = "") -> bytes:
    """`of` is the validator of what was coded; a snapshot that has grown, or lacks rows, may give another answer."""
    lacks_rows = "lacking" if snapshot.value.lacks_rows else "whole"
    return shape + f"{snapshot.value.version} {lacks_rows} {coding} {of}".encode()


def reuse_of(found: FetchResult, now: float, seconds: Mapping[str, float]) -> Reuse:
    """How a snapshot was found, for the answer that is made of it."""
    return Reuse(
        hit=not found.fetched,
        fwd=found.fwd if found.fetched else None,
        stored=found.fetched and found.kept,
        collapsed=found.fetched and found.collapsed,
        ttl=found.stored.time_left(now),
        age=found.stored.age(now),
        detail=found.detail,
        seconds=seconds,
    )


ARRIVAL = "cxfacade.arrival"  # where the scope of a request that may be replayed has its Keep
REPLAYABLE = "replayable"  # where the state of a request has its Replayable
EARLY_REFRESH_FETCHES = 8  # so many fetch times before the end, an early refresh is due in one of 2,980 requests

Charge = Callable[[], tuple[Headers, float]]


@dataclass(frozen=True, slots=True)
class Replayable:
    """A response made of `snapshot`, and how long it may be replayed: until `valid_until` (monotonic seconds).

    `last_modified` is a time of day: where that is set back, what is said of it has to change. `is_pinned`: a cursor
    names the snapshot. `hits` gives the count of its status, `charge` takes one request off the quota of its key.
    """

    snapshot: Stored[Snapshot]
    valid_until: float
    last_modified: datetime
    is_pinned: bool
    hits: Callable[[int], Hits]
    charge: Charge | None


Keep = Callable[[Replayable, int, Headers, bytes], None]
"""Has the response to a request replayed, once it is sent: its status, headers and body."""


def early_seconds(stored: Stored[Snapshot]) -> float:
    """So long before the end of its freshness a snapshot may be refreshed early."""
    return min(EARLY_REFRESH_FETCHES * stored.value.upstream_seconds, stored.fresh_for / 2)


def offer(
    scope: Scope,
    served: Served,
    plan: FetchPlan,
    now: float,
    *,
    wall: datetime,
    hits: Callable[[int], Hits],
    changes_at: float | None = None,
    valid_for: float | None = None,
    charge: Charge | None = None,
) -> None:
    """Have the response to this request replayed while it is fresh, stored and current.

    `wall` is the time of day. `changes_at`: when the same request asks another question (monotonic seconds), None for
    never. `valid_for`: seconds from `now` on for which its credential is good, None for ever.
    """
    home, answer = served.home, served.answer
    if ARRIVAL not in scope or home is None or answer.last_modified > wall:
        return
    ends = [home.time_left(now) - early_seconds(home)]  # then requests may set off a refresh, the ordinary way
    ends += [] if valid_for is None else [valid_for]
    ends += [] if changes_at is None else [changes_at - now]
    if min(ends) > 0:
        scope["state"][REPLAYABLE] = Replayable(
            home, now + min(ends), answer.last_modified, plan.version is not None, hits, charge
        )


MOST_PARSED = 64  # each is some kilobytes that the store does not count


class ParsedList(NamedTuple):
    """A query, its plan, the digest of all that shapes its answer, and when its query string asks something else."""

    query: InteractionQuery
    plan: FetchPlan
    shape: bytes
    changes_at: float | None  # monotonic seconds; None where it never will


class ParsedLists:
    """The lists that were parsed last, each under all that it was parsed from."""

    def __init__(self, most: int = MOST_PARSED) -> None:
        self._most = most
        self._kept: dict[Hashable, ParsedList] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Hashable, now: float) -> ParsedList | None:
        """The list under the key, where it still asks the same question at `now`."""
        parsed = self._kept.get(key)
        return parsed if parsed is not None and (parsed.changes_at is None or now < parsed.changes_at) else None

    def keep(self, key: Hashable, parsed: ParsedList) -> ParsedList:
        """Find it from now on; the oldest is forgotten where there are too many."""
        self._kept.pop(key, None)
        self._kept[key] = parsed
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
        return parsed
