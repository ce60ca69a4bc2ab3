"""Changes told by a process that shares a tier, replayed over a load at any other, are the content of who told them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from math import inf
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from redis import Redis

from app.holdings.tombstones import Bound
from app.tier.circuits import TierUnavailable
from app.upstream.query import EVERYTHING
from tests.holdings.support import NOW, Place, day, identity, row, text
from tests.holdings.test_tier import Processes, store_of
from tests.queries.test_changing import HOURS, Follower, Machine
from tests.support.tier import running_tier

PLACES, FOLLOWERS = 3, 6
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATER = 110_000  # seconds, after which the rows are read again
places, followers = st.integers(0, PLACES - 1), st.integers(0, FOLLOWERS - 1)
any_of_all = st.integers(0, 99)  # a draw from what there is would differ with the timing of the server


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    async with AsyncExitStack() as closing:
        yield Processes(closing.enter_context(running_tier()), closing)


def edited(number: int) -> dict[str, Any]:
    """One of the rows of the day, edited."""
    return {**day(30)[number], "flowName": "edited"}


async def told(follower: Follower, at: Place) -> bool:
    """Have the follower ask there; whether its token was good. It has what is held there, in any case."""
    follower.at, loads = at, follower.loads
    await follower.follow()
    assert follower.token
    assert follower.rows == await follower.fresh()
    return follower.loads == loads


async def begun(processes: Processes, count: int = 2) -> tuple[list[Place], Follower]:
    """Processes that hold the same, and a follower who has loaded it from the first."""
    processes.upstream.put(*day(30))
    places = [processes.new() for _ in range(count)]
    follower = Follower(places[0])
    for at in (places[0], *places):
        await told(follower, at)
    return places, follower


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_token_is_good_at_every_process_of_one_line(processes: Processes, *, is_restarted: bool) -> None:
    (one, other), follower = await begun(processes)
    upstream = processes.upstream
    happens: list[Callable[[], object]] = [
        lambda: upstream.put(edited(8)),
        lambda: upstream.put(row(9_000, NOW - HOUR), row(9_001, NOW)),
        lambda: upstream.rows.pop(identity(9)),
        lambda: upstream.rows.pop(identity(9_001)),
    ]
    for step, happen in enumerate(happens):
        happen()
        processes.advance(LATER)
        before, known = follower.token, {**follower.rows}
        assert await told(follower, processes.new() if is_restarted else (other, one)[step % 2])
        assert {*follower.rows} == {*one.expected()}
        assert known != follower.rows
        assert before != follower.token
    assert follower.rows[identity(8)][2] == "edited"


async def test_a_process_that_is_behind_takes_what_has_changed_though_it_has_compared_later(
    processes: Processes,
) -> None:
    (one, other), follower = await begun(processes)
    behind = Follower(one)
    await told(behind, one)
    behind.lifetime = inf
    processes.upstream.put(edited(7))
    processes.advance(LATER)
    assert await told(follower, one)
    assert follower.rows[identity(7)][2] == "edited"
    held = other.holdings.collection(EVERYTHING)
    [interval] = held.coverage.intervals
    held.cover(interval.span, other.clock.monotonic + 5)
    assert await told(follower, other)
    assert await told(behind, other)
    assert behind.rows[identity(7)][2] == "edited"


async def test_a_span_that_is_read_without_the_lead_is_seen_by_nobody_else(processes: Processes) -> None:
    processes.upstream.put(*day(30))
    one, other = processes.new(), processes.new()
    lately, earlier = {"start": NOW - 5 * HOUR}, {"start": NOW - 30 * HOUR, "end": NOW - 20 * HOUR}
    for at in (one, other):
        await told(Follower(at, **lately), at)
    follower, writes = Follower(one, **earlier), store_of(one).writes.circuit
    writes.is_open = True
    await told(follower, one)
    writes.close()
    processes.upstream.put(row(9_000, NOW - 25 * HOUR))
    processes.advance(90)
    await told(Follower(other, **earlier), other)
    await told(follower, other)
    assert {*follower.rows} == {identity(9_000)}


async def test_what_is_changed_without_the_lead_is_told_to_nobody_else(processes: Processes) -> None:
    (one, other), follower = await begun(processes)
    del processes.upstream.rows[identity(3)]
    processes.advance(90)
    writes = store_of(one).writes.circuit
    writes.is_open = True
    assert not await told(follower, one)
    writes.close()
    del processes.upstream.rows[identity(4)]
    processes.advance(90)
    await told(Follower(other), other)
    assert not await told(follower, other)
    for at in (one, other, one):
        processes.advance(90)
        await told(follower, at)
    assert await told(follower, other)


@pytest.mark.parametrize("kind", ["partition", "catalogue"])
async def test_what_was_lost_on_the_way_is_no_reason_to_keep_what_has_left(processes: Processes, kind: str) -> None:
    (one, _), follower = await begun(processes)
    with Redis(unix_socket_path=str(processes.server.socket)) as stored:
        stored.delete(*cast("list[bytes]", stored.keys(f"*:{kind}*")))
    del processes.upstream.rows[identity(3)]
    processes.advance(90)
    assert not await told(follower, processes.new())
    assert identity(3) not in follower.rows
    assert await told(follower, processes.new())
    await told(follower, one)
    assert await told(follower, processes.new())


async def test_a_record_that_becomes_final_is_told_by_whoever_leads(processes: Processes) -> None:
    (one, other), follower = await begun(processes)
    processes.upstream.put(row(9_000, NOW - 2 * MINUTE))
    for seconds in (16, 3_000):
        processes.advance(seconds)
        assert await told(follower, one)
    assert not follower.rows[identity(9_000)][1]
    held = one.holdings.collection(EVERYTHING)
    processes.advance(3_600 - 3_016 - 59)
    assert held.due_at(held.coverage.intervals[-1].span) > one.clock.monotonic
    follower.lifetime = inf
    assert await told(follower, other)
    assert follower.rows[identity(9_000)][1]
    assert await told(follower, one)


async def test_what_has_become_final_is_told_by_whoever_takes_it_without_the_lead(processes: Processes) -> None:
    processes.upstream.put(*day(30), row(9_000, NOW - 2 * MINUTE))
    (_, other), follower = await begun(processes)
    processes.advance(4_000)
    at = processes.new()
    store_of(at).writes.circuit.is_open = True
    assert not await told(follower, at)
    assert follower.rows[identity(9_000)][1]
    store_of(at).writes.circuit.close()
    await told(follower, other)
    assert follower.rows[identity(9_000)][1]


async def test_what_a_count_of_some_conditions_has_read_again_is_told_to_all(processes: Processes) -> None:
    hooks = [{"hookType": "tier", "hookName": "gold", "hookSubType": "interaction-attribute"}]
    processes.upstream.put(
        *(row(number, NOW - number * MINUTE, interactionAttributes=hooks) for number in range(9_000, 9_030))
    )
    (one, other), follower = await begun(processes)
    await one.ids(attribute_values=("gold",))
    one.holdings.supersets._verified.clear()
    del processes.upstream.rows[identity(8)]
    processes.upstream.put(row(9_100, NOW - 9_010.5 * MINUTE, interactionAttributes=hooks))
    processes.advance(16)
    assert await one.ids(attribute_values=("gold",)) == one.expected(attribute_values=("gold",))
    assert await told(follower, one)
    assert await told(follower, other)
    assert {*follower.rows} == {*one.expected()}


LOSSES: dict[str, Callable[[Place, Redis], Any]] = {
    "the lease": lambda _at, stored: stored.delete(*cast("list[bytes]", stored.keys("*:lease*"))),
    "the catalogue": lambda _at, stored: stored.delete(*cast("list[bytes]", stored.keys("*:catalogue*"))),
}


@pytest.mark.parametrize("what", LOSSES)
async def test_who_could_not_tell_what_was_read_for_all_keeps_it_alone(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (one, other), follower = await begun(processes)
    tell = store_of(one).tell

    async def late(*given: Any) -> bool:
        with Redis(unix_socket_path=str(processes.server.socket)) as stored:
            LOSSES[what](one, stored)
        return await tell(*given)

    del processes.upstream.rows[identity(3)]
    processes.advance(90)
    monkeypatch.setattr(store_of(one), "tell", late)
    assert not await told(follower, one)
    monkeypatch.undo()
    del processes.upstream.rows[identity(4)]
    processes.advance(90)
    await told(Follower(other), other)
    assert not await told(follower, other)


class Lost:
    """Calls that are made, though their answers do not arrive."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def __call__(self, command: Any) -> Any:
        await self._call(command)
        raise TierUnavailable("timeout")


