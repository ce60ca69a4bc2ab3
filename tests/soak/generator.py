"""Load in an open model: requests leave when they are due, whoever still waits; time counts from when they were due."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from math import ceil
from time import perf_counter

from tests.benchmarks.client import Connection

LATE_SECONDS = 0.05  # a request that leaves later than this was not on schedule
MOST_LATE = 0.01  # of all; beyond that the run says more of the generator than of the server
SECONDS_TO_ANSWER = 15
GOOD = frozenset({200, 304})
ADDRESSES = 64  # the crowd comes from so many of loopback's, as one may have 200 connections only


@dataclass
class Load:
    """What came of a run: seconds from the due time, what failed and how, and how many left late."""

    latencies: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    late: int = 0
    planned: int = 0

    def __add__(self, other: "Load") -> "Load":
        """Both together."""
        failures = self.failures + other.failures
        return Load(self.latencies + other.latencies, failures, self.late + other.late, self.planned + other.planned)

    def at(self, share: float) -> float:
        """The latency in milliseconds that this share stays within."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, ceil(share * len(ordered)) - 1)] if ordered else float("nan")

    @property
    def is_void(self) -> bool:
        """Whether the generator missed its schedule."""
        return self.late > MOST_LATE * self.planned

    def words(self) -> str:
        """The distribution, the failures, and whether the run counts."""
        times = f"p50 {self.at(0.5):.1f}, p99 {self.at(0.99):.1f}, p99.9 {self.at(0.999):.1f}, max {self.at(1):.1f} ms"
        failed = ", ".join(f"{count} {what}" for what, count in self.failures.most_common(4)) or "none"
        void = f"; VOID, {self.late} of {self.planned} left late" if self.is_void else ""
        return f"{len(self.latencies):,} answered: {times}; failed: {failed}{void}"


class Generator:
    """Asks one server, over kept connections unless each is to be new."""

    def __init__(self, url: Callable[[], str], *, keeps: bool = True, good: frozenset[int] = GOOD) -> None:
        self._url = url
        self._keeps = keeps
        self._good = good
        self._idle: list[Connection] = []
        self._address = cycle(range(ADDRESSES))

    async def run(self, targets: list[str], rate: float, seconds: float) -> Load:
        """So many a second, for so long, and until the last is answered."""
        load, due, began = Load(), 0, perf_counter()
        tasks: set[asyncio.Task[None]] = set()
        turn = cycle(targets)
        load.planned = int(rate * seconds)
        while due < load.planned:
            now = perf_counter() - began
            while due < load.planned and due / rate <= now:
                load.late += now - due / rate > LATE_SECONDS
                task = asyncio.create_task(self._one(next(turn), began + due / rate, load))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                due += 1
            await asyncio.sleep(max(0.0, due / rate - (perf_counter() - began)))
        if tasks:
            await asyncio.wait(set(tasks))
        for connection in self._idle:
            connection._writer.close()
        self._idle.clear()
        return load

    async def _one(self, target: str, due: float, load: Load) -> None:
        try:
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                status = await self._status(target)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            load.failures[type(error).__name__] += 1
            return
        if status in self._good:
            load.latencies.append(perf_counter() - due)
        else:
            load.failures[str(status)] += 1

    async def _status(self, target: str) -> int:
        connection = next(self._open(), None) or await connected(self._url(), next(self._address))
        try:
            received = await connection.get(target)
        except BaseException:
            connection._writer.close()
            raise
        if self._keeps and dict(received.headers).get("connection") != "close":
            self._idle.append(connection)
        else:
            connection._writer.close()
        return received.status

    def _open(self) -> Iterator[Connection]:
        """Kept connections that the server has not ended while they were idle (RFC 9112 section 9.3)."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                yield connection


async def connected(url: str, address: int) -> Connection:
    """A connection from one of loopback's addresses."""
    port, local = int(url.rpartition(":")[2]), (f"127.0.2.{1 + address % ADDRESSES}", 0)
    return Connection(*await asyncio.open_connection("127.0.0.1", port, local_addr=local), f"127.0.0.1:{port}")
