"""Rows of the shared tier: what its server may suffer from, crowds at several processes, leaders that die, purges."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from math import inf
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, cast
from urllib.request import Request, urlopen
from uuid import UUID

from app.simulator import DEMO_PASSWORD, DEMO_TENANT_ID, DEMO_USERNAME
from app.tier.client import LEASE_MILLISECONDS
from tests.benchmarks.client import Unanswered, fetched
from tests.benchmarks.processes import Running, process
from tests.benchmarks.row import Measured
from tests.soak.bursts import crowd, told
from tests.soak.generator import Generator, Load
from tests.soak.lives import MOST_SECONDS_TO_END, signalled
from tests.soak.stage import Stage, do, until
from tests.soak.steady import gauge
from tests.support.canary import TIER_SECRET
from tests.support.ills import ILLS, Patient, patient

RATE, PROCESSES = 300, 2
NEW_ONE_IN = 10
SECONDS = 3.0  # of each part of a row
AGAIN_SECONDS = 0.25
MOST_BACK_SECONDS = 10
LEASE_SECONDS = LEASE_MILLISECONDS // 1000
CROWD, REPLACEMENTS, ROUNDS = 1_000, 12, 3
SKIPPED = 'tier_calls_total{outcome="open",side="\\w+"}'
QUESTION = "/interactions?attr=SIM-ABANDON"  # of which one call brings all rows
PURGE = {"Content-Type": "application/json", "X-Requested-With": "soak"}
SIMULATE = ("app", "simulate", "--port", "0", "--log-level", "error")
WARM = [f"/interactions?attr={value}" for value in ("1234567", "valueOne", "valueTwo", "SIM-ABANDON")]
numbers = count()


class Hosts(NamedTuple):
    """Façades that share a tier in front of one simulator."""

    facades: list[Running]
    patient: Patient
    upstream: str
    given: dict[str, object]

    def control(self, method: str, path: str, **asked: object) -> None:
        """Tell the simulator."""
        order = Request(f"{self.upstream}/__sim{path}", json.dumps(asked).encode(), method=method)
        with urlopen(order, timeout=20):
            pass

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
        given: dict[str, object] = {
            "upstream_url": upstream.url,
            "tenant_id": DEMO_TENANT_ID,
            "username": DEMO_USERNAME,
            "password": DEMO_PASSWORD,
            "fresh_open_seconds": 1,
            "redis_url": ill.middle.url,
            "tier_secret": TIER_SECRET,
            **settings,
        }
        facades = [closing.enter_context(stage.facade(**given)) for _ in range(processes)]
        yield Hosts(facades, ill, upstream.url, given)


def asked(seconds: float) -> list[str]:
    """Questions for so long, a few of them new: upstream is asked for these, and so is the tier."""
    return [
        new_question() if turn % NEW_ONE_IN == 0 else WARM[turn % len(WARM)] for turn in range(int(RATE * seconds) + 1)
    ]


def new_question() -> str:
    """A question that nobody has asked, and nobody has rows for."""
    return f"/interactions?contact_id={UUID(int=next(numbers))}"


async def load_on(facades: list[Running], seconds: float) -> Load:
    """RATE requests a second on all of them together."""
    generators = [Generator(partial(str, one.url)) for one in facades]
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
        await load_on(hosts.facades, 1)
        loads = [await load_on(hosts.facades, SECONDS)]
        async with _begun(lambda: kind.begin(hosts.patient), is_repeated=kind.is_repeated):
            loads += [await load_on(hosts.facades, SECONDS), await load_on(hosts.facades, SECONDS)]
        kind.end(hosts.patient)
        back = await until(partial(hosts.are, "ok"), MOST_BACK_SECONDS)
        return [*loads, await load_on(hosts.facades, SECONDS)], back

    def measure(stage: Stage) -> Measured:
        with shared(stage) as hosts:
            loads, back = do(suffered(hosts))
        base, begun, later, after = (load.at(0.99) for load in loads)
        note = (
            f"p99 {base:.1f} ms before; + {begun - base:.1f} ms in the first {SECONDS:.0f} s, "
            f"{later - base:+.1f} ms in the next, {after - base:+.1f} ms after it; back after {back:.2f} s; "
            f"ill: {(loads[1] + loads[2]).words()}"
        )
        return Measured(sum(load.failures.total() for load in loads), note)

    return measure


class Asked(NamedTuple):
    """The load of one façade of two: of new questions, of all, and the processor seconds that it took."""

    new: Load
    all: Load
    seconds: float

    def words(self) -> str:
        """All in a few words."""
        return f"{self.all.words()}; misses p50 {self.new.at(0.5):.1f} ms; processor {self.seconds:.2f} s"


def open_circuits(stage: Stage) -> Measured:
    """Milliseconds that a tier adds to p99 while both circuits are open, beside a façade without one.

    Both are asked the same at the same time, each first in every other round; the round in which both were quickest
    counts.
    """
    with shared(stage, 1) as hosts, stage.facade(**{**hosts.given, "redis_url": None, "tier_secret": None}) as without:
        [away] = hosts.facades
        hosts.patient.server.kill()
        do(load_on([away, without], SECONDS))
        if do(until(partial(_is_left_alone, away.url), MOST_BACK_SECONDS)) == inf:
            raise Unanswered("a circuit does not open")
        skipped, rounds = gauge(away, SKIPPED), list[list[Asked]]()
        for number in range(ROUNDS):
            step = -1 if number % 2 else 1
            rounds.append(do(in_turn([away, without][::step], stage.seconds(80)))[::step])
        skipped = gauge(away, SKIPPED) - skipped
    there, beside = min(rounds, key=lambda both: sum(one.all.at(0.99) for one in both))
    failed = sum(one.all.failures.total() for both in rounds for one in both)
    others = ", ".join(f"{one.all.at(0.99):.1f} beside {other.all.at(0.99):.1f} ms" for one, other in rounds)
    note = (
        f"with it {there.words()}; without {beside.words()}; p99 of all rounds {others}; {skipped:.0f} calls not made"
    )
    return Measured(inf if failed else there.all.at(0.99) - beside.all.at(0.99), note)


async def in_turn(facades: list[Running], seconds: float) -> list[Asked]:
    """RATE requests a second, the same of each façade, which are asked in turn."""
    rate, share = RATE / len(facades), 1 / NEW_ONE_IN
    new = [new_question() for _ in range(int(rate * share * seconds) + 1)]

    async def load(turn: int, targets: list[str], rate: float) -> Load:
        await asyncio.sleep(turn / len(facades) / rate)
        return await Generator(lambda: facades[turn].url).run(targets, rate, seconds)

    async def side(turn: int) -> Asked:
        before = facades[turn].cpu_seconds()
        misses, warm = await asyncio.gather(load(turn, new, rate * share), load(turn, WARM, rate * (1 - share)))
        return Asked(misses, misses + warm, facades[turn].cpu_seconds() - before)

    return await asyncio.gather(*(side(turn) for turn in range(len(facades))))


async def _is_left_alone(url: str) -> bool:
    """Whether both circuits of a façade are open."""
    page = (await fetched(url, "/metrics")).body.decode()
    return all(f'cxfacade_tier_away{{side="{side}"}} 1.0' in page for side in ("reads", "writes"))


def cold_crowd(stage: Stage) -> Measured:
    """Fetches for a thousand who ask the same of four processes that hold nothing."""
    with shared(stage, 4, fresh_open_seconds=15) as hosts:
        answers, seconds = do(all_asked(hosts.facades, CROWD))
        fetched_by, taken, alone = (
            sum(gauge(one, f'tier_readings_total{{source="{how}"}}') for one in hosts.facades)
            for how in ("upstream", "tier", "alone")
        )
    note = f"{told(answers)} in {seconds:.2f} s; from the tier {taken:.0f}, alone {alone:.0f}"
    return Measured(fetched_by + alone + len(answers) - answers.count(200), note)


async def all_asked(facades: list[Running], requests: int) -> tuple[list[int], float]:
    """So many ask QUESTION of these at once: how they were answered, and after how many seconds the last one was."""
    began, share = perf_counter(), requests // len(facades)
    answers = await asyncio.gather(*(crowd(one.url, [QUESTION] * share) for one in facades))
    return [status for some in answers for status in some], perf_counter() - began


@contextmanager
def reading(hosts: Hosts) -> Iterator["Future[tuple[list[int], float]]"]:
    """The first façade reads for all, and upstream holds its answer back; how its client is answered."""
    hosts.control("POST", "/faults", kind="hold", times=1)
    with ThreadPoolExecutor(1) as threads:
        asked_first = threads.submit(do, all_asked(hosts.facades[:1], 1))
        hosts.control("GET", "/journal", wait_for=1, timeout=15)
        yield asked_first


def leader_killed(stage: Stage) -> Measured:
    """Seconds until those are answered who wait for a process that reads for all, and is killed."""
    with shared(stage, 4, wait_seconds=3 * LEASE_SECONDS) as hosts, reading(hosts) as first:
        signalled(hosts.facades[0].pid, signal.SIGKILL)
        answers, seconds = do(all_asked(hosts.facades[1:], 60))
        failed = first.exception()
    note = f"{told(answers)}; its own client: {type(failed).__name__}"
    return Measured(seconds if answers.count(200) == len(answers) else float("inf"), note)


def leader_frozen(stage: Stage) -> Measured:
    """Late writes of a process that was frozen while it read for all, and another took over."""
    with shared(stage, 2) as hosts, reading(hosts) as first:
        signalled(hosts.facades[0].pid, signal.SIGSTOP)
        hosts.control("POST", "/faults/release")
        other = hosts.patient.other
        other.delete(*cast("list[bytes]", other.keys("cxf:*:lease:*")))  # as after LEASE_SECONDS
        answers, _ = do(all_asked(hosts.facades[1:], 10))
        written = dict(hosts.patient.values())
        signalled(hosts.facades[0].pid, signal.SIGCONT)
        late, _ = first.result()
        changed = sum(value != written.get(key) for key, value in hosts.patient.values())
    failed = len(answers) + len(late) - [*answers, *late].count(200)
    note = f"others meanwhile: {told(answers)}; its own client: {told(late)}; {len(written)} values lay there"
    return Measured(changed + failed + (not written), note)


def purged(stage: Stage) -> Measured:
    """Seconds from a purge on one process until all have forgotten."""
    scopes = "read,metrics:read,cache:purge"
    with shared(stage, 4, anonymous_scopes=scopes, fresh_open_seconds=600) as hosts:
        do(all_asked(hosts.facades, 40))
        began = perf_counter()
        order = Request(f"{hosts.facades[0].url}/cache/purge", b'{"all":true}', PURGE, method="POST")
        with urlopen(order, timeout=MOST_BACK_SECONDS) as answer:
            told_so = json.load(answer)
        do(until(partial(_have_forgotten, hosts), MOST_BACK_SECONDS))
        seconds = perf_counter() - began
    return Measured(seconds, f"four processes; {told_so}")


async def _have_forgotten(hosts: Hosts) -> bool:
    pages = [(await fetched(one.url, "/metrics")).body.decode() for one in hosts.facades]
    return all('cxfacade_cache_values{kind="holdings"} 0.0' in page for page in pages)


def rolling(stage: Stage) -> Measured:
    """Requests that failed while two workers that share the tier were replaced twelve times."""
    with shared(stage, 0) as hosts, stage.facade(**hosts.given, workers=2) as running:

        async def renewed() -> Load:
            loads, renewing = [Load()], asyncio.create_task(_renewed(running))
            while not renewing.done():
                loads.append(await load_on([running], 2))
            await renewing
            return sum(loads, Load())

        load = do(renewed())
    return Measured(load.failures.total(), load.words())


async def _renewed(running: Running) -> None:
    for _ in range(REPLACEMENTS // 2):  # of two each
        before = _workers(running)
        signalled(running.pid, signal.SIGUSR2)

        async def are_new(before: set[str] = before) -> bool:
            now = _workers(running)
            return len(now) == len(before) and not now & before

        if await until(are_new, 2 * MOST_SECONDS_TO_END) == inf:
            raise Unanswered("workers were not replaced")


def _workers(running: Running) -> set[str]:
    return {*Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text(encoding="ascii").split()}
