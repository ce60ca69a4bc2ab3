"""A collection: records are taken into the stock in place of those of a span, and each is given its next check."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from math import inf
from types import MappingProxyType

from app import cooperative
from app.cooperative import Turns, let_go, set_aside
from app.errors import CxfacadeError
from app.holdings.collection import NOT_COUNTED, Rest, Span
from app.holdings.overlap import Earlier, OverlapReader
from app.holdings.packing import Entry, entries, in_order, microseconds, pack
from app.holdings.partition import FOREVER, LEVELS, MOST_ROWS, HeldRun, Partition
from app.holdings.reader import Reader
from app.holdings.schedule import Schedule
from app.holdings.stock import NOTHING, Stock
from app.holdings.taking import (
    Check,
    Taking,
    Told,
    checked_at,
    checks_of,
    elsewhere,
    held_beside,
    id_of,
    neighbour,
    numbered,
    numbers_of,
    outside,
    prints_of,
    says_the_same,
    settled,
)
from app.interactions.facts import Context, Facts
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, UpstreamQuery
from app.upstream.rows import Held, Record

COLLECTION_BYTES = 2_000
JUST_NOW: Mapping[str, float] = MappingProxyType({})
LAST_WAIT_SECONDS = 30 * 86_400.0  # past its last rung a record is read again after so long


@dataclass(eq=False)
class Collection(Stock):
    """The part that is held of the interactions that upstream lists for some conditions.

    It was `asked_at` a monotonic time; `failed` is how its last reading failed, and when. `failures`: so many
    comparisons in a row did not come out even, nor closer; the last one of them came to the part in which it is
    `sought` why, and to so many rows `lacking`. The `rest` is below what is held, as it was counted last; so many rows
    were `arriving` between two comparisons on average. The newest row was looked at, and the newest hour read again, at
    the times given (monotonic). `queued` are the owners of all who read it or wait to. Where upstream's ranges list
    what `overlaps` them, `earlier` are the numbers of rows that start before them.
    """

    conditions: UpstreamQuery
    schedule: Schedule
    overlaps: bool = False
    earlier: Earlier = field(default_factory=dict, init=False)
    queued: list[Owners] = field(default_factory=list, init=False)
    time_zone: str | None = field(default=None, init=False)
    simulated: bool = field(default=False, init=False)
    failed: tuple[float, CxfacadeError | None] = field(default=(-inf, None), init=False)
    asked_at: float = field(default=-inf, init=False)
    failures: int = field(default=0, init=False)
    sought: Span | None = field(default=None, init=False)
    lacking: int = field(default=0, init=False)
    rest: Rest = field(default=NOT_COUNTED, init=False)
    arriving: float = field(default=0.0, init=False)
    peeked_at: float = field(default=-inf, init=False)

    @asynccontextmanager
    async def turn(self, owners: Owners) -> AsyncIterator[None]:
        """The turn of one reader; what it waits for is read for its owners too, and is not kept back any more."""
        for before in self.queued:
            before.join(owners)
        self.queued.append(owners)
        try:
            async with self.lock:
                yield
        finally:
            self._looked_up = NOTHING  # what is evicted later must be nowhere
            self.queued.remove(owners)

    def reader(
        self,
        client: UpstreamClient,
        most_calls: int,
        owners: Owners | None,
        *,
        background: bool,
        conditions: UpstreamQuery | None = None,
    ) -> Reader:
        """A reader of the collection, or of another one with these conditions, by so many calls at most."""
        asked = conditions or self.conditions
        if self.overlaps:
            return OverlapReader(client, asked, most_calls, owners, background, self.earlier)
        return Reader(client, asked, most_calls, owners, background)

    def purge(self) -> None:
        """Let go of all that is held, also of what is on its way here."""
        self.token.purged = True

    async def take(
        self,
        span: Span,
        records: Sequence[Record | Held],
        context: Context,
        checked: Mapping[str, float] = JUST_NOW,
        told: Told | None = None,
    ) -> dict[int, list[Facts]]:
        """Hold these records in place of all that was held of the span, as upstream shows them, or as others have told.

        Upstream has shown them just now, but for those that were `checked` at another time (monotonic seconds), by id.
        Gives the facts of the runs that were packed, by the identity of the run.
        """
        brought, known = {id_of(one): one.fingerprint for one in records}, prints_of(self, span)
        may_be_same = told is None or told.numbers == numbers_of(self, span)
        if may_be_same and brought == known:
            self._touch(span, checked)
            return {}
        new = await cooperative.run(entries(records, context, told.pending if told else frozenset()))
        if may_be_same and brought.keys() == known.keys() and says_the_same(self, span, new):
            self._touch(span, checked)
            await let_go(new)
            return {}
        names = brought.keys() - known.keys()
        for home in await cooperative.run(elsewhere(self, span, names)):
            moved = [one for one in records if id_of(one) in names]
            staying = held_beside(self, home, moved)
            pending = frozenset(map(id_of, staying)) if told else frozenset()
            beside = await cooperative.run(entries(staying, context, pending))
            await self._replace(home, beside, context, checked_at(self, home, staying), told)
        return await self._replace(span, new, context, checked, told)

    async def settle(self, span: Span, context: Context) -> None:
        """Note which records have become final by now: what is shown of them has changed.

        Where that is told to others, it is for the process that leads; another one notes those alone that were final
        when it last changed, as of which it shows them all.
        """
        partitions = self.partitions(span)
        shown_at = max((one.changed_at for one in partitions), default=context.as_of)
        if self.changes.is_leading or not self.changes.is_shared:
            shown_at = max(shown_at, context.as_of)
        context = replace(context, as_of=shown_at)
        for partition in partitions:
            if _has_to_settle(partition, context):
                number = self.changes.begin(partition.span)
                runs = [settled(one, context, number) for one in partition.runs]
                self._put(replace(partition, runs=tuple(runs), changed_at=context.as_of, changed_in=number))
                self.tell(span)
                await asyncio.sleep(0)  # there may be a thousand

    def is_settled(self, span: Span, context: Context) -> bool:
        """Whether every record of the span that has become final is noted as final."""
        return not any(_has_to_settle(one, context) for one in self.partitions(span))

    def _touch(self, span: Span, read: Mapping[str, float]) -> None:
        """The records of the span were read again, just now but for those `read` at another time; they are the same."""
        now, ahead = self.clock.monotonic(), self._ahead()
        for partition in self.partitions(span):
            runs = {id(held): held for held in partition.runs}
            for held, first, last in partition.within(span):
                checked, due = held.checked[:], held.due[:]
                for place in range(first, last):
                    at = max(checked[place], read.get(held.run.ids[place], now))
                    check = self._check(held.run.events[place], at, ahead, is_open=bool(held.run.open_flags[place]))
                    checked[place], due[place] = check.checked, check.due
                runs[id(held)] = replace(held, checked=checked, due=due)
            self._put(replace(partition, runs=tuple(runs.values())))

    def _check(self, event: float, at: float, ahead: float, *, is_open: bool, changed: int = 0) -> Check:
        """The check of a record read `at` a monotonic time, which the wall clock is `ahead` of."""
        due = self.schedule.due_at(event, at + ahead, is_open=is_open)
        return Check(at, at + LAST_WAIT_SECONDS if due is None else due - ahead, changed)

    def _ahead(self) -> float:
        return self.clock.wall().timestamp() - self.clock.monotonic()

    async def _replace(
        self,
        span: Span,
        new: Sequence[Entry],
        context: Context,
        checked: Mapping[str, float],
        told: Told | None = None,
    ) -> dict[int, list[Facts]]:
        if told:
            number, numbers = self.changes.number, numbers_of(self, span) | {**told.numbers}
        else:
            number = self.changes.begin(span)
            numbers = await cooperative.run(numbered(self, span, new, number))
        checks = await cooperative.run(self._checks(new, numbers, checked))
        taking = Taking(span, checks, context, number, self.changes, is_told=told is not None)
        homes = await cooperative.run(self._homes(new, taking))
        facts: dict[int, list[Facts]] = {}
        for partition, arrived in homes:
            facts |= await self._rebuild(partition, arrived, taking)
        set_aside(len(new))
        self.tell(span)
        return facts

    def _checks(
        self, new: Iterable[Entry], numbers: Mapping[str, int], read: Mapping[str, float]
    ) -> Turns[dict[str, Check]]:
        """When each record, `read` then or just now, is to be read again, and its last change, by its id."""
        now, ahead, checks = self.clock.monotonic(), self._ahead(), dict[str, Check]()
        for facts, _ in new:
            name, event = facts.interaction.interaction_id, facts.last_event_at.timestamp()
            at = read.get(name, now)
            checks[name] = self._check(event, at, ahead, is_open=not facts.is_closed, changed=numbers[name])
            yield
        return checks

    def _homes(self, new: Sequence[Entry], taking: Taking) -> Turns[list[tuple[Partition, list[Entry]]]]:
        """The partitions that records leave or enter, each with those it gets; a too large one is parted."""
        span, context = taking.span, taking.context
        arriving: dict[Span, list[Entry]] = {one.span: [] for one in self.partitions(span)}
        waiting = list(new)
        while waiting:
            home = Span(FOREVER, FOREVER)
            for one in waiting:
                moment = one.facts.started_at
                if not home.start <= moment < home.end:
                    home = self._level(moment)[1]
                arriving.setdefault(home, []).append(one)
                yield
            waiting = []
            for home, arrived in [*arriving.items()]:
                held = self._partition(home, context)
                staying = held.rows - sum(last - first for _, first, last in held.within(span))
                if staying + len(arrived) > MOST_ROWS and held.level < len(LEVELS) - 1:
                    self._parted.add(home)
                    del arriving[home]
                    waiting += arrived
                    for run in held.runs:
                        waiting += yield from outside(run, taking)
                    self._drop(home)
        return [(self._partition(home, context), arrived) for home, arrived in arriving.items()]

    async def _rebuild(self, partition: Partition, arrived: Sequence[Entry], taking: Taking) -> dict[int, list[Facts]]:
        """The partition with what arrived in place of what it held of the span; its other runs stay as they are."""
        span, checks, as_of = taking.span, taking.checks, taking.context.as_of
        starts = [microseconds(one.facts.started_at) for one in arrived]
        touched = {id(held) for held, _, _ in partition.within(span)}
        touched |= {
            id(one) for one in partition.runs if starts and one.oldest <= max(starts) and one.newest >= min(starts)
        }
        if starts and not touched:
            touched = neighbour(partition.runs, max(starts))
        kept = [one for one in partition.runs if id(one) not in touched]
        pool = list(arrived)
        for one in partition.runs:
            if id(one) in touched:
                pool += await cooperative.run(outside(one, taking))
        packed = await pack(in_order(pool), is_indexed=self.conditions == EVERYTHING)
        made = [HeldRun(run, *checks_of(run, checks)) for run in packed.runs]
        runs = sorted([*kept, *made], key=lambda one: (-one.newest, one.run.ids[0]))
        number = taking.changes.last_in(partition.span) if taking.is_told else taking.number
        number = max([number, *(one.changed_in for one in runs)])
        self._put(replace(partition, runs=tuple(runs), changed_at=as_of, changed_in=number))
        return {id(run): facts for run, facts in zip(packed.runs, packed.facts, strict=True)}


def _has_to_settle(partition: Partition, context: Context) -> bool:
    """Whether the partition shows a record as pending that has become final."""
    since = partition.pending_since
    return since is not None and context.as_of - since >= context.settle
