"""Servers of one process in one event loop: they listen together, and the first signal ends them all.

SIGTERM is the machine's: clients are told for a second that their connections end. SIGINT is a person's, who waits.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, cast

import uvicorn

from app.errors import CxfacadeError
from app.http.forwarding import NOTHING_FORWARDED, Forwarding
from app.listener.acceptor import Acceptor
from app.listener.config import BACKLOG, listener_config
from app.listener.connection import Connection
from app.listener.limits import ListenerLimits
from app.listener.replay import ReplayCache
from app.listener.state import CLOSE, Count, ListenerState, ignore
from app.observe.lines import CUT_OFF
from app.settings import inherited_sockets

MOST_SECONDS_TO_END = 12.5  # a drain, then GRACEFUL_SECONDS, and what the application takes to close
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TICKS_A_SECOND = 10
MOST_PORTS_TRIED = 100
FIRST_INHERITED = 3  # after the three standard streams (sd_listen_fds(3))

REASONS = {
    errno.EADDRINUSE: "Port {port} is taken; choose another with {flag}.",
    errno.EACCES: "Port {port} needs more rights than this user has; choose one above 1023 with {flag}.",
    errno.EADDRNOTAVAIL: "The address is none of this machine's; choose another with --host.",
}
NO_ADDRESS = "The host to listen on has no usable address; choose another with --host."
NOT_ONE_SOCKET = "LISTEN_FDS hands over other than one listening TCP socket; hand over one, or none."

logger = logging.getLogger("cxfacade")


class CannotListen(CxfacadeError):
    """The address or port cannot be had; `detail` says which flag to change."""


def listen(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A socket that takes connections at once, IPv4 where the name has both; port 0 is any free one.

    Raises CannotListen, which names the flag that chooses the port.
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
        raise CannotListen(REASONS.get(error.errno or 0, NO_ADDRESS).format(port=port, flag=flag)) from None
    return listener


def listen_nearby(host: str, port: int) -> socket.socket:
    """As `listen`, on `port` or the next free one. Raises CannotListen where there is none."""
    for candidate in range(port, port + MOST_PORTS_TRIED):
        with contextlib.suppress(CannotListen):
            return listen(host, candidate)
    return listen(host, 0)


def inherited() -> socket.socket | None:
    """The socket that whoever started this process opened for it, if any: it outlives restarts. Raises CannotListen."""
    count = inherited_sockets()
    if not count:
        return None
    listener = socket.socket(fileno=FIRST_INHERITED)
    listener.set_inheritable(False)
    is_tcp = listener.family in {socket.AF_INET, socket.AF_INET6} and listener.type == socket.SOCK_STREAM
    if count > 1 or not is_tcp or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise CannotListen(NOT_ONE_SOCKET)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client on this machine finds it; an address that stands for all is shown as loopback."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A server beside others of the process: signals are not its business; `listening` is set once it answers.

    `count`, `forwarding` and `replays` are those of ListenerState.
    """

    server_state: ListenerState

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        limits: ListenerLimits | None = None,
        *,
        count: Count = ignore,
        forwarding: Forwarding = NOTHING_FORWARDED,
        replays: ReplayCache | None = None,
    ) -> None:
        super().__init__(listener_config(app))
        self.server_state = ListenerState(limits or ListenerLimits(), count, forwarding, replays)
        self.listener, self.listening = listener, asyncio.Event()
        self.drains = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for all servers of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, with our own acceptor of connections, and say where it listens."""
        await super().startup([])
        self.servers = [cast("asyncio.Server", Acceptor(listener, self._protocol)) for listener in sockets or ()]
        self.listening.set()

    def _protocol(self) -> asyncio.Protocol:
        """A new protocol instance for one connection."""
        kind = cast("type[Connection]", self.config.http_protocol_class)
        return kind(self.config, self.server_state, self.lifespan.state)

    async def on_tick(self, counter: int) -> bool:
        """As inherited, ten times a second."""
        if counter % TICKS_A_SECOND == 0:
            self.server_state.watch_closes()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then as inherited: take no more connections, and finish what has begun.

        Whoever comes while a balancer does not know yet is answered, and told not to come again.
        """
        self.config.encoded_headers = [*self.config.encoded_headers, CLOSE]
        await self.on_tick(0)
        for connection in cast("set[Connection]", set(self.server_state.connections)):
            connection.drain()
        if self.drains:
            await asyncio.sleep(self.server_state.limits.drain_seconds)
        await super().shutdown(sockets)


def run(
    servers: Sequence[Server],
    *,
    ready: Callable[[], None],
    ending: Callable[[], None] = lambda: None,
    reload: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second one does not wait for clients.

    `ready` is called once all answer, `ending` before they finish what they have begun, and `reload` on SIGHUP: one
    after the other, and once more where it is asked for meanwhile.
    """
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(_serve(servers, ready, ending, reload))


def freeze_startup_objects() -> None:
    """Take what stands at the start for lasting: looking through it again, the collector held the loop for 77 ms.

    It is not looked through here either, which whoever waits for a restart would wait for: it holds little waste.
    """
    gc.freeze()
    gc.enable()


async def _serve(
    servers: Sequence[Server],
    ready: Callable[[], None],
    ending: Callable[[], None],
    reload: Callable[[], Awaitable[None]] | None,
) -> None:
    halted, limit = asyncio.Event(), asyncio.timeout(None)
    _on_signals(servers, halted, limit)
    asked = _asked_on_sighup() if reload else None
    try:
        async with limit, asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.serve(sockets=[server.listener]))
            for server in servers:
                await server.listening.wait()
            reloading = group.create_task(_reloading(reload, asked)) if reload and asked else None
            freeze_startup_objects()
            ready()
            await halted.wait()
            if reloading:
                reloading.cancel()
            ending()
            limit.reschedule(asyncio.get_running_loop().time() + MOST_SECONDS_TO_END)
            for server in servers:
                server.should_exit = True
    except TimeoutError:
        logger.error(CUT_OFF)


def _on_signals(servers: Sequence[Server], halted: asyncio.Event, limit: asyncio.Timeout) -> None:
    loop = asyncio.get_running_loop()

    def halt(number: int) -> None:
        if halted.is_set():
            with contextlib.suppress(RuntimeError):  # all is over already
                limit.reschedule(loop.time())
        for server in servers:
            server.drains = number == signal.SIGTERM
        halted.set()

    for number in SIGNALS:
        signal.signal(number, lambda caught, _: loop.call_soon_threadsafe(halt, caught))


def _asked_on_sighup() -> asyncio.Event:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(asked.set))
    return asked


async def _reloading(reload: Callable[[], Awaitable[None]], asked: asyncio.Event) -> None:
    """Until cancelled; an order that comes while one is carried out is carried out after it."""
    while True:
        await asked.wait()
        asked.clear()
        await reload()
