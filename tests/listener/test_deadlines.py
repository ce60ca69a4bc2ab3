"""How long a client may take: to send its request, and to read its answer."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest
from starlette.types import Receive, Scope, Send

from app.listener.limits import ListenerLimits
from tests.listener.place import HANG_SECONDS, Noticed, deaf_socket, guarded, house, loops, talk
from tests.listener.requests import HOST, get, post
from tests.support.serving import WIDE, listening

scaled = partial(ListenerLimits, last_call_seconds=0.0, linger_seconds=0.1)
SLOW_SENDERS = scaled(receipt_seconds=0.3)
CROWD = 300
MIB = 1024 * 1024
SLICE = b"a" * 64 * 1024


class Stream:
    """Sends `size` bytes in slices; `over` once the application is done, `most_unread` what waited for the client."""

    def __init__(self, size: int, *headers: tuple[bytes, bytes], fails: bool = False) -> None:
        self.size = size
        self.headers = [(b"content-length", b"%d" % size), *headers]
        self.fails = fails
        self.over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Any request gets the same."""
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        for rest in range(self.size - len(SLICE), -1, -len(SLICE)):
            await send({"type": "http.response.body", "body": SLICE, "more_body": rest > 0 or self.fails})
        self.over.set()


@pytest.mark.threat("T40")
@pytest.mark.parametrize("begun", [b"GET /", b"GET / HTTP/1.1\r\nX", post(b"Content-Length: 999\r\n")])
async def test_a_drip_does_not_put_the_deadline_off(begun: bytes) -> None:
    noticed = Noticed()
    async with (
        listening(guarded(house()), protocol=noticed.protocol, limits=SLOW_SENDERS) as server,
        talk(server) as client,
    ):
        async with asyncio.timeout(HANG_SECONDS):
            await client.send(begun)
            while not noticed.lost.is_set():
                await client.send(b"a")
                await asyncio.sleep(SLOW_SENDERS.receipt_seconds / 10)  # the drip itself
        assert await client.ended() == b""
        assert noticed.timers() == []


@pytest.mark.threat("T40")
async def test_a_crowd_of_slow_senders_is_cut_and_others_are_answered_meanwhile() -> None:
    ended: list[str] = []
    limits = replace(WIDE, receipt_seconds=SLOW_SENDERS.receipt_seconds)
    begun = cycle([b"", b"GET /", get()[:-2], post(b"Content-Length: 999\r\n", b"a")])
    async with (
        listening(guarded(house()), limits=limits, count=ended.append) as server,
        asyncio.timeout(HANG_SECONDS),
        AsyncExitStack() as open_ones,
    ):
        crowd = []
        for _ in range(CROWD):
            crowd.append(await open_ones.enter_async_context(talk(server)))
            await crowd[-1].send(next(begun))
        cut = asyncio.gather(*(one.ended() for one in crowd))
        while not cut.done():
            async with talk(server) as other:
                await other.send(get())
                answer = await other.answer()
                assert answer
                assert answer.status == 200
        assert set(await cut) == {b""}
    assert set(ended) == {"not-received-in-time"}
    assert len(ended) <= CROWD * 3 // 4, "who sends nothing at all is cut without a word"


@pytest.mark.threat("T40")
async def test_a_next_request_has_a_deadline_of_its_own() -> None:
    async with listening(guarded(house()), limits=SLOW_SENDERS) as server, talk(server) as client:
        await client.send(get())
        answer = await client.answer()
        assert answer
        assert answer.body == b"here"
        await client.send(get()[:-2])
        assert await client.ended() == b""


@pytest.mark.threat("T40")
@pytest.mark.parametrize("half", [b"GET / HT", get()[:-2], post(b"Content-Length: 9\r\n", b"abc")])
async def test_a_pipelined_half_request_is_cut_though_nothing_more_comes(half: bytes) -> None:
    async with listening(guarded(house()), limits=SLOW_SENDERS) as server, talk(server) as client:
        await client.send(get() + half)
        answer = await client.answer()
        assert answer
        assert answer.body == b"here"
        assert await client.ended() == b""


@pytest.mark.threat("T40")
async def test_empty_lines_between_requests_keep_no_connection() -> None:
    noticed = Noticed()
    async with (
        listening(guarded(house()), protocol=noticed.protocol, limits=SLOW_SENDERS) as server,
        talk(server) as client,
    ):
        await client.send(get())
        assert await client.answer()
        async with asyncio.timeout(HANG_SECONDS):
            while not noticed.lost.is_set():
                await client.send(b"\r\n")
                await asyncio.sleep(SLOW_SENDERS.receipt_seconds / 10)  # the drip itself


