"""Answers broken on the wire, byte for byte: the simulator writes them past its server (S18), and so do the tests."""

import gzip
import socket
import struct
from asyncio import Transport
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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
