"""Rows under a steady load: hits, overload, faults, growth over time, clients that are slow."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter

from tests.benchmarks.client import Connection, fetched
from tests.benchmarks.row import Measured
from tests.soak.generator import Generator, Load
from tests.soak.stage import Running, Stage, do, statuses, until

KEYS = 64
MIB = 1024 * 1024
WARM = [f"/interactions?attr=rows-1-hit{number}" for number in range(KEYS)]
SLOW_SENDERS, NON_READERS, PEER_CONNECTIONS = 500, 50, 150
RECEIPT_SECONDS = 10
HEALTH = "/health/live"
numbers = count()


def new(count: int, kind: str = "rows-1") -> list[str]:
    """Questions nobody has asked."""
    return [f"/interactions?attr={kind}-new{next(numbers)}" for _ in range(count)]


def warmed(running: Running) -> None:
    """Have the answers of WARM stored."""
    do(statuses(running.url, WARM))


def driven(running: Running, targets: list[str], rate: float, seconds: float) -> Load:
    """A steady load on one façade."""
    return do(Generator(lambda: running.url).run(targets, rate, seconds))


def hits(stage: Stage) -> Measured:
    """p99 of 1,000 hits a second."""
    with stage.facade() as running:
        warmed(running)
        load = driven(running, WARM, 1_000, stage.seconds(60))
    return Measured(_unless_failed(load, load.at(0.99)), load.words())


def overload(stage: Stage) -> Measured:
    """Misses answered under three times as many as can be, against as many as can be."""
    stage.control(delay=0.05)
    with stage.facade() as running:
        warmed(running)
        seconds = stage.seconds(20)
        ceiling = do(_closed_loop(running.url, seconds / 2))

        async def both() -> tuple[Load, Load]:
            data, health = Generator(lambda: running.url), Generator(lambda: running.url)
            misses = data.run(new(int(3 * ceiling * seconds) + 1), 3 * ceiling, seconds)
            return await misses, await health.run([HEALTH], 20, 1)

        began = perf_counter()
        load, _ = do(both())
        good = len(load.latencies) / (perf_counter() - began)
        after = driven(running, WARM, 200, 2)
        _, back = do(statuses(running.url, new(1)))
    note = (
        f"ceiling {ceiling:.0f} misses/s; {load.words()}; hits after it: {after.words()}; a miss after it {back:.2f} s"
    )
    return Measured(good / ceiling, note)


async def _closed_loop(url: str, seconds: float, clients: int = 16) -> float:
    began, answered = perf_counter(), 0

    async def client() -> None:
        nonlocal answered
        connection = await Connection.to(url)
        while perf_counter() - began < seconds:
            await connection.good(new(1)[0])
            answered += 1
        await connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered / (perf_counter() - began)


def fault_soak(stage: Stage) -> Measured:
    """Warm keys while three answers of ten are wrong: failures."""
    with stage.facade(fresh_open_seconds=1, fresh_max_seconds=1, auth="basic") as running:
        warmed(running)
        stage.control(faults=0.3)
        load = driven(running, WARM, 100, stage.seconds(180))
        cold = do(Generator(lambda: running.url, good=frozenset({200, 502, 503, 504})).run(new(200), 50, 4))
    is_late = max(load.at(1), cold.at(1)) > 10_100 or not cold.latencies
    note = f"warm: {load.words()}; cold, problems allowed: {cold.words()}"
    return Measured(load.failures.total() + is_late, note)


def slope(stage: Stage) -> Measured:
    """Growth in MiB a minute under 300 requests a second, a tenth of them misses, the cache full."""
    targets = [one for part in range(200) for one in [*WARM[:18], *new(2)]]
    with stage.facade(cache_bytes=4 * MIB) as running:
        warmed(running)
        driven(running, targets, 300, stage.seconds(60))
        samples: list[tuple[float, float]] = []

        async def sampled() -> Load:
            sampling = asyncio.create_task(_sample(running, samples))
            load = await Generator(lambda: running.url).run(targets, 300, stage.seconds(240))
            sampling.cancel()
            return load

        files = open_files(running)
        load = do(sampled())
        left = open_files(running) - files
    return Measured(60 * _slope(samples), f"{len(samples)} samples; open files {left:+d}; {load.words()}")


async def _sample(running: Running, samples: list[tuple[float, float]]) -> None:
    while True:
        samples.append((perf_counter(), running.resident_bytes() / MIB))
        await asyncio.sleep(1)


def _slope(samples: list[tuple[float, float]]) -> float:
    """Least squares."""
    times, sizes = [one for one, _ in samples], [one for _, one in samples]
    middle, mean = sum(times) / len(times), sum(sizes) / len(sizes)
    spread = sum((one - middle) ** 2 for one in times)
    return sum((time - middle) * (size - mean) for time, size in samples) / spread if spread else 0.0


def slow_clients(stage: Stage) -> Measured:
    """p99 of hits while hundreds send slowly or do not read, against that without them; and when those are gone."""
    seconds = stage.seconds(80)  # the moment in which 550 connect is far less than one part of a hundred
    large = "/interactions?attr=rows-3000-large&limit=3000"
    with stage.facade() as running:
        warmed(running)
        do(fetched(running.url, large))
        base = driven(running, WARM, 300, seconds)
        files = open_files(running)
        most = files + NON_READERS + 40  # the load opens some too, while five hundred arrive

        async def driven_until_gone() -> tuple[Load, float]:
            load = Generator(lambda: running.url).run(WARM, 300, seconds)
            gone = until(partial(_holds_at_most, running, most), RECEIPT_SECONDS + 5)
            return await asyncio.gather(load, gone)

        with _crowd(running, large):
            load, left = do(driven_until_gone())
    note = f"without: {base.words()}; with: {load.words()}; slow senders gone after {left:.1f} s at most"
    return Measured(_unless_failed(load, load.at(0.99) / base.at(0.99)), note)


async def _holds_at_most(running: Running, most: int) -> bool:
    return open_files(running) <= most


@contextmanager
def _crowd(running: Running, large: str) -> Iterator[None]:
    """Slow senders and non-readers, from several addresses, as one may have 200 connections only."""
    port, clients = int(running.url.rpartition(":")[2]), list[socket.socket]()
    for number in range(SLOW_SENDERS + NON_READERS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.bind((f"127.0.1.{1 + number // PEER_CONNECTIONS}", 0))
        client.connect(("127.0.0.1", port))
        is_reading = number < SLOW_SENDERS
        client.send(b"GET /inter" if is_reading else f"GET {large} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        clients.append(client)
    try:
        yield
    finally:
        for client in clients:
            client.close()


def open_files(running: Running) -> int:
    """How many files and sockets a process holds."""
    return sum(1 for _ in Path(f"/proc/{running.pid}/fd").iterdir())


def gauge(running: Running, name: str) -> float:
    """A figure of /metrics, summed over its labels."""
    text = do(fetched(running.url, "/metrics")).body.decode()
    return sum(float(found) for found in re.findall(rf"(?m)^cxfacade_{name}(?:\{{.*\}})? (\S+)$", text))


def _unless_failed(load: Load, value: float) -> float:
    return value if not load.failures else float("inf")
