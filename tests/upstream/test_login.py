"""Basic on every call, and a token that is fetched once for all; by itself, then through the whole client (R13)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app import errors
from app.errors import (
    UpstreamAuth,
    UpstreamBadAnswer,
    UpstreamError,
    UpstreamErrorAnswer,
    UpstreamShape,
    UpstreamUnreachable,
)
from app.upstream.access import Limits
from app.upstream.auth import Credentials, TokenLogin, read_token
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from tests.support.canary import PASSWORD, USERNAME
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.raw import Exchange, RawServer, http, raw_server
from tests.upstream.support import Opened, access, envelope, opened, row


class Logins:
    """A login that answers with a numbered token once it is let."""

    def __init__(self, ttl: float | None = 100) -> None:
        self.count = 0
        self.ttl = ttl
        self.fail: Exception | None = None
        self.let = asyncio.Event()
        self.let.set()

    async def __call__(self) -> bytes:
        self.count += 1
        number = self.count
        await self.let.wait()
        if self.fail is not None:
            raise self.fail
        return json.dumps({"token": f"canary-token-{number}", "ttl": self.ttl}).encode()


def token_login(logins: Logins, hand: HandClock | None = None, random: float = 0.5) -> TokenLogin:
    return TokenLogin(logins, (hand or HandClock()).clock, Limits(), lambda: random)


async def authorized(credentials: Credentials) -> str:
    """The value of the next call."""
    await credentials.prepared()
    value = credentials.current()
    assert value is not None
    return value


async def test_the_word_before_the_token_is_token() -> None:
    assert await authorized(token_login(Logins())) == "Token canary-token-1"


async def test_two_hundred_callers_share_one_login() -> None:
    logins = Logins()
    logins.let.clear()
    credentials = token_login(logins)
    callers = [asyncio.create_task(authorized(credentials)) for _ in range(200)]
    await asyncio.sleep(0)
    logins.let.set()
    assert set(await asyncio.gather(*callers)) == {"Token canary-token-1"}
    assert logins.count == 1


async def test_a_caller_that_leaves_takes_the_login_from_nobody() -> None:
    logins = Logins()
    logins.let.clear()
    credentials = token_login(logins)
    leaver, stayer = (asyncio.create_task(authorized(credentials)) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.wait({leaver})
    logins.let.set()
    assert await stayer == "Token canary-token-1"


async def test_at_80_percent_of_its_life_it_is_renewed_behind_the_callers() -> None:
    logins, hand = Logins(ttl=100), HandClock()
    credentials = token_login(logins, hand)
    await authorized(credentials)
    hand.advance(79)
    await authorized(credentials)
    assert logins.count == 1
    hand.advance(1)
    assert await authorized(credentials) == "Token canary-token-1"
    await credentials.aclose()
    assert await authorized(credentials) == "Token canary-token-2"
    assert logins.count == 2


async def test_a_renewal_that_fails_leaves_the_token_in_use_and_is_not_tried_on_every_call() -> None:
    logins, hand = Logins(ttl=100), HandClock()
    credentials = token_login(logins, hand)
    await authorized(credentials)
    logins.fail = UpstreamUnreachable("down")
    hand.advance(80)
    for _ in range(5):
        assert await authorized(credentials) == "Token canary-token-1"
        await credentials.aclose()
    assert logins.count == 2
    hand.advance(20)
    with pytest.raises(UpstreamUnreachable):
        await authorized(credentials)


async def test_an_expired_token_is_never_sent() -> None:
    logins, hand = Logins(ttl=100), HandClock()
    credentials = token_login(logins, hand)
    await authorized(credentials)
    hand.advance(100)
    assert await authorized(credentials) == "Token canary-token-2"


async def test_its_age_is_counted_on_the_monotonic_clock() -> None:
    logins, hand = Logins(ttl=100), HandClock()
    credentials = token_login(logins, hand)
    await authorized(credentials)
    hand.step(wall=86_400)
    await authorized(credentials)
    assert logins.count == 1


async def test_of_many_refused_together_one_logs_in() -> None:
    logins = Logins()
    credentials = token_login(logins)
    refused = await authorized(credentials)
    assert all(await asyncio.gather(*(credentials.renewed(refused) for _ in range(50))))
    assert await credentials.renewed(refused)
    assert credentials.current() == "Token canary-token-2"
    assert logins.count == 2


async def test_each_waiter_of_a_failed_login_raises_its_own_error() -> None:
    logins = Logins()
    logins.fail = UpstreamAuth("refused", retry_after_seconds=3)
    credentials = token_login(logins)
    outcomes = await asyncio.gather(*(authorized(credentials) for _ in range(5)), return_exceptions=True)
    assert [(type(error), getattr(error, "retry_after_seconds", 0)) for error in outcomes] == [(UpstreamAuth, 3)] * 5
    assert len({id(error) for error in outcomes}) == 5
    assert logins.count == 1


async def test_a_login_that_answers_without_ttl_lives_a_day() -> None:
    token = read_token(b'{"token": "canary"}', 1000.0)
    assert (token.renew_at, token.expires_at) == (1000.0 + 0.8 * 86_400, 1000.0 + 86_400)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({}, UpstreamShape),
        ({"token": ""}, UpstreamShape),
        ({"token": "canary\r\nx: y"}, UpstreamShape),
        ({"token": "canäry"}, UpstreamShape),
        ({"token": 5}, UpstreamShape),
        ({"token": "canary", "ttl": 0}, UpstreamShape),
        ({"token": "canary", "ttl": "long"}, UpstreamShape),
        ({"result": {"token": "canary"}}, UpstreamShape),
        ([], UpstreamShape),
        ({"error": "canary"}, UpstreamErrorAnswer),
    ],
)
def test_an_answer_that_holds_no_usable_token_is_an_error_that_shows_nothing(
    answer: Any, error: type[UpstreamError]
) -> None:
    with pytest.raises(error) as caught:
        read_token(json.dumps(answer).encode(), 0.0)
    assert "can" not in caught.value.detail


@pytest.mark.parametrize("body", [b"", b"canary", b'{"token": "canary"', '{"token": "canary"}'.encode("utf-16")])
def test_an_answer_to_a_login_that_is_no_json_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(UpstreamBadAnswer) as caught:
        read_token(body, 0.0)
    assert "canary" not in caught.value.detail


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
        assert value_of(client.metrics, "upstream_logins") == 1


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
