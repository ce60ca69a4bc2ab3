"""Answers and how they are sent: whole or broken, at once or late; and the bodies of errors (UPSTREAM §7)."""

import asyncio
from dataclasses import dataclass
from typing import cast

from starlette.types import Receive, Scope, Send

from app.simulator.broken import Broken, reset
from app.simulator.forms import to_json

CONNECTION = "cxfacade.connection"
_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></body>\r\n</html>\r\n"

PHRASES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}  # fmt: skip

SHAPES: dict[str, object] = {
    "error": {"error": "{phrase}"},
    "error-list": {"error": ["{phrase}"]},
    "error-attribute": {
        "error": {"code": "{status}", "message": "bad request parameters", "attribute": {"limit": ["{phrase}"]}}
    },
    "error-body": {"error": {"body": {"errors": [{"code": "{status}", "title": "{phrase}", "message": "{phrase}"}]}}},
    "message": {"message": "{phrase}"},
}
"""Shapes of JSON error bodies; gateways answer with a page of HTML instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent: ``wait`` seconds until its head; ``broken`` goes out in its place."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    broken: Broken | None = None


def error(
    status: int, shape: str | None = None, words: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An error in one of SHAPES or as ``html``; the default is ``html`` for 502 to 504, and ``error`` for others."""
    phrase = words or PHRASES.get(status, f"Status {status}")
    if (shape or ("html" if status in (502, 503, 504) else "error")) == "html":
        return Answer(status, _PAGE.format(f"{status} {phrase}").encode(), "text/html", headers)
    text = to_json(SHAPES[shape or "error"]).decode()
    filled = text.replace("{status}", str(status)).replace("{phrase}", phrase)
    return Answer(status, filled.encode(), headers=headers)


def remember_connection(scope: Scope, send: Send) -> None:
    """Note the server's own transport in the scope: ASGI has no message that resets a connection."""
    scope[CONNECTION] = getattr(getattr(send, "__self__", None), "transport", None)


async def deliver(
    answer: Answer, scope: Scope, receive: Receive, send: Send, *, closing: asyncio.Event, longest_wait: float
) -> None:
    """Send an answer; a connection left open is given up after ``longest_wait`` seconds, ``closing`` ends all waits."""
    if answer.wait and await client_left(receive, closing, answer.wait):
        return
    if answer.broken is not None:
        await _break(answer.broken, cast("asyncio.Transport", scope[CONNECTION]), receive, closing, longest_wait)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": _head(answer)})
    await send({"type": "http.response.body", "body": answer.body})


async def _break(
    broken: Broken, connection: asyncio.Transport, receive: Receive, closing: asyncio.Event, longest_wait: float
) -> None:
    """Write the bytes past the server and end the connection, so that the server adds nothing of its own."""
    if broken.written:
        connection.write(broken.written)
    if broken.ending == "open":
        await client_left(receive, closing, longest_wait)
    if broken.ending == "reset":
        await asyncio.sleep(0)  # what was written has gone out: a reset throws away the rest
        reset(connection)
    else:
        connection.close()
    await _disconnect(receive)


async def client_left(receive: Receive, until: asyncio.Event, seconds: float) -> bool:
    """Wait until the client leaves, the event is set or the seconds have passed; whether the client left."""
    leaving = asyncio.ensure_future(_disconnect(receive))
    waiting = {leaving, asyncio.ensure_future(until.wait())}
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return leaving.done()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(answer: Answer) -> list[tuple[bytes, bytes]]:
    head = [("content-type", answer.content_type), *answer.headers, ("content-length", str(len(answer.body)))]
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head]