async def test_a_request_whose_answer_takes_long_is_not_cut() -> None:
    noticed, go_on = Noticed(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async with listening(app, protocol=noticed.protocol, limits=SLOW_SENDERS) as server, talk(server) as client:
        await client.send(get()[:-2])
        await client.send(b"\r\n" + get()[:-2])
        asyncio.get_running_loop().call_later(2 * SLOW_SENDERS.receipt_seconds, go_on.set)
        answer = await client.answer()
        assert answer
        assert answer.status == 200
        assert noticed.timers(), "the next request has begun"


@loops
@pytest.mark.threat("T41")
def test_a_client_that_reads_nothing_is_cut_and_little_is_held_for_it(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        noticed, app = Noticed(), Stream(30 * MIB)
        limits = scaled(write_stall_seconds=0.3)
        async with listening(app, protocol=noticed.protocol, limits=limits) as server, asyncio.timeout(HANG_SECONDS):
            deaf = deaf_socket(server.port)
            deaf.sendall(get())
            while not noticed.lost.is_set():
                held = [one.transport.get_write_buffer_size() for one in noticed.made]
                assert max(held, default=0) <= limits.write_buffer_bytes + len(SLICE) + 100
                await asyncio.sleep(0)
            await app.over.wait()
            assert noticed.timers() == []
            deaf.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(scenario())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.threat("T41")
async def test_a_client_that_reads_too_slowly_is_cut_at_the_end_of_its_time() -> None:
    noticed, app = Noticed(), Stream(30 * MIB)
    limits = scaled(write_stall_seconds=HANG_SECONDS, answer_seconds=0.4)
    async with listening(app, protocol=noticed.protocol, limits=limits) as server, asyncio.timeout(HANG_SECONDS):
        slow = deaf_socket(server.port)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(slow, get())
        while not noticed.lost.is_set():
            await loop.sock_recv(slow, 1024)
            await asyncio.sleep(0.001)  # the slowness itself
        assert noticed.timers() == []
        slow.close()


@pytest.mark.threat("T41")
@pytest.mark.parametrize("length", [4 * MIB, None], ids=["of known length", "streamed"])
async def test_the_time_of_an_answer_begins_anew_where_a_part_of_a_streamed_one_was_read(length: int | None) -> None:
    noticed, go_on = Noticed(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = [] if length is None else [(b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(4 * MIB // len(SLICE)):
            await send({"type": "http.response.body", "body": SLICE, "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b""})

    async with (
        listening(app, protocol=noticed.protocol, limits=scaled()) as server,
        talk(server, limit=1024) as client,
        asyncio.timeout(HANG_SECONDS),
    ):
        await client.send(get())
        while not (noticed.made and noticed.made[0]._answer):  # noqa: ASYNC110 - the listener has no event for it
            await asyncio.sleep(0)
        read = 0
        while read < 4 * MIB:
            read += len(await client.reader.read(MIB))
        while noticed.made[0].flow.write_paused:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        assert (noticed.made[0]._answer is None) == (length is None)
        go_on.set()


@pytest.mark.threat("T41")
async def test_a_client_that_reads_nothing_of_a_streamed_answer_is_cut_and_the_application_hears_of_it() -> None:
    noticed, left = Noticed(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()

        listening_for_it = asyncio.create_task(listen())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not left.is_set():
            await send({"type": "http.response.body", "body": SLICE, "more_body": True})
        await listening_for_it

    limits = scaled(write_stall_seconds=0.1)
    async with listening(app, protocol=noticed.protocol, limits=limits) as server, asyncio.timeout(HANG_SECONDS):
        deaf = deaf_socket(server.port)
        deaf.sendall(get())
        await noticed.lost.wait()
        await left.wait()
        assert noticed.timers() == []
        deaf.close()


@pytest.mark.threat("T41")
@pytest.mark.parametrize("ending", ["told", "failed", "kept"])
async def test_a_close_that_the_client_does_not_let_finish_is_cut_short(ending: str) -> None:
    noticed = Noticed()
    app = Stream(30 * MIB, *([(b"connection", b"close")] if ending == "told" else []), fails=ending == "failed")
    limits = scaled(write_stall_seconds=0.2, write_buffer_bytes=64 * MIB)
    async with listening(app, protocol=noticed.protocol, limits=limits) as server, asyncio.timeout(HANG_SECONDS):
        deaf = deaf_socket(server.port)
        deaf.sendall(get())
        await app.over.wait()
        if ending == "kept":
            noticed.made[0].timeout_keep_alive_handler()
        await noticed.lost.wait()
        deaf.close()


async def test_a_client_that_reads_is_served_to_the_end() -> None:
    app = Stream(30 * MIB)
    async with listening(app) as server, talk(server) as client:
        for _ in range(2):
            await client.send(get())
            answer = await client.answer()
            assert answer
            assert len(answer.body) == app.size


async def test_no_timer_outlives_its_connection() -> None:
    for sent in (b"", b"GET", get(), get() + get()[:-2], get(headers=HOST + b"Connection: close\r\n"), b"\0\r\n\r\n"):
        noticed = Noticed()
        async with listening(guarded(house()), protocol=noticed.protocol) as server, talk(server) as client:
            await client.send(sent)
            if sent.startswith(b"GET /"):
                assert await client.answer()
            client.leave()
            async with asyncio.timeout(HANG_SECONDS):
                await noticed.lost.wait()
            assert noticed.timers() == []
