"""Ways to keep a crowd from asking upstream twice for one thing: ours, the obvious one, and three libraries'."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

from aiocache import cached_stampede  # type: ignore[import-untyped]  # it carries no types
from async_lru import alru_cache
from cashews import Cache

from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.clock import Clock

KEY = b"record"
STORE_BYTES = 1_000_000
FRESH_SECONDS = 3600
WAIT_SECONDS = 60.0  # the callers of every contestant are patient

Fetch = Callable[[], Awaitable[int]]


def single_flight(fetch: Fetch) -> Fetch:
    """This façade's, as `queries/service.py` uses it: a store in front, looked into again by the flight."""
    clock = Clock(asyncio.get_running_loop().time, lambda: datetime.now(UTC), asyncio.sleep)
    flights, store = SingleFlight(clock), MemoryStore(STORE_BYTES, clock.monotonic)

    async def filled() -> int:
        known = store.get(KEY)
        if known is None:
            known = Stored(await fetch(), 1, clock.monotonic(), FRESH_SECONDS, 0)
            store.put(KEY, known)
        return int(known.value)

    async def ask() -> int:
        known = store.get(KEY)
        return known.value if known else (await flights.join(KEY, filled, wait_seconds=WAIT_SECONDS)).value

    return ask


def lock_per_key(fetch: Fetch) -> Fetch:
    """An asyncio.Lock for each key, and a second look once it is held."""
    lock, known = asyncio.Lock(), dict[bytes, int]()

    async def ask() -> int:
        if KEY not in known:
            async with lock:
                if KEY not in known:
                    known[KEY] = await fetch()
        return known[KEY]

    return ask


def aiocache(fetch: Fetch) -> Fetch:
    """Its decorator against stampedes, with the default lease of two seconds."""

    @cached_stampede(key=uuid4().hex, ttl=FRESH_SECONDS)  # type: ignore[untyped-decorator]  # it carries no types
    async def ask() -> int:
        return await fetch()

    decorated: Fetch = ask
    return decorated


def async_lru(fetch: Fetch) -> Fetch:
    """Its decorator, which holds the running task in the cache."""

    @alru_cache(ttl=FRESH_SECONDS)
    async def ask() -> int:
        return await fetch()

    return ask


def cashews(fetch: Fetch) -> Fetch:
    """Its simple decorator, which protects against stampedes unless told not to."""
    cache = Cache()
    cache.setup("mem://")

    @cache(ttl=FRESH_SECONDS, key=uuid4().hex)
    async def ask() -> int:
        return await fetch()

    return ask


CONTESTANTS: dict[str, Callable[[Fetch], Fetch]] = {
    "app/cache/single_flight.py": single_flight,
    "asyncio.Lock per key": lock_per_key,
    "aiocache": aiocache,
    "async-lru": async_lru,
    "cashews": cashews,
}
OURS = "app/cache/single_flight.py"
