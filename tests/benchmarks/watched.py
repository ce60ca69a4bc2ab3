"""The façade, its event loop watched: /bench/watch begins, /bench/stall tells the longest gap in milliseconds."""

import asyncio
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.servers import Server, listen, run, url_of
from app.main import create_app
from tests.benchmarks.asgi import send_body

TICK_SECONDS = 0.001


class Watched:
    """ASGI middleware with a task that wants a turn every TICK_SECONDS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._longest = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the watcher's own two questions, and hand on the rest."""
        path = scope.get("path")
        if path == "/bench/watch":
            self._longest = 0.0
            self._ticking = self._ticking or asyncio.create_task(self._tick())
            await send_body(send, b"0")
        elif path == "/bench/stall":
            await send_body(send, str(1000 * self._longest).encode())
        else:
            await self._app(scope, receive, send)

    async def _tick(self) -> None:
        before = perf_counter()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = perf_counter()
            self._longest = max(self._longest, now - before - TICK_SECONDS)
            before = now


if __name__ == "__main__":
    server = Server(Watched(create_app()), listen("127.0.0.1", 0))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
