"""Rows of a moment: crowds, cold starts, large bodies, clients that leave, tokens that end, more keys than fit."""

import asyncio
from collections import Counter
from functools import partial
from random import Random
from time import perf_counter

from tests.benchmarks.client import Connection, fetched
from tests.benchmarks.load import ask_all
from tests.benchmarks.row import Measured
from tests.soak.generator import Generator, connected
from tests.soak.stage import Stage, do, statuses, until
from tests.soak.steady import HEALTH, MIB, WARM, gauge, new, warmed
from tests.soak.upstream import SEED

ALL_KEYS = 1_000_000
CACHE_BYTES = 16 * MIB
LEAVING, EXPIRED, AFTER = 1_000, 200, 100


def stampede(stage: Stage) -> Measured:
    """Upstream calls for a thousand who ask the same at once; over fewer connections, each asking in its turn."""
    stage.control(delay=0.5)
    [target] = new(1)
    with stage.facade() as running:
        stage.control(reset=1)
        answers = do(crowd(running.url, [target] * 1_000))
        told_of = stage.control()
    calls = told_of["calls"] - told_of["ranges"]  # the probe of ranges comes after the first answer
    return Measured(calls + sum(one != 200 for one in answers), f"1,000 answered: {told(answers)}")


def cold_start(stage: Stage) -> Measured:
    """Seconds until the last of 500 new questions is answered, eight at a time upstream."""
    stage.control(delay=0.1)
    with stage.facade() as running:
        stage.control(reset=1)
        began = perf_counter()
        answers = do(crowd(running.url, new(500)))
        seconds = perf_counter() - began
        most = stage.control()["most"]
    is_well = answers.count(200) == 500 and most <= 8
    note = f"500 answered: {told(answers)}; at most {most} calls at once"
    return Measured(seconds if is_well else float("inf"), note)


async def crowd(url: str, targets: list[str]) -> list[int]:
    """All at once: how each was answered."""

    async def one(number: int, target: str) -> int:
        connection = await connected(url, number)
        try:
            return (await connection.get(target)).status
        finally:
            connection._writer.close()

    return list(await asyncio.gather(*(one(number, target) for number, target in enumerate(targets))))


def told(answers: list[int]) -> str:
    """How often there was each status."""
    return ", ".join(f"{count} with {status}" for status, count in Counter(answers).most_common())


def memory_cap(stage: Stage) -> Measured:
    """What the process grows by over the bound, with as many keys as time allows."""
    with stage.facade(cache_bytes=CACHE_BYTES) as running:
        warmed(running)
        base = running.resident_bytes()
        keys = do(ask_all(running.url, new(int(ALL_KEYS * stage.scale)), stage.seconds(180)))
        grown = running.resident_bytes() - base
        [still] = do(statuses(running.url, WARM[:1]))[0]
    note = f"{keys:,} keys asked for of 10⁶; + {grown / MIB:.0f} MiB for {CACHE_BYTES // MIB} MiB; a warm key {still}"
    return Measured(grown / CACHE_BYTES, note)


def big_bodies(stage: Stage) -> Measured:
    """MiB the process grows by, at most, while upstream sends 100 MB, a gzip bomb and 28 MB."""
    words: list[str] = []
    with stage.facade() as running:
        warmed(running)
        base, lags = running.resident_bytes(), list[float]()
        for kind in ("plain-100", "bomb-400", "rows-4300"):
            limit = "&limit=10000" if kind.startswith("rows") else ""

            async def watched(target: str) -> list[int]:
                probing = asyncio.create_task(Generator(lambda: running.url).run([HEALTH], 100, stage.seconds(20)))
                answers, _ = await statuses(running.url, [target])
                lags.append((await probing).at(1))
                return answers

            [status] = do(watched(new(1, kind)[0] + limit))
            words.append(f"{kind} {status}")
        most = running.most_resident_bytes() - base
    note = f"{', '.join(words)}; health meanwhile at most {max(lags):.0f} ms (target 50)"
    return Measured(most / MIB, note)


def churn(stage: Stage) -> Measured:
    """Of a hundred after a thousand left at random and two hundred lost patience: how many were not answered."""
    stage.control(delay=0.05)
    random = Random(SEED)
    with stage.facade(wait_seconds=1, upstream_concurrency=4) as running:

        async def leaving(target: str) -> None:
            connection = await Connection.to(running.url)
            getting = asyncio.ensure_future(connection.get(target))
            await asyncio.wait({getting}, timeout=random.random() / 5)
            connection._writer.transport.abort()
            await asyncio.gather(getting, return_exceptions=True)

        async def left() -> None:
            targets = new(LEAVING)
            for start in range(0, LEAVING, 100):
                await asyncio.gather(*map(leaving, targets[start : start + 100]))

        do(left())
        expired = do(crowd(running.url, new(EXPIRED)))
        stage.control(delay=0)
        do(until(partial(_is_idle, running.url), 60))
        answers, _ = do(statuses(running.url, new(AFTER)))
        used, lost = gauge(running, "upstream_slots_used"), gauge(running, "upstream_pools_lost_total")
    note = f"without patience: {told(expired)}; then: {told(answers)}; slots used {used:.0f}, pools lost {lost:.0f}"
    return Measured(AFTER - answers.count(200) + used + lost, note)


async def _is_idle(url: str) -> bool:
    """Whether no call is under way and none waits."""
    text = (await fetched(url, "/metrics")).body.decode()
    return all(f"cxfacade_upstream_slots_{name} 0.0" in text for name in ("used", "waiting"))


def token_expiry(stage: Stage) -> Measured:
    """Logins for two hundred calls with a token that has ended."""
    stage.control(delay=0.02)
    with stage.facade(auth="token") as running:
        warmed(running)
        stage.control(expire=1, reset=1)
        answers = do(crowd(running.url, new(200)))
        logins = stage.control()["logins"]
    return Measured(logins + 200 - answers.count(200), f"200 answered: {told(answers)}")
