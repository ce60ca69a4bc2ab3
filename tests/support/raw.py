"""A scripted server that speaks in bytes: each request is handed to a coroutine that writes what it likes."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came in; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def number(self, name: str) -> int:
        """The value of a query parameter that is a number."""
        return int(dict(self.query)[name])


@dataclass(slots=True)
class Exchange:
    """One request and the means to answer it; `number` counts the server's requests, `turn` those of the connection."""

    request: RawRequest
    number: int
    turn: int
    _writer: asyncio.StreamWriter
    gone: bool = False

    async def write(self, *parts: bytes) -> None:
        """Send each part as it is, in a segment of its own."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()

    async def json(self, document: Any, status: int = 200, **headers: str) -> None:
        """A complete JSON answer."""
        await self.write(http(json.dumps(document).encode(), status, None, content_type="application/json", **headers))

    def close(self) -> None:
        """Close after what was written."""
        self.gone = True
        self._writer.close()

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        self.gone = True
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@dataclass(slots=True)
class RawServer:
    """What arrived: connections, requests, and how many requests were open at once at most."""

    url: str = ""
    connections: int = 0
    requests: list[RawRequest] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def targets(self, path_end: str = "") -> list[str]:
        return [request.target for request in self.requests if request.path.endswith(path_end)]


Script = Callable[[Exchange], Awaitable[None]]


def http(body: bytes = b"", status: int = 200, length: int | None = None, /, **headers: str) -> bytes:
    """An HTTP/1.1 answer whose Content-Length is true unless `length` is given; `x_y="z"` is the header `x-y: z`."""
    fields = {"content-length": str(len(body) if length is None else length), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body


async def _request(reader: asyncio.StreamReader) -> RawRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return RawRequest(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@contextlib.asynccontextmanager
async def raw_server(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """A server on 127.0.0.1 that runs `script` for each request; connections stay open until the script closes them."""
    server = RawServer()
    failures: list[BaseException] = []
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        turn = 0
        try:
            while (request := await _request(reader)) is not None:
                turn += 1
                server.requests.append(request)
                exchange = Exchange(request, len(server.requests), turn, writer)
                server.open_now += 1
                server.open_most = max(server.open_most, server.open_now)
                try:
                    await script(exchange)
                finally:
                    server.open_now -= 1
                if exchange.gone:
                    return
        except ConnectionError:  # the client left while the script wrote
            return
        except asyncio.CancelledError:
            return
        except BaseException as error:
            failures.append(error)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(talk(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, limit=2**20)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for task in list(talks):
            task.cancel()
        if talks:
            await asyncio.wait(set(talks))
        await listener.wait_closed()
    if failures:
        raise failures[0]


@contextlib.asynccontextmanager
async def spy_server() -> AsyncIterator[RawServer]:
    """A server nobody should ever call: it only records."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(http(b"{}"))

    async with raw_server(script) as server:
        yield server
