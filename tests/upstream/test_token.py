"""R13 through the whole client: a token is fetched once, renewed ahead of its end, and after a 401 exactly once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from app import errors
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading
from tests.support.canary import PASSWORD, USERNAME
from tests.support.raw import Exchange, RawServer, http, raw_server
from tests.upstream.support import Opened, access, envelope, opened, row


@dataclass
class TokenServer:
    """Hands out numbered tokens and takes those in `good`; `login_status` other than 200 refuses the login."""

    good: set[str] = field(default_factory=set)
    logins: int = 0
    login_status: int = 200
    takes_new: bool = True
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.request.method == "POST":
            self.logins += 1
            self.bodies.append(exchange.request.body)
            token = f"invented-token-{self.logins}"
            if self.takes_new:
                self.good.add(token)
            await exchange.json({"token": token, "ttl": 100}, self.login_status)
        elif exchange.request.headers["authorization"].removeprefix("Token ") in self.good:
            await exchange.json(envelope([row("one")]))
        else:
            await exchange.write(http(b'{"error": "expired"}', 401))


@contextlib.asynccontextmanager
async def tokens(**settings: object) -> AsyncIterator[tuple[TokenServer, RawServer, Opened]]:
    script = TokenServer()
    async with raw_server(script) as server, opened(access(server.url, "token")) as client:
        yield script, server, client


async def read(client: Opened) -> Reading:
    return await client.client.interactions(UpstreamQuery(), Position(), rows=100, most=1000)


async def test_r13_one_login_and_its_token_on_every_call() -> None:
    async with tokens() as (script, server, client):
        for _ in range(3):
            assert len((await read(client)).records) == 1
        assert script.logins == 1
        assert script.bodies == [f'{{"username":"{USERNAME}","password":"{PASSWORD}"}}'.encode()]
        assert {request.headers["authorization"] for request in server.requests[1:]} == {"Token invented-token-1"}
        assert "authorization" not in server.requests[0].headers
        assert client.metrics.value("upstream_logins") == 1


async def test_r13_a_token_refused_once_is_renewed_and_the_call_repeated() -> None:
    async with tokens() as (script, server, client):
        await read(client)
        script.good.clear()
        assert len((await read(client)).records) == 1
        assert script.logins == 2
        assert [request.method for request in server.requests] == ["POST", "GET", "GET", "POST", "GET"]


async def test_r13_a_token_refused_again_is_a_credentials_error() -> None:
    async with tokens() as (script, server, client):
        script.takes_new = False
        with pytest.raises(errors.UpstreamAuth):
            await read(client)
        assert [request.method for request in server.requests] == ["POST", "GET", "POST", "GET"]


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_r13_a_refused_login_is_a_credentials_error(status: int) -> None:
    async with tokens() as (script, server, client):
        script.login_status = status
        with pytest.raises(errors.UpstreamAuth) as caught:
            await read(client)
        assert [request.method for request in server.requests] == ["POST"]
        assert USERNAME not in caught.value.detail


async def test_r13_two_hundred_calls_on_an_expired_token_cost_one_login() -> None:
    async with tokens() as (script, _, client):
        await read(client)
        script.good.clear()
        readings = await asyncio.gather(*(read(client) for _ in range(200)))
        assert {len(reading.records) for reading in readings} == {1}
        assert script.logins == 2


async def test_r13_a_login_does_not_wait_for_a_slot() -> None:
    """All slots are held by calls that only a login can end."""
    script = TokenServer()
    async with raw_server(script) as server, opened(access(server.url, "token", concurrency=1)) as client:
        readings = await asyncio.gather(*(read(client) for _ in range(4)))
        assert [len(reading.records) for reading in readings] == [1] * 4


async def test_with_basic_a_401_is_not_repeated() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.write(http(b"{}", 401))

    async with raw_server(script) as server, opened(access(server.url)) as client:
        with pytest.raises(errors.UpstreamAuth):
            await read(client)
        assert [request.method for request in server.requests] == ["GET"]
        assert server.requests[0].headers["authorization"].startswith("Basic ")
