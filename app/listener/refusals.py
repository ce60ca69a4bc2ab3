"""Refusals: the fixed problem for bytes that never become a request, without a word of what was sent."""

from http import HTTPStatus
from secrets import token_hex

from app.http.guard import ON_EVERY_ANSWER
from app.http.problems import rendered


class Refused(Exception):
    """Raised with the slug of its problem from within a parser, whose own errors mean `bad-request`."""


def refusal(slug: str, default_headers: list[tuple[bytes, bytes]], root: str = "") -> bytes:
    """The whole answer; `root` is the prefix of the public URL, as what a proxy says of it has not been read."""
    request_id = token_hex(16)
    status, headers, body = rendered(slug, request_id=request_id, instance=None, root=root)
    fields = {
        **dict(default_headers + headers),
        **dict(ON_EVERY_ANSWER),
        b"x-request-id": request_id.encode(),
        b"connection": b"close",
    }
    lines = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
    lines += [b"%s: %s" % field for field in fields.items()]
    return b"\r\n".join([*lines, b"", body])
