"""Refused credentials are not tried again and again, tokens expire while calls queue, credentials are exchanged."""

import asyncio
import base64
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Literal

import pytest
from pydantic import SecretStr

from app import errors
from app.upstream.access import Limits
from app.upstream.auth import Credentials, TokenLogin, basic
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support.canary import USERNAME
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.raw import Exchange, http, raw_server
from tests.support.workers import workers
from tests.upstream.support import Opened, access, envelope, opened, row

NEW_PASSWORD = SecretStr("invented-new-password")


class Guarded:
    """An upstream that knows one password, and the tokens it has given for it."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.logins = 0
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self.refuses_all = False
        self.revoked: set[str] = set()
        self.ttl = 100

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            self.logins += 1
            if self.password.encode() in exchange.request.body:
                await exchange.json({"token": f"invented-token-{self.logins}", "ttl": self.ttl})
            else:
                await exchange.write(http(b"{}", 401))
            return
        self.calls.append(exchange.request.headers["authorization"])
        self.arrived.set()
        if self.calls[-1] == self.calls[0]:
            await self.gate.wait()
        if self.refuses_all or exchange.request.headers["authorization"] in self.revoked:
            await exchange.write(http(b"{}", 401))
        else:
            await exchange.json(envelope([row("one")]))


async def read(client: Opened) -> Reading:
    return await client.client.interactions(UpstreamQuery(), Position(), rows=100, most=100)


async def test_a_wrong_password_is_tried_a_few_times_in_ten_minutes() -> None:
    hand, upstream = HandClock(), Guarded("another")
    async with raw_server(upstream) as server, opened(access(server.url, "token"), hand.clock) as client:
        for _ in range(600):
            with pytest.raises(errors.UpstreamAuth):
                await read(client)
            hand.advance(1)
        assert upstream.logins == 4  # after 0, 60, 180 and 420 seconds
        assert upstream.calls == []
        assert client.client.refused_seconds() == 600


@pytest.mark.threat("T10")
@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_several_workers_try_a_wrong_password_no_more_often_than_one(auth: Literal["basic", "token"]) -> None:
    hand, upstream = HandClock(), Guarded("another")
    upstream.refuses_all = True
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(raw_server(upstream))
        clients = [
            await stack.enter_async_context(opened(replace(access(server.url, auth), worker=worker), hand.clock))
            for worker in stack.enter_context(workers(3))
        ]
        for _ in range(600):
            for client in clients:
                with pytest.raises(errors.UpstreamAuth):
                    await read(client)
            hand.advance(1)
        assert len(upstream.calls) + upstream.logins == 4  # after 0, 60, 180 and 420 seconds, whoever of them it is
        assert [client.client.refused_seconds() for client in clients] == [600] * 3


async def test_a_token_that_works_is_used_on_though_another_worker_was_refused() -> None:
    hand, upstream = HandClock(), Guarded("canary")
    async with AsyncExitStack() as stack:
        known = access((await stack.enter_async_context(raw_server(upstream))).url, "token")
        upstream.password = known.password.get_secret_value()
        one, two = [
            await stack.enter_async_context(opened(replace(known, worker=worker), hand.clock))
            for worker in stack.enter_context(workers(2))
        ]
        await read(one)
        upstream.password = "another"
        with pytest.raises(errors.UpstreamAuth):
            await read(two)
        await read(one)
        assert (one.client.refused_seconds(), one.client.refuses_lists()) == (0, False)
        hand.advance(101)
        with pytest.raises(errors.UpstreamAuth):
            await read(one)


@pytest.mark.parametrize(("auth", "a_round"), [("basic", 1), ("token", 2)])
async def test_a_401_that_survives_a_new_login_closes_the_gate(auth: Literal["basic", "token"], a_round: int) -> None:
    hand, upstream = HandClock(), Guarded("canary")
    async with raw_server(upstream) as server:
        known = access(server.url, auth)
        upstream.password = known.password.get_secret_value()
        async with opened(known, hand.clock) as client:
            await read(client)
            upstream.calls.clear()
            upstream.refuses_all = True
            for _ in range(3):
                with pytest.raises(errors.UpstreamAuth):
                    await read(client)
            assert len(upstream.calls) == a_round
            assert client.client.refuses_lists()
            upstream.refuses_all = False
            hand.advance(60)
            await read(client)
            assert client.client.refused_seconds() == 0


async def test_a_token_that_ends_while_calls_queue_goes_out_with_none_of_them() -> None:
    hand, upstream = HandClock(), Guarded("canary")
    async with raw_server(upstream) as server:
        known = access(server.url, "token", concurrency=1, seconds=1000, limits=Limits(slot_wait_seconds=1000))
        upstream.password = known.password.get_secret_value()
        async with opened(known, hand.clock) as client:
            upstream.gate.clear()
            calls = [asyncio.create_task(read(client)) for _ in range(3)]
            await upstream.arrived.wait()
            await hand.asleep(2)
            assert value_of(client.metrics, "upstream_slots_waiting") == 2
            hand.advance(101)
            upstream.gate.set()
            await asyncio.gather(*calls)
        assert upstream.calls == ["Token invented-token-1", *["Token invented-token-2"] * 2]
        assert upstream.logins == 2


async def test_whoever_comes_right_after_a_login_has_its_token() -> None:
    """Between the end of a task and its callbacks others run: a token set by a callback had them turn without end."""
    body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    credentials = TokenLogin(lambda: body, HandClock().clock, Limits(), lambda: 0.5)

    async def value() -> str | None:
        await credentials.prepared()
        return credentials.current()

    first = asyncio.create_task(value())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    body.set_result(b'{"token": "invented-token"}')
    others = [asyncio.create_task(value()) for _ in range(3)]
    assert set(await asyncio.gather(first, *others)) == {"Token invented-token"}


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_credentials_are_exchanged_once_upstream_has_taken_them(auth: Literal["basic", "token"]) -> None:
    upstream = Guarded(NEW_PASSWORD.get_secret_value())
    hand = HandClock()
    async with raw_server(upstream) as server, opened(access(server.url, auth), hand.clock) as client:
        upstream.refuses_all = True
        with pytest.raises(errors.UpstreamAuth):
            await read(client)
        upstream.refuses_all = False
        assert value_of(client.metrics, "upstream_auth_gate_seconds") > 0
        await client.client.rotate(USERNAME, NEW_PASSWORD)
        assert value_of(client.metrics, "upstream_auth_gate_seconds") == 0
        await read(client)


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_credentials_that_upstream_does_not_take_leave_the_old_ones_in_force(
    auth: Literal["basic", "token"],
) -> None:
    upstream = Guarded("canary")
    async with raw_server(upstream) as server:
        known = access(server.url, auth)
        upstream.password = known.password.get_secret_value()
        async with opened(known) as client:
            await read(client)
            upstream.refuses_all = auth == "basic"
            with pytest.raises(errors.UpstreamAuth) as caught:
                await client.client.rotate(USERNAME, NEW_PASSWORD)
            assert NEW_PASSWORD.get_secret_value() not in caught.value.detail
            upstream.refuses_all = False
            assert value_of(client.metrics, "upstream_auth_gate_seconds") == 0
            await read(client)
            assert upstream.calls[-1] == upstream.calls[0]


async def test_a_call_that_was_refused_while_credentials_were_exchanged_is_made_with_the_new_ones() -> None:
    upstream = Guarded("canary")
    async with raw_server(upstream) as server:
        known = access(server.url)
        async with opened(known) as client:
            upstream.gate.clear()
            early = asyncio.create_task(read(client))
            await upstream.arrived.wait()
            await client.client.rotate(USERNAME, NEW_PASSWORD)
            upstream.revoked.add(upstream.calls[0])
            upstream.gate.set()
            await early
            assert upstream.calls[0] != upstream.calls[1] == upstream.calls[2]
            assert client.client.refused_seconds() == 0


async def test_basic_is_the_same_on_every_call_and_cannot_be_renewed() -> None:
    constant = basic("invented", SecretStr("pässword:x"))
    credentials = Credentials(Limits(), HandClock().clock.monotonic, constant)
    value = credentials.current()
    assert value is not None
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == "invented:pässword:x"
    assert not await credentials.renewed(value)


async def test_with_basic_a_401_is_not_repeated() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.write(http(b"{}", 401))

    async with raw_server(script) as server, opened(access(server.url)) as client:
        with pytest.raises(errors.UpstreamAuth):
            await read(client)
        assert [request.method for request in server.requests] == ["GET"]
        assert server.requests[0].headers["authorization"].startswith("Basic ")
