"""Answers that are cut off, coded wrongly, too large or no answers at all, byte for byte from a scripted server."""

import asyncio
import gzip
import socket

import pytest

from app import errors
from tests.support.raw import Exchange, http, raw_server, spy_server
from tests.upstream.support import answered


async def failing(*parts: bytes, ending: str = "close") -> errors.CxfacadeError:
    """The error for an answer that is written in `parts` and then closed or reset."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(*parts)
        exchange.close() if ending == "close" else exchange.reset()

    async with raw_server(script) as upstream:
        with pytest.raises(errors.CxfacadeError) as caught:
            await answered(upstream.url)
        assert len(upstream.requests) == 1
    return caught.value


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.threat("T62")
@pytest.mark.parametrize(
    ("parts", "ending", "expected"),
    [
        ([http(b"{}", 200, 10)], "close", errors.UpstreamBadAnswer),
        ([CHUNKED, b"2\r\n{}\r\n"], "close", errors.UpstreamBadAnswer),
        ([b"HTTP/1.1 20"], "close", errors.UpstreamBadAnswer),
        ([b"garbage\r\n\r\n"], "close", errors.UpstreamBadAnswer),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000 + b"\r\n\r\n"], "close", errors.UpstreamBadAnswer),
        ([http(gzip.compress(b"{}" * 99)[:-9], content_encoding="gzip")], "close", errors.UpstreamBadAnswer),
        ([http(b"{}", content_encoding="gzip")], "close", errors.UpstreamBadAnswer),
        ([http(b"{}", content_encoding="br")], "close", errors.UpstreamBadAnswer),
        ([], "close", errors.UpstreamReset),
        ([], "reset", errors.UpstreamReset),
        ([http(b"", 200, 33 * 1024 * 1024)], "close", errors.UpstreamTooLarge),
        ([http(gzip.compress(bytes(300 * 1024 * 1024), 9), content_encoding="gzip")], "close", errors.UpstreamBomb),
    ],
    ids=[
        "cut by length", "cut chunks", "half a status line", "not HTTP", "huge header", "half gzip", "no gzip",
        "other coding", "nothing", "reset", "too long by its length", "gzip bomb",
    ],
)  # fmt: skip
async def test_a_broken_answer_is_one_of_our_errors(
    parts: list[bytes], ending: str, expected: type[errors.UpstreamError]
) -> None:
    assert type(await failing(*parts, ending=ending)) is expected


async def test_a_body_without_length_is_cut_at_the_cap() -> None:
    piece = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    sent = 0

    async def script(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.write(CHUNKED)
        for _ in range(100):
            await exchange.write(piece)
            sent += 1

    async with raw_server(script) as upstream:
        with pytest.raises(errors.UpstreamTooLarge):
            await answered(upstream.url)
    assert 32 <= sent < 64


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
