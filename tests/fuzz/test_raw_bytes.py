"""The façade behind its own listener, sent thousands of requests that are wrong in any way."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from app.listener.limits import ListenerLimits
from app.main import create_app
from tests.fuzz.mutating import mutated
from tests.listener.place import HANG_SECONDS, talk
from tests.listener.requests import HOST, get
from tests.scenarios.matrix.desk import Desk
from tests.support.canary import WATCH, Watched
from tests.support.facade import facade_settings
from tests.support.scripted import scripted_upstream
from tests.support.serving import Server, listening

REQUESTS = 5_200
AT_ONCE = 128
WARMING = 500  # requests, before memory is looked at
MOST_GROWN = 20 * 1024 * 1024  # bytes (FAULTS section 7)
QUICK = ListenerLimits(receipt_seconds=0.3, linger_seconds=0.1, last_call_seconds=0, connections_per_peer=1_000)
LAST = get(b"/health/live", HOST + b"Connection: close\r\n")  # behind each: whatever was understood, the talk ends
ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n(.*?\r\n)\r\n(\{[^\r\n]*\})?", re.DOTALL)
PROBLEM = b"content-type: application/problem+json\r\n"


class Errors(logging.Handler):
    """Keeps what is logged as an error: nobody outside may cause one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it with its traceback."""
        self.records.append(logging.Formatter().format(record))


@pytest.fixture
def errors() -> Iterator[Errors]:
    handler = Errors()
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)


async def told(server: Server, segments: list[bytes]) -> bytes:
    """All that comes back."""
    async with talk(server) as client:
        await client.send(*segments, LAST)
        return await client.ended()


def look(came: bytes, statuses: Counter[int]) -> None:
    """A 5xx is a problem of ours, and none says that we failed; no canary came."""
    WATCH.look(came, "an answer to a request changed at random")
    for answer in ANSWER.finditer(came):
        status = int(answer[1])
        statuses[status] += 1
        assert status < 500 or PROBLEM in answer[2].lower(), came
        assert b'"internal-error"' not in (answer[3] or b""), came


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


async def test_no_request_changed_at_random_breaks_anything(seed: int, errors: Errors) -> None:
    requests, statuses, sent = mutated(Random(seed)), Counter[int](), 0

    async def client(most: int) -> None:
        nonlocal sent
        while sent < most:
            sent += 1
            segments = next(requests)
            try:
                look(await told(server, segments), statuses)
            except TimeoutError:
                raise AssertionError(f"no end after {HANG_SECONDS} s: {segments}") from None

    async with scripted_upstream(Desk()) as upstream:
        app = Watched(create_app(facade_settings(upstream.url())))
        with WATCH.hearing(logging.INFO):
            async with listening(app, limits=QUICK) as server:
                server.config.timeout_keep_alive = 1  # a second: what follows may have been taken for a body
                await asyncio.gather(*(client(WARMING) for _ in range(AT_ONCE)))
                before = resident()
                await asyncio.gather(*(client(REQUESTS) for _ in range(AT_ONCE)))
                assert resident() - before < MOST_GROWN
                assert (await told(server, [])).startswith(b"HTTP/1.1 200")
                assert not server.server_state.connections
    assert errors.records == []
    assert sent >= REQUESTS
    assert {200, 400, 404, 405} <= set(statuses), "the changes are of a kind that still reaches the application"
