"""Changes replayed over an initial load are a fresh load, under arrivals, late joiners, edits, moves and erasures."""

import asyncio
from datetime import datetime, timedelta
from math import inf
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.errors import ChangeTokenExpired, StillFetching
from app.holdings.answering import Answered, Wanted
from app.holdings.changes import Mark
from app.holdings.partition import MOST_ROWS, day_of
from app.holdings.tombstones import Bound
from app.interactions.facts import Context, Facts
from app.queries.change_token import ChangeToken
from app.queries.changing import changed
from app.upstream.query import EVERYTHING, UpstreamQuery
from tests.holdings.support import NOW, TENANT, Place, place, records_of, row, text

HOURS = 48
MOST = 100_000
Shown = tuple[datetime, bool, str | None]
minutes_ago = st.integers(0, HOURS * 60)


def shown(answered: Answered, as_of: datetime) -> dict[str, Shown]:
    """All that a view of these records shows: their start, whether they are final, a text that edits change."""
    context = Context(tenant_id=TENANT, as_of=as_of)
    facts = [Facts(one, context) for one in records_of(answered)]
    return {one.interaction.interaction_id: (one.started_at, one.is_final, one.interaction.flow_name) for one in facts}


class Follower:
    """A client of one question, which follows its changes."""

    def __init__(self, at: Place, **asked: Any) -> None:
        self.at, self.asked, self.rows = at, asked, dict[str, Shown]()
        self.token: ChangeToken | None = None
        self.loads = 0
        self.lifetime = 0.0  # seconds for which it takes for compared what was

    async def load(self) -> None:
        """All rows, where all can be held."""
        self.loads += 1
        answered = await self.at.reading(MOST, **self.asked)
        if isinstance(answered, Answered) and answered.composition.complete:
            self.rows = self._shown(answered)
            self._note(answered.composition.marks)

    async def follow(self) -> None:
        """Apply the changes; where they cannot be told, load anew."""
        if self.token is None:
            await self.load()
            return
        query, holdings = UpstreamQuery(**self.asked), self.at.holdings
        wanted = Wanted(MOST, 10, lambda _span: self.lifetime, 15.0, self.lifetime)
        try:
            answers = await holdings.marked(self.token.marks, query, wanted, self.at.context)
            if not isinstance(answers, tuple) or not holdings.is_comparable(self.token.marks, query):
                raise ChangeTokenExpired
            told, gone = await changed(answers, query, self.token, MOST, self.at.context(None))
        except (ChangeTokenExpired, StillFetching):
            self.token = None
            await self.load()
            return
        new = self._shown(told)
        assert new.keys().isdisjoint(gone)
        self.rows = {name: value for name, value in {**self.rows, **new}.items() if name not in gone}
        self._note(told.composition.marks)

    async def fresh(self) -> dict[str, Shown]:
        """All that is held of the question now, where its changes are told from."""
        assert self.token
        wanted = Wanted(MOST, 10, lambda _span: inf, inf, inf)
        query = UpstreamQuery(**self.asked)
        answered = await self.at.holdings.continued(self.token.marks, query, wanted, self.at.context)
        assert isinstance(answered, Answered)
        assert answered.calls == 0
        return self._shown(answered)

    def _shown(self, answered: Answered) -> dict[str, Shown]:
        return shown(answered, answered.composition.changed_at or NOW)

    def _note(self, marks: tuple[Mark, ...]) -> None:
        self.token = ChangeToken(marks, b"", self.asked.get("start"), self.asked.get("end"))


