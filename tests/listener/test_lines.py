"""What is written about clients that are refused: little, on one line, and nothing of what they sent."""

import asyncio
import io
import json
import logging
from collections import Counter
from collections.abc import Iterator

import pytest

from app.http.telemetry import Sampled
from app.observe import logs
from app.observe.lines import Line
from tests.listener.place import guarded, house, talk
from tests.listener.requests import HOST, get
from tests.support.serving import listening

LOGGERS = ("cxfacade.access", "cxfacade.listener")
FLOOD = 300


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All log lines as `serve` would write them, of every level."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(written: io.StringIO) -> list[dict[str, object]]:
    """Of the loggers that write about clients."""
    everything = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in everything if line["logger"] in LOGGERS]


@pytest.mark.threat("T52")
async def test_a_flood_of_malformed_requests_is_one_line_of_each_kind(written: io.StringIO) -> None:
    counted: list[str] = []
    async with listening(guarded(house()), count=counted.append) as server:
        began = asyncio.get_running_loop().time()
        for sent in (get(b"http://evil/"), b"\0\r\n\r\n", get(b"/" + b"a" * 9000)) * FLOOD:
            async with talk(server) as client:
                await client.send(sent)
                assert await client.answer()
        seconds = asyncio.get_running_loop().time() - began
    said = [line["reason"] for line in lines(written)]
    assert set(said) == {"bad-target", "bad-request", "target-too-long"}
    assert Counter(counted) == dict.fromkeys(said, FLOOD), "each is counted all the same"
    assert len(said) <= 3 * (1 + seconds)
    assert "nvalid HTTP" not in written.getvalue()


@pytest.mark.threat("T52")
async def test_a_flood_of_refused_requests_is_one_line_of_each_kind(written: io.StringIO) -> None:
    async with listening(guarded(house())) as server, talk(server) as client:
        began = asyncio.get_running_loop().time()
        for sent in (get(b"/;a"), get(b"/nowhere"), get(headers=b"Host: evil\r\n")) * FLOOD:
            await client.send(sent)
            assert await client.answer()
        await client.send(get() + get())
        assert await client.answer()
        assert await client.answer()
        seconds = asyncio.get_running_loop().time() - began
    said = [line["status"] for line in lines(written)]
    assert said.count(200) == 2, "what is answered has its line"
    assert len(said) - 2 <= 2 * (1 + seconds)
    assert set(said) == {200, 400, 404}


async def test_how_many_more_there_were_is_said_once_the_second_is_over(caplog: pytest.LogCaptureFixture) -> None:
    told = asyncio.Event()

    class Told(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            if hasattr(record, "suppressed"):
                told.set()
            return True

    refused = Line("refused", "refused: %(reason)s", "For a test.")
    logger = logging.getLogger("cxfacade.tried")
    logger.addFilter(hearer := Told())
    sampled = Sampled(logger, seconds=0.05)
    with caplog.at_level(logging.INFO, logger=logger.name):
        for _ in range(5):
            sampled.say("a kind", refused, {"reason": "this"})
        sampled.say("another", refused, {"reason": "that"})
        async with asyncio.timeout(20):
            await told.wait()
    logger.removeFilter(hearer)
    assert [record.getMessage() for record in caplog.records] == [
        "refused: this",
        "refused: that",
        "refused: this, and 4 more like it",
    ]


@pytest.mark.threat("T54")
@pytest.mark.parametrize(
    "evil",
    [
        b"%0a%0d",
        b"%1b[2J",
        b"%e2%80%a8",
        "\u2028".encode(),
        b"%00",
        b"\x1b[2J",
        b"\x9b2J",
        b'"}',
        b"%0aERROR cxfacade: x",
    ],
)
async def test_nothing_a_client_sends_makes_more_than_one_parseable_line(evil: bytes, written: io.StringIO) -> None:
    async with listening(guarded(house())) as server:
        for sent in (
            get(b"/" + evil),
            get(b"/?q=" + evil),
            get(headers=HOST + b"X-Request-Id: " + evil + b"\r\n"),
            get(headers=HOST + b"User-Agent: " + evil + b"\r\n"),
            get(headers=b"Host: " + evil + b"\r\n"),
        ):
            async with talk(server) as client:
                await client.send(sent)
                assert await client.answer()
    text = written.getvalue()
    assert text.isascii()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert lines(written)
    assert "2J" not in text
