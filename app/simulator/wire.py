"""Answers and how they are sent: whole, late or broken byte for byte; and the bodies of errors (UPSTREAM §7)."""

import asyncio
import gzip
import socket
import struct
from asyncio import Transport
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from starlette.types import Receive, Scope, Send

from app.simulator.interaction import to_json

Ending = Literal["close", "reset", "open"]
Framing = Literal["length", "chunked", "close"]

HUGE_HEADER_BYTES = 200_000
HINTS = 50
LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds: closing sends RST instead of FIN


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes to write on a connection, which is then closed, reset or left open."""

    written: bytes = b""
    ending: Ending = "close"


def head(*fields: tuple[str, str], status: int = 200) -> bytes:
    """Status line and header fields of an answer (RFC 9112 §4)."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode("latin-1")


def whole(body: bytes, *fields: tuple[str, str], status: int = 200) -> bytes:
    """A complete answer with a true Content-Length."""
    return head(("content-type", "application/json"), ("content-length", str(len(body))), *fields, status=status) + body


def cut(body: bytes, *, share: float = 0.5, framing: Framing = "length", ending: Ending = "close") -> Broken:
    """A share of the body, under a framing that promises all of it; framing by ``close`` promises nothing."""
    sent = body[: int(len(body) * share)]
    kind = ("content-type", "application/json")
    if framing == "chunked":
        chunk = b"%x\r\n%s\r\n" % (len(sent), sent) if sent else b""
        return Broken(head(kind, ("transfer-encoding", "chunked")) + chunk, ending)
    length = [("content-length", str(len(body)))] if framing == "length" else []
    return Broken(head(kind, *length) + sent, ending)


BROKEN: dict[str, Callable[[bytes], Broken]] = {
    "no-answer": lambda body: Broken(),
    "half-a-status-line": lambda body: Broken(b"HTTP/1.1 20"),
    "length-too-short": lambda body: Broken(head(_length(3)) + body, "open"),
    "length-too-long": lambda body: Broken(head(_length(len(body) + 10)) + body),
    "two-lengths": lambda body: Broken(head(_length(len(body)), _length(len(body) + 1)) + body),  # RFC 9112 §6.3
    "garbage": lambda body: Broken(b"\x16\x03\x01 this is not HTTP\r\n\r\n" + whole(body)),
    "huge-head": lambda body: Broken(whole(body, ("x-huge", "y" * HUGE_HEADER_BYTES))),
    "early-hints": lambda body: Broken(head(("link", "</elsewhere>"), status=103) * HINTS + whole(body)),  # RFC 8297
    "not-gzip": lambda body: Broken(whole(body, ("content-encoding", "gzip"))),
    "half-gzip": lambda body: Broken(whole(gzip.compress(body)[:-9], ("content-encoding", "gzip"))),
    "other-coding": lambda body: Broken(whole(body, ("content-encoding", "br"))),
}
"""Ways to break an answer; a half gzip has a true length."""


def _length(length: int) -> tuple[str, str]:
    return "content-length", str(length)


def reset(connection: Transport) -> None:
    """Close with a reset; bytes not yet sent are lost."""
    with socket.fromfd(connection.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)  # uvloop's own stand-in takes no options
    connection.abort()


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


async def deliver(
    answer: Answer, scope: Scope, receive: Receive, send: Send, *, closing: asyncio.Event, longest_wait: float
) -> None:
    """Send an answer; a connection left open is given up after ``longest_wait`` seconds, ``closing`` ends all waits."""
    if answer.wait and await client_left(receive, closing, answer.wait):
        return
    if answer.broken is None:
        fields = [("content-type", answer.content_type), *answer.headers, ("content-length", str(len(answer.body)))]
        coded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        await send({"type": "http.response.start", "status": answer.status, "headers": coded})
        await send({"type": "http.response.body", "body": answer.body})
        return
    # Written past the server, and the connection ended here, so that the server adds nothing of its own.
    connection = cast("asyncio.Transport", scope[CONNECTION])
    if answer.broken.written:
        connection.write(answer.broken.written)
    if answer.broken.ending == "open":
        await client_left(receive, closing, longest_wait)
    if answer.broken.ending == "reset":
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
