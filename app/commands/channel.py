"""The channel between a supervisor and a worker: lines of JSON. It tells the worker its part, and who is gone."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable

from app.commands.sockets import FIRST_INHERITED
from app.settings import is_supervised
from app.workers import Worker, block_of

LONGEST_LINE = 16 * 1024 * 1024
READY = "ready"
_LONGEST_PART = 4096


def hand_over(channel: socket.socket, worker: Worker) -> None:
    """Tell a worker its part; one that has ended already is not told."""
    part = {"number": worker.number, "place": worker.place, "workers": worker.workers, "secret": worker.secret.hex()}
    with contextlib.suppress(OSError):
        channel.sendall(line(part))


def line(message: dict[str, object]) -> bytes:
    """A message as it is sent."""
    return json.dumps(message).encode() + b"\n"


class Supervised:
    """The worker's end of the channel that it was handed; `worker` is its part, `memory` a descriptor."""

    def __init__(self, channel: socket.socket, memory: int) -> None:
        self._channel = channel
        part = json.loads(channel.recv(_LONGEST_PART))
        secret, block = bytes.fromhex(part["secret"]), block_of(memory, part["number"])
        self.worker = Worker(part["number"], part["place"], part["workers"], secret, block)

    async def follow(self, gone: Callable[[], None]) -> None:
        """Say that it is ready; then wait until the supervisor is gone, and tell that."""
        reader, writer = await asyncio.open_unix_connection(sock=self._channel, limit=LONGEST_LINE)
        writer.write(line({READY: True}))
        with contextlib.suppress(OSError):
            while await reader.readline():
                pass
        writer.close()
        gone()


def supervised() -> Supervised | None:
    """The channel of this process to its supervisor, where it has one."""
    if not is_supervised():
        return None
    channel = socket.socket(fileno=FIRST_INHERITED + 1)
    channel.set_inheritable(False)
    return Supervised(channel, FIRST_INHERITED + 2)
