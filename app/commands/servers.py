"""`cxfacade serve`, and servers of one process in one event loop: the first signal ends them all.

SIGTERM is the machine's: clients are told for a second that their connections end. SIGINT is a person's, who waits.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, cast

import uvicorn
from pydantic import SecretStr

from app.commands.channel import supervised
from app.commands.signals import STOPS, pass_over_signals, release_signals
from app.commands.sockets import BACKLOG, inherited, listen, served_at
from app.listener.acceptor import Acceptor
from app.listener.connection import Connection
from app.listener.limits import ListenerLimits
from app.listener.protocol import Protocol
from app.listener.state import CLOSE, ListenerState
from app.main import Application, create_app
from app.observe import logs
from app.observe.lines import CUT_OFF, NOTHING_IS_REPLACED
from app.observe.streams import announce
from app.reloading import reload
from app.settings import Settings
from app.workers import ALONE, Worker

KEEP_ALIVE_SECONDS = 15  # longer than clients keep idle connections: they, not we, end them
GRACEFUL_SECONDS = 11  # longer than the longest wait of a client
MOST_SECONDS_TO_END = 12.5  # a drain, then GRACEFUL_SECONDS, and what the application takes to close
DIVIDED = ("upstream_concurrency", "cache_bytes", "connections_per_address")  # between workers; 0 is no bound
TICKS_A_SECOND = 10
OTHER_FILES = 64  # descriptors that are no connection: standard streams, listener, loop, secrets while they are read
YOUNG = 2_000  # objects, more than were freed, after which the collector looks at the youngest
MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
OWN_PAGES_BYTES = 32 * 1024  # glibc begins with 128 KiB, and raises it as it goes unless it is told

Beside = Callable[[Callable[[], None]], Coroutine[Any, Any, None]]
"""Work that is told how to end all."""

logger = logging.getLogger("cxfacade")


def serve(settings: Settings, read: Callable[[], Settings]) -> None:
    """Serve the configured tenant until a signal; `read` gives the settings anew, for SIGHUP.

    An inherited socket wins over host and port. A worker ends with its supervisor, too, which says where it serves.
    Raises SettingsError, CannotListen.
    """
    supervisor = supervised()
    worker = supervisor.worker if supervisor else ALONE
    logs.configure(settings.log_format, settings.log_level, worker=worker.number if supervisor else None)
    settings = share_of(settings, worker)
    return_large_blocks()
    listener = inherited()
    if listener:  # whoever may ask without a key is decided by where we listen (FAULTS T37)
        settings = settings.model_copy(update={"host": listener.getsockname()[0]})
    app = create_app(settings, worker=worker, total=supervisor.total if supervisor else None)
    facade = server_of(app, listener or listen(settings.host, settings.port), limits_of(settings))
    words = served_at(facade.listener)
    run(
        [facade],
        ready=(lambda: None) if supervisor else lambda: announce(words),
        reload=lambda: reload(read, app.state.reloadable),
        beside=partial(supervisor.follow, app.figures) if supervisor else None,
    )
    if supervisor:
        supervisor.end(app.figures)


def share_of(settings: Settings, worker: Worker) -> Settings:
    """The settings of one worker: bounds are divided, the key of pseudonyms is the same in all."""
    if worker.is_alone:
        return settings
    divided = {name: worker.share(total) for name in DIVIDED if (total := getattr(settings, name))}
    secret = settings.pseudonym_secret or SecretStr(worker.secret.hex())
    return settings.model_copy(update={**divided, "pseudonym_secret": secret})


def server_of(app: Application, listener: socket.socket, limits: ListenerLimits) -> "Server":
    """A server of the application, wired to the parts of it that the listener works with."""
    return Server(app, listener, ListenerState(limits, app.count_ended, app.forwarding, app.replays))


def limits_of(settings: Settings) -> ListenerLimits:
    """The listener's bounds: connections may use up the files that the system allows, less those for other uses."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = OTHER_FILES + 2 * settings.upstream_concurrency
    bound = 0 if most == resource.RLIM_INFINITY else max(most - others, most // 2)
    return ListenerLimits(connections_per_peer=settings.connections_per_address, connections=bound)


def return_large_blocks() -> bool:
    """Have glibc give blocks of 32 KiB and more back to the system once they are freed; False for other C libraries.

    Else it keeps them for later, with gaps between: a full cache took 1.46 times its bytes from 128 KiB on, so 1.22.
    """
    with contextlib.suppress(OSError, TypeError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, OWN_PAGES_BYTES))
    return False


