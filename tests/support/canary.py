"""Canaries: invented secrets given to every façade under test, and the watch that looks for them in all it lets out."""

import base64
import gzip
import logging
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import zstandard
from starlette.types import ASGIApp, Message, Receive, Scope, Send

USERNAME = "canary-username-7Zq4-invented"
PASSWORD = "canary-password-9Xk2-invented"
PSEUDONYM_SECRET = "canary-pseudonym-secret-5Tm8-invented"
TIER_SECRET = "canary-tier-secret-3Vb6-invented"

CANARIES = {
    "username": USERNAME,
    "password": PASSWORD,
    "pseudonym secret": PSEUDONYM_SECRET,
    "tier secret": TIER_SECRET,
    "basic credentials": base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode(),
    "token": base64.urlsafe_b64encode(b'{"alg": "none", "typ": "JWT"}').decode().rstrip("="),
}
"""What is looked for, by the name a report may show; every token of the simulator begins with the last one."""

UNDONE: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda body: body,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}
"""What each coding of an answer is undone by."""


@dataclass
class Watch(logging.Handler):
    """Notes every canary in a log record, an answer or any other text; `leaks` say which and where, never its value."""

    leaks: list[str] = field(default_factory=list)
    looked_at: int = 0

    def __post_init__(self) -> None:
        logging.Handler.__init__(self, logging.DEBUG)

    __hash__ = logging.Handler.__hash__

    def look(self, content: bytes | str, where: str) -> None:
        """Look for canaries in something that has left, or may leave, a façade."""
        self.looked_at += 1
        seen = content.encode(errors="replace") if isinstance(content, str) else content
        self.leaks += [f"the {name} in {where}" for name, canary in CANARIES.items() if canary.encode() in seen]

    def emit(self, record: logging.LogRecord) -> None:
        """Look through a record: its message, its arguments, what was added to it, and its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        told = "".join(traceback.format_exception(error)) if error else ""
        self.look(f"{record.getMessage()}\n{vars(record)!r}\n{told}", f"a record of the logger {record.name}")

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self.leaks = self.leaks, []
        return found

    @contextmanager
    def hearing(self, level: int = logging.DEBUG) -> Iterator[None]:
        """Hear every logger from `level` on, those too that do not pass their records on."""
        deaf = [one for one in logging.root.manager.loggerDict.values() if _keeps_to_itself(one)]
        loggers = [logging.root, *(one for one in deaf if isinstance(one, logging.Logger))]
        for logger in loggers:
            logger.addHandler(self)
        before = logging.root.level
        logging.root.setLevel(level)
        try:
            yield
        finally:
            logging.root.setLevel(before)
            for logger in loggers:
                logger.removeHandler(self)


def _keeps_to_itself(logger: object) -> bool:
    return isinstance(logger, logging.Logger) and not logger.propagate


WATCH = Watch()
"""The one watch of a test session; `tests/conftest.py` fails whatever leaks while it looks."""


class Watched:
    """An application every answer of which is looked through, whoever the client is; bodies without their coding."""

    def __init__(self, app: ASGIApp, watch: Watch = WATCH) -> None:
        self.app = app
        self.watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it is."""
        head: list[tuple[bytes, bytes]] = []
        body = bytearray()

        async def copied(message: Message) -> None:
            head.extend(message.get("headers", ()))
            body.extend(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, copied)
        finally:
            if scope["type"] == "http":
                lines = b"\n".join(name + b": " + value for name, value in head)
                self.watch.look(lines, f"the headers of an answer to {scope['path']}")
                self.watch.look(plain(bytes(body), head), f"the body of an answer to {scope['path']}")


def plain(body: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A body without its coding; as it is where it is only a part of one."""
    coding = dict(headers).get(b"content-encoding", b"identity").decode()
    try:
        return UNDONE[coding](body) if body else body
    except (zlib.error, EOFError, gzip.BadGzipFile, zstandard.ZstdError):
        return body
