"""What the cache costs in memory: for each interaction, and the whole process when it is full."""

import asyncio
import base64
import gc
import tracemalloc
from urllib.parse import urlencode

import msgspec
from starlette.types import ASGIApp

from app.main import create_app
from app.settings import load
from app.simulator import SimulatorOptions
from tests.benchmarks.client import fetched
from tests.benchmarks.inside import answered, started
from tests.benchmarks.load import ask_all
from tests.benchmarks.processes import process
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene

OPTIONS = SimulatorOptions()
PAGE_ROWS = 1_000
TIMES_FULL = 1.5
ANSWER_ROWS = 100
MIB = 1024 * 1024


def of_an_interaction(scene: Scene) -> Measured:
    """Bytes that stay allocated for a report of the simulator's varied records, against those records as JSON."""
    rows = scene.budget.report_rows
    value = "SIM-10K" if rows == 10_000 else f"SIM-{rows}"
    with process(["app", "simulate", "--port", "0", "--log-level", "warning"], scene.cores.server, {}) as simulator:
        upstream_bytes = asyncio.run(_json_bytes(simulator.url, value, rows))
        held = asyncio.run(_held(simulator.url, f"/interactions?attr={value}&limit={rows}&fields=direction"))
    note = f"{held / rows:,.0f} of {upstream_bytes / rows:,.0f} bytes, {rows:,} records of the simulator"
    return Measured(held / upstream_bytes, note)


async def _json_bytes(url: str, value: str, rows: int) -> int:
    total = 0
    for offset in range(0, rows, PAGE_ROWS):
        query = urlencode({"attribute-value": value, "offset": offset, "limit": PAGE_ROWS})
        page = await fetched(url, f"/v1/tenants/{OPTIONS.tenant_id}/interactions?{query}", _credentials())
        records = msgspec.json.decode(page.body, type=dict[str, msgspec.Raw])["results"]
        total += sum(len(bytes(one)) for one in msgspec.json.decode(records, type=list[msgspec.Raw]))
    return total


def _credentials() -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{OPTIONS.username}:{OPTIONS.password}".encode()).decode()}


async def _held(url: str, target: str) -> int:
    """Bytes allocated for one miss that are still held when it is answered and forgotten by all but the cache."""
    app: ASGIApp = create_app(load(_settings(url), environ={}, env_file=None))
    async with started(app):
        await answered(app, "/interactions?attr=1234567")  # what is made once for all requests is there
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
        "tenant_id": OPTIONS.tenant_id,
        "username": OPTIONS.username,
        "password": OPTIONS.password,
        "pseudonym_secret": "bench-pseudonym-not-a-secret",
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
