"""Whether others are answered while much is parsed and flattened."""

import asyncio
from functools import cache
from time import perf_counter
from typing import NamedTuple

from tests.benchmarks.client import Connection
from tests.benchmarks.figures import percentile
from tests.benchmarks.records import records
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, Scene

MEGABYTES = 28
SAMPLED_ROWS = 1_000
BETWEEN_HITS = 0.005  # seconds; a hit is due whether the one before is answered or not


class Heavy(NamedTuple):
    """Milliseconds: the loop's longest gap by clock and by processor, each hit's time from when it was due, and all."""

    stall: float
    worked: float
    hits: list[float]
    whole: float


def loop(scene: Scene) -> Measured:
    """The longest stall of the event loop."""
    heavy = _heavy(scene)
    return Measured(
        heavy.stall, f"{_rows():,} rows in {heavy.whole / 1000:.1f} s; of the processor {heavy.worked:.1f} ms"
    )


def hits(scene: Scene) -> Measured:
    """The 99th percentile of hits meanwhile."""
    heavy = _heavy(scene)
    note = f"{len(heavy.hits)} hits, median {percentile(heavy.hits, 50):.1f} ms, longest {max(heavy.hits):.1f} ms"
    return Measured(percentile(heavy.hits, 99), note)


@cache
def _heavy(scene: Scene) -> Heavy:
    with scene.another_facade("tests.benchmarks.watched", wait_seconds=60) as facade:
        return asyncio.run(_watch(facade.url, f"/interactions?attr={scene.new(_rows())}&limit={_rows()}"))


def _rows() -> int:
    return MEGABYTES * 1_000_000 * SAMPLED_ROWS // sum(map(len, records(SAMPLED_ROWS)))


async def _watch(url: str, target: str) -> Heavy:
    large = await Connection.to(url)
    await large.good(HIT)
    await large.good("/bench/watch")
    began = perf_counter()
    asking = asyncio.create_task(large.good(target))
    taken = await _hits_until(asking, url)
    stall = float((await large.good("/bench/stall")).body)
    worked = float((await large.good("/bench/worked")).body)
    await large.close()
    return Heavy(stall, worked, taken, 1000 * ((await asking).first_byte or perf_counter() - began))


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
