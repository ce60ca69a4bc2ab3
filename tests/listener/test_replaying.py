"""Replays over real connections: in bytes, beside requests that go the ordinary way, and cut in two anywhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.listener.limits import ListenerLimits
from app.main import Application, create_app
from tests.listener.place import Answer, Noticed, Talk, talk
from tests.support.canary import Watched
from tests.support.clock import HandClock
from tests.support.facade import ONE_ATTEMPT, facade_settings
from tests.support.serving import WIDE, Server, listening
from tests.support.simulator import Simulator

LIST = b"GET /interactions?attr=1234567 HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
PLAIN = LIST + HOST + b"\r\n"
OTHER = b"GET /whoami HTTP/1.1\r\n" + HOST + b"\r\n"
ORDINARY = LIST + HOST + b"Cache-Control: max-age=9\r\n\r\n"
LAST = LIST + HOST + b"Connection: close\r\n\r\n"
REPLAYED = "cache;dur=0.00"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n"
ASKED = (
    b"QUERY /interactions HTTP/1.1\r\n" + HOST + FORM + b"attr=1234567",
    b"POST /interactions/search HTTP/1.1\r\n" + HOST + FORM + b"attr=1234567",
)
"""Two questions in a body, with the answer that LIST has."""


@pytest.fixture
async def app(simulator: Simulator, clock: HandClock) -> Application:
    return create_app(facade_settings(simulator.url), clock=clock.clock, limits=ONE_ATTEMPT, random=lambda: 0.5)


@pytest.fixture
def noticed() -> Noticed:
    return Noticed()


@pytest.fixture
async def server(app: Application, noticed: Noticed) -> AsyncIterator[Server]:
    """A façade whose list has been asked for once."""
    async with listening(Watched(app), protocol=noticed.protocol, limits=WIDE, replays=app.replays) as running:
        async with talk(running) as client:
            await client.send(PLAIN, LAST)
            assert [one.status for one in await answers(client, 2)] == [200, 200]
        yield running


async def answers(client: Talk, count: int) -> list[Answer]:
    return [one for _ in range(count) if (one := await client.answer())]


def replayed(app: Application) -> int:
    """How many responses were replayed so far."""
    requests = app.state.services.requests
    return sum(hits.count for hits in requests._hits.values())


@pytest.mark.threat("T18")
@pytest.mark.parametrize("cut", range(1, len(PLAIN)))
async def test_a_head_cut_in_two_anywhere_is_the_same_request(server: Server, app: Application, cut: int) -> None:
    before = replayed(app)
    async with talk(server) as client:
        for _ in range(2):
            await client.send(PLAIN[:cut])
            await asyncio.sleep(0)
            await client.send(PLAIN[cut:])
            answer = await client.answer()
            assert answer
            assert answer.status == 200
    assert replayed(app) == before + 2


@pytest.mark.threat("T18")
@pytest.mark.parametrize(
    ("sent", "statuses", "replays"),
    [
        ([PLAIN, PLAIN, PLAIN], [200, 200, 200], 3),
        ([PLAIN, OTHER, PLAIN], [200, 200, 200], 1),
        ([OTHER, PLAIN], [200, 200], 0),
        ([ORDINARY, PLAIN], [200, 200], 0),
        ([PLAIN, ORDINARY], [200, 200], 1),
        ([PLAIN, b"\r\n", PLAIN], [200, 200], 2),
        ([PLAIN, b"nonsense\r\n\r\n"], [200, 400], 1),
        ([PLAIN, LIST + HOST + b"Content-Length: 3\r\n\r\nabc", PLAIN], [200, 400, 200], 1),
        ([PLAIN, LIST + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", PLAIN], [200, 400, 200], 1),
    ],
)
async def test_requests_in_one_segment_are_answered_in_their_order(
    server: Server, app: Application, sent: list[bytes], statuses: list[int], replays: int
) -> None:
    before = replayed(app)
    async with talk(server) as client:
        await client.send(b"".join(sent))
        got = await answers(client, len(statuses))
    assert [one.status for one in got] == statuses
    assert replayed(app) == before + replays


async def test_the_same_bytes_again_are_the_same_request_and_others_are_not(server: Server, app: Application) -> None:
    before = replayed(app)
    async with talk(server) as client:
        for request, replays in ((PLAIN, 1), (PLAIN, 1), (OTHER, 0), (PLAIN, 1), (ORDINARY, 0), (PLAIN, 1), (PLAIN, 1)):
            await client.send(request)
            answer = await client.answer()
            assert answer
            assert (answer.headers.get("server-timing") == REPLAYED) >= bool(replays)
            before += replays
            assert replayed(app) == before


@pytest.mark.parametrize("asked", ASKED)
async def test_a_question_in_a_body_is_replayed_to_the_same_bytes_cut_anywhere_and_to_no_other_body(
    server: Server, app: Application, asked: bytes
) -> None:
    async with talk(server) as client:
        await client.send(asked)
        first = await client.answer()
        assert first
        assert "hit" in first.headers["cache-status"], "as GET was answered"
        assert replayed(app) == 0
        for number, cut in enumerate(range(len(asked) - 30, len(asked)), 1):
            await client.send(asked[:cut])
            await asyncio.sleep(0)
            await client.send(asked[cut:])
            again = await client.answer()
            assert again
            assert (again.status, again.body, replayed(app)) == (200, first.body, number)
        for number in (31, 32):
            await client.send(asked)
            assert await client.answer()
            assert replayed(app) == number
        await client.send(asked[:-1] + b"8")
        other = await client.answer()
        assert other
        assert (other.status, replayed(app)) == (200, 32)
        assert other.body != first.body
        await client.send(PLAIN + asked + asked + OTHER)
        assert [one.status for one in await answers(client, 4)] == [200] * 4


@pytest.mark.parametrize("asked", ASKED)
async def test_a_question_whose_body_does_not_come_ends_like_any_request(
    app: Application, noticed: Noticed, asked: bytes
) -> None:
    limits = replace(WIDE, receipt_seconds=0.05)
    async with (
        listening(Watched(app), protocol=noticed.protocol, limits=limits, replays=app.replays) as running,
        talk(running) as client,
    ):
        await client.send(asked[:-5])
        assert await client.ended() == b""


async def test_bytes_that_follow_the_beginning_of_a_request_are_not_taken_for_one(server: Server) -> None:
    """`PLAIN` is known by its bytes; behind half a head it is part of that head."""
    async with talk(server) as client:
        await client.send(PLAIN, PLAIN)
        assert len(await answers(client, 2)) == 2
        await client.send(b"GET /whoami HTTP/1.1\r\nX-Long: ")
        await asyncio.sleep(0)
        await client.send(PLAIN)
        answer = await client.answer()
        assert answer
        assert b'"label"' in answer.body
        assert "cache-status" not in answer.headers


async def test_behind_a_replayed_last_request_nothing_is_answered(server: Server, app: Application) -> None:
    async with talk(server) as client:
        await client.send(LAST + PLAIN + OTHER)
        answer = await client.answer()
        assert answer
        assert answer.headers["connection"] == "close"
        assert await client.ended() == b""


async def test_a_connection_that_was_replayed_to_is_kept_as_long_as_any_other(server: Server, noticed: Noticed) -> None:
    async with talk(server) as client:
        for _ in range(3):
            await client.send(PLAIN)
            assert await client.answer()
        made = noticed.made[-1]
        assert made._receipt is None
        timer = made.timeout_keep_alive_task
        assert timer is not None
        assert not timer.cancelled()
        made.timeout_keep_alive_handler()
        assert made.timeout_keep_alive_task is not timer, "the last replay was later than the timer was set"
        made._replayed_at -= made.timeout_keep_alive
        made.timeout_keep_alive_handler()
        assert await client.ended() == b""


async def test_empty_lines_behind_a_replay_keep_no_connection(app: Application, server: Server) -> None:
    quick = ListenerLimits(receipt_seconds=0.2, last_call_seconds=0)
    async with listening(app, limits=quick, replays=app.replays) as other, talk(other) as client:
        request = PLAIN.replace(b"localhost", b"127.0.0.1")
        await client.send(request)
        assert await client.answer()
        await client.send(request)
        assert await client.answer()
        await client.send(b"\r\n")
        assert await client.ended() == b""


async def test_a_client_that_leaves_answers_unread_goes_the_ordinary_way(
    server: Server, app: Application, noticed: Noticed
) -> None:
    async with talk(server) as client:
        await client.send(PLAIN)
        assert await client.answer()
        before = replayed(app)
        connection = noticed.made[-1]
        connection.pause_writing()
        connection.data_received(PLAIN)
        assert connection.cycle is not None, "it is left to the application"
        connection.resume_writing()
        assert await client.answer()
        assert replayed(app) == before


async def test_a_replay_that_was_read_late_limits_nothing_that_comes_later(server: Server, noticed: Noticed) -> None:
    async with talk(server) as client:
        await client.send(PLAIN)
        assert await client.answer()
        connection = noticed.made[-1]
        connection.pause_writing()
        assert len(connection_timers(noticed)) == 3
        connection.resume_writing()
        assert len(connection_timers(noticed)) == 1


def connection_timers(noticed: Noticed) -> list[asyncio.TimerHandle]:
    """Those of the newest connection that may still fire."""
    newest = noticed.made[-1]
    timers = (newest._receipt, newest._stall, newest._answer, newest.timeout_keep_alive_task)
    return [timer for timer in timers if timer and not timer.cancelled()]


async def test_while_the_server_ends_each_response_says_so(server: Server, app: Application) -> None:
    async with talk(server) as client:
        await client.send(PLAIN)
        assert await client.answer()
        before = replayed(app)
        server.config.encoded_headers = [*server.config.encoded_headers, (b"connection", b"close")]
        await server.on_tick(0)
        await client.send(PLAIN)
        answer = await client.answer()
        assert answer
        assert answer.headers["connection"] == "close"
        assert replayed(app) == before
