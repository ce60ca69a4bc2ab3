"""The one door to the network: what can leave and where to; deadlines, kept connections, callers that leave."""

import ast
import asyncio
import inspect
import logging
from pathlib import Path

import httpx
import pytest

from app import errors
from app.upstream import transport as transport_module
from app.upstream.access import Endpoint
from app.upstream.transport import Transport
from tests.support.raw import Exchange, http, raw_server, spy_server
from tests.upstream.support import answered, get, opened_transport

APP = Path(__file__).parents[2] / "app"


def test_no_call_to_the_library_is_put_under_a_cancelling_deadline() -> None:
    cancelling = {"wait_for", "timeout", "timeout_at", "TaskGroup", "move_on_after", "fail_after", "CancelScope"}
    for path in (APP / "upstream").glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & cancelling, path.name


@pytest.mark.threat("T39")
def test_no_other_method_can_be_expressed() -> None:
    public = {name for name, _ in inspect.getmembers(Transport, inspect.isfunction) if not name.startswith("_")}
    assert public == {"get", "login", "aclose"}
    assert not {"method", "request", "headers"} & set(inspect.signature(Transport.get).parameters)


@pytest.mark.parametrize(
    "path", ["@127.0.0.1:{port}/v1/x", ":{port}/v1/x", "//127.0.0.1:{port}/v1/x", "/v2/x", "/v1/../v2/x"]
)
async def test_a_call_to_anywhere_else_is_stopped_before_a_socket_opens(path: str) -> None:
    async with spy_server() as upstream, spy_server() as elsewhere:
        with pytest.raises(errors.InternalError):
            await answered(upstream.url, Endpoint("stray", path.format(port=elsewhere.port)))
        assert (upstream.connections, elsewhere.connections) == (0, 0)


@pytest.mark.threat("T39")
async def test_a_post_to_anywhere_but_the_token_path_is_stopped() -> None:
    """The hook is asked itself: nothing above it can build such a request."""
    async with spy_server() as upstream, opened_transport(upstream.url) as transport:
        for method, path in [("POST", "/v1/tenants/t/interactions"), ("DELETE", "/v1/tokens"), ("PUT", "/v1/tokens")]:
            with pytest.raises(errors.InternalError):
                await transport._refuse_elsewhere(httpx.Request(method, upstream.url + path))
        await transport._refuse_elsewhere(httpx.Request("POST", upstream.url + "/v1/tokens"))


async def test_proxies_in_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with spy_server() as upstream, spy_server() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert (await answered(upstream.url)).status == 200
        assert (len(upstream.requests), proxy.connections) == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with spy_server() as elsewhere:

        async def script(exchange: Exchange) -> None:
            await exchange.write(http(b"", status, location=elsewhere.url + "/v1/x"))

        async with raw_server(script) as upstream:
            assert (await answered(upstream.url)).status == status
            assert (len(upstream.requests), elsewhere.connections) == (1, 0)


async def test_a_cookie_is_never_sent_back() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.json({}, set_cookie="invented=1; Path=/")

    async with raw_server(script) as upstream, opened_transport(upstream.url) as transport:
        for _ in range(2):
            await get(transport)
        assert [request.headers.get("cookie") for request in upstream.requests] == [None, None]


async def test_the_http_libraries_stay_silent_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    async with spy_server() as upstream:
        with caplog.at_level(logging.DEBUG):
            await answered(upstream.url)
    assert [record.name for record in caplog.records if record.name.startswith(("httpx", "httpcore"))] == []


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
    monkeypatch.setattr(transport_module, "LAST_SECONDS", 0.01)
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
