"""An upstream to be mistreated with, a process: the value asked for says how big and how slow, /control the rest.

`/control?faults=0.3&delay=0.1&password=x&expire=1` sets what it names and answers with the counts so far.
"""

import asyncio
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send

from app.commands.servers import Server, run
from app.commands.sockets import listen, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from tests.benchmarks.asgi import lifespan, send_body
from tests.benchmarks.records import page

MIB = 1024 * 1024
SEED = 20_261_123
FIRST_PASSWORD = "soak-not-a-secret"
HANG_SECONDS = 3.0
FAULTS = (500, 502, 503, 504, 400, 0, 1)  # statuses; 0 is no JSON, 1 a long silence before a right answer


@dataclass
class Upstream:
    """What it was told, and what it has seen."""

    faults: float = 0.0
    delay: float = 0.0
    passwords: set[str] = field(default_factory=lambda: {FIRST_PASSWORD})
    tokens: set[str] = field(default_factory=set)
    random: Random = field(default_factory=lambda: Random(SEED))
    counts: dict[str, int] = field(default_factory=lambda: {"calls": 0, "ranges": 0, "logins": 0, "now": 0, "most": 0})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One event of one connection."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        if scope["path"] == "/control":
            self.told(query)
            await send_body(send, json.dumps(self.counts).encode())
        elif scope["path"] == "/v1/tokens":
            await self.log_in(receive, send)
        else:
            await self.counted(dict(scope["headers"]).get(b"authorization", b"").decode(), query, send)

    def told(self, query: dict[str, str]) -> None:
        """Take orders."""
        self.faults = float(query.get("faults", self.faults))
        self.delay = float(query.get("delay", self.delay))
        if "password" in query:
            self.passwords.add(query["password"])
        if "expire" in query:
            self.tokens.clear()
        if "reset" in query:
            self.counts.update(calls=0, ranges=0, logins=0, most=0)

    async def log_in(self, receive: Receive, send: Send) -> None:
        """A token for a known password."""
        self.counts["logins"] += 1
        known = json.loads((await receive())["body"])["password"] in self.passwords
        token = f"invented-token-{self.counts['logins']}"
        self.tokens |= {token} if known else set()
        await _answer(send, 200 if known else 401, json.dumps({"token": token, "ttl": 86_400}).encode())

    async def counted(self, authorization: str, query: dict[str, str], send: Send) -> None:
        """A list, counted; for tokens that are not known, 401."""
        self.counts["calls"] += 1
        self.counts["ranges"] += "start" in query
        self.counts["now"] += 1
        self.counts["most"] = max(self.counts["most"], self.counts["now"])
        try:
            if authorization.startswith("Token ") and authorization.removeprefix("Token ") not in self.tokens:
                await _answer(send, 401, b"{}")
            else:
                await self.listed(query, send)
        finally:
            self.counts["now"] -= 1

    async def listed(self, query: dict[str, str], send: Send) -> None:
        """The rows asked for: `rows-10-x` is ten of them, `plain-100-x` so many MiB, `bomb-400-x` as many in gzip."""
        await asyncio.sleep(self.delay)
        kind, _, rest = query.get("attribute-value", "").partition("-")
        size = int(rest.partition("-")[0] or 1)
        if self.random.random() < self.faults:
            status = self.random.choice(FAULTS)
            if status > 1:
                await _answer(send, status, b'{"error":"soak"}')
                return
            if status == 0:
                await _answer(send, 200, b"<html>")
                return
            await asyncio.sleep(HANG_SECONDS)
        if kind == "plain":
            await _stream(send, [], (b" " * MIB for _ in range(size)))
        elif kind == "bomb":
            await _stream(send, [(b"content-encoding", b"gzip")], _bomb(size))
        else:
            value = query.get("attribute-value", "rows-1")
            await send_body(send, page(value, size, int(query["offset"]), int(query["limit"])))


async def _answer(send: Send, status: int, body: bytes) -> None:
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, fields: list[tuple[bytes, bytes]], parts: Iterator[bytes]) -> None:
    kind = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": 200, "headers": [kind, *fields]})
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _bomb(mebibytes: int) -> Iterator[bytes]:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    for _ in range(mebibytes):
        yield packing.compress(bytes(MIB)) + packing.flush(zlib.Z_FULL_FLUSH)
    yield packing.flush()


if __name__ == "__main__":
    limits = ListenerLimits(connections_per_peer=100_000, drain_seconds=0)
    server = Server(Upstream(), listen("127.0.0.1", 0), ListenerState(limits))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
