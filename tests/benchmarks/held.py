"""Whether others are answered while questions are answered from many rows that are held."""

import asyncio
from time import perf_counter
from typing import NamedTuple

import httpx

from tests.benchmarks.client import Unanswered, fetched
from tests.benchmarks.processes import process
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import Scene

MIB = 1024 * 1024
ROW_BYTES = 2_000  # room for each in the cache
WAIT_SECONDS = 120
ANEW = {"cache-control": "no-cache"}
QUESTIONS = (
    "/interactions?limit=100",
    "/interactions?from=2026-02-28&limit=10000",
    "/interactions?from=2026-02-20&to=2026-02-21&direction=inbound&limit=1000",
    "/queue-entries/summary?from=2026-02-25&by=queue_name&measures=offered_count,service_level",
)


class Answered(NamedTuple):
    """Of one question: the loop's longest gap by clock and by processor, and how long it took, in milliseconds."""

    target: str
    stall: float
    worked: float
    taken: float


def stalls(scene: Scene) -> Measured:
    """The longest stall by processor time: the clock also counts who else is on the machine."""
    rows, cores = scene.budget.held, scene.cores
    with (
        process(["tests.benchmarks.endless", str(rows)], cores.load, {}) as upstream,
        scene.another_facade(
            "tests.benchmarks.watched", upstream_url=upstream.url, cache_bytes=rows * ROW_BYTES
        ) as facade,
    ):
        start, began = facade.resident_bytes(), perf_counter()
        lines = _streamed(facade.url)
        filled, grown = perf_counter() - began, facade.resident_bytes() - start
        answered = asyncio.run(_asked(facade.url))
    if lines != rows:
        raise Unanswered(f"{lines} lines of {rows} rows.")
    worst = max(answered, key=lambda one: one.worked)
    note = (
        f"{rows:,} rows filled in {filled:.0f} s, {grown / rows:,.0f} bytes a row; "
        f"{worst.target} in {worst.taken:.0f} ms; "
        f"by the clock {max(one.stall for one in answered):.1f} ms"
    )
    return Measured(worst.worked, note)


def _streamed(url: str) -> int:
    lines = 0
    target = f"{url}/interactions.ndjson?limit=all&fields=interaction_id"
    with httpx.stream("GET", target, timeout=WAIT_SECONDS, trust_env=False) as answer:
        for part in answer.iter_bytes():
            lines += part.count(b"\n")
    return lines


async def _asked(url: str) -> list[Answered]:
    answered = []
    for target in QUESTIONS:
        for headers in ({}, ANEW):
            await fetched(url, "/bench/watch")
            began = perf_counter()
            await fetched(url, target, headers)
            taken = 1000 * (perf_counter() - began)
            stall, worked = [float((await fetched(url, path)).body) for path in ("/bench/stall", "/bench/worked")]
            answered.append(Answered(target, stall, worked, taken))
    return answered
