"""No place in the pool of connections is lost, however callers leave; and what follows where one is (FAULTS T50)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pytest

from app import errors
from app.observe.metrics import Metrics
from app.upstream.access import Limits
from app.upstream.connections import Attempt, Pool, current, tls_context
from app.upstream.transport import Transport
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.raw import Exchange, RawServer, raw_server
from tests.upstream.support import SYSTEM_CLOCK, access, get

PLACES, LEAVERS, EXPIRED, AFTERWARDS = 4, 1000, 200, 100
LIMITS = Limits(pool_seconds=0.05, slot_wait_seconds=20)

Ask = Callable[[float], Awaitable[Any]]


@dataclass
class Scene:
    """A transport with few places, and an upstream that takes its time and closes every other connection."""

    transport: Transport
    server: RawServer
    metrics: Metrics

    def active(self) -> int:
        """Connections of the pool that are neither idle nor closed."""
        pool = self.transport._pool.client._transport._pool  # type: ignore[attr-defined]  # the library's own pool
        return sum(not (one.is_idle() or one.is_closed()) for one in pool.connections)

    async def naive(self, seconds: float) -> None:
        """A call as it must not be made: in the caller's own task, past our slots, so that a leaver cancels it."""
        times = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 0.05}
        client = self.transport._pool.client
        request = client.build_request("GET", f"{self.server.url}/v1/x", extensions={"timeout": times})
        current.set(Attempt(SYSTEM_CLOCK.monotonic() + 10))
        with contextlib.suppress(httpx.HTTPError):
            async with asyncio.timeout(seconds):
                await (await client.send(request)).aclose()

    async def disciplined(self, seconds: float) -> None:
        """A call as the client makes it."""
        await get(self.transport, seconds)


@contextlib.asynccontextmanager
async def scene(places: int = PLACES) -> AsyncIterator[Scene]:
    dice = Random(50)

    async def script(exchange: Exchange) -> None:
        for _ in range(dice.randrange(8)):
            await asyncio.sleep(0)
        if exchange.number % 2:
            await exchange.json({})
        else:
            await exchange.json({}, connection="close")
            exchange.close()

    metrics = Metrics()
    async with raw_server(script) as server:
        transport = Transport(
            access(server.url, concurrency=places, limits=LIMITS), clock=SYSTEM_CLOCK, metrics=metrics
        )
        try:
            yield Scene(transport, server, metrics)
        finally:
            await transport.aclose()


async def churn(ask: Ask) -> None:
    """Callers that leave at random moments, and callers whose deadline is hardly ahead."""
    dice = Random(7)

    async def leave() -> None:
        task = asyncio.ensure_future(ask(10))
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    async def expire() -> None:
        with contextlib.suppress(errors.UpstreamError, TimeoutError):
            await ask(0.001 * dice.randrange(1, 10))

    for wave in range(10):
        leaving, expiring = LEAVERS // 10, EXPIRED // 10
        await asyncio.gather(*(leave() for _ in range(leaving)), *(expire() for _ in range(expiring)), _pause(wave))


async def _pause(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def settled(made: Scene) -> None:
    """Wait until the calls that were left alone have ended."""
    while made.transport._under_way:
        await asyncio.wait(set(made.transport._under_way))


@pytest.mark.threat("T50")
async def test_a_thousand_callers_that_leave_and_two_hundred_that_expire_cost_no_place() -> None:
    async with scene() as made:
        await churn(made.disciplined)
        await settled(made)
        answers = await asyncio.gather(*(get(made.transport) for _ in range(AFTERWARDS)))
        assert [answer.status for answer in answers] == [200] * AFTERWARDS
        assert made.active() == 0
        assert made.transport.slots.used == 0
        assert made.server.open_most <= PLACES
        assert value_of(made.metrics, "upstream_pools_replaced") == 0


@pytest.mark.threat("T50")
async def test_a_naive_client_loses_places_in_the_same_churn() -> None:
    """What the test above would look like without the discipline: so it can fail."""
    async with scene() as made:
        await churn(made.naive)
        assert made.active() > 0


@pytest.mark.threat("T50")
async def test_lost_places_are_noticed_and_a_new_pool_is_used() -> None:
    async with scene(places=2) as made:
        current.set(Attempt(SYSTEM_CLOCK.monotonic() + 10))
        lost = made.transport._pool.client
        held = [await lost.send(lost.build_request("GET", f"{made.server.url}/v1/x"), stream=True) for _ in range(2)]
        for number in range(3):
            assert value_of(made.metrics, "upstream_pools_replaced") == 0, number
            with pytest.raises(errors.UpstreamBusy):
                await get(made.transport)
        assert value_of(made.metrics, "upstream_pools_replaced") == 1
        assert made.transport._pool.client is not lost
        assert (await get(made.transport)).status == 200
        assert made.transport.slots.used == 0
        for response in held:
            await response.aclose()


class Timed:
    """A pool of clients that are never used, and how many of them were replaced."""

    def __init__(self, hand: HandClock) -> None:
        self.metrics = Metrics()
        self.pool = Pool(httpx.AsyncClient, 60, Limits(), hand.clock, self.metrics)

    def replaced(self) -> bool:
        """Whether the next time-out has the client replaced."""
        before = self.pool.client
        self.pool.timed_out()
        return self.pool.client is not before


async def test_a_pool_is_replaced_at_the_third_time_out_in_ten_seconds_and_then_rests() -> None:
    hand = HandClock(monotonic=1000.0)
    timed = Timed(hand)
    assert [timed.replaced() for _ in range(4)] == [False, False, True, False]
    hand.advance(29)
    assert [timed.replaced() for _ in range(3)] == [False, False, False]
    hand.advance(1)
    assert timed.replaced()
    assert value_of(timed.metrics, "upstream_pools_replaced") == 2
    await timed.pool.aclose()


async def test_time_outs_far_apart_are_no_reason() -> None:
    hand = HandClock()
    timed = Timed(hand)
    for _ in range(20):
        assert not timed.replaced()
        hand.advance(6)
    await timed.pool.aclose()


def test_tls_is_at_least_1_2_and_checks_names_and_certificates() -> None:
    context = tls_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.keylog_filename is None
