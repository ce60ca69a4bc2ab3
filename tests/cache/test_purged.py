"""What a purge has reached: neither served, nor kept, nor waited for by those who come after it."""

import asyncio

import pytest

from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore, ValueKind
from app.cache.stored import PurgeToken, Stored
from tests.support.clock import HandClock

KEY, OTHER, DERIVED = b"key", b"other", b"derived"
BOUND = 100_000


def stored(value: bytes, purge_token: PurgeToken, at: float = 1000.0) -> Stored[bytes]:
    return Stored(value, len(value), at, 10.0, 5.0, purge_token)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(clock: HandClock) -> MemoryStore:
    return MemoryStore(BOUND, lambda: clock.monotonic)


def test_everything_of_one_validity_ends_with_it_and_nothing_else(store: MemoryStore) -> None:
    reached, spared = PurgeToken(), PurgeToken()
    store.put(KEY, stored(b"rows", reached))
    store.put(DERIVED, stored(b"answer", reached), kind="derived")
    store.put(OTHER, stored(b"others", spared))
    reached.purged = True
    assert (store.get(KEY), store.get(DERIVED)) == (None, None)
    assert store.get(OTHER) is not None


def test_what_is_purged_is_gone_from_memory_at_once(store: MemoryStore) -> None:
    reached = PurgeToken()
    store.put(KEY, stored(b"rows", reached))
    store.put(DERIVED, stored(b"answer", reached), kind="derived")
    store.put(OTHER, stored(b"others", PurgeToken()))
    reached.purged = True
    list(store.drop_purged())
    assert (store.count("primary"), store.count("derived")) == (1, 0)
    assert [one.value for one in store.values("primary")] == [b"others"]


def test_looking_at_what_is_stored_is_no_use_of_it(store: MemoryStore) -> None:
    large = b"x" * 8_000
    for key in (KEY, OTHER):
        store.put(key, stored(large, PurgeToken()))
    list(store.values("primary"))
    store.get(KEY)
    list(store.values("primary"))
    for number in range(9):
        store.put(bytes([number]), stored(large, PurgeToken()))
        store.put(bytes([number]), stored(large, PurgeToken()))  # the doorkeeper knows it now
    assert store.get(OTHER) is None


@pytest.mark.parametrize("kind", ["primary", "derived", "tally"])
def test_what_arrives_after_its_purge_is_not_kept_and_drives_out_nothing(store: MemoryStore, kind: ValueKind) -> None:
    late, newer = PurgeToken(), PurgeToken()
    late.purged = True
    assert not store.put(KEY, stored(b"late", late), kind=kind)
    assert store.get(KEY) is None
    store.put(KEY, stored(b"newer", newer))
    assert not store.put(KEY, stored(b"late", late, at=2000.0), kind=kind)
    found = store.get(KEY)
    assert found is not None
    assert found.value == b"newer"


class Upstream:
    """Answers with the number of the call, each when it is let."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Event] = []
        self.called = asyncio.Event()

    async def fetch(self) -> int:
        number, gate = len(self.gates), asyncio.Event()
        self.gates.append(gate)
        self.called.set()
        await gate.wait()
        return number


async def asked(flights: SingleFlight, upstream: Upstream, key: bytes) -> asyncio.Task[int]:
    """A caller who waits, once upstream has been called for it."""

    async def ask() -> int:
        return (await flights.join(key, upstream.fetch, wait_seconds=10)).value

    upstream.called.clear()
    caller = asyncio.create_task(ask())
    await upstream.called.wait()
    return caller


@pytest.mark.parametrize("key", [KEY, None])
async def test_a_disowned_flight_lands_for_its_callers_and_the_next_caller_starts_another(
    clock: HandClock, key: bytes | None
) -> None:
    flights, upstream = SingleFlight(clock.clock), Upstream()
    before = await asked(flights, upstream, KEY)
    flights.detach(key)
    after = await asked(flights, upstream, KEY)
    upstream.gates[0].set()
    assert await before == 0
    assert len(flights) == 1
    upstream.gates[1].set()
    assert await after == 1
    assert len(flights) == 0


async def test_disowning_one_flight_leaves_the_others_to_be_joined(clock: HandClock) -> None:
    flights, upstream = SingleFlight(clock.clock), Upstream()
    first = await asked(flights, upstream, OTHER)
    flights.detach(KEY)
    second = asyncio.create_task(flights.join(OTHER, upstream.fetch, wait_seconds=10))
    await clock.asleep(2)
    upstream.gates[0].set()
    assert await first == (await second).value == 0
    assert len(upstream.gates) == 1


async def test_closing_ends_disowned_flights_too(clock: HandClock) -> None:
    flights, upstream = SingleFlight(clock.clock), Upstream()
    caller = await asked(flights, upstream, KEY)
    flights.detach()
    await flights.aclose()
    (outcome,) = await asyncio.gather(caller, return_exceptions=True)
    assert type(outcome).__name__ == "Overloaded"
