"""Holdings under arrivals, late joiners, edits, erasures, evictions, failures: the invariants after every step."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import UpstreamError, UpstreamUnreachable
from app.holdings.answering import Answered
from app.upstream.query import UpstreamQuery
from tests.holdings.support import NOW, Place, ids_of, place, records_of, row, text

HOURS = 48
minutes_ago = st.integers(0, HOURS * 60)
SETTLES = timedelta(hours=1)
LASTING = {0: None, 1: 600.0, 2: 90.0}  # minutes; the first have not ended


class Machine(RuleBasedStateMachine):
    """One collection among others; between two comparisons rows are either added or erased, as the two may cancel."""

    at: Place
    overlaps = False
    run: Callable[[Coroutine[Any, Any, object]], object] = staticmethod(asyncio.run)

    @initialize(rows=st.integers(0, 400), cache_bytes=st.sampled_from([150_000, 50_000_000]))
    def begin(self, rows: int, cache_bytes: int) -> None:
        self.number, self.adds, self.erases = rows, False, False
        held = [self._row(number, number * HOURS * 60 // max(rows, 1)) for number in range(rows)]
        self.at = place(held, overlaps=self.overlaps)
        self.at.store._bound = cache_bytes

    def _row(self, number: int, ago: int, **more: Any) -> dict[str, Any]:
        hooks = [{"hookType": "tier", "hookName": "gold", "hookSubType": "interaction-attribute"}] * (number % 3 == 0)
        return row(number, NOW - timedelta(minutes=ago), interactionAttributes=hooks, **more)

    @rule(minutes=minutes_ago, count=st.integers(1, 5))
    def arrive(self, minutes: int, count: int) -> None:
        if not self.erases:
            self.adds = True
            for _ in range(count):
                self.at.upstream.put(self._row(self.number, minutes))
                self.number += 1

    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        if not self.adds and self.at.upstream.rows:
            self.erases = True
            del self.at.upstream.rows[data.draw(st.sampled_from(sorted(self.at.upstream.rows)))]

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        if self.at.upstream.rows:
            self.at.clock.advance(1)
            one = self.at.upstream.rows[data.draw(st.sampled_from(sorted(self.at.upstream.rows)))]
            self.at.upstream.put({**one, "flowName": f"at {text(self.at.clock.wall)}"})

    @rule(seconds=st.sampled_from([1, 16, 61, 400, 4_000]))
    def advance(self, seconds: int) -> None:
        self.at.clock.advance(seconds)

    @rule()
    def fail(self) -> None:
        self.at.upstream.failure = UpstreamUnreachable("gone")
        with suppress(UpstreamError):
            self.run(self._ask(10, {}))
        self.at.upstream.failure = None

    @rule(
        ends=st.tuples(minutes_ago, minutes_ago),
        is_open=st.booleans(),
        is_ever=st.booleans(),
        has_attribute=st.booleans(),
        rows=st.sampled_from([1, 10, 150, 100_000]),
    )
    def ask(self, ends: tuple[int, int], *, is_open: bool, is_ever: bool, has_attribute: bool, rows: int) -> None:
        self.at.clock.advance(0.001)  # else what was compared before would pass for compared by this question
        asked: dict[str, Any] = {"attribute_values": ("gold",)} if has_attribute else {}
        if not is_ever:
            asked["start"] = NOW - timedelta(minutes=max(ends))
        if not is_open:
            asked["end"] = NOW - timedelta(minutes=min(ends)) + timedelta(minutes=1)
        answered = self.run(self._ask(rows, asked))
        if not isinstance(answered, Answered):
            return
        expected = self.at.expected(**asked)
        found = ids_of(answered)
        now = self.at.clock.monotonic
        if answered.composition.compared_at < now:
            return  # the calls ran out before the numbers were equal
        if answered.composition.complete:
            assert found == expected
        else:
            assert found[:rows] == expected[:rows]
            assert len(found) >= min(rows, len(expected))
        assert answered.total == len(expected)
        for piece in answered.composition.pieces:
            for place_in_run in piece.places:
                checked = piece.held.checked[place_in_run]
                assert checked <= now
                assert piece.held.due[place_in_run] > now or answered.calls >= 8, "or the calls ran out"
        shown = {one.interaction_id: one for one in records_of(answered)}
        fresh = {one.interaction.interaction_id: one.interaction for one in self.at.upstream.matching(UpstreamQuery())}
        for piece in answered.composition.pieces:
            for place_in_run in piece.places:
                name = piece.run.ids[place_in_run]
                if piece.held.checked[place_in_run] == now:
                    assert shown[name].flow_name == fresh[name].flow_name

    async def _ask(self, rows: int, asked: dict[str, Any]) -> object:
        for collection in self.at.holdings.collections():
            collection.lock = asyncio.Lock()  # each step has an event loop of its own
            collection.failed = (0.0, None)
        answered = await self.at.reading(rows, fresh_seconds=0.0, **asked)
        self._see_what_is_compared()
        return answered

    def _see_what_is_compared(self) -> None:
        """Where nothing held is older than now, what comes next may be of the other kind."""
        held = [one for collection in self.at.holdings.collections() for one in collection.coverage.intervals]
        if all(one.compared_at == self.at.clock.monotonic for one in held):
            self.adds = self.erases = False

    @rule()
    def compare_all(self) -> None:
        """Each collection as a whole, so that what comes next may be of the other kind."""
        for asked in ({}, {"attribute_values": ("gold",)}):
            self.run(self._ask(1_000_000, asked))
        for collection in self.at.holdings.collections():
            self.run(self.at.compare(collection))
        self._see_what_is_compared()

    @invariant()
    def intervals_are_disjoint_and_what_is_covered_is_held(self) -> None:
        if not hasattr(self, "at"):
            return
        for collection in self.at.holdings.collections():
            spans = [one.span for one in collection.coverage.intervals]
            assert all(one.end <= following.start for one, following in pairwise(spans))
        assert self.at.store.bytes_held <= self.at.store._bound


class OverlapMachine(Machine):
    """The same rules where ranges also list what starts before them, and many rows last for hours or have not ended."""

    overlaps = True

    def _row(self, number: int, ago: int, **more: Any) -> dict[str, Any]:
        return super()._row(number, ago, minutes=LASTING.get(number % 7, 1.0), **more)


TestMachine, TestOverlapMachine = Machine.TestCase, OverlapMachine.TestCase
TestMachine.settings = TestOverlapMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_rows_that_are_held_answer_where_the_store_has_no_room_for_the_rest() -> None:
    """Found by the machine: the rest was read to be counted, and drove out what was held."""
    machine = Machine()
    machine.begin(rows=304, cache_bytes=150_000)
    for ends, has_attribute, is_open in (
        ((1577, 1800), False, True),
        ((2880, 0), False, True),
        ((273, 0), True, True),
        ((0, 720), True, False),
        ((2791, 0), True, False),
    ):
        machine.ask(ends=ends, is_open=is_open, is_ever=ends[0] == 2880, has_attribute=has_attribute, rows=1)


def test_comparisons_that_find_some_of_many_late_rows_do_not_count_as_failed() -> None:
    """Found by the machine: after three of them the newest hour was read instead, and the rest passed for compared."""
    machine = Machine()
    machine.begin(rows=323, cache_bytes=50_000_000)
    machine.compare_all()
    for count, minutes in ((2, 1743), (5, 431), (4, 2543)):
        machine.arrive(count=count, minutes=minutes)
    machine.ask(ends=(516, 855), has_attribute=True, is_ever=True, is_open=True, rows=100_000)
    machine.arrive(count=5, minutes=0)
    machine.arrive(count=4, minutes=359)
    machine.compare_all()
    machine.fail()
    machine.compare_all()
    machine.arrive(count=1, minutes=168)
    machine.ask(ends=(823, 295), has_attribute=False, is_ever=False, is_open=True, rows=150)
