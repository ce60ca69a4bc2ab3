"""The error for each exception of the library and each status of upstream."""

import asyncio
import inspect
import socket
import ssl
from datetime import UTC, datetime

import httpcore
import httpx
import pytest

from app import errors
from app.upstream.connections import EXCEPTIONS, Attempt, translate
from app.upstream.responses import login_fault, pause_seconds, status_fault
from tests.support.raw import spy_server
from tests.upstream.support import answered

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (204, errors.UpstreamShape),
        (301, errors.UpstreamRedirect),
        (304, errors.UpstreamRedirect),
        (400, errors.UpstreamRefusedQuery),
        (401, errors.UpstreamAuth),
        (403, errors.UpstreamForbidden),
        (404, errors.UpstreamUnknownTenant),
        (409, errors.UpstreamRefusedQuery),
        (410, errors.UpstreamUnknownTenant),
        (422, errors.UpstreamRefusedQuery),
        (429, errors.UpstreamThrottled),
        (500, errors.UpstreamServerError),
        (501, errors.UpstreamUnsupported),
        (502, errors.UpstreamUnavailable),
        (503, errors.UpstreamUnavailable),
        (504, errors.UpstreamShortTimeout),
        (599, errors.UpstreamServerError),
        (101, errors.UpstreamBadAnswer),
        (999, errors.UpstreamBadAnswer),
    ],
)
def test_a_status_is_one_error_with_words_of_ours(status: int, error: type[errors.UpstreamError]) -> None:
    fault = status_fault(status, {}, NOW)
    assert type(fault) is error
    assert fault.detail.endswith(".")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_login_means_the_credentials(status: int) -> None:
    assert isinstance(login_fault(status, {}, NOW), errors.UpstreamAuth)


def test_any_other_answer_to_a_login_means_what_it_always_means() -> None:
    assert isinstance(login_fault(503, {}, NOW), errors.UpstreamUnavailable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("1000000000", 300),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 1),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 300),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("", None),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_pause_is_read_in_both_forms_and_kept_in_bounds(value: str, seconds: float | None) -> None:
    assert pause_seconds({"retry-after": value}, NOW) == seconds


def test_a_date_is_read_against_upstreams_own_clock() -> None:
    headers = {"retry-after": "Sun, 22 Nov 2026 08:00:10 GMT", "date": "Sun, 22 Nov 2026 08:00:00 GMT"}
    assert pause_seconds(headers, NOW) == 10


def test_only_a_pause_that_upstream_names_is_told() -> None:
    assert status_fault(429, {}, NOW).retry_after_seconds is None
    assert status_fault(429, {"retry-after": "9"}, NOW).retry_after_seconds == 9
    assert status_fault(503, {}, NOW).retry_after_seconds is None
    assert status_fault(503, {"retry-after": "9"}, NOW).retry_after_seconds == 9


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


async def test_a_refused_connection_is_unreachable() -> None:
    async with spy_server() as upstream:
        gone = upstream.url
    with pytest.raises(errors.UpstreamUnreachable):
        await answered(gone)


async def test_a_handshake_that_fails_is_a_tls_error() -> None:
    async def speak_no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no TLS is spoken here\r\n")
        writer.close()

    async with await asyncio.start_server(speak_no_tls, "127.0.0.1", 0) as listener:
        with pytest.raises(errors.UpstreamTls):
            await answered(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")


async def test_a_name_that_does_not_resolve_is_a_dns_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "invented")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(errors.UpstreamDns):
        await answered("http://upstream.invalid")
