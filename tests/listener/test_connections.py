"""What connections share, and what they must not: pipelining, addresses, context, bounds."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar

import pytest
from starlette.types import Receive, Scope, Send

from app.http.forwarding import Forwarding
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from tests.listener.place import HANG_SECONDS, Noticed, guarded, house, loops, talk
from tests.listener.requests import HOST, get, post
from tests.support.serving import WIDE, listening

KIB = 1024


async def empty(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


class Held:
    """Holds every request back until it may go on, and notes what came."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.go_on = asyncio.Event()
        self.seen: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An empty answer."""
        if scope["type"] == "http":
            self.seen.append(scope["raw_path"])
            self.came.set()
            await self.go_on.wait()
            await empty(send)


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with listening(guarded(house())) as server, talk(server) as client:
        await client.send(get() + post(b"Content-Length: 3\r\n", b"abc") + get(b"/nowhere") + get())
        answers = [await client.answer() for _ in range(4)]
        assert [one.status for one in answers if one] == [200, 200, 404, 200]


async def test_what_comes_before_a_malformed_request_is_answered_and_nothing_after() -> None:
    app = Held()
    async with listening(app) as server, talk(server) as client:
        await client.send(get(b"/first") + get(b"http://evil/p") + get(b"/after"))
        await app.came.wait()
        app.go_on.set()
        answers = [await client.answer(), await client.answer()]
        assert [one.status for one in answers if one] == [200]
        assert await client.ended() == b""
        assert app.seen == [b"/first"]


@pytest.mark.threat("T42")
async def test_thousands_of_pipelined_requests_are_not_lined_up() -> None:
    app, noticed = Held(), Noticed()
    async with listening(app, protocol=noticed.protocol, limits=WIDE) as server, talk(server) as client:
        sending = asyncio.create_task(client.send(get() * 4_000 + get(headers=HOST + b"Connection: close\r\n")))
        await app.came.wait()
        app.go_on.set()
        while await client.answer():
            assert len(getattr(noticed.made[0], "pipeline", ())) <= WIDE.requests_in_line
        await sending


@pytest.mark.threat("T42")
async def test_a_body_on_a_get_is_not_read_to_its_end() -> None:
    noticed = Noticed()
    async with listening(guarded(house()), protocol=noticed.protocol) as server, talk(server) as client:
        sending = asyncio.create_task(
            client.send(get(headers=HOST + b"Content-Length: 100000000\r\n"), *[b"a" * 64 * KIB] * 100)
        )
        answer = await client.answer()
        assert answer
        assert answer.code in {"body-not-allowed", "body-too-large"}, "whichever is seen first"
        assert await client.ended() == b""
        await sending


@pytest.mark.threat("T22")
@loops
def test_context_does_not_pass_from_one_request_of_a_connection_to_the_next(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody")
    found = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found.append(whose.get())
        whose.set(scope["path"])
        while (await receive()).get("more_body"):
            pass
        await empty(send)

    async def scenario() -> None:
        async with listening(app) as server, talk(server) as client:
            large = post(b"Content-Length: 65536\r\n", b"a" * 64 * KIB)
            await client.send(large + get(b"/a") + get(b"/b"), large, get(b"/c"))
            for _ in range(5):
                assert await client.answer()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(scenario())
    assert found == ["nobody"] * 5


async def test_trailers_never_reach_the_headers() -> None:
    found: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        found.extend(name for name, _ in scope["headers"])
        await empty(send)

    async with listening(app) as server, talk(server) as client:
        await client.send(
            post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\nX-Api-Key: k\r\nHost: evil\r\n\r\n")
        )
        assert await client.answer()
    assert found == [b"host", b"transfer-encoding"]


@pytest.mark.threat("T34")
async def test_a_client_cannot_claim_an_address() -> None:
    forged = b"".join(
        name + b": 203.0.113.7\r\n" for name in (b"X-Forwarded-For", b"X-Real-IP", b"Forwarded", b"X-Forwarded-Proto")
    )
    async with listening(guarded(house())) as server, talk(server) as client:
        await client.send(get(b"/client", HOST + forged))
        answer = await client.answer()
        assert answer
        assert answer.body == b'"127.0.0.1"'


@pytest.mark.threat("T40")
async def test_one_address_has_so_many_connections_and_another_its_own() -> None:
    limits = ListenerLimits(connections_per_peer=3, last_call_seconds=0)
    async with listening(guarded(house()), limits=limits) as server, AsyncExitStack() as open_ones:
        mine = [await open_ones.enter_async_context(talk(server)) for _ in range(3)]
        for one in mine:
            await one.send(get())
            assert await one.answer()
        async with talk(server) as fourth:
            assert await fourth.answer() is None
        async with talk(server, local_addr=("127.0.0.2", 0)) as elsewhere:
            await elsewhere.send(get())
            assert await elsewhere.answer()
        await mine[0].send(get(headers=HOST + b"Connection: close\r\n"))
        assert await mine[0].ended()
        async with talk(server) as instead:
            await instead.send(get())
            assert await instead.answer()


@pytest.mark.parametrize(
    ("limits", "peers", "admitted"),
    [
        ({"connections_per_peer": 2}, ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:f::3"], 2),
        ({"connections_per_peer": 2}, ["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"], 3),
        ({"connections_per_peer": 2}, ["192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7"], 2),
        ({"connections_per_peer": 0}, ["192.0.2.7"] * 5, 5),
        ({"connections_per_peer": 2}, ["10.0.0.1"] * 5, 5),
        ({"connections_per_peer": 2, "connections": 4}, ["10.0.0.1"] * 5, 4),
        ({"connections": 3}, [f"192.0.2.{number}" for number in range(9)], 3),
    ],
)
def test_connections_are_counted_by_owner_and_all_together(
    limits: dict[str, int], peers: list[str], admitted: int
) -> None:
    """10.0.0.1 is a trusted proxy: whoever is behind it counts to nobody's share, and to the bound of all."""
    state = ListenerState(ListenerLimits(**limits), forwarding=Forwarding(None, ("10.0.0.0/8",)))
    let_in = [peer for peer in peers if state.admit(peer) is None]
    assert len(let_in) == admitted
    for peer in let_in:
        state.leaves(peer)
    assert [state.admit(peer) for peer in peers[:admitted]] == [None] * admitted, "who leaves makes room"


