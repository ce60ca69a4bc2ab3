"""A small application behind the guarded listener, and a client that speaks in bytes."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

import pytest
import uvloop
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from app.http.guard import Guard
from app.http.problems import install
from app.listener.protocol import Protocol as ListenerProtocol
from tests.support.serving import Server

HANG_SECONDS = 20  # nothing here takes so long unless it hangs

loops = pytest.mark.parametrize(
    "loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


def house() -> FastAPI:
    """`/` answers, `POST /length` reads, `/client` says who asks."""
    app = FastAPI()
    install(app)

    @app.api_route("/", methods=["GET", "HEAD"])
    async def root() -> Response:
        return Response(b"here")

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.get("/client")
    async def client(request: Request) -> str:
        return request.client.host if request.client else ""

    return app


def guarded(app: ASGIApp) -> Guard:
    """With the checks every request passes on its way to the façade."""
    ids = count(1)
    return Guard(app, allowed_hosts=("localhost",), new_request_id=lambda: f"new-{next(ids)}", monotonic=lambda: 0.0)


@dataclass(slots=True)
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The slug of a problem; empty where it is none."""
        is_problem = self.headers.get("content-type") == "application/problem+json" and self.body
        return str(json.loads(self.body)["code"]) if is_problem else ""


@dataclass(slots=True)
class Talk:
    """A connection, seen by the client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def with_(cls, server: Server, **options: Any) -> Self:
        """Open one."""
        return cls(*await asyncio.open_connection("127.0.0.1", server.port, **options))

    async def send(self, *parts: bytes) -> None:
        """Each part in a segment of its own; what the server no longer takes is dropped."""
        try:
            for part in parts:
                self.writer.write(part)
                await self.writer.drain()
        except ConnectionError:
            return

    async def answer(self, *, to_head: bool = False) -> Answer | None:
        """The next answer; None where the connection ends before one is whole."""
        try:
            async with asyncio.timeout(HANG_SECONDS):
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.rstrip("\r\n").split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                length = 0 if to_head else int(fields.get("content-length", 0))
                return Answer(int(first.split(" ")[1]), fields, await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def ended(self) -> bytes:
        """What still comes until the server ends the connection."""
        try:
            async with asyncio.timeout(HANG_SECONDS):
                return await self.reader.read()
        except ConnectionError:
            return b""

    def leave(self) -> None:
        """Without a word."""
        self.writer.transport.abort()


@asynccontextmanager
async def talk(server: Server, **options: Any) -> AsyncIterator[Talk]:
    """A connection that is left at the end."""
    client = await Talk.with_(server, **options)
    try:
        yield client
    finally:
        client.leave()


def deaf_socket(port: int) -> socket.socket:
    """A connection whose system takes in next to nothing that nobody reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    return client


class Noticed:
    """A protocol that says when one of its connections is gone, and keeps them to be looked at."""

    def __init__(self) -> None:
        self.lost = lost = asyncio.Event()
        self.made = made = list[ListenerProtocol]()

        class Protocol(ListenerProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
                made.append(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                lost.set()

        self.protocol: type[asyncio.Protocol] = Protocol

    def timers(self) -> list[asyncio.TimerHandle]:
        """Those of the first connection that may still fire."""
        first = self.made[0]
        timers = (first._receipt, first._stall, first._answer, first.timeout_keep_alive_task)
        return [timer for timer in timers if timer and not timer.cancelled()]
