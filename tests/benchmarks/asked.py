"""Processor seconds of questions answered within one process: a program that either of two trees can run.

It reads upstream's pages from a folder, and prints the least seconds of a miss, of a refresh that finds the same pages,
and of `orjson.loads` of them. The interpreter finds `app` by PYTHONPATH.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time

import httpx
import orjson
from starlette.types import ASGIApp, Message

from app.clock import Clock
from app.main import create_app
from app.settings import load

ROUNDS = 8
BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
PAST_FRESHNESS, PAST_STALENESS = timedelta(hours=2), timedelta(days=30)


class Turned:
    """A clock that a benchmark turns."""

    def __init__(self) -> None:
        self.passed = timedelta()
        self.clock = Clock(self._monotonic, lambda: BEGAN + self.passed, self._sleep)

    def _monotonic(self) -> float:
        return self.passed.total_seconds()

    async def _sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()


class Pages(httpx.AsyncBaseTransport):
    """Upstream without a network: a page for each offset."""

    def __init__(self, folder: Path) -> None:
        self.bodies = {path.stem: path.read_bytes() for path in folder.iterdir()}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The page at the offset asked for."""
        body = self.bodies[request.url.params["offset"]]
        return httpx.Response(200, headers={"content-type": "application/json"}, stream=httpx.ByteStream(body))


async def measured(folder: Path, tenant_id: str, path: str, query: str) -> dict[str, float]:
    """The least seconds of each."""
    turned, pages = Turned(), Pages(folder)
    known = {"tenant_id": tenant_id, "username": "bench", "password": "bench-not-a-secret"}
    settings = load({**known, "pseudonym_secret": "bench-pseudonym-not-a-secret"}, environ={}, env_file=None)
    app = create_app(settings, transport=pages, clock=turned.clock, random=lambda: 0.5)
    misses, refreshes, loads = list[float](), list[float](), list[float]()
    gc.collect()
    gc.freeze()  # as the server does
    async with app.router.lifespan_context(app):
        for _ in range(ROUNDS):
            turned.passed += PAST_STALENESS
            misses.append(await _seconds(lambda: _answered(app, path, query)))
            turned.passed += PAST_FRESHNESS
            refreshes.append(await _seconds(lambda: _answered(app, path, query)))
            loads.append(await _seconds(lambda: _loaded(pages)))
    return {"miss": min(misses), "refresh": min(refreshes), "loads": min(loads)}


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = process_time()
    await work()
    return process_time() - began


async def _loaded(pages: Pages) -> None:
    for body in pages.bodies.values():
        orjson.loads(body)


async def _answered(app: ASGIApp, path: str, query: str) -> None:
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

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200

    await app(scope, receive, send)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(Path(sys.argv[1]), *sys.argv[2:]))))
