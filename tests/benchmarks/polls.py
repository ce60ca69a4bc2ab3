"""A board's polls of an ASGI application: pages followed, ETags kept, and what came of it counted."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

from starlette.types import ASGIApp, Message

from tests.benchmarks.boards import Board
from tests.benchmarks.client import Unanswered
from tests.benchmarks.stretch import Tally

NEXT = re.compile(r'<https?://[^/]+([^>]+)>; rel="next"')
AFTER_ITEMS = b'],"next":'
HOST = b"127.0.0.1"


class Got(NamedTuple):
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def shown(self) -> int:
        """A checksum of the rows, as they were written, and of the total."""
        total = self.headers.get("x-total-count", "")
        return crc32(self.body[: self.body.rfind(AFTER_ITEMS)], crc32(total.encode()))


async def asked(app: ASGIApp, target: str, etag: str = "", *, reads_body: bool = True) -> Got:
    """The answer to a GET; its body is empty unless that is read. Raises Unanswered but for a status of 200 or 304."""
    path, _, query = target.partition("?")
    conditions = [(b"if-none-match", etag.encode())] if etag else []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", HOST), *conditions],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, headers, body = 0, dict[str, str](), bytearray()
    request: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return request.pop() if request else await asyncio.Future[Message]()

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        headers.update((name.decode().lower(), value.decode()) for name, value in message.get("headers", ()))
        body.extend(message.get("body", b"") if reads_body else b"")

    await app(scope, receive, send)
    if status not in (200, 304):
        raise Unanswered(f"{target} was answered with {status}: {bytes(body[:300])!r}")
    return Got(status, headers, bytes(body))


@dataclass(slots=True)
class Screen:
    """A board with the pages it shows: of each the ETag, and a checksum."""

    app: ASGIApp
    board: Board
    pages: list[tuple[str, int]] = field(default_factory=list)

    async def poll(self, tally: Tally) -> None:
        """Ask for each page, unless it is as it is shown. Raises Unanswered."""
        tally.polls += 1
        target, known, self.pages = self.board.target, iter(self.pages), []
        while True:
            tally.answers += 1
            etag, shown = next(known, ("", 0))
            got = await asked(self.app, target, etag)
            if got.status == 304:
                tally.not_modified += 1
            else:
                tally.same += got.shown == shown
                etag, shown = got.headers["etag"], got.shown
            self.pages.append((etag, shown))
            following = NEXT.search(got.headers.get("link", "")) if self.board.follows else None
            if not following:
                return
            target = following[1]