class Machine(RuleBasedStateMachine):
    """Four questions: the whole, a range, an attribute, an attribute in a range."""

    at: Place

    @initialize(
        rows=st.integers(0, 300),
        bound=st.sampled_from([1, 100_000]),
        cache_bytes=st.sampled_from([400_000, 50_000_000]),
    )
    def begin(self, rows: int, bound: int, cache_bytes: int) -> None:
        self.number = rows
        self.at = place([self._row(number, number * HOURS * 60 // max(rows, 1)) for number in range(rows)])
        self.at.store._bound = cache_bytes
        self.at.holdings._bound = Bound(bound)
        spans: list[dict[str, Any]] = [{}, {"start": NOW - timedelta(hours=30), "end": NOW - timedelta(hours=2)}]
        gold = {"attribute_values": ("gold",)}
        self.followers = [Follower(self.at, **span, **more) for span in spans for more in ({}, gold)]

    def _row(self, number: int, minutes: int, **more: Any) -> dict[str, Any]:
        hooks = [{"hookType": "tier", "hookName": "gold", "hookSubType": "interaction-attribute"}] * (number % 3 == 0)
        return row(number, NOW - timedelta(minutes=minutes), interactionAttributes=hooks, **more)

    @rule(minutes=minutes_ago, count=st.integers(1, 5))
    def arrive(self, minutes: int, count: int) -> None:
        for _ in range(count):
            self.at.upstream.put(self._row(self.number, minutes))
            self.number += 1

    def _any(self, data: st.DataObject) -> dict[str, Any] | None:
        rows = self.at.upstream.rows
        return rows[data.draw(st.sampled_from(sorted(rows)))] if rows else None

    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        if one := self._any(data):
            del self.at.upstream.rows[one["interactionId"]]

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        if one := self._any(data):
            self.at.clock.advance(1)
            self.at.upstream.put({**one, "flowName": f"at {text(self.at.clock.wall)}"})

    @rule(data=st.data())
    def write_otherwise(self, data: st.DataObject) -> None:
        """The same record in another order of keys."""
        if one := self._any(data):
            self.at.upstream.put(dict(reversed(one.items())))

    @rule(data=st.data())
    def match_no_longer(self, data: st.DataObject) -> None:
        if one := self._any(data):
            self.at.upstream.put({**one, "interactionAttributes": []})

    @rule(data=st.data(), minutes=minutes_ago)
    def move(self, data: st.DataObject, minutes: int) -> None:
        if one := self._any(data):
            self.at.upstream.put({**one, "startTimestamp": text(NOW - timedelta(minutes=minutes))})

    @rule(seconds=st.sampled_from([1, 16, 61, 400, 4_000, 90_000]))
    def advance(self, seconds: int) -> None:
        self.at.clock.advance(seconds)

    @rule(data=st.data())
    def evict(self, data: st.DataObject) -> None:
        """One partition is let go of."""
        held = [(one, span) for one in self.at.holdings.collections() for span in one._spans]
        if held:
            collection, span = data.draw(st.sampled_from(held))
            self.at.store.delete(collection._key_of(span))

    @rule(number=st.integers(0, 3))
    def follow(self, number: int) -> None:
        for collection in self.at.holdings.collections():
            collection.lock = asyncio.Lock()  # each step has an event loop of its own
        asyncio.run(self._follow(self.followers[number]))

    @rule(rows=st.integers(1, 200))
    def others_ask(self, rows: int) -> None:
        for collection in self.at.holdings.collections():
            collection.lock = asyncio.Lock()
        asyncio.run(self.at.reading(rows, fresh_seconds=0.0))

    async def _follow(self, follower: Follower) -> None:
        await follower.follow()
        if follower.token:
            assert follower.rows == await follower.fresh()


def followed(machine: Machine) -> None:
    for number in range(len(machine.followers)):
        machine.follow(number)


def erased(machine: Machine) -> None:
    for name in sorted(machine.at.upstream.rows)[5:60:7]:
        del machine.at.upstream.rows[name]
    machine.at.clock.advance(400)


def test_what_left_while_it_was_not_held_is_not_told_so_that_all_is_loaded_anew() -> None:
    machine = Machine()
    machine.begin(rows=100, bound=100_000, cache_bytes=50_000_000)
    followed(machine)
    for collection in machine.at.holdings.collections():
        for span in [*collection._spans]:
            machine.at.store.delete(collection._key_of(span))
    erased(machine)
    followed(machine)


def test_where_more_left_than_is_remembered_all_is_loaded_anew() -> None:
    machine = Machine()
    machine.begin(rows=100, bound=3, cache_bytes=50_000_000)
    followed(machine)
    erased(machine)
    followed(machine)


async def test_what_is_shown_as_final_is_told_to_who_began_before_another_changed_what_is_beside_it() -> None:
    late = row(9_000, NOW - timedelta(minutes=2))
    at = place([late, *(row(number, NOW - timedelta(hours=30, seconds=number)) for number in range(MOST_ROWS))])
    [mark] = (await at.answer()).composition.marks
    begun = at.context(None)
    at.clock.advance(4_000)
    collection = at.holdings.collection(EVERYTHING)
    at.store.delete(collection._key_of(day_of(NOW - timedelta(hours=30))))
    await at.answer(fresh_seconds=inf, end=NOW - timedelta(hours=20))
    with patch.object(Place, "context", lambda _at, _zone: begun):
        answered = await at.answer(fresh_seconds=inf)
    assert shown(answered, answered.composition.changed_at or NOW)[late["interactionId"]][1]
    told = {one.run.ids[number] for one in answered.composition.pieces for number in one.changed_since(mark.number)}
    assert late["interactionId"] in told


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
