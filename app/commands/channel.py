"""The channel between a supervisor and a worker: lines of JSON. It tells the worker its part, and who is gone.

A worker says that it is `ready`, asks to `collect` the figures of all, gives its own where it is asked to `tell` them,
and at its end.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from itertools import count
from typing import Any

from app.commands.sockets import FIRST_INHERITED
from app.settings import is_supervised
from app.workers import Worker, block_of

LONGEST_LINE = 16 * 1024 * 1024
COLLECTED_SECONDS = 0.5  # longer than the supervisor waits for the others
_LONGEST_PART = 4096

Figures = Callable[[], bytes]


def hand_over(channel: socket.socket, worker: Worker) -> None:
    """Tell a worker its part; one that has ended already is not told."""
    part = {"number": worker.number, "place": worker.place, "workers": worker.workers, "secret": worker.secret.hex()}
    with contextlib.suppress(OSError):
        channel.sendall(line(**part))


def line(**message: object) -> bytes:
    """A message as it is sent."""
    return json.dumps(message).encode() + b"\n"


class Supervised:
    """The worker's end of the channel that it was handed; `worker` is its part, `memory` a descriptor."""

    def __init__(self, channel: socket.socket, memory: int) -> None:
        self._channel = channel
        part = json.loads(channel.recv(_LONGEST_PART))
        secret, block = bytes.fromhex(part["secret"]), block_of(memory, part["number"])
        self.worker = Worker(part["number"], part["place"], part["workers"], secret, block)
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = count()

    async def follow(self, figures: Figures, gone: Callable[[], None]) -> None:
        """Say that it is ready, and give figures when asked; where the supervisor is gone, tell that."""
        last = self._channel.dup()
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=self._channel, limit=LONGEST_LINE)
            self._writer.write(line(ready=True))
            with contextlib.suppress(OSError):
                while told := await reader.readline():
                    self._take(json.loads(told), figures)
            gone()
        finally:
            self._channel = last
            if self._writer is not None:
                self._writer.close()

    async def total(self, own: bytes) -> bytes:
        """The figures of all workers, in text for Prometheus; just our `own` where the supervisor does not answer."""
        if self._writer is None:
            return own
        number = next(self._numbers)
        asked = self._asked[number] = asyncio.get_running_loop().create_future()
        self._writer.write(line(collect=number, figures=own.decode()))
        try:
            await asyncio.wait({asked}, timeout=COLLECTED_SECONDS)
            return asked.result() if asked.done() else own
        finally:
            del self._asked[number]

    def end(self, figures: Figures) -> None:
        """Give the last figures."""
        with self._channel, contextlib.suppress(OSError):
            self._channel.settimeout(COLLECTED_SECONDS)
            self._channel.sendall(line(figures=figures().decode()))

    def _take(self, told: dict[str, Any], figures: Figures) -> None:
        if "tell" in told and self._writer is not None:
            self._writer.write(line(figures=figures().decode()))
        elif (asked := self._asked.get(told.get("collected", -1))) and not asked.done():
            asked.set_result(told["figures"].encode())


def supervised() -> Supervised | None:
    """The channel of this process to its supervisor, where it has one."""
    if not is_supervised():
        return None
    channel = socket.socket(fileno=FIRST_INHERITED + 1)
    channel.set_inheritable(False)
    return Supervised(channel, FIRST_INHERITED + 2)
