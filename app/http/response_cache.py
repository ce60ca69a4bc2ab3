"""Response cache: the bytes of each representation are made once and stored beside the snapshots."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from app.cache.keys import Part, digest
from app.cache.reuse import Reuse
from app.cache.single_flight import SingleFlight
from app.cache.store import Store
from app.cache.stored import Stored
from app.clock import Clock
from app.cooperative import INLINE_BYTES
from app.http.negotiation import choose_coding
from app.http.responses import Answer, coded, in_coding
from app.queries.page import FetchResult
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
    """An answer in the coding the client takes, and the facts of how it was obtained.

    `snapshot` is what it was made of; `home` is the same, where the answer is stored with it, under `key`.
    """

    answer: Answer
    reuse: Reuse
    snapshot: Stored[Snapshot]
    home: Stored[Snapshot] | None
    key: bytes


class ResponseCache:
    """Finished answers. The key of each holds whatever shapes its bytes: tenant, snapshot, audience, view, link."""

    def __init__(self, store: Store, clock: Clock, tenant_id: str, flights: SingleFlight, wait_seconds: float) -> None:
        self._store = store
        self._flights = flights
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._tenant_id = tenant_id

    async def get_or_build(
        self,
        current: Stored[Snapshot] | None,
        shape: bytes,
        accept_encoding: str | None,
        make: Callable[[], Awaitable[Built]],
        detail: str | None = None,
    ) -> Served:
        """The answer made before of the `current` snapshot, which asks nobody; else one made now, and stored.

        `shape` is of all that shapes the answer beside the snapshot and the coding. `detail` says why `current` serves
        though it is stale.
        """
        began = self._clock.monotonic()
        identity = self._get(_key(current, shape)) if current else None
        if current and identity:
            answer, key = await self._in_coding(current, shape, identity, accept_encoding)
            seconds = {"cache": self._clock.monotonic() - began}
            reuse = _hit(current, began, detail, seconds)
            return Served(answer, reuse, current, current, key)
        made = await make()
        snapshot, now = made.found.stored, self._clock.monotonic()
        home = snapshot if made.found.kept else None  # no request would look for an answer without its snapshot
        if home:
            self._put(_key(home, shape), home, made.answer)
        answer, key = await self._in_coding(home, shape, made.answer, accept_encoding)
        return Served(answer, _reuse(made.found, now, made.seconds), snapshot, home, key)

    def shape(self, *parts: Part) -> bytes:
        """The digest of all that shapes an answer beside the snapshot and the coding, its audience among it."""
        return digest("answer", self._tenant_id, parts)

    def is_stored(self, current: Stored[Snapshot], shape: bytes) -> bool:
        """Whether the answer of this shape has been made of the snapshot, and is stored."""
        return self._get(_key(current, shape)) is not None

    async def _in_coding(
        self, home: Stored[Snapshot] | None, shape: bytes, identity: Answer, accept_encoding: str | None
    ) -> tuple[Answer, bytes]:
        """The answer in the coding that suits the client, which is made once for the life of `home`, and its key."""
        coding = choose_coding(accept_encoding, identity.size)
        if home is None:
            return identity if coding == identity.coding else await self._coded(identity, coding), b""
        if coding == identity.coding:
            return identity, _key(home, shape)
        key = _key(home, shape, coding, of=identity.etag)
        answer = self._get(key)
        if answer is None:
            answer = await self._coded(identity, coding)
            self._put(key, home, answer)
        return answer, key

    async def _coded(self, identity: Answer, coding: str) -> Answer:
        """The answer in another coding; a large one that many want at the same time is coded once.

        Raises StillFetching.
        """
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
        self._store.put(key, snapshot.holding(answer, answer.size + OVERHEAD_BYTES), derived=True)


def _key(snapshot: Stored[Snapshot], shape: bytes, coding: str = "identity", of: str = "") -> bytes:
    """`of` is the validator of what was coded: a snapshot that has grown may give another answer.

    What was made before the snapshot was found to lack rows said that it is whole.
    """
    lacks_rows = "lacking" if snapshot.value.lacks_rows else "whole"
    return shape + f"{snapshot.value.version} {lacks_rows} {coding} {of}".encode()


def _reuse(found: FetchResult, now: float, seconds: Mapping[str, float]) -> Reuse:
    if not found.fetched:
        return _hit(found.stored, now, found.detail, seconds)
    return Reuse(
        hit=False,
        fwd=found.fwd,
        stored=found.kept,
        collapsed=found.collapsed,
        ttl=found.stored.time_left(now),
        age=found.stored.age(now),
        detail=found.detail,
        seconds=seconds,
    )


def _hit(stored: Stored[Snapshot], now: float, detail: str | None, seconds: Mapping[str, float]) -> Reuse:
    return Reuse(hit=True, ttl=stored.time_left(now), age=stored.age(now), detail=detail, seconds=seconds)
