"""What the cache costs in memory: for each interaction, and the whole process when it is full."""

import asyncio
import gc
import tracemalloc

from starlette.types import ASGIApp

from app.main import create_app
from app.settings import load
from tests.benchmarks.client import fetched
from tests.benchmarks.inside import answered, started
from tests.benchmarks.load import ask_all
from tests.benchmarks.records import TENANT_ID, records
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene

TIMES_FULL = 1.5
ANSWER_ROWS = 100
WAIT_SECONDS = 60  # who counts what is allocated is slow
MIB = 1024 * 1024


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


def _answer(scene: Scene) -> str:
    return f"/interactions?attr={scene.new(ANSWER_ROWS)}&limit={ANSWER_ROWS}"
