"""The façade, its event loop watched: /bench/watch begins, /bench/stall tells the longest gap in milliseconds.

/bench/worked tells the longest by processor time, which does not depend on who else is on the machine.
"""

import asyncio
from time import perf_counter, thread_time

from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.servers import Server, run
from app.commands.sockets import listen, url_of
from app.listener.limits import ListenerLimits
from app.listener.state import ListenerState
from app.main import create_app
from tests.benchmarks.asgi import send_body

TICK_SECONDS = 0.001


class Watched:
    """ASGI middleware with a task that wants a turn every TICK_SECONDS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._longest = self._most_worked = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the watcher's own questions, and hand on the rest."""
        path = scope.get("path")
        if path == "/bench/watch":
            self._longest = self._most_worked = 0.0
            self._ticking = self._ticking or asyncio.create_task(self._tick())
            await send_body(send, b"0")
        elif path == "/bench/stall":
            await send_body(send, str(1000 * self._longest).encode())
        elif path == "/bench/worked":
            await send_body(send, str(1000 * self._most_worked).encode())
        else:
            await self._app(scope, receive, send)

    async def _tick(self) -> None:
        before, worked_before = perf_counter(), thread_time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now, worked = perf_counter(), thread_time()
            self._longest = max(self._longest, now - before - TICK_SECONDS)
            self._most_worked = max(self._most_worked, worked - worked_before)
            before, worked_before = now, worked


if __name__ == "__main__":
    app = create_app()
    server = Server(Watched(app), listen("127.0.0.1", 0), ListenerState(ListenerLimits(), replays=app.replays))
    run([server], ready=lambda: print(url_of(server.listener), flush=True))