class TierMachine(Machine):
    """Clients of four questions, who ask a process now and another then; two of them only those who answer at once."""

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.closing = asyncio.Runner(), AsyncExitStack()
        self.server = self.closing.enter_context(running_tier())
        self.stored = self.closing.enter_context(Redis(unix_socket_path=str(self.server.socket)))
        self.processes = Processes(self.server, self.closing)
        self.known = 0

    def teardown(self) -> None:
        self.runner.run(self.closing.aclose())
        self.runner.close()

    @initialize(rows=st.integers(0, 300), bound=st.sampled_from([1, 100_000]))
    def begin(self, rows: int, bound: int) -> None:
        self.number, self.bound = rows, bound
        given = [self._row(number, number * HOURS * 60 // max(rows, 1)) for number in range(rows)]
        self.processes.upstream.put(*given)
        self.places = [self._new() for _ in range(PLACES)]
        self.at = self.places[0]
        spans: list[dict[str, Any]] = [{}, {"start": NOW - timedelta(hours=30), "end": NOW - timedelta(hours=2)}]
        gold = {"attribute_values": ("gold",)}
        asked = [{**span, **more} for span in spans for more in ({}, gold)]
        self.followers = [Follower(self.at, **one) for one in (*asked, *asked[:2])]
        for one in self.followers[4:]:
            one.lifetime = 15.0

    def _new(self) -> Place:
        at = self.processes.new()
        at.holdings._bound = Bound(self.bound)
        return at

    @rule(seconds=st.sampled_from([1, 16, 61, 400, 4_000, 90_000]))
    def advance(self, seconds: int) -> None:
        self.processes.advance(seconds)

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        if one := self._any(data):
            self.processes.advance(1)
            self.processes.upstream.put({**one, "flowName": f"at {text(self.at.clock.wall)}"})

    @rule(number=any_of_all, place=places)
    def evict(self, number: int, place: int) -> None:
        at = self.places[place]
        held = [(one, span) for one in at.holdings.collections() for span in one._spans]
        if held:
            collection, span = held[number % len(held)]
            at.store.delete(collection._key_of(span))

    @rule(number=followers, place=places)
    def follow(self, number: int, place: int = 0) -> None:
        self.runner.run(self._asked(number, self.places[place]))

    @rule(number=followers, place=places)
    def follow_again(self, number: int, place: int) -> None:
        self.follow(number, place)

    @rule(number=followers, place=places)
    def follow_once_more(self, number: int, place: int) -> None:
        self.follow(number, place)

    async def _asked(self, number: int, at: Place) -> None:
        follower = self.followers[number]
        follower.at, before = at, follower.token
        await self._turning(follower.follow())
        self.known += before is not None and follower.token is not None
        if follower.token:
            assert follower.rows == await self._turning(follower.fresh())

    async def _turning(self, work: Any) -> Any:
        """The result of some work; the clocks go on while it waits for another process."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait((task,), timeout=0.02)
            if not task.done():
                self.processes.advance(0.1)
        return task.result()

    @rule(rows=st.integers(1, 200), place=places)
    def others_ask(self, rows: int, place: int = 0) -> None:
        self.runner.run(self._turning(self.places[place].reading(rows, fresh_seconds=0.0)))

    @rule(place=places)
    def restart(self, place: int) -> None:
        self.processes.places.remove(self.places[place])
        self.places[place] = self._new()
        self.at = self.places[0]

    @rule()
    def empty(self) -> None:
        self.stored.flushall()

    @rule(number=any_of_all, kind=st.sampled_from(["catalogue", "partition", "lease"]))
    def lose_a_value(self, number: int, kind: str) -> None:
        if keys := sorted(self.stored.keys(f"*:{kind}*")):
            self.stored.delete(keys[number % len(keys)])

    @rule(place=places)
    def purge(self, place: int) -> None:
        self.runner.run(self._purge(self.places[place]))

    async def _purge(self, at: Place) -> None:
        async with store_of(at).epoch.purging():
            at.holdings.purge()
        for one in self.places:
            with suppress(TierUnavailable):
                await store_of(one).epoch.look()

    @rule(place=places, number=followers, is_written=st.booleans())
    def follow_while_the_tier_fails(self, place: int, number: int, *, is_written: bool) -> None:
        """Nothing can be written, or nobody hears that it was."""
        at = self.places[place]
        writes = store_of(at).writes
        if is_written:
            writes.call = Lost(writes.call)  # type: ignore[method-assign]
        else:
            writes.circuit.is_open = True
        try:
            self.follow(number, place)
        finally:
            writes.__dict__.pop("call", None)
            writes.circuit.close()

    @rule(place=places, number=followers)
    def follow_while_the_lease_is_lost(self, place: int, number: int) -> None:
        at, tell = self.places[place], store_of(self.places[place]).tell

        async def late(*given: Any) -> bool:
            for key in self.stored.keys("*:lease*"):
                self.stored.delete(key)
            return await tell(*given)

        store_of(at).tell = late  # type: ignore[method-assign,assignment]
        try:
            self.follow(number, place)
        finally:
            del store_of(at).__dict__["tell"]


TestTierMachine = TierMachine.TestCase
TestTierMachine.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
