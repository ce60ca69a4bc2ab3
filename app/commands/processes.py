"""A worker as its supervisor sees it: a new process, the sockets it is handed, and its end of the channel."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path

from app.commands.channel import LONGEST_LINE, hand_over
from app.commands.sockets import FIRST_INHERITED
from app.settings import SUPERVISED
from app.workers import Worker

ROOT = Path(__file__).parents[2]
TAKES = f"""
import os, sys
_, given, root = sys.argv[:3]
for number, descriptor in enumerate(map(int, given.split(",")), {FIRST_INHERITED}):
    os.dup2(descriptor, number)
    os.close(descriptor)
os.environ.update({SUPERVISED!r}, LISTEN_PID=str(os.getpid()))
sys.path.append(root)
del sys.argv[1:3]
from app.__main__ import main
main()
"""
"""The program of a worker: ours, from wherever it was imported here, whatever the current folder holds."""


def command(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command of a worker, in the parts between which `start` names its descriptors; `arguments` are ours."""
    return [sys.executable, "-P", "-c", TAKES], [str(ROOT), *arguments]


@dataclass(eq=False)
class Process:
    """A worker under way, and the supervisor's end of its channel."""

    worker: Worker
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    must_reload: bool = False
    is_ending: bool = False  # it was told to end
    replacements: int = 0  # asked for before it was started
    figures: str = ""  # told last
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def end(self, number: int) -> None:
        """Have it end; told again, it waits for nobody."""
        self.is_ending = True
        self.signal(number)

    def reload(self) -> None:
        """Have it read its settings again, once it is ready: before, SIGHUP might end it."""
        self.must_reload = not self.is_ready.is_set()
        if not self.must_reload:
            self.signal(signal.SIGHUP)

    def got_ready(self) -> None:
        """It answers."""
        self.is_ready.set()
        if self.must_reload:
            self.reload()

    async def settled(self) -> bool:
        """Wait until it is ready, or has ended; whether it is ready."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.is_ready, self.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        return not self.ended.is_set()


async def start(
    command: tuple[Sequence[str], Sequence[str]], listener: socket.socket, memory: int, worker: Worker
) -> Process:
    """Start a worker, which is told its part; `memory` is the descriptor of what all share.

    It has a process group of its own: what a terminal sends to ours is the supervisor's to pass on.
    """
    ours, theirs = socket.socketpair()
    program, arguments = command
    with theirs, contextlib.ExitStack() as copies:
        given = [_copied(one, copies) for one in (listener.fileno(), theirs.fileno(), memory)]
        process = await asyncio.create_subprocess_exec(
            *program, ",".join(map(str, given)), *arguments, pass_fds=given, process_group=0
        )
    hand_over(ours, worker)
    reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_LINE)
    return Process(worker, process, reader, writer)


def _copied(descriptor: int, copies: contextlib.ExitStack) -> int:
    """A copy that is none of the descriptors at which a worker finds what it is handed; it is closed with the stack."""
    copy = fcntl(descriptor, F_DUPFD_CLOEXEC, FIRST_INHERITED + len(SUPERVISED["LISTEN_FDNAMES"].split(":")))
    copies.callback(os.close, copy)
    return copy
