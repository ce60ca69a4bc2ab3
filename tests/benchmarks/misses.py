"""What a miss costs beyond upstream's own time, and what a crowd of them costs upstream."""

import asyncio
from statistics import median
from time import perf_counter

from tests.benchmarks.client import Connection, Received, Unanswered
from tests.benchmarks.figures import differences
from tests.benchmarks.processes import free_port
from tests.benchmarks.records import TENANT_ID
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene

CROWD = 1_000
OF_ONE_ADDRESS = 100
CROWD_ROWS = 10
BLOCKS = ((0, 100), (100, 900))  # offset and limit of the façade's first two calls (DESIGN §4)
WARM_UP = 2


def few(scene: Scene) -> Measured:
    """A miss of 10 rows."""
    return asyncio.run(_first_byte(scene, rows=10))


def many(scene: Scene) -> Measured:
    """A miss of 1,000 rows."""
    return asyncio.run(_first_byte(scene, rows=1_000))


async def _first_byte(scene: Scene, rows: int) -> Measured:
    """Milliseconds between the façade's first byte and the last one of the same blocks asked for directly."""
    facade, upstream = await Connection.to(scene.facade.url), await Connection.to(scene.upstream.url)
    ours, theirs = [], []
    for _ in range(WARM_UP + scene.budget.misses):
        value = scene.new(rows)
        ours.append(1000 * (await facade.good(f"/interactions?attr={value}&limit={rows}")).first_byte)
        theirs.append(1000 * await _directly(upstream, value, rows))
    beyond = differences(ours, theirs)[WARM_UP:]
    note = f"{median(ours[WARM_UP:]):.1f} ms, of which upstream {median(theirs[WARM_UP:]):.1f} ms"
    await asyncio.gather(facade.close(), upstream.close())
    return Measured(median(beyond), note)


async def _directly(upstream: Connection, value: str, rows: int) -> float:
    path = f"/v1/tenants/{TENANT_ID}/interactions?attribute-value={value}"
    began = perf_counter()
    for offset, limit in BLOCKS:
        if offset < rows:
            await upstream.good(f"{path}&offset={offset}&limit={limit}")
    return perf_counter() - began


def crowd(scene: Scene) -> Measured:
    """Upstream's calls when a thousand clients ask for the same thing that nobody has."""
    url, value = scene.facade.url, scene.new(CROWD_ROWS, "slow")
    before = scene.upstream_calls()
    received, seconds = asyncio.run(_crowd(url, f"/interactions?attr={value}"))
    if len({one.body for one in received}) != 1:
        raise Unanswered("The clients were told different things.")
    return Measured(scene.upstream_calls() - before, f"{len(received):,} equal answers in {seconds:.1f} s")


async def _crowd(url: str, target: str) -> tuple[list[Received], float]:
    connections = await asyncio.gather(*(Connection.to(url, 1 + one // OF_ONE_ADDRESS) for one in range(CROWD)))
    began = perf_counter()
    received = await asyncio.gather(*(connection.good(target) for connection in connections))
    seconds = perf_counter() - began
    await asyncio.gather(*(connection.close() for connection in connections))
    return received, seconds


def ready(scene: Scene) -> Measured:
    """Seconds from the start of the process to the first good answer of /health/ready."""
    nobody = f"http://127.0.0.1:{free_port()}"
    states = {"up": scene.upstream.url, "down": nobody}
    taken: dict[str, list[float]] = {state: [] for state in states}
    for _ in range(scene.budget.starts):
        for state, url in states.items():
            with scene.another_facade(*SERVE, upstream_url=url) as facade:
                asyncio.run(_ready(facade.url))
                taken[state].append(perf_counter() - facade.began)
    medians = {state: median(seconds) for state, seconds in taken.items()}
    return Measured(
        max(medians.values()), ", ".join(f"{value:.2f} s with upstream {one}" for one, value in medians.items())
    )


async def _ready(url: str) -> None:
    connection = await Connection.to(url)
    await connection.good("/health/ready")
    await connection.close()
