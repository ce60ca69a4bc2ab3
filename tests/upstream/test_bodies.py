"""Bodies of responses: codings undone, caps kept, cuts found; then byte for byte from a scripted server."""

import gzip
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest

from app import errors
from app.errors import UpstreamBadAnswer, UpstreamTimeout, UpstreamTooLarge
from app.upstream import transport
from app.upstream.transport import PIECE_BYTES, PLAIN_BYTES, Gzip, decoder, read_body
from tests.support.raw import Exchange, http, raw_server
from tests.upstream.support import answered

TEXT = b'{"total": 0, "results": null}' * 10_000


async def chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def sliced(body: bytes, size: int = 1000) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


async def read(coding: str, parts: Iterable[bytes], now: float = 0.0) -> bytes:
    return await read_body(chunks(parts), decoder(coding, None), lambda: now, 1.0)


@pytest.mark.parametrize(
    ("coding", "wire"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        (" GZIP ", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
    ],
)
async def test_a_body_comes_out_whole_in_whatever_slices_it_arrives(coding: str, wire: bytes) -> None:
    assert await read(coding, sliced(wire, 7)) == TEXT
    assert await read(coding, [wire]) == TEXT


@pytest.mark.parametrize(
    "wire",
    [
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT)[:200],
        b"",
        b"{}",
        zlib.compress(TEXT),
        gzip.compress(TEXT) + b"more",
    ],
    ids=["no last byte", "half", "nothing", "plain", "another wrapper", "more behind its end"],
)
async def test_what_is_not_whole_gzip_is_a_bad_answer(wire: bytes) -> None:
    with pytest.raises(UpstreamBadAnswer):
        await read("gzip", sliced(wire))


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_a_coding_nobody_asked_for_is_a_bad_answer(coding: str) -> None:
    with pytest.raises(UpstreamBadAnswer):
        decoder(coding, None)


@pytest.mark.parametrize(("coding", "length"), [("", PLAIN_BYTES + 1), ("gzip", transport.GZIP_BYTES + 1)])
def test_a_length_over_the_cap_is_refused_before_a_byte_is_read(coding: str, length: int) -> None:
    decoder(coding, str(length - 1))
    with pytest.raises(UpstreamTooLarge):
        decoder(coding, str(length))


async def test_a_plain_body_is_cut_at_its_cap() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += PIECE_BYTES
            yield bytes(PIECE_BYTES)

    with pytest.raises(UpstreamTooLarge):
        await read_body(endless(), decoder("", None), lambda: 0.0, 1.0)
    assert taken == PLAIN_BYTES + PIECE_BYTES


async def test_a_bomb_is_stopped_by_its_ratio_after_the_first_mebibyte() -> None:
    coding = Gzip()
    grown: list[int] = []

    def blow() -> None:
        for chunk in sliced(gzip.compress(bytes(8 * 1024 * 1024)), 256):
            grown.extend(map(len, coding.feed(chunk)))

    with pytest.raises(UpstreamTooLarge):
        blow()
    assert max(grown) <= PIECE_BYTES
    assert 1024 * 1024 - PIECE_BYTES < sum(grown) <= 1024 * 1024


async def test_incompressible_gzip_is_cut_at_its_wire_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gzip, "wire_bytes", 10_000)
    noise = b"".join(zlib.crc32(number.to_bytes(4, "big")).to_bytes(4, "big") for number in range(5_000))
    with pytest.raises(UpstreamTooLarge):
        await read("gzip", sliced(gzip.compress(noise)))


async def test_the_deadline_is_looked_at_between_chunks() -> None:
    with pytest.raises(UpstreamTimeout):
        await read("", [b"late"], now=1.5)


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
        ([http(gzip.compress(bytes(64 * 1024 * 1024), 9), content_encoding="gzip")], "close", errors.UpstreamBomb),
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
