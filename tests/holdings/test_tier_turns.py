"""Turns of processes at reading: who reads for all, for how long others wait, and what is left when a turn ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from math import inf
from typing import Any

import pytest
from redis import Redis

from app.cache.stored import Stored
from app.holdings.answering import Wanted
from app.holdings.tier import Tier
from app.tier.client import LEASE_MILLISECONDS
from app.upstream.query import EVERYTHING
from tests.holdings.support import NOW, Place, day, identity, records_of, row
from tests.holdings.test_tier import Processes, store_of
from tests.support.tier import TierServer

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PASSING = Wanted(300, 10, lambda _span: inf, inf, inf, is_passing=True)


@pytest.fixture
async def processes(tier_server: TierServer, stored: Redis) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as closing:
        processes = Processes(tier_server, closing)
        processes.upstream.put(*day(10))
        yield processes


def tier_of(at: Place) -> Tier:
    assert at.holdings.tier
    return at.holdings.tier


def ends(at: Place) -> list[str]:
    """How the turns of a process end from now on."""
    found: list[str] = []
    tier_of(at).ended = found.append
    return found


def lease_elsewhere(at: Place, stored: Redis) -> bytes:
    """The key of the lease of the whole tenant, which another process has."""
    key = store_of(at).key("lease", at.holdings.collection(EVERYTHING))
    stored.set(key, b"another's")
    return key


def meanwhile(processes: Processes, monkeypatch: pytest.MonkeyPatch, happen: Callable[[], Any]) -> None:
    """Have something happen while upstream is read."""
    reading = processes.upstream.interactions

    async def late(*given: Any, **more: Any) -> Any:
        if waiting := happen():
            await waiting
        return await reading(*given, **more)

    monkeypatch.setattr(processes.upstream, "interactions", late)


async def test_each_turn_tells_how_it_ended_and_leaves_no_lease(processes: Processes, stored: Redis) -> None:
    one, two = processes.new(), processes.new()
    first, second = ends(one), ends(two)
    for _ in range(2):  # the second time no turn is needed
        for at in (one, two):
            assert await at.ids() == at.expected()
            assert stored.keys("*:lease*") == []
        assert (first, second) == (["upstream"], ["tier"])


async def test_where_another_reads_for_too_long_each_reads_alone(processes: Processes, stored: Redis) -> None:
    at = processes.new()
    key, ended = lease_elsewhere(at, stored), ends(at)
    tier_of(at).wait_seconds = 0.0
    assert await at.ids() == at.expected()
    assert ended == ["alone"]
    assert stored.get(key) == b"another's"


@pytest.mark.parametrize(("spread", "seconds"), [(0.0, 0.03), (1.0, 0.08)])
async def test_who_waits_looks_again_after_some_time_which_chance_decides(
    processes: Processes, stored: Redis, spread: float, seconds: float
) -> None:
    at = processes.new()
    key = lease_elsewhere(at, stored)
    tier_of(at).random = lambda: spread
    asking = asyncio.create_task(at.ids())
    await at.clock.asleep()
    at.clock.advance(seconds - 0.001)
    assert at.clock.sleepers == 1
    stored.delete(key)
    at.clock.advance(0.002)
    assert at.clock.sleepers == 0
    assert await asking == at.expected()


async def test_who_is_passing_has_a_turn_but_waits_for_nobody(processes: Processes, stored: Redis) -> None:
    one, two = processes.new(), processes.new()
    key, first, second = lease_elsewhere(one, stored), ends(one), ends(two)
    assert await one.holdings.answer(EVERYTHING, PASSING, one.context)
    stored.delete(key)
    assert await two.holdings.answer(EVERYTHING, PASSING, two.context)
    assert (first, second) == (["alone"], ["upstream"])


async def test_who_is_passing_asks_no_tier_where_there_is_no_room_for_what_it_has(
    processes: Processes, stored: Redis
) -> None:
    at = processes.new()
    while at.store.has_room:
        at.store.put(b"%d" % len(at.store), Stored("", 400_000, at.clock.monotonic, 10.0, 5.0))
    ended = ends(at)
    assert await at.holdings.answer(EVERYTHING, PASSING, at.context) is None
    assert ended == stored.keys() == []


async def test_a_record_that_has_become_final_is_noted_in_a_turn(processes: Processes) -> None:
    processes.upstream.put(row(9_000, NOW - 2 * MINUTE))
    at = processes.new()
    await at.ids()
    processes.advance(3_000)
    await at.ids()
    processes.advance(600)
    ended, calls = ends(at), len(processes.upstream.calls)
    assert await at.ids(fresh_seconds=inf) == at.expected()
    assert len(processes.upstream.calls) == calls
    assert ended == ["upstream"]
    assert at.holdings.collection(EVERYTHING).changes.is_shared


async def test_a_lease_is_extended_for_as_long_as_upstream_is_read(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, going_on = processes.new(), asyncio.Event()
    meanwhile(processes, monkeypatch, going_on.wait)
    asking = asyncio.create_task(at.ids())
    await at.clock.asleep()
    [lease] = stored.keys("*:lease*")
    for _ in range(2):
        stored.pexpire(lease, LEASE_MILLISECONDS // 2)
        at.clock.advance(LEASE_MILLISECONDS / 3_000)  # so it outlives one extension that fails
        await at.clock.asleep()
        assert stored.pttl(lease) > LEASE_MILLISECONDS // 2
    going_on.set()
    assert await asking == at.expected()
    assert at.clock.sleepers == 0


async def test_a_lease_that_cannot_be_given_back_is_given_back_later(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = processes.new()
    writes = store_of(at).writes.circuit
    meanwhile(processes, monkeypatch, lambda: setattr(writes, "is_open", True))
    assert await at.ids() == at.expected()
    assert len(stored.keys("*:lease*")) == 1
    writes.close()
    watching = asyncio.create_task(tier_of(at).watch())
    await at.clock.asleep()
    assert stored.keys("*:lease*") == []
    watching.cancel()
    await asyncio.wait([watching])


async def test_a_lease_is_given_back_where_nothing_can_be_read_there(processes: Processes, stored: Redis) -> None:
    at = processes.new()
    ended = ends(at)
    store_of(at).reads.circuit.is_open = True
    assert await at.ids() == at.expected()
    assert ended == ["alone"]
    assert stored.keys("*:lease*") == []


async def test_nobody_waits_for_a_lease_that_cannot_be_had(processes: Processes) -> None:
    at = processes.new()
    await store_of(at).epoch.look()
    ended = ends(at)
    store_of(at).writes.circuit.is_open = True
    assert await at.ids() == at.expected()
    assert ended == ["alone"]


async def test_who_reads_for_all_has_first_taken_what_others_have_read_later_of_what_it_holds(
    processes: Processes,
) -> None:
    one, two, three = (processes.new() for _ in range(3))
    earlier: dict[str, Any] = {"end": NOW - HOUR}
    tier, two.holdings.tier = two.holdings.tier, None
    await two.ids(**earlier)
    processes.upstream.put(row(5, NOW - 2 * HOUR, flowName="edited"))
    processes.advance(60)
    await one.ids(**earlier)
    two.holdings.tier = tier
    await two.ids(start=NOW - HOUR)
    calls = len(processes.upstream.calls)
    found = {one.interaction_id: one.flow_name for one in records_of(await three.answer(**earlier))}
    assert found[identity(5)] == "edited"
    assert {*found} == {*three.expected(**earlier)}
    assert len(processes.upstream.calls) == calls


async def test_what_others_could_not_be_told_is_marked_by_an_epoch_of_its_own(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = processes.new()
    told = await at.answer(start=NOW - HOUR - MINUTE)
    changes = told.collection.changes
    assert {one.epoch for one in told.composition.marks} == {shared := changes.epoch}
    meanwhile(processes, monkeypatch, lambda: stored.flushall() and None)
    kept = await at.answer()
    assert {one.epoch for one in kept.composition.marks} == {changes.epoch} != {shared}


async def test_purges_elsewhere_are_heard_of_twice_a_second(processes: Processes) -> None:
    one, two = processes.new(), processes.new()
    await store_of(two).epoch.look()
    watching = asyncio.create_task(tier_of(one).watch())
    for count in range(3):
        await one.clock.asleep()
        assert processes.purged == [one] * count
        async with store_of(two).epoch.purging():
            pass
        one.clock.advance(0.5)
    watching.cancel()
    await asyncio.wait([watching])


AWAY: dict[str, Callable[[Tier], None]] = {
    "reads": lambda tier: setattr(tier.store.reads.circuit, "is_open", True),
    "writes": lambda tier: setattr(tier.store.writes.circuit, "is_open", True),
    "a purge": lambda tier: setattr(tier.store.epoch, "is_pending", True),
}


@pytest.mark.parametrize("what", AWAY)
async def test_the_tier_is_away_where_one_thing_of_it_is(processes: Processes, what: str) -> None:
    tier = tier_of(processes.new())
    assert tier.is_away is False
    AWAY[what](tier)
    assert tier.is_away is True


async def test_both_sides_are_closed_together(processes: Processes, stored: Redis) -> None:
    def connected() -> set[str]:
        for _ in range(2):  # what came before is carried out by then
            stored.ping()
        return {one["id"] for one in stored.client_list()}

    before, at = connected(), processes.new()
    await at.ids()
    assert len(connected() - before) == 2
    await tier_of(at).aclose()
    assert connected() == before
