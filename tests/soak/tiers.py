"""Rows of the shared tier: what its server may suffer from, crowds at several processes, leaders that die, purges."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from typing import NamedTuple
from uuid import UUID

from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME
from tests.benchmarks.client import fetched
from tests.benchmarks.processes import Running, process
from tests.benchmarks.row import Measured
from tests.soak.generator import Generator, Load
from tests.soak.stage import Stage, do, until
from tests.support.canary import TIER_SECRET
from tests.support.ills import ILLS, Patient, patient

RATE, PROCESSES = 300, 2
NEW_ONE_IN = 10
SECONDS = 3.0  # of each part of a row
AGAIN_SECONDS = 0.25
MOST_BACK_SECONDS = 10
SIMULATE = ("app", "simulate", "--port", "0", "--log-level", "error")
WARM = [f"/interactions?attr={value}" for value in ("1234567", "valueOne", "valueTwo", "SIM-ABANDON")]
numbers = count()


class Hosts(NamedTuple):
    """Façades that share a tier in front of one simulator."""

    facades: list[Running]
    patient: Patient

    async def ready(self) -> list[str]:
        """What each says of the tier."""
        answers = [await fetched(one.url, "/health/ready") for one in self.facades]
        return [json.loads(answer.body)["tier"] for answer in answers]

    async def are(self, state: str) -> bool:
        """Whether all say this of the tier."""
        return {*await self.ready()} == {state}


@contextmanager
def shared(stage: Stage, processes: int = PROCESSES, **settings: object) -> Iterator[Hosts]:
    """So many façades of one host."""
    with ExitStack() as closing:
        ill = closing.enter_context(patient())
        upstream = closing.enter_context(process(SIMULATE, stage.cores.load, {}))
        given = {
            "upstream_url": upstream.url,
            "tenant_id": DEMO_TENANT_ID,
            "username": DEMO_USERNAME,
            "password": DEMO_PASSWORD,
            "fresh_open_seconds": 1,
            "redis_url": ill.middle.url,
            "tier_secret": TIER_SECRET,
            **settings,
        }
        yield Hosts([closing.enter_context(stage.facade(**given)) for _ in range(processes)], ill)


def asked(seconds: float) -> list[str]:
    """Questions for so long, a few of them new: upstream is asked for these, and so is the tier."""
    return [
        f"/interactions?contact_id={UUID(int=next(numbers))}" if turn % NEW_ONE_IN == 0 else WARM[turn % len(WARM)]
        for turn in range(int(RATE * seconds) + 1)
    ]


async def load_on(hosts: Hosts, seconds: float) -> Load:
    """RATE requests a second on all of them together."""
    generators = [Generator(partial(str, one.url)) for one in hosts.facades]
    share = RATE / len(generators)
    runs = await asyncio.gather(*(one.run(asked(seconds), share, seconds) for one in generators))
    return sum(runs, Load())


@asynccontextmanager
async def _begun(begin: Callable[[], object], *, is_repeated: bool) -> AsyncIterator[None]:
    """Begun, and again and again until the end of the block where that is asked."""

    async def again() -> None:
        while is_repeated:
            await asyncio.sleep(AGAIN_SECONDS)
            await asyncio.to_thread(begin)

    await asyncio.to_thread(begin)
    repeating = asyncio.create_task(again())
    try:
        yield
    finally:
        repeating.cancel()
        await asyncio.wait([repeating])


def ill(name: str) -> Callable[[Stage], Measured]:
    """A row: requests that fail while the tier's server suffers so, with what it adds to their times."""
    kind = ILLS[name]

    async def suffered(hosts: Hosts) -> tuple[list[Load], float]:
        await load_on(hosts, 1)
        loads = [await load_on(hosts, SECONDS)]
        async with _begun(lambda: kind.begin(hosts.patient), is_repeated=kind.is_repeated):
            loads += [await load_on(hosts, SECONDS), await load_on(hosts, SECONDS)]
        kind.end(hosts.patient)
        back = await until(partial(hosts.are, "ok"), MOST_BACK_SECONDS)
        return [*loads, await load_on(hosts, SECONDS)], back

    def measure(stage: Stage) -> Measured:
        with shared(stage) as hosts:
            loads, back = do(suffered(hosts))
        base, begun, later, after = (load.at(0.99) for load in loads)
        note = (
            f"p99 {base:.1f} ms before; + {begun - base:.1f} ms in the first {SECONDS:.0f} s, "
            f"{later - base:+.1f} ms in the next, {after - base:+.1f} ms after it; back after {back:.2f} s; "
            f"ill: {loads[1].words()}"
        )
        return Measured(sum(load.failures.total() for load in loads), note)

    return measure
