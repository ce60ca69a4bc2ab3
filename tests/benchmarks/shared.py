"""What workers bring, and what the shared tier costs and saves."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from statistics import median
from time import perf_counter

from app.clock import SYSTEM_CLOCK
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.shared import newer
from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME
from app.upstream.query import EVERYTHING
from tests.benchmarks.client import Unanswered
from tests.benchmarks.load import Question, hammer
from tests.benchmarks.misses import worked
from tests.benchmarks.processes import Running, process
from tests.benchmarks.row import Measured
from tests.benchmarks.scene import SERVE, Scene
from tests.holdings.support import day
from tests.holdings.test_tier import Processes, store_of
from tests.support.tier import running_tier

SECRET = "an invented secret of the tier"
WORKERS = (1, 2, 4)
CLIENTS, ROWS = 16, 10
HELD_ROWS, HITS = 1_000, 50
MISSES = 100
MANY = 1_000_000  # as many questions in a round as nobody asks


def workers(scene: Scene) -> Measured:
    """Misses a second of two workers against one, by the clock: all share the cores, the load and upstream too."""
    best = dict.fromkeys(WORKERS, 0.0)
    with ExitStack() as stack:
        started = {count: stack.enter_context(_workers(scene, count)) for count in WORKERS}
        for _ in range(scene.budget.rounds):
            for count, running in started.items():
                target = f"/interactions?attr=rows-{ROWS}-{scene.new(0)}x{{}}"
                rate = hammer(Question(running, target, count=MANY), scene.budget.seconds, CLIENTS)
                best[count] = max(best[count], rate.a_second)
    note = ", ".join(f"{rate:.0f} a second by {count}" for count, rate in best.items())
    return Measured(best[2] / best[1], note)


@contextmanager
def _workers(scene: Scene, count: int) -> Iterator[Running]:
    cores = scene.cores.server | scene.cores.load
    environ = scene.environ(upstream_concurrency=64, workers=count)
    with process(SERVE, cores, environ) as running:
        yield running


def cost(scene: Scene) -> Measured:
    """Milliseconds of processor time that a tier adds to a miss: a lease, a look, what was read, the lease back."""
    simulate = ["app", "simulate", "--port", "0"]
    with ExitStack() as stack:
        url = stack.enter_context(process(simulate, scene.cores.load, {})).url
        tenant = {"tenant_id": DEMO_TENANT_ID, "username": DEMO_USERNAME, "password": DEMO_PASSWORD}
        tier = {"redis_url": stack.enter_context(running_tier()).url, "tier_secret": SECRET}
        environs = [scene.environ(upstream_url=url, **tenant, **more) for more in ({}, tier)]
        facades = [stack.enter_context(process(SERVE, scene.cores.server, one)) for one in environs]
        rounds = [[asyncio.run(worked(scene, one, 1, MISSES)) for one in facades] for _ in range(scene.budget.rounds)]
    alone, told = (min(column) for column in zip(*rounds, strict=True))
    return Measured(told - alone, f"{told:.2f} ms against {alone:.2f} ms")


def hit(_scene: Scene) -> Measured:
    """Milliseconds that a partition of 1,000 rows takes from the tier, before it is unpacked."""
    return asyncio.run(_hit())


async def _hit() -> Measured:
    taken, unpacked = list[float](), list[float]()
    async with AsyncExitStack() as closing:
        processes = Processes(closing.enter_context(running_tier()), closing, SYSTEM_CLOCK)
        processes.upstream.put(*day(HELD_ROWS))
        await processes.new().ids()
        for _ in range(HITS):
            at = processes.new()
            store, collection = store_of(at), at.holdings.collection(EVERYTHING)
            began = perf_counter()
            [extent] = newer((await store._catalogue(collection)), collection.coverage, WHOLE)
            chunks = await store._chunks(collection, extent.parts)
            taken.append(perf_counter() - began)
            found = await store._records(extent, chunks or ())
            unpacked.append(perf_counter() - began - taken[-1])
            if found is None or len(found) != HELD_ROWS:
                raise Unanswered("The tier has not all rows.")
    return Measured(1000 * median(taken), f"{HELD_ROWS:,} rows, then {1000 * median(unpacked):.1f} ms to unpack them")