def listener_config(
    app: Callable[..., Any], *, protocol: type[asyncio.Protocol] = Protocol, graceful_seconds: int = GRACEFUL_SECONDS
) -> uvicorn.Config:
    """How uvicorn is run, wherever it is run (FAULTS 8); what has begun has `graceful_seconds` at the end."""
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # of a tick before the request came: see DatedHeaders
        proxy_headers=False,  # a client could claim any address (FAULTS T34)
        reset_contextvars=True,  # else one request's context reaches the next of its connection (FAULTS T22)
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=graceful_seconds,
    )


class Server(uvicorn.Server):
    """A server beside others of the process: signals are not its business; `listening` is set once it answers."""

    server_state: ListenerState

    def __init__(self, app: Callable[..., Any], listener: socket.socket, state: ListenerState) -> None:
        super().__init__(listener_config(app))
        self.server_state = state
        self.listener, self.listening = listener, asyncio.Event()
        self.drains = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for all servers of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, with our own acceptor of connections, and say where it listens."""
        await super().startup([])

        def protocol() -> Protocol:
            return Protocol(self.config, self.server_state, self.lifespan.state)

        self.servers = [cast("asyncio.Server", Acceptor(listener, protocol)) for listener in sockets or ()]
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        """As inherited, ten times a second."""
        if counter % TICKS_A_SECOND == 0:
            self.server_state.watch_closes()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then as inherited: whoever comes before a balancer knows is answered, and told not to come again."""
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
    beside: Beside | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second one does not wait for clients.

    `ready` is called once all answer, `ending` before they finish what they have begun, and `reload` on SIGHUP. What
    runs `beside` them may end them, too. They end in reverse: a server may ask those before it to the last.
    """
    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(_serve(servers, ready, ending, reload, beside))


def freeze_startup_objects() -> None:
    """Take the objects of the start for lasting: looking through them, the collector held the loop for 77 ms.

    From now on it looks when YOUNG have come: with Python's 700 it took an eighth of the time while a thousand waited.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    gc.enable()


async def _serve(
    servers: Sequence[Server],
    ready: Callable[[], None],
    ending: Callable[[], None],
    reload: Callable[[], Awaitable[None]] | None,
    beside: Beside | None,
) -> None:
    halted, limit = asyncio.Event(), asyncio.timeout(None)
    halt = _on_signals(servers, halted, limit)
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    if reload:
        signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(asked.set))
    pass_over = signal.SIG_IGN if beside else lambda *_: loop.call_soon_threadsafe(_tell_nothing_is_replaced)
    signal.signal(signal.SIGUSR2, pass_over)  # one for a whole service reaches workers, too
    release_signals()
    try:
        async with limit, asyncio.TaskGroup() as group:
            running = {server: group.create_task(server.serve(sockets=[server.listener])) for server in servers}
            for server in servers:
                await server.listening.wait()
            tasks = [group.create_task(_reloading(reload, asked))] if reload else []
            if beside:
                tasks.append(group.create_task(beside(partial(halt, signal.SIGTERM))))
            freeze_startup_objects()
            ready()
            await halted.wait()
            for task in tasks:
                task.cancel()
            ending()
            limit.reschedule(asyncio.get_running_loop().time() + MOST_SECONDS_TO_END)
            for server, task in reversed(running.items()):
                server.should_exit = True
                await task
    except TimeoutError:
        logger.error(CUT_OFF)
    pass_over_signals()


def _on_signals(
    servers: Sequence[Server], halted: asyncio.Event, limit: asyncio.Timeout
) -> Callable[[signal.Signals], None]:
    """Have the signals end the servers; gives the function that does."""
    loop = asyncio.get_running_loop()

    def halt(number: int) -> None:
        if halted.is_set():
            with contextlib.suppress(RuntimeError):  # all is over already
                limit.reschedule(loop.time())
        for server in servers:
            server.drains = number == signal.SIGTERM
        halted.set()

    for number in STOPS:
        signal.signal(number, lambda caught, _: loop.call_soon_threadsafe(halt, caught))
    return halt


def _tell_nothing_is_replaced() -> None:
    logger.warning(NOTHING_IS_REPLACED)


async def _reloading(reload: Callable[[], Awaitable[None]], asked: asyncio.Event) -> None:
    """Until cancelled; an order that comes while one is carried out is carried out after it."""
    while True:
        await asked.wait()
        asked.clear()
        await reload()
