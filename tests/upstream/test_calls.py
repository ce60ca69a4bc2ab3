"""Deadlines, kept-alive connections, slots and callers that leave."""

import asyncio

import pytest

from app import errors
from app.upstream import calls
from tests.support.raw import Exchange, raw_server
from tests.upstream.support import answered, get, opened_transport


async def test_a_head_that_drips_ends_at_the_deadline() -> None:
    over = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" * 1000:
            if over.is_set():
                return
            await exchange.write(bytes([byte]))
            await asyncio.sleep(0.02)  # the drip itself: the pause between bytes is the fault under test

    async with raw_server(script) as upstream:
        with pytest.raises(errors.UpstreamTimeout):  # without the deadline the drip outlasts the time-out of any test
            await answered(upstream.url, seconds=0.3)
        over.set()


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_kept_alive_connection_that_closes_unanswered_is_told_from_a_new_one(ending: str) -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.number == 1:
            await exchange.json({})
        else:
            exchange.close() if ending == "close" else exchange.reset()

    async with raw_server(script) as upstream, opened_transport(upstream.url) as transport:
        await get(transport)
        for expected in (errors.UpstreamUnanswered, errors.UpstreamReset):
            with pytest.raises(errors.UpstreamReset) as caught:
                await get(transport)
            assert type(caught.value) is expected
        assert (upstream.connections, len(upstream.requests)) == (2, 3)


async def test_a_kept_alive_connection_that_closes_after_a_byte_is_a_bad_answer() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.turn == 2:
            await exchange.write(b"H")
            exchange.close()
        else:
            await exchange.json({})

    async with raw_server(script) as upstream, opened_transport(upstream.url) as transport:
        await get(transport)
        with pytest.raises(errors.UpstreamBadAnswer):
            await get(transport)
        assert len(upstream.requests) == 2


class Gate:
    """A script that holds each answer until it is opened."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        self.arrived.set()
        await self.open.wait()
        await exchange.json({})


async def test_a_caller_that_leaves_cancels_no_call_and_its_slot_comes_back() -> None:
    gate = Gate()
    async with raw_server(gate) as upstream, opened_transport(upstream.url, concurrency=1) as transport:
        caller = asyncio.create_task(get(transport))
        await gate.arrived.wait()
        caller.cancel()
        await asyncio.wait({caller})
        gate.open.set()
        assert (await get(transport)).status == 200
        assert (upstream.connections, len(upstream.requests)) == (1, 2)


async def test_no_slot_in_time_means_busy_and_nothing_is_sent() -> None:
    gate = Gate()
    async with raw_server(gate) as upstream, opened_transport(upstream.url, concurrency=1) as transport:
        first = asyncio.create_task(get(transport))
        await gate.arrived.wait()
        with pytest.raises(errors.UpstreamBusy):
            await get(transport, seconds=0.05)
        gate.open.set()
        await first
        assert len(upstream.requests) == 1


async def test_closing_waits_for_no_call_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LAST_SECONDS", 0.01)
    gate = Gate()
    async with raw_server(gate) as upstream:
        async with opened_transport(upstream.url) as transport:
            caller = asyncio.create_task(get(transport))
            await gate.arrived.wait()
        await asyncio.wait({caller})
        assert caller.cancelled()


async def test_callers_that_left_while_waiting_for_a_slot_send_nothing() -> None:
    gate = Gate()
    async with raw_server(gate) as upstream, opened_transport(upstream.url, concurrency=2) as transport:
        callers = [asyncio.create_task(get(transport)) for _ in range(50)]
        await gate.arrived.wait()
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        gate.open.set()
        answers = await asyncio.gather(*(get(transport) for _ in range(20)))
        assert [answer.status for answer in answers] == [200] * 20
        assert len(upstream.requests) == 22
        assert upstream.open_most == 2
