"""How long ordinary answers hold the loop: many rows in every format and coding, cold and from the store."""

import asyncio
from collections.abc import Iterator
from itertools import cycle
from typing import NamedTuple

from tests.benchmarks.client import fetched
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import HIT, Scene

FORMATS = {
    "json": "format=json",
    "records": "shape=records",
    "columns": "shape=columns",
    "ndjson": "format=ndjson",
    "csv": "format=csv",
    "excel": "format=csv&csv=excel",
    "lists": "include=attributes,agents,queues,segments,notes,talk_times",
    "sorted": "sort=duration_seconds",
}
CODINGS = ("identity", "gzip", "zstd")
CACHE_BYTES = 1024 * 1024 * 1024  # all that is made here is to be stored
WAIT_SECONDS = 60


class Stall(NamedTuple):
    """What one answer took at a time of the loop, in milliseconds: by the clock, and of the processor."""

    what: str
    clock: float
    worked: float


def stalls(scene: Scene) -> Measured:
    """The longest stall of all of them; where it was, and the longest by processor time."""
    rows = scene.budget.rows[-1]
    command = "tests.benchmarks.watched"
    with scene.another_facade(command, cache_bytes=CACHE_BYTES, wait_seconds=WAIT_SECONDS) as facade:
        found = asyncio.run(_watched(facade.url, rows, [scene.new(rows) for _ in FORMATS]))
    longest = max(found, key=lambda one: one.clock)
    told = "; ".join(
        f"{kind} at most {max(one.clock for one in found if one.what.startswith(kind)):.0f}"
        for kind in ("cold", "made", "coded")
    )
    worked = max(one.worked for one in found)
    return Measured(
        longest.clock,
        f"{rows:,} rows, {len(found)} answers: {told}; longest {longest.what}, of the processor {worked:.0f}",
    )


async def _watched(url: str, rows: int, values: list[str]) -> list[Stall]:
    await fetched(url, HIT)
    found = []
    for what, target, coding in _asked(rows, values):
        await fetched(url, "/bench/watch")
        await fetched(url, target, {"Accept-Encoding": coding})
        clock, worked = [float((await fetched(url, path)).body) for path in ("/bench/stall", "/bench/worked")]
        found.append(Stall(what, clock, worked))
    return found


def _asked(rows: int, values: list[str]) -> Iterator[tuple[str, str, str]]:
    """What is measured, target and coding: each report cold, another answer made of it, and that in other codings."""
    for value, (name, query), first in zip(values, FORMATS.items(), cycle(CODINGS)):
        cold = f"/interactions?attr={value}&limit={rows}&{query}"
        yield f"cold {name} {first}", cold, first
        for number, coding in enumerate(CODINGS):
            made = f"{cold}&download=1"
            yield f"{'coded' if number else 'made'} {name} {coding}", made, coding
