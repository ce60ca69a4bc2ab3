"""Connections are taken a few at a time: a burst of five hundred, taken at once, held the loop for 60 ms."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

TAKEN_AT_ONCE = 2  # in one turn of the loop, about 0.2 ms: whoever is in already waits two or three turns for an answer
PAUSE_SECONDS = 1.0  # where the process or the system has no file left for another one
MOST_UNSENT = 128 * 1024  # bytes of one connection that the system takes to send later; else 2.8 MB, in one turn
LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # tcp(7)


class Acceptor:
    """Takes connections from a listening socket until it is closed; to uvicorn it is an asyncio server."""

    def __init__(self, listener: socket.socket, factory: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._factory = factory
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._go_on()

    def close(self) -> None:
        """Take no more."""
        if self._pause is not None:
            self._pause.cancel()
        with contextlib.suppress(OSError, ValueError):  # the socket is closed already
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Nothing is left to wait for, but connections that have just been taken."""
        if self._coming:
            await asyncio.wait(self._coming)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._take)

    def _take(self) -> None:
        for _ in range(TAKEN_AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(PAUSE_SECONDS, self._go_on)
                return
            connection.setblocking(False)
            with contextlib.suppress(OSError):  # the client has gone already
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if LOWAT is not None:
                    connection.setsockopt(socket.IPPROTO_TCP, LOWAT, MOST_UNSENT)
            coming = self._loop.create_task(self._connected(connection))
            self._coming.add(coming)
            coming.add_done_callback(self._coming.discard)

    async def _connected(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(self._factory, connection)
