"""Quotas in the tier: processes use up one bucket together, at most a tenth each beyond it, and never wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from math import inf

import pytest
from redis import Redis

from app.clients.quota import Bucket
from app.tier.circuits import BUDGET_SECONDS, SLOW_SECONDS, GuardedClient
from app.tier.client import Client
from app.tier.frame import Epoch, Frames
from app.tier.keys import Keys
from app.tier.quotas import BATCHES, KEPT_MILLISECONDS, SharedQuotas
from app.tier.quotas import Bucket as QuotaBucket
from tests.support.clock import HandClock
from tests.support.tier import TierServer, running_tier

SECRET = b"an invented secret of the tier"
NAME = b"the digest of an invented key"
QUOTA, TENTH = 60, 6


class Process:
    """A process with a bucket of its own; its wall clock may be ahead of the others'."""

    def __init__(self, url: str, clock: HandClock, size: int) -> None:
        self.clock = clock
        self.writes = GuardedClient(lambda: Client(url), lambda client: client.get_many([b"probe"]), clock.clock)
        self.refused: list[str] = []
        self.frames = Frames([SECRET], inf, lambda: clock.wall, self.refused.append)
        self.shared = SharedQuotas(self.writes, self.frames, Keys("tenant"), clock.clock)
        self.bucket = Bucket(size, size, clock.monotonic)

    async def admits(self) -> bool:
        """Whether a request is admitted; what is told of it has arrived then."""
        wait = self.bucket.take(self.clock.monotonic)
        self.shared.tell(NAME, self.bucket)
        await asyncio.gather(*self.shared._telling.values())
        return wait == 0


class Processes:
    """Processes that share a tier; time goes by for all of them."""

    def __init__(self, url: str, closing: AsyncExitStack) -> None:
        self._url, self._closing = url, closing
        self.all: list[Process] = []

    def new(self, *, ahead: float = 0.0, size: int = QUOTA) -> Process:
        """One more."""
        clock = HandClock()
        clock.step(wall=ahead)
        self.all.append(Process(self._url, clock, size))
        self._closing.push_async_callback(self.all[-1].writes.aclose)
        return self.all[-1]

    def advance(self, seconds: float) -> None:
        for one in self.all:
            one.clock.advance(seconds)

    async def admitted(self, requests: int) -> int:
        """How many of so many requests are admitted; the processes take turns."""
        return sum([await self.all[number % len(self.all)].admits() for number in range(requests)])


@pytest.fixture
async def processes(tier_server: TierServer, stored: Redis) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as closing:
        yield Processes(tier_server.url, closing)


@pytest.mark.parametrize("size", [1, 5, 60, 1_000])
async def test_at_once_all_admit_a_quota_and_each_a_tenth(processes: Processes, size: int) -> None:
    for _ in range(3):
        processes.new(size=size)
    assert size <= await processes.admitted(4 * size + 12) <= size + 3 * max(1, size / BATCHES)


async def test_in_the_long_run_all_admit_what_one_would(processes: Processes) -> None:
    processes.new(), processes.new(ahead=9.0)
    admitted = 0
    for _ in range(1_200):
        processes.advance(0.5)
        admitted += await processes.admitted(4)
    assert 10 * QUOTA <= admitted <= 11 * QUOTA + 2 * TENTH


async def test_a_process_that_was_idle_has_no_less_for_what_was_used_long_ago(processes: Processes) -> None:
    busy, idle = processes.new(), processes.new()
    assert await idle.admits()
    for _ in range(300):
        processes.advance(2)
        assert await busy.admits()
    assert all([await idle.admits() for _ in range(QUOTA - 2 * TENTH)])


async def test_a_process_that_was_idle_has_no_more_than_others_left(processes: Processes) -> None:
    busy, idle = processes.new(), processes.new()
    assert await idle.admits()
    processes.advance(600)
    assert sum([await busy.admits() for _ in range(2 * QUOTA)]) == QUOTA
    assert sum([await idle.admits() for _ in range(2 * QUOTA)]) == TENTH - 1  # one was untold
    assert idle.bucket.left() == 0


async def test_an_emptied_server_gives_nothing_new(processes: Processes, stored: Redis) -> None:
    processes.new(), processes.new()
    admitted = await processes.admitted(QUOTA // 2)
    stored.flushall()
    assert admitted + await processes.admitted(2 * QUOTA) <= QUOTA + 2 * TENTH


@pytest.mark.parametrize("value", [b"poison" * 20, None])
async def test_a_value_that_is_not_to_be_trusted_is_none(
    processes: Processes, stored: Redis, value: bytes | None
) -> None:
    one = processes.new()
    key = Keys("tenant").key("quota", NAME)
    stored.set(key, value or one.frames.seal(key, b"of another release", Epoch(bytes(8), 0)))
    assert await processes.admitted(2 * QUOTA) == QUOTA
    assert one.refused == (["magic"] if value else [])


async def test_a_bucket_lies_there_until_it_is_full_again_and_tells_no_key(processes: Processes, stored: Redis) -> None:
    processes.new()
    await processes.admitted(TENTH - 1)
    assert stored.keys() == []
    await processes.admitted(1)
    [key] = stored.keys()
    assert 60_000 < stored.pttl(key) <= KEPT_MILLISECONDS
    assert NAME not in key
    assert NAME.hex().encode() not in key


async def test_who_is_second_at_the_same_time_tells_it_with_the_next(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = processes.new()
    left = one.shared._left

    def late(key: bytes, value: bytes | None, bucket: QuotaBucket, told: int) -> tuple[float, float]:
        stored.set(key, b"another's")
        return left(key, value, bucket, told)

    monkeypatch.setattr(one.shared, "_left", late)  # the moment between reading and writing
    await processes.admitted(TENTH)
    assert one.bucket.untold == TENTH
    monkeypatch.undo()
    await processes.admitted(1)
    assert one.bucket.untold == 0


async def test_without_the_tier_nobody_is_refused_or_waits() -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier())
        there = Processes(server.url, closing)
        one = there.new()
        server.kill()
        assert await there.admitted(QUOTA) == QUOTA
        assert one.shared.is_away
        assert one.writes.circuit.fault == "the server cannot be reached"
        assert one.bucket.untold == 0
        assert not one.shared._telling


async def test_while_the_server_stands_still_nothing_more_is_told() -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier())
        one = Processes(server.url, closing).new()
        server.freeze()
        for _ in range(QUOTA // 2):
            assert one.bucket.take(one.clock.monotonic) == 0
            one.shared.tell(NAME, one.bucket)
        assert len(one.shared._telling) == 1
        await one.clock.asleep()
        one.clock.advance(SLOW_SECONDS + 0.001)
        [telling] = one.shared._telling.values()
        one.clock.advance(BUDGET_SECONDS)
        await telling
        assert one.bucket.untold == QUOTA // 2
        one.shared.tell(NAME, one.bucket)
        assert not one.shared._telling
