"""The processes of one row: an upstream, façades in front of it, and a socket that outlives them."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import uvloop

from tests.benchmarks.client import Connection, fetched
from tests.benchmarks.machine import Cores, pinned
from tests.benchmarks.processes import KEPT, ROOT, Running, ending, process
from tests.benchmarks.records import TENANT_ID
from tests.soak.upstream import FIRST_PASSWORD

T = TypeVar("T")

SERVE = ("app", "serve", "--port", "0", "--log-level", "error")
DAY = 86_400
HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One upstream, and how to start façades; `scale` shortens what takes long in FAULTS."""

    upstream: Running
    cores: Cores
    scale: float
    folder: Path

    def seconds(self, whole: float) -> float:
        """So many of FAULTS' seconds, scaled."""
        return max(2.0, whole * self.scale)

    def control(self, **orders: Any) -> dict[str, int]:
        """Tell upstream; its counts."""
        query = "&".join(f"{name}={value}" for name, value in orders.items())
        told: dict[str, int] = json.loads(do(fetched(self.upstream.url, f"/control?{query}")).body)
        return told

    @contextmanager
    def facade(self, **settings: Any) -> Iterator[Running]:
        """A façade as operators start it."""
        with process(SERVE, self.cores.server, environ(self.upstream.url, settings)) as running:
            yield running

    @contextmanager
    def listening(self) -> Iterator[socket.socket]:
        """A socket that takes connections, whoever serves them."""
        with closing(socket.create_server(("127.0.0.1", 0), backlog=2048)) as listener:
            yield listener

    def heir(self, listener: socket.socket, **settings: Any) -> subprocess.Popen[str]:
        """A façade that serves an open socket; to be ended by whoever starts it."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        with pinned(self.cores.server):
            return subprocess.Popen(
                [sys.executable, "-c", HANDED_OVER, str(listener.fileno()), *SERVE],
                cwd=ROOT,
                env={**kept, **environ(self.upstream.url, settings)},
                pass_fds=[listener.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )


@contextmanager
def staged(cores: Cores, scale: float, folder: Path) -> Iterator[Stage]:
    """An upstream of a row's own."""
    with process(["tests.soak.upstream"], cores.load, {}) as upstream:
        yield Stage(upstream, cores, scale, folder)


def environ(upstream_url: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a façade; those given in small letters, without prefix."""
    known = {
        "upstream_url": upstream_url,
        "tenant_id": TENANT_ID,
        "username": "soak",
        "password": FIRST_PASSWORD,
        "pseudonym_secret": "soak-pseudonym-not-a-secret",
        "time_zone": "UTC",
        "anonymous_scopes": "read,metrics:read",
        "fresh_open_seconds": DAY,
        **settings,
    }
    return {f"CXF_{name.upper()}": str(value) for name, value in known.items() if value is not None}


def do(awaited: Awaitable[T]) -> T:
    """What comes of it, on a quick loop."""

    async def awaiting() -> T:
        return await awaited

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(awaiting())


def wait_until_ready(heir: subprocess.Popen[str]) -> None:
    """Until it has said that it serves."""
    assert heir.stdout is not None
    heir.stdout.readline()


def url_of(listener: socket.socket) -> str:
    """Where a socket listens."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def statuses(url: str, targets: list[str]) -> tuple[list[int], float]:
    """All asked at once, each on a connection of its own: how they were answered, and when the last one was."""
    began = perf_counter()

    async def one(target: str) -> int:
        connection = await Connection.to(url)
        try:
            return (await connection.get(target)).status
        finally:
            connection._writer.close()

    return list(await asyncio.gather(*map(one, targets))), perf_counter() - began


async def until(condition: Callable[[], Awaitable[bool]], most_seconds: float) -> float:
    """Seconds until it holds, asked a hundred times a second; infinite where that takes too long."""
    began = perf_counter()
    while perf_counter() - began < most_seconds:
        if await condition():
            return perf_counter() - began
        await asyncio.sleep(0.01)  # a process of its own: there is no event to wait for
    return float("inf")


__all__ = ["Running", "Stage", "do", "ending", "environ", "staged", "statuses", "until", "url_of", "wait_until_ready"]
