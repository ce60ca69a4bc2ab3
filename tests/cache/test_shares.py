"""One caller does not fill the queue for all others."""

import asyncio

import pytest

from app.cache.single_flight import SingleFlight
from app.errors import Overloaded, RateLimited
from app.owners import Owners
from tests.support.clock import HandClock


class Place:
    """Flights that last until `ready`, with a bound for each owner."""

    def __init__(self, most: int | None = None) -> None:
        self.flights = SingleFlight(HandClock().clock)
        if most is not None:
            self.flights._most_of_one_owner = most
        self.ready = asyncio.Event()

    def joined(self, key: bytes, owner: str = "one") -> "asyncio.Task[object]":
        flight = self.flights.join(key, self.ready.wait, wait_seconds=10, owners=Owners(owner))
        return asyncio.create_task(flight)


async def test_a_caller_has_a_share_of_their_own_and_gets_it_back() -> None:
    place = Place(most=2)
    callers = [place.joined(b"a"), place.joined(b"b")]
    with pytest.raises(RateLimited) as refused:
        await place.joined(b"c")
    assert refused.value.retry_after_seconds == 1
    callers.append(place.joined(b"c", "other"))
    place.flights._under_way[b"a"].cancel()
    with pytest.raises(Overloaded):
        await callers[0]
    callers.append(place.joined(b"d"))
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await place.joined(b"e")
    place.ready.set()
    await asyncio.gather(*callers[1:])
    assert not place.flights._started


async def test_joining_a_flight_costs_nothing_and_its_end_gives_the_share_back() -> None:
    place = Place(most=1)
    callers = [place.joined(b"a") for _ in range(5)]
    with pytest.raises(RateLimited):
        await place.joined(b"b")
    place.ready.set()
    await asyncio.gather(*callers)
    await place.joined(b"b")


async def test_one_owner_may_have_500_flights_under_way() -> None:
    place = Place()
    callers = [place.joined(b"%d" % number) for number in range(500)]
    with pytest.raises(RateLimited):
        await place.joined(b"500")
    place.ready.set()
    await asyncio.gather(*callers)
