"""Holdings of processes that share a tier: a row is read once for all, and answers are as if each had read it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import astuple
from datetime import timedelta
from math import inf
from random import Random
from typing import cast

import pytest
from redis import Redis

from app.cache.store import MemoryStore
from app.clock import SYSTEM_CLOCK, Clock
from app.holdings import shared
from app.holdings.collection import Span
from app.holdings.holdings import Holdings
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.shared import Chunk
from app.holdings.tier import LOOK_SPREAD, PURGED_SECONDS, Tier
from app.holdings.tier_epoch import TierEpoch
from app.holdings.tier_store import TierStore
from app.tier.circuits import BUDGET_SECONDS, GuardedClient, TierUnavailable
from app.tier.client import Client
from app.tier.frame import Frames
from app.tier.keys import Keys
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING
from tests.holdings.support import (
    FRESH_SECONDS,
    NOW,
    SCHEDULE,
    ListUpstream,
    Place,
    day,
    identity,
    record,
    records_of,
    row,
)
from tests.support.clock import HandClock
from tests.support.tier import KINDS, TierServer, running_tier

SECRET = b"an invented secret of the tier"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WAIT_SECONDS = 1.0
CHUNK_OF_NOTHING = shared.encode(Chunk(b"NAME" * 4, ((b"no block", bytes(8), bytes(8), bytes(1)),)))
CHUNK_OF_NOTHING = CHUNK_OF_NOTHING.replace(b"NAME" * 4, b"NAME")


class Processes:
    """Places that share a tier and an upstream, each with a monotonic clock of its own.

    The budget of a call to the tier is measured by a clock that stands still, unless another is given.
    """

    def __init__(self, server: TierServer, closing: AsyncExitStack, budget: Clock | None = None) -> None:
        self.server = server
        self.budget = budget or HandClock().clock
        self.closing = closing
        self.upstream = ListUpstream()
        self.places: list[Place] = []
        self.refused: list[str] = []
        self.purged: list[Place] = []

    def new(self, *known: bytes) -> Place:
        """One more process, which knows these secrets."""
        clock = HandClock(1_000.0 + 77_777.7 * len(self.places), self.places[0].clock.wall if self.places else NOW)
        store = MemoryStore(50_000_000, lambda: clock.monotonic)
        client = cast("UpstreamClient", self.upstream)
        at = Place(self.upstream, clock, store, Holdings(client, store, clock.clock, SCHEDULE, b"rules"))
        self.share(at, WAIT_SECONDS, *known)
        self.places.append(at)
        return at

    def share(self, at: Place, wait_seconds: float, *known: bytes) -> None:
        """Have a place take part in the tier."""
        clock = at.clock
        reads, writes = (GuardedClient(lambda: Client(self.server.url), _probe, self.budget) for _ in range(2))
        for side in (reads, writes):
            self.closing.push_async_callback(side.aclose)
        wall, refused, secrets = clock.clock.wall, self.refused.append, known or [SECRET]
        frames, epochs = (Frames(secrets, kept, wall, refused) for kept in (172_800.0, inf))

        def purge() -> None:
            self.purged.append(at)
            at.holdings.purge()

        keys = Keys("tenant")
        epoch = TierEpoch(reads, writes, epochs, keys.key("epoch"), purge)
        tier_store = TierStore(reads, writes, frames, keys, clock.clock, 172_800.0, epoch)
        at.holdings.tier = Tier(tier_store, clock.clock, wait_seconds, lambda: 0.5)

    def advance(self, seconds: float) -> None:
        """Let time go by for all."""
        for at in self.places:
            at.clock.advance(seconds)

    @property
    def calls(self) -> int:
        """How many calls upstream has had that read rows."""
        return sum(limit > 0 for _, _, limit in self.upstream.calls)


async def _probe(client: Client) -> object:
    return await client.get_many([b"probe"])


def _tier(at: Place) -> Tier:
    assert at.holdings.tier
    return at.holdings.tier


def store_of(at: Place) -> TierStore:
    return _tier(at).store


@pytest.fixture
async def processes(tier_server: TierServer, stored: Redis) -> AsyncIterator[Processes]:
    async with AsyncExitStack() as closing:
        yield Processes(tier_server, closing)


async def test_what_one_has_read_no_other_asks_for(processes: Processes) -> None:
    one, other = processes.new(), processes.new()
    processes.upstream.put(*day(1_100))
    assert await one.ids() == one.expected()
    calls = len(processes.upstream.calls)
    assert await other.ids() == other.expected()
    assert await processes.new().ids(start=NOW - 5 * HOUR) == other.expected(start=NOW - 5 * HOUR)
    assert len(processes.upstream.calls) == calls
    assert processes.refused == []


async def test_a_question_with_a_condition_is_answered_from_what_another_has_of_the_whole_tenant(
    processes: Processes,
) -> None:
    processes.upstream.put(*day(300), row(9_000, NOW - HOUR, interactionAttributes=[{"name": "n", "hookName": "17"}]))
    await processes.new().ids()
    sent = len(processes.upstream.sent)
    for at in (processes.new(), processes.new()):
        assert await at.ids(attribute_values=("17",)) == [identity(9_000)]
    assert len(processes.upstream.sent) == sent


async def test_who_holds_the_newest_hours_of_the_tenant_takes_the_rest_from_who_holds_more(
    processes: Processes,
) -> None:
    old = row(9_000, NOW - 20 * HOUR, interactionAttributes=[{"name": "n", "hookName": "17"}])
    processes.upstream.put(*day(300, step=5 * MINUTE), old)
    few, many = processes.new(), processes.new()
    await few.ids(start=NOW - 7 * HOUR)
    await many.ids()
    sent = len(processes.upstream.sent)
    assert await few.ids(attribute_values=("17",)) == [identity(9_000)]
    assert len(processes.upstream.sent) == sent


async def test_a_page_of_the_newest_is_not_read_again(processes: Processes) -> None:
    processes.upstream.put(*day(1_100))
    first = await processes.new().answer(50)
    assert (first.composition.rows, first.total) == (100, 1_100)
    calls, second = len(processes.upstream.calls), await processes.new().answer(50)
    assert (second.composition.rows, second.total, len(processes.upstream.calls)) == (100, 1_100, calls)
    processes.advance(FRESH_SECONDS)
    for _ in range(3):  # who asks again for what is known to go on has the rest of it read
        assert (await processes.new().ids(50))[:50] == processes.places[0].expected()[:50]
    assert len({*processes.upstream.sent}) == 1_100
    assert len(processes.upstream.sent) <= 1_102  # a last row may have others of its millisecond, and is read again


async def test_many_who_ask_at_once_are_one_reading(processes: Processes) -> None:
    processes.upstream.put(*day(1_100))
    places = [processes.new() for _ in range(4)]
    for at in places:
        assert at.holdings.tier
        at.holdings.tier.wait_seconds = inf
    asking = [asyncio.create_task(at.ids()) for at in places]
    await _until(processes, asking)
    assert [*map(len, map(asyncio.Task.result, asking))] == [1_100] * 4
    assert len(processes.upstream.sent) == 1_100


async def _until(processes: Processes, asking: list["asyncio.Task[list[str]]"]) -> None:
    """Turn the clocks until all have their answers."""
    while not all(one.done() for one in asking):
        await asyncio.wait(asking, timeout=0.01)
        processes.advance(LOOK_SPREAD)


async def test_arrivals_changes_and_erasures_are_read_once(processes: Processes) -> None:
    one, other = processes.new(), processes.new()
    processes.upstream.put(*day(300), row(9_000, NOW - HOUR / 2, minutes=None))
    await one.ids()
    await other.ids()
    processes.upstream.put(row(9_000, NOW - HOUR / 2, minutes=30.5, flowName="ended"), row(9_001, NOW - MINUTE))
    del processes.upstream.rows[identity(7)]
    processes.advance(20 * 60)
    first = await one.answer()
    calls = len(processes.upstream.calls)
    second = await other.answer()
    assert records_of(second) == records_of(first)
    assert "ended" in {one.flow_name for one in records_of(second)}
    assert await other.ids() == other.expected()
    assert len(processes.upstream.calls) == calls


async def test_records_are_due_as_if_the_process_had_read_them_itself(processes: Processes) -> None:
    one, other = processes.new(), processes.new()
    processes.upstream.put(*day(300), row(9_000, NOW - HOUR / 2, minutes=None))
    await one.answer()
    processes.advance(10)
    await other.answer()
    due = [at.holdings.collection(EVERYTHING).due_at(WHOLE) - at.clock.monotonic for at in (one, other)]
    assert due[0] == pytest.approx(due[1], abs=0.01)
    compared = [
        at.clock.monotonic - at.holdings.collection(EVERYTHING).coverage.intervals[0].compared_at for at in (one, other)
    ]
    assert compared == pytest.approx([10, 10], abs=0.01)


@pytest.mark.parametrize("turn", range(2))
async def test_whatever_happens_answers_are_as_upstream_lists(processes: Processes, turn: int) -> None:
    """A row arrives or is erased between two looks: more might not be found at once, and both would cancel."""
    random = Random(turn)
    places = [processes.new() for _ in range(3)]
    processes.upstream.put(*day(300))
    for step in range(8):
        for at in random.sample(places, 3):
            asked = {"start": at.clock.wall - random.choice([1.5, 3.0, 6.0, 30.0]) * HOUR}
            asked |= {"end": at.clock.wall - HOUR} if random.random() < 0.3 else {}
            rows = random.choice([10, 120, 100_000])
            assert (await at.ids(rows, **asked))[:rows] == at.expected(**asked)[:rows], (step, asked, rows)
        await places[0].ids()
        if turn % 2:
            processes.upstream.put(row(9_000 + step, places[0].clock.wall - random.random() * 4 * HOUR))
        else:
            del processes.upstream.rows[random.choice([*processes.upstream.rows])]
        processes.advance(random.choice([16, 70, 700]))


ILL: dict[str, Callable[[TierServer], None]] = {"killed": TierServer.kill, "frozen": TierServer.freeze}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ill", ILL)
async def test_an_ill_tier_fails_nobody_and_is_used_again(kind: str, ill: str) -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier(kind))
        processes = Processes(server, closing, SYSTEM_CLOCK)
        processes.upstream.put(*day(50))
        one, two = processes.new(), processes.new()
        assert await one.ids() == one.expected()
        ILL[ill](server)
        for _ in range(5):
            processes.advance(16)
            assert [await at.ids() for at in (one, two)] == [at.expected() for at in (one, two)]
        server.kill()
        server.begin()
        for side in (store_of(one).reads, store_of(one).writes):
            await _used_again(side)
        processes.advance(16)
        await one.ids()
        sent = len(processes.upstream.sent)
        assert await processes.new().ids() == one.expected()
        assert len(processes.upstream.sent) == sent


async def _used_again(side: GuardedClient[Client]) -> None:
    """Wait until the server is asked again, and answers."""
    while True:
        with suppress(TierUnavailable):
            await side.call(_probe)
            return
        if side._tasks:
            await asyncio.wait(side._tasks)


async def test_without_the_tier_upstream_is_asked(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    stored.config_set("maxmemory", 1)
    try:
        places = [processes.new(), processes.new()]
        assert [await at.ids() for at in places] == [at.expected() for at in places]
        assert len(processes.upstream.sent) == 20
    finally:
        stored.config_set("maxmemory", 0)


@pytest.mark.parametrize("kind", ["catalogue", "partition", "epoch"])
async def test_poisoned_values_are_as_if_they_were_not_there(processes: Processes, stored: Redis, kind: str) -> None:
    processes.upstream.put(*day(10))
    await processes.new().ids()
    for key in stored.keys(f"*:{kind}*"):
        stored.set(key, b"\x80\x04\x95poison" * 20)
    at = processes.new()
    assert await at.ids() == at.expected()
    assert {*processes.refused} == {"magic"}
    assert len(processes.upstream.sent) == 20


@pytest.mark.parametrize("kind", ["catalogue", "partition"])
@pytest.mark.parametrize("body", [b"", b"\xc1", shared.encode({"of": "another form"}), CHUNK_OF_NOTHING])
async def test_a_body_of_another_release_is_as_if_it_were_not_there(
    processes: Processes, stored: Redis, kind: str, body: bytes
) -> None:
    processes.upstream.put(*day(10))
    one = processes.new()
    await one.ids()
    store = store_of(one)
    assert store.epoch.now
    for key in cast("list[bytes]", stored.keys(f"*:{kind}*")):
        frame = store.frames.open(key, cast("bytes", stored.get(key)))
        assert frame
        name = shared.decode_chunk(frame.body).name if kind == "partition" else b""
        stored.set(key, store.frames.seal(key, body.replace(b"NAME", name), store.epoch.now))
    at = processes.new()
    assert await at.ids() == at.expected()
    assert {*processes.refused} == {"body"}


async def test_an_older_chunk_in_the_place_of_another_is_not_read(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    one = processes.new()
    await one.ids()
    [key] = stored.keys("*:partition*")
    older = cast("bytes", stored.get(key))
    processes.upstream.put(row(9_000, NOW - MINUTE))
    processes.advance(70)
    await one.ids()
    stored.set(key, older)
    at = processes.new()
    assert await at.ids() == at.expected()
    assert at.expected()[0] == identity(9_000)


async def test_a_record_that_was_read_later_here_is_kept(processes: Processes) -> None:
    changing = row(9_000, NOW - 3 * HOUR)
    processes.upstream.put(*day(10), changing)
    one, two = processes.new(), processes.new()
    await one.ids()
    await two.ids()
    processes.advance(10)
    held = two.holdings.collection(EVERYTHING)
    span = Span(NOW - 3 * HOUR, NOW - 2 * HOUR)
    await held.take(span, [record({**changing, "flowName": "read later"})], two.context(None))
    processes.advance(10)
    await one.ids()
    await store_of(two).recall(held, WHOLE, two.context)
    assert held.coverage.intervals[0].compared_at == two.clock.monotonic
    found = {one.interaction_id: one.flow_name for run in held.runs(WHOLE) for one in run.block.records()}
    assert found[identity(9_000)] == "read later"
    assert {*found} == {*two.expected()}
    assert held.partitions(span)[0].runs[-1].checked[-1] == two.clock.monotonic - 10


async def test_rows_of_a_tail_do_not_take_the_place_of_all_of_its_millisecond(processes: Processes) -> None:
    processes.upstream.put(*(row(number, NOW - HOUR) for number in range(150)))
    one, two = processes.new(), processes.new()
    tier, two.holdings.tier = two.holdings.tier, None
    await two.ids(end=NOW - HOUR + timedelta(milliseconds=1))
    await one.answer(10)
    two.holdings.tier = tier
    held = two.holdings.collection(EVERYTHING)
    await store_of(two).recall(held, WHOLE, two.context)
    assert held.reach(WHOLE).complete
    assert held.rows(WHOLE) == 150


async def test_an_emptied_tier_is_filled_again_and_purges_nothing(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    one = processes.new()
    await one.ids()
    stored.flushall()
    await store_of(one).epoch.look()
    processes.advance(16)
    await one.ids()
    assert await processes.new().ids() == one.expected()
    assert processes.purged == []
    assert len(processes.upstream.sent) <= 11


async def test_a_dead_leader_is_waited_for_no_longer_than_a_client_waits(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    at = processes.new()
    stored.set(store_of(at).key("lease", at.holdings.collection(EVERYTHING)), b"of a dead process")
    began = at.clock.monotonic
    asking = asyncio.create_task(at.ids())
    await _until(processes, [asking])
    assert asking.result() == at.expected()
    assert WAIT_SECONDS <= at.clock.monotonic - began < WAIT_SECONDS + 1


async def test_a_lease_that_was_given_too_late_is_given_back() -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier())
        budget = HandClock()
        processes = Processes(server, closing, budget.clock)
        one = processes.new()
        other = closing.enter_context(Redis(unix_socket_path=str(server.socket)))
        await store_of(one).epoch.look()
        await store_of(one).writes.call(_probe)
        server.freeze()
        asking = asyncio.create_task(one.ids())
        await budget.asleep()
        budget.advance(BUDGET_SECONDS)
        assert await asking == []
        assert _tier(one)._left
        server.thaw()
        for _ in range(2):  # what came before is carried out by then
            other.ping()
        assert other.keys("*:lease*")
        watching = asyncio.create_task(_tier(one).watch())
        while other.keys("*:lease*") or _tier(one)._left:
            processes.advance(PURGED_SECONDS)
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait([watching])


async def test_who_has_lost_the_lease_writes_nothing(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.upstream.put(*day(10))
    at = processes.new()
    reading = processes.upstream.interactions

    async def late(*given: object, **more: object) -> object:
        for key in stored.keys("*:lease*"):
            stored.set(key, b"another's")
        return await reading(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(processes.upstream, "interactions", late)
    assert await at.ids() == at.expected()
    assert stored.keys("*:catalogue*") == stored.keys("*:partition*") == []
    assert stored.get(stored.keys("*:lease*")[0]) == b"another's"


async def test_a_lease_is_given_back(processes: Processes, stored: Redis) -> None:
    await processes.new().ids()
    assert stored.keys("*:lease*") == []
    processes.upstream.failure = RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await processes.new().ids(contact_id="someone")
    assert stored.keys("*:lease*") == []


async def _purge(at: Place) -> None:
    async with store_of(at).epoch.purging():
        at.holdings.purge()


async def test_nothing_comes_or_goes_while_a_purge_is_under_way(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    one = processes.new()
    await one.ids()
    keys = [key for kind in ("epoch", "catalogue", "partition") for key in stored.keys(f"*:{kind}*")]
    before = stored.mget(keys)
    async with store_of(one).epoch.purging():
        processes.advance(16)
        assert await one.ids() == one.expected()
        await store_of(one).epoch.look()
        one.holdings.purge()
        assert await one.ids() == one.expected()
        assert stored.mget(keys) == before
    assert not store_of(one).epoch.is_pending
    assert stored.mget(keys[:1]) != before[:1]


async def test_who_finds_no_epoch_takes_that_of_who_was_first(processes: Processes) -> None:
    one, two = (store_of(processes.new()).epoch for _ in range(2))
    await one.look()
    await two.see(None, None)
    assert one.now == two.now is not None
    await one.look()


@pytest.mark.parametrize("has_looked", [True, False])
async def test_an_epoch_counts_the_purges_since_the_tier_was_empty(processes: Processes, *, has_looked: bool) -> None:
    epoch = store_of(processes.new()).epoch
    if has_looked:
        await epoch.look()
        assert epoch.now
        assert epoch.now.sequence == 0
    for count in (1, 2):
        async with epoch.purging():
            pass
        await epoch.look()
        assert epoch.now
        assert epoch.now.sequence == count


async def test_the_epoch_is_read_all_the_while_a_secret_is_changed_in_steps(processes: Processes) -> None:
    follows = b"an invented secret that follows"
    epochs = []
    for known in ([SECRET], [SECRET, follows], [follows, SECRET], [follows], [follows, SECRET]):
        epoch = store_of(processes.new(*known)).epoch
        for _ in range(2):
            await epoch.look()
        epochs.append(epoch.now)
    assert epochs == epochs[:1] * 5
    assert not processes.refused
    assert not processes.purged


async def test_an_epoch_that_lay_there_before_a_purge_from_here_is_of_the_past(
    processes: Processes, stored: Redis
) -> None:
    epoch = store_of(processes.new()).epoch
    await epoch.look()
    before, value = epoch.now, cast("bytes", stored.get(epoch.key))
    async with epoch.purging():
        pass
    after = epoch.now
    with pytest.raises(TierUnavailable, match="purged"):
        await epoch.see(value, before)
    assert epoch.now == after != before
    assert processes.purged == []


async def test_a_purge_reaches_what_lies_there_and_the_other_processes(processes: Processes) -> None:
    processes.upstream.put(*day(10))
    one, other = processes.new(), processes.new()
    await one.ids()
    await other.ids()
    await _purge(one)
    with pytest.raises(TierUnavailable, match="purged"):
        await store_of(other).epoch.look()
    assert processes.purged == [other]
    await store_of(one).epoch.look()
    await store_of(other).epoch.look()
    for at in (processes.new(), one, other):
        assert await at.ids() == at.expected()
    assert len(processes.upstream.sent) == 20


@pytest.mark.parametrize("is_seen", [False, True])
async def test_what_was_read_before_a_purge_is_not_written_after_it(
    processes: Processes, stored: Redis, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    processes.upstream.put(*day(10))
    one, two = processes.new(), processes.new()
    await store_of(two).epoch.look()
    reading = processes.upstream.interactions

    async def late(*given: object, **more: object) -> object:
        read = await reading(*given, **more)  # type: ignore[arg-type]
        await _purge(two)
        if is_seen:
            with pytest.raises(TierUnavailable):
                await store_of(one).epoch.look()
        return read

    monkeypatch.setattr(processes.upstream, "interactions", late)
    await one.reading()
    assert processes.purged == [one]
    assert stored.keys("*:catalogue*") == []


async def test_until_the_order_of_a_purge_is_written_nothing_is_read_there(processes: Processes, stored: Redis) -> None:
    processes.upstream.put(*day(10))
    one, two = processes.new(), processes.new()
    await two.ids()
    await store_of(one).epoch.look()
    stored.config_set("maxmemory", 1)
    await _purge(one)
    assert store_of(one).epoch.is_pending
    assert await one.ids() == one.expected()
    assert len(processes.upstream.sent) == 20
    assert processes.purged == []
    stored.config_set("maxmemory", 0)
    await store_of(one).epoch.look()
    assert not store_of(one).epoch.is_pending
    with pytest.raises(TierUnavailable, match="purged"):
        await store_of(two).epoch.look()


async def test_what_was_read_while_the_tier_was_away_is_purged_once_it_is_back(
    processes: Processes, stored: Redis
) -> None:
    processes.upstream.put(*day(10))
    one, two = processes.new(), processes.new()
    await store_of(two).epoch.look()
    stored.config_set("maxmemory", 1)
    stored.delete(*stored.keys("*:epoch"))
    await one.ids()
    stored.config_set("maxmemory", 0)
    await _purge(two)
    with pytest.raises(TierUnavailable, match="purged"):
        await store_of(one).epoch.look()
    assert processes.purged == [one]


async def test_collections_of_other_conditions_have_other_values(processes: Processes) -> None:
    store = store_of(processes.new())
    holdings = processes.places[0].holdings
    asked = [EVERYTHING, *(type(EVERYTHING)(contact_id=one) for one in ("a", "b"))]
    keys = {store.key("catalogue", holdings.collection(one)) for one in asked}
    assert len(keys) == len({astuple(one) for one in asked})
