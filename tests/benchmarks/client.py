"""A small HTTP/1.1 client that tells when the first byte came; it reads what our own servers send, nothing else."""

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import NamedTuple, Self
from urllib.parse import urlsplit

LARGEST_READ = 64 * 1024 * 1024


class Unanswered(Exception):
    """A server said something that makes a measurement worthless."""


class Received(NamedTuple):
    """One answer; times are seconds from the moment its request was written."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    first_byte: float
    whole: float


class Connection:
    """A kept-alive connection to one server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def to(cls, url: str, neighbour: int = 1) -> Self:
        """A new connection to the server of `url`, from 127.0.0.`neighbour`: each address may have so many only."""
        parts, local = urlsplit(url), (f"127.0.0.{neighbour}", 0)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=LARGEST_READ, local_addr=local)
        return cls(reader, writer, parts.netloc)

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed it."""
        return not self._reader.at_eof()

    async def get(self, target: str, headers: Mapping[str, str] | None = None) -> Received:
        """The answer to a GET of `target`. Raises OSError or IncompleteReadError where the server goes away."""
        fields = {"Host": self._host, **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        began = perf_counter()
        self._writer.write(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first_byte = perf_counter() - began
        first, *lines = answer.rstrip("\r\n").split("\r\n")
        status = int(first.split(" ", 2)[1])
        received = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
        body = await self._reader.readexactly(0 if status == 304 else int(dict(received)["content-length"]))
        return Received(status, received, body, first_byte, perf_counter() - began)

    async def good(self, target: str, headers: Mapping[str, str] | None = None) -> Received:
        """As `get`. Raises Unanswered for any status but 200 and 304."""
        received = await self.get(target, headers)
        if received.status not in (200, 304):
            raise Unanswered(f"{target} was answered with {received.status}: {received.body[:300]!r}")
        return received

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        await self._writer.wait_closed()


async def fetched(url: str, target: str, headers: Mapping[str, str] | None = None) -> Received:
    """One good answer on a connection of its own."""
    connection = await Connection.to(url)
    try:
        return await connection.good(target, headers)
    finally:
        await connection.close()
