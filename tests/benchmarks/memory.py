"""What the cache costs in memory: for each interaction, and the whole process when it is full."""

import asyncio
import gc
import tracemalloc
from time import perf_counter

import httpx
from starlette.types import ASGIApp

from app.main import create_app
from app.settings import load
from tests.benchmarks.client import Unanswered, fetched
from tests.benchmarks.inside import answered, started
from tests.benchmarks.load import ask_all
from tests.benchmarks.processes import process
from tests.benchmarks.records import TENANT_ID, records
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene

TIMES_FULL = 1.5
ANSWER_ROWS = 100
WAIT_SECONDS = 60  # who counts what is allocated is slow
MIB = 1024 * 1024
CACHE_BYTES = 8 * MIB  # soon full: what a stream reads is held as long as there is room


def of_an_interaction(scene: Scene) -> Measured:
    """Bytes that stay allocated for a snapshot of records that all differ, against those records as JSON."""
    rows = scene.budget.report_rows
    json_bytes = sum(map(len, records(rows)))
    held = asyncio.run(_held(scene.upstream.url, f"/interactions?attr={scene.new(rows)}&limit={rows}&fields=direction"))
    return Measured(
        held / json_bytes, f"{held / rows:,.0f} of {json_bytes / rows:,.0f} bytes, {rows:,} different records"
    )


async def _held(url: str, target: str) -> int:
    """Bytes allocated for one miss that are still held when it is answered and forgotten by all but the cache."""
    app: ASGIApp = create_app(load(_settings(url), environ={}, env_file=None))
    async with started(app):
        await answered(app, "/interactions?attr=rows-1-warm")  # what is made once for all requests is there
        gc.collect()
        tracemalloc.start()
        await answered(app, target)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return held


def _settings(url: str) -> dict[str, object]:
    return {
        "upstream_url": url,
        "tenant_id": TENANT_ID,
        "username": "bench",
        "password": "bench-not-a-secret",
        "pseudonym_secret": "bench-pseudonym-not-a-secret",
        "wait_seconds": WAIT_SECONDS,
    }


def when_full(scene: Scene) -> Measured:
    """What the process grew by once more than fits has been stored, against the bound."""
    bound = scene.budget.cache_bytes
    with scene.another_facade(*SERVE, cache_bytes=bound) as facade:
        first = asyncio.run(fetched(facade.url, _answer(scene)))
        start = facade.resident_bytes()
        answers = [_answer(scene) for _ in range(int(TIMES_FULL * bound / len(first.body)))]
        asyncio.run(ask_all(facade.url, answers, scene.budget.fill_seconds))
        grown, most = facade.resident_bytes() - start, facade.most_resident_bytes() - start
    note = (
        f"start {start / MIB:.0f} MiB + {grown / MIB:.0f} MiB for {bound / MIB:.0f} MiB, at most + {most / MIB:.0f} MiB"
    )
    return Measured(grown / bound, note)


def of_an_export(scene: Scene) -> Measured:
    """What the process grew by at most, in MiB, while one answer of many rows was streamed."""
    rows, cores = scene.budget.exported, scene.cores
    with (
        process(["tests.benchmarks.endless", str(rows)], cores.load, {}) as upstream,
        scene.another_facade(*SERVE, upstream_url=upstream.url, cache_bytes=CACHE_BYTES) as facade,
    ):
        asyncio.run(fetched(facade.url, f"/interactions?limit={ANSWER_ROWS}"))
        start, began = facade.resident_bytes(), perf_counter()
        lines, halfway = 0, 0
        with httpx.stream("GET", f"{facade.url}/interactions.csv?limit=all", timeout=WAIT_SECONDS) as answer:
            for part in answer.iter_bytes():
                lines += part.count(b"\n")
                halfway = halfway or (lines > rows / 2 and facade.resident_bytes() - start)
        seconds, grown = perf_counter() - began, facade.resident_bytes() - start
        most = facade.most_resident_bytes() - start
    if lines != rows + 1:
        raise Unanswered(f"{lines} lines of {rows} rows and a header.")
    note = f"{rows:,} rows in {seconds:.0f} s; + {halfway / MIB:.0f} MiB halfway, + {grown / MIB:.0f} MiB at the end"
    return Measured(most / MIB, note)


def _answer(scene: Scene) -> str:
    return f"/interactions?attr={scene.new(ANSWER_ROWS)}&limit={ANSWER_ROWS}"
