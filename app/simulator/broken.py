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
    """What is written on a connection, and whether it is then closed, reset or left open."""

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
    """A share of the body, under a framing that promises all of it; one delimited by its close promises nothing."""
    sent = body[: int(len(body) * share)]
    kind = ("content-type", "application/json")
    if framing == "chunked":
        chunk = b"%x\r\n%s\r\n" % (len(sent), sent) if sent else b""
        return Broken(head(kind, ("transfer-encoding", "chunked")) + chunk, ending)
    length = [("content-length", str(len(body)))] if framing == "length" else []
    return Broken(head(kind, *length) + sent, ending)


def no_answer(body: bytes) -> Broken:
    """The connection closes without a byte."""
    return Broken()


def half_a_status_line(body: bytes) -> Broken:
    """The connection closes within the first line."""
    return Broken(b"HTTP/1.1 20")


def length_too_short(body: bytes) -> Broken:
    """The length named is 3 bytes; the rest of the body comes all the same."""
    return Broken(head(("content-length", "3")) + body, "open")


def length_too_long(body: bytes) -> Broken:
    """The length named is 10 bytes more than come."""
    return Broken(head(("content-length", str(len(body) + 10))) + body)


def two_lengths(body: bytes) -> Broken:
    """Two lengths that differ (RFC 9112 §6.3)."""
    return Broken(head(("content-length", str(len(body))), ("content-length", str(len(body) + 1))) + body)


def garbage(body: bytes) -> Broken:
    """Bytes that are no HTTP before the status line."""
    return Broken(b"\x16\x03\x01 this is not HTTP\r\n\r\n" + whole(body))


def huge_head(body: bytes) -> Broken:
    """A header field of 200 kB."""
    return Broken(whole(body, ("x-huge", "y" * HUGE_HEADER_BYTES)))


def early_hints(body: bytes) -> Broken:
    """Fifty interim answers before the right one (RFC 8297)."""
    return Broken(head(("link", "</elsewhere>"), status=103) * HINTS + whole(body))


def not_gzip(body: bytes) -> Broken:
    """Says gzip, and is plain."""
    return Broken(whole(body, ("content-encoding", "gzip")))


def half_gzip(body: bytes) -> Broken:
    """gzip without its end, under a true length."""
    return Broken(whole(gzip.compress(body)[:-9], ("content-encoding", "gzip")))


def other_coding(body: bytes) -> Broken:
    """A coding nobody asked for."""
    return Broken(whole(body, ("content-encoding", "br")))


BROKEN: dict[str, Callable[[bytes], Broken]] = {
    "no-answer": no_answer,
    "half-a-status-line": half_a_status_line,
    "length-too-short": length_too_short,
    "length-too-long": length_too_long,
    "two-lengths": two_lengths,
    "garbage": garbage,
    "huge-head": huge_head,
    "early-hints": early_hints,
    "not-gzip": not_gzip,
    "half-gzip": half_gzip,
    "other-coding": other_coding,
}


def reset(connection: Transport) -> None:
    """Close with a reset; what was not yet sent is lost."""
    with socket.fromfd(connection.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)  # uvloop's own stand-in takes no options
    connection.abort()
