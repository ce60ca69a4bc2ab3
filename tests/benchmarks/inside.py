"""An ASGI application asked without a server: for what is measured inside this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message

from tests.benchmarks.client import Unanswered


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[None]:
    """The application between its startup and its shutdown."""
    told, asked = asyncio.Queue[Message](), asyncio.Queue[Message]()
    running = asyncio.create_task(_lifespan(app, asked, told))
    for word in ("startup", "shutdown"):
        await asked.put({"type": f"lifespan.{word}"})
        if (await told.get())["type"] != f"lifespan.{word}.complete":
            raise Unanswered(f"The application's {word} failed.")
        if word == "startup":
            yield
    await running


async def _lifespan(app: ASGIApp, asked: asyncio.Queue[Message], told: asyncio.Queue[Message]) -> None:
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, asked.get, told.put)


async def answered(app: ASGIApp, target: str) -> bytes:
    """The body of the answer to a GET. Raises Unanswered for any status but 200."""
    path, _, query = target.partition("?")
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
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, body = 0, bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        body.extend(message.get("body", b""))

    await app(scope, receive, send)
    if status != 200:
        raise Unanswered(f"{target} was answered with {status}: {bytes(body[:300])!r}")
    return bytes(body)
