"""Whether others are answered while much is parsed and flattened."""

import asyncio
from functools import cache
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.client import Connection
from tests.benchmarks.figures import percentile
from tests.benchmarks.records import SAMPLE
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, Scene

MEGABYTES = 28
ROWS = MEGABYTES * 1_000_000 // len(SAMPLE)
BETWEEN_HITS = 0.005  # seconds; a hit is due whether the one before is answered or not


class Heavy(NamedTuple):
    """Milliseconds: the loop's longest gap, each hit's time from when it was due, and what the large report took."""

    stall: float
    hits: list[float]
    whole: float


def loop(scene: Scene) -> Measured:
    """The longest stall of the event loop."""
    heavy = _heavy(scene)
    return Measured(heavy.stall, f"{ROWS:,} rows in {heavy.whole / 1000:.1f} s")


def hits(scene: Scene) -> Measured:
    """The 99th percentile of hits meanwhile."""
    heavy = _heavy(scene)
    note = f"{len(heavy.hits)} hits, median {percentile(heavy.hits, 50):.1f} ms, longest {max(heavy.hits):.1f} ms"
    return Measured(percentile(heavy.hits, 99), note)


@cache
def _heavy(scene: Scene) -> Heavy:
    with scene.another_facade("tests.benchmarks.watched", wait_seconds=60) as facade:
        return asyncio.run(_watch(facade.url, f"/interactions?attr={scene.new(ROWS)}&limit={ROWS}"))


async def _watch(url: str, target: str) -> Heavy:
    large = await Connection.to(url)
    await large.good(HIT)
    await large.good("/bench/watch")
    began = perf_counter()
    asking = asyncio.create_task(large.good(target))
    taken = await _hits_until(asking, url)
    stall = float((await large.good("/bench/stall")).body)
    await large.close()
    return Heavy(stall, taken, 1000 * ((await asking).first_byte or perf_counter() - began))


async def _hits_until(asking: asyncio.Task[object], url: str) -> list[float]:
    idle: list[Connection] = []
    hits: list[asyncio.Task[float]] = []

    async def one(due: float) -> float:
        connection = idle.pop() if idle else await Connection.to(url)
        await connection.good(HIT)
        idle.append(connection)
        return 1000 * (perf_counter() - due)

    began = perf_counter()
    while not asking.done():
        hits.append(asyncio.create_task(one(began + len(hits) * BETWEEN_HITS)))
        await asyncio.sleep(began + len(hits) * BETWEEN_HITS - perf_counter())
    taken = await asyncio.gather(*hits)
    await asyncio.gather(*(connection.close() for connection in idle))
    return taken
