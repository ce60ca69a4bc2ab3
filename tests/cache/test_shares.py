"""One caller does not fill the queue for all others."""

import asyncio

import pytest

from app.cache.shares import Shares
from app.cache.single_flight import SingleFlight
from app.errors import RateLimited
from app.owners import Owners
from tests.support.clock import HandClock


def test_a_caller_has_a_share_of_their_own_and_gets_it_back() -> None:
    shares = Shares(most=2)
    first, _ = shares.take("one"), shares.take("one")
    with pytest.raises(RateLimited) as refused:
        shares.take("one")
    assert refused.value.retry_after_seconds == 1
    shares.take("other")
    first(None)
    shares.take("one")


async def test_joining_a_flight_costs_nothing_and_its_end_gives_the_share_back() -> None:
    flights = SingleFlight(HandClock().clock)
    flights._shares = Shares(most=1)
    ready = asyncio.Event()

    async def fetch() -> bool:
        return await ready.wait()

    def joined(key: bytes) -> "asyncio.Task[object]":
        return asyncio.create_task(flights.join(key, fetch, wait_seconds=10, owners=Owners("one")))

    callers = [joined(b"a") for _ in range(5)]
    with pytest.raises(RateLimited):
        await joined(b"b")
    ready.set()
    await asyncio.gather(*callers)
    await joined(b"b")
