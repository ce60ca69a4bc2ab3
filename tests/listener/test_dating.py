"""The Date of an answer: when it began, and so never earlier than what it tells of."""

import pytest
from fastapi import FastAPI, Response

from app.listener import replay
from tests.listener.place import house, talk
from tests.support.serving import listening

SECOND = 1_795_416_000.0  # 2026-11-23T06:40:00Z


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of day, as the only one of a list."""
    times = [SECOND]
    monkeypatch.setattr(replay, "time", lambda: times[0])
    return times


async def test_an_answer_is_dated_when_it_begins_and_not_when_its_request_came(now: list[float]) -> None:
    app = FastAPI()

    @app.get("/slow")
    async def slow() -> Response:
        now[0] += 7.9
        return Response(b"late")

    async with listening(app) as server, talk(server) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await client.answer()
    assert answer is not None
    assert answer.headers["date"] == "Mon, 23 Nov 2026 06:40:07 GMT"


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    "request_",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"nonsense\r\n\r\n"],
    ids=["an answer", "a refusal"],
)
async def test_whatever_is_answered_has_one_date(request_: bytes) -> None:
    async with listening(house()) as server, talk(server) as client:
        await client.send(request_)
        answer = (await client.ended()).lower()
    assert answer.count(b"\r\ndate: mon, 23 nov 2026 06:40:00 gmt\r\n") == answer.count(b"\r\ndate:") == 1