@pytest.mark.threat("T49")
async def test_over_the_bound_of_all_a_connection_is_refused_and_counted() -> None:
    counted: list[str] = []
    limits = ListenerLimits(connections=2, last_call_seconds=0)
    async with (
        listening(guarded(house()), limits=limits, count=counted.append) as server,
        talk(server) as first,
        talk(server) as second,
    ):
        for one in (first, second):
            await one.send(get())
            assert await one.answer()
        async with talk(server, local_addr=("127.0.0.2", 0)) as third:
            assert await third.answer() is None
        await first.send(get())
        assert await first.answer(), "those who are in go on"
    assert counted == ["too-many-connections"]


@pytest.mark.threat("T49")
async def test_idle_connections_take_nobodys_place() -> None:
    async with listening(guarded(house())) as server, AsyncExitStack() as open_ones:
        for _ in range(300):
            await open_ones.enter_async_context(talk(server))
        async with talk(server) as client:
            await client.send(get())
            answer = await client.answer()
            assert answer
            assert answer.status == 200


@pytest.mark.threat("T55")
@pytest.mark.parametrize("sent", [b"a%0d%0aX: 1", b"a\tb", b"\x80", b"a" * 65, b"a;b"])
async def test_an_id_that_is_none_breaks_no_answer(sent: bytes) -> None:
    async with listening(guarded(house())) as server, talk(server) as client:
        await client.send(get(headers=HOST + b"X-Request-Id: " + sent + b"\r\n"))
        answer = await client.answer()
        assert answer
        assert (answer.status, answer.headers["x-request-id"]) == (200, "new-1")


@pytest.mark.threat("T57")
async def test_a_refusal_says_nothing_of_the_machinery(caplog: pytest.LogCaptureFixture) -> None:
    canary = b"canary-3f81"
    with caplog.at_level(logging.DEBUG, logger="cxfacade"):
        async with listening(guarded(house())) as server:
            for sent in (
                get(b"http://" + canary),
                canary + b" / HTTP/9\r\n" + canary + b"\r\n\r\n",
                get(headers=canary + b"\r\n"),
            ):
                async with talk(server) as client:
                    await client.send(sent)
                    answer = await client.answer()
                    assert answer
                    told = repr(answer).encode()
                    assert not any(word in told for word in (canary, b"vicorn", b"h11", b"httptools", b"Traceback"))
                    assert len(answer.headers["x-request-id"]) == 32
    assert canary.decode() not in caplog.text


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    noticed = Noticed()
    async with listening(guarded(house()), protocol=noticed.protocol) as server, talk(server) as client:
        await client.send(post(b"Content-Length: 9\r\nExpect: 100-continue\r\n", b"abc"))
        assert (await client.reader.readline()).startswith(b"HTTP/1.1 100 ")
        client.leave()
        async with asyncio.timeout(HANG_SECONDS):
            await noticed.lost.wait()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
