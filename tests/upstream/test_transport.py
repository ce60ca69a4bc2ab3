"""The one door to the network: what can leave, where to, and what every failure of the library becomes."""

import ast
import inspect
import logging
import socket
import ssl
from pathlib import Path

import httpcore
import httpx
import pytest

from app import errors
from app.upstream.tls import tls_context
from app.upstream.translation import EXCEPTIONS, translate
from app.upstream.transport import Transport
from app.upstream.urls import Template
from app.upstream.wire import Attempt
from tests.support.raw import Exchange, http, raw_server, spy_server
from tests.upstream.support import answered, get, opened_transport

APP = Path(__file__).parents[2] / "app"


def test_every_exception_of_the_library_has_a_row() -> None:
    found = {
        value
        for library in (httpx, httpcore)
        for _, value in inspect.getmembers(library, inspect.isclass)
        if issubclass(value, Exception) and value.__module__.startswith("httpx")
    }
    internal = {
        value
        for _, value in inspect.getmembers(httpcore, inspect.isclass)
        if issubclass(value, Exception) and value.__name__ not in dir(httpx)
    }
    assert len(found) > 25
    assert (found | internal) - set(EXCEPTIONS) == set()


@pytest.mark.parametrize(
    "kind", [kind for kind in EXCEPTIONS if kind is not UnicodeEncodeError], ids=lambda kind: kind.__name__
)
def test_every_row_gives_an_error_of_ours_with_words_of_ours(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    ours = translate(error, Attempt(0.0, received=1))
    assert isinstance(ours, errors.UpstreamError | errors.InternalError)
    assert ours.detail.endswith(".")


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ssl.SSLCertVerificationError("canary"), errors.UpstreamTls),
        (socket.gaierror(-2, "canary"), errors.UpstreamDns),
        (ConnectionRefusedError("canary"), errors.UpstreamUnreachable),
    ],
)
def test_a_failed_connect_is_judged_by_its_cause(cause: Exception, expected: type[errors.UpstreamError]) -> None:
    try:
        try:
            raise cause
        except Exception as error:
            raise httpcore.ConnectError from error
    except httpcore.ConnectError as error:
        outer = httpx.ConnectError("outer")
        outer.__cause__ = error
    ours = translate(outer, Attempt(0.0))
    assert type(ours) is expected
    assert "canary" not in ours.detail


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


def test_tls_is_at_least_1_2_and_checks_names_and_certificates() -> None:
    context = tls_context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.keylog_filename is None


@pytest.mark.parametrize(
    "path", ["@127.0.0.1:{port}/v1/x", ":{port}/v1/x", "//127.0.0.1:{port}/v1/x", "/v2/x", "/v1/../v2/x"]
)
async def test_a_call_to_anywhere_else_is_stopped_before_a_socket_opens(path: str) -> None:
    async with spy_server() as upstream, spy_server() as elsewhere:
        with pytest.raises(errors.InternalError):
            await answered(upstream.url, Template("stray", path.format(port=elsewhere.port)))
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
