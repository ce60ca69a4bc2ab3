"""What a miss costs beyond upstream's own time, and what a crowd of them costs upstream."""

import asyncio
from statistics import median
from time import perf_counter

from tests.benchmarks import earlier
from tests.benchmarks.client import Connection, Received, Unanswered
from tests.benchmarks.processes import Running, free_port, process
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene

CROWD = 1_000
OF_ONE_ADDRESS = 100
CROWD_ROWS = 10
FEW_MISSES, MANY_MISSES = 100, 10  # of a round: the system counts processor time in hundredths of a second
ROUNDS = 3
SECRET = "an invented secret of the tier"


def few(scene: Scene) -> Measured:
    """Processor time of a miss of 10 rows, the whole process."""
    before, now = _in_turns(scene, rows=10, misses=FEW_MISSES)
    return Measured(now, f"before {before:.2f} ms")


def many(scene: Scene) -> Measured:
    """Processor time of a miss of 1,000 rows, the whole process, against the commit before."""
    before, now = _in_turns(scene, rows=1_000, misses=MANY_MISSES)
    return Measured(now / before, f"{now:.0f} ms against {before:.0f} ms")


def _in_turns(scene: Scene, rows: int, misses: int) -> tuple[float, float]:
    """Milliseconds of processor time for a miss, before and now: the least of rounds that alternate."""
    with earlier.tree() as folder, scene.another_facade(*SERVE, folder=folder) as before:
        facades = (before, scene.facade)
        rounds = [
            [asyncio.run(worked(scene, facade, rows, misses)) for facade in facades]
            for _ in range(1 + scene.budget.misses // ROUNDS)
        ]
    least = [min(column) for column in zip(*rounds, strict=True)]
    return least[0], least[1]


async def worked(scene: Scene, facade: Running, rows: int, misses: int) -> float:
    """Milliseconds of processor time for each of so many misses."""
    connection = await Connection.to(facade.url)
    began = facade.cpu_seconds()
    for _ in range(misses):
        await connection.good(f"/interactions?attr={scene.new(rows)}&limit={rows}")
    worked = facade.cpu_seconds() - began
    await connection.close()
    return 1000 * worked / misses


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
    states: dict[str, dict[str, str]] = {
        "upstream up": {},
        "upstream down": {"upstream_url": nobody},
        "the tier down too": {"upstream_url": nobody, "redis_url": "unix:///nowhere", "tier_secret": SECRET},
    }
    taken: dict[str, list[float]] = {state: [] for state in states}
    for _ in range(scene.budget.starts):
        for state, settings in states.items():
            with process(SERVE, scene.cores.server, scene.environ(**settings)) as facade:
                asyncio.run(_ready(facade.url))
                taken[state].append(perf_counter() - facade.began)
    medians = {state: median(seconds) for state, seconds in taken.items()}
    return Measured(max(medians.values()), ", ".join(f"{value:.2f} s with {one}" for one, value in medians.items()))


async def _ready(url: str) -> None:
    connection = await Connection.to(url)
    await connection.good("/health/ready")
    await connection.close()
