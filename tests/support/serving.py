"""Real servers on loopback for tests: any ASGI application on an ephemeral port, in this event loop or in a thread."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

from app.commands.servers import listener_config
from app.listener.limits import ListenerLimits
from app.listener.protocol import Protocol
from app.listener.replay import ReplayCache
from app.listener.state import Count, ListenerState

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `verify` of a client: one that makes its own reads every root certificate, which takes 30 ms."""

WIDE = ListenerLimits(connections_per_peer=100_000, last_call_seconds=0)
"""A crowd of a test comes from one address, and at its end nobody is on the way."""


class Server(uvicorn.Server):
    """A uvicorn that leaves signals alone, says when it listens and stops when told, without polling."""

    server_state: ListenerState

    def __init__(
        self,
        app: ASGIApp,
        protocol: type[asyncio.Protocol],
        state: ListenerState,
        port: int,
    ) -> None:
        super().__init__(listener_config(app, protocol=protocol, graceful_seconds=2))
        self.server_state = state
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as given_up:  # would end the test run
            raise RuntimeError("the application did not start") from given_up
        self.listening.set()

    async def main_loop(self) -> None:
        """Uvicorn's own loop polls ten times a second; here the ``Date`` header is kept and an event awaited."""
        while not self.stopping.is_set():
            await self.on_tick(0)
            self.server_state.watch_closes()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's shutdown sleeps for a tenth of a second; with nothing under way there is nothing to wait for."""
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(3):  # an idle connection is gone after the loop's next turns
            await asyncio.sleep(0)
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
            await server.wait_closed()
        for listener in sockets or ():
            listener.close()
        await self.lifespan.shutdown()


def _listen() -> socket.socket:
    """A listening socket that names its protocol: on no other asyncio sets TCP_NODELAY, which saves 40 ms an answer."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    return listener


@contextlib.asynccontextmanager
async def listening(
    app: ASGIApp,
    *,
    protocol: type[asyncio.Protocol] = Protocol,
    limits: ListenerLimits = WIDE,
    count: Count | None = None,
    replays: ReplayCache | None = None,
) -> AsyncIterator[Server]:
    """Serve an application on 127.0.0.1 in this event loop, behind the listener that the façade itself has."""
    with contextlib.closing(_listen()) as listener:
        state = ListenerState(limits, count, replays=replays)
        server = Server(app, protocol, state, listener.getsockname()[1])
        running = asyncio.create_task(server.serve(sockets=[listener]))
        ready = asyncio.create_task(server.listening.wait())
        try:
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                await running
            yield server
        finally:
            ready.cancel()
            server.stopping.set()
            await running


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, replays: ReplayCache | None = None) -> AsyncIterator[str]:
    """The same; gives its URL, without a slash at the end."""
    async with listening(app, replays=replays) as server:
        yield server.url


@contextlib.contextmanager
def serve_in_thread(app: ASGIApp) -> Iterator[str]:
    """The same in a thread with a loop of its own, for tests that block: sync clients, subprocesses."""
    url: list[str] = []
    started = threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        over = asyncio.Event()
        stop.append((asyncio.get_running_loop(), over))
        async with serve(app) as address:
            url.append(address)
            started.set()
            await over.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except RuntimeError:
            if url:  # otherwise the missing URL tells
                raise
        finally:
            started.set()

    thread = threading.Thread(target=work, name="serve_in_thread")
    thread.start()
    started.wait(30)
    try:
        if not url:
            raise RuntimeError("the application did not start")
        yield url[0]
    finally:
        if stop:
            loop, over = stop[0]
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(over.set)
        thread.join()
