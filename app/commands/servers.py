"""Servers of one process in one event loop: they listen together, and the first signal ends them all."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn

from app.errors import CxfacadeError

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 15
GRACEFUL_SECONDS = 11  # longer than the longest wait of a client (FAULTS §8)
MOST_SECONDS_TO_END = 12.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOST_PORTS_TRIED = 100

REASONS = {
    errno.EADDRINUSE: "Port {port} is taken; choose another with --port.",
    errno.EACCES: "Port {port} needs more rights than this user has; choose one above 1023 with --port.",
    errno.EADDRNOTAVAIL: "The address is none of this machine's; choose another with --host.",
}
NO_ADDRESS = "The host to listen on has no usable address; choose another with --host."

logger = logging.getLogger("cxfacade")


class CannotListen(CxfacadeError):
    """The address or port cannot be had; `detail` says which flag to change."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections at once, IPv4 where the name has both; port 0 is any free one.

    Raises CannotListen.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except (OSError, ValueError):
        raise CannotListen(NO_ADDRESS) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # now, as with SO_REUSEADDR two may bind one port, and the second to listen fails
    except OSError as error:
        listener.close()
        raise CannotListen(REASONS.get(error.errno or 0, NO_ADDRESS).format(port=port)) from None
    return listener


def listen_nearby(host: str, port: int) -> socket.socket:
    """As `listen`, on `port` or the next free one. Raises CannotListen where there is none."""
    for candidate in range(port, port + MOST_PORTS_TRIED):
        with contextlib.suppress(CannotListen):
            return listen(host, candidate)
    return listen(host, 0)


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine finds it; an address that stands for all is shown as loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """One of several: signals are not its business, and `listening` is set once it answers."""

    def __init__(self, app: Callable[..., Any], listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http="auto",  # httptools where installed, else h11
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # a client could claim any address (FAULTS T34)
            reset_contextvars=True,  # else one request's context reaches the next of its connection (FAULTS T22)
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        super().__init__(config)
        self.listener = listener
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for all servers of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As inherited, and says so."""
        await super().startup(sockets)
        self.listening.set()


def run(servers: Sequence[Server], *, ready: Callable[[], None], ending: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM; a second one does not wait for clients.

    `ready` is called once all answer, `ending` before they finish what they have begun.
    """
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(_serve(servers, ready, ending))


async def _serve(servers: Sequence[Server], ready: Callable[[], None], ending: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    halted = asyncio.Event()
    limit = asyncio.timeout(None)

    def halt() -> None:
        if halted.is_set():
            with contextlib.suppress(RuntimeError):  # all is over already
                limit.reschedule(loop.time())
        halted.set()

    for number in SIGNALS:
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(halt))
    try:
        async with limit, asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.serve(sockets=[server.listener]))
            for server in servers:
                await server.listening.wait()
            ready()
            await halted.wait()
            ending()
            limit.reschedule(loop.time() + MOST_SECONDS_TO_END)
            for server in servers:
                server.should_exit = True
    except TimeoutError:
        logger.error("What was still under way is cut off.")
