"""Collections as they are held: coverage, and partitions within the bound of all that is cached."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from math import inf
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from app import cooperative
from app.cache.store import MemoryStore, PurgeToken, Stored
from app.clock import Clock
from app.cooperative import Turns, let_go
from app.errors import CxfacadeError
from app.holdings.changes import Changes, Mark
from app.holdings.collection import Coverage, Interval, Span
from app.holdings.composition import Composition, Piece
from app.holdings.packing import Entry, Run, entries, in_order, microseconds, pack, sums_of
from app.holdings.partition import EVERYTHING, FOREVER, LEVELS, MOST_ROWS, HeldRun, Partition, moment_of
from app.holdings.reader import MILLISECOND, floored
from app.holdings.schedule import Schedule
from app.holdings.taking import Check, Taking, checks_of, has_settled, neighbour, outside
from app.interactions.facts import Context, Facts
from app.interactions.parts import Interaction
from app.owners import Owners
from app.upstream.query import UpstreamQuery
from app.upstream.rows import Held, Record

COLLECTION_BYTES = 2_000
ALL = 2**63 - 1
NOTHING: tuple[int, Span, list[Partition]] = (-1, EVERYTHING, [])  # was looked up
JUST_NOW: Mapping[str, float] = MappingProxyType({})
LAST_WAIT_SECONDS = 30 * 86_400.0  # past its last rung a record is read again after so long


class Reach(NamedTuple):
    """The part of a span that is held without a gap, from its end down to `low`: all of it, where it is `complete`."""

    low: datetime
    complete: bool
    rows: int


@dataclass(eq=False)
class Collection:
    """The part that is held of the interactions that upstream lists for some conditions.

    What was neither read nor compared for `kept_seconds` is let go of. `tails` are starts of covered intervals below
    which rows of one more millisecond were read, though perhaps not all. `dependents` are told when something within
    their span changes. It was `asked_at` a monotonic time; `failed` is how its last reading failed, and when.
    `failures`: so many comparisons in a row did not come out even. Below what is held upstream had `rest_rows` when
    last asked; so many rows were `arriving` between two comparisons on average. The newest row was looked at, and the
    newest hour read again, at the times given (monotonic).
    Who reads the collection holds the `lock`; `queued` are the owners of all who read it or wait to.
    """

    conditions: UpstreamQuery
    store: MemoryStore
    clock: Clock
    schedule: Schedule
    kept_seconds: float
    changes: Changes
    token: PurgeToken = field(default_factory=PurgeToken)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    queued: list[Owners] = field(default_factory=list, init=False)
    coverage: Coverage = field(default_factory=Coverage, init=False)
    tails: set[datetime] = field(default_factory=set, init=False)
    time_zone: str | None = field(default=None, init=False)
    simulated: bool = field(default=False, init=False)
    dependents: "WeakKeyDictionary[PurgeToken, Span]" = field(default_factory=WeakKeyDictionary, init=False)
    failed: tuple[float, CxfacadeError | None] = field(default=(-inf, None), init=False)
    asked_at: float = field(default=-inf, init=False)
    failures: int = field(default=0, init=False)
    rest_rows: int = field(default=0, init=False)
    arriving: float = field(default=0.0, init=False)
    peeked_at: float = field(default=-inf, init=False)
    reread_at: float = field(default=-inf, init=False)
    _spans: list[Span] = field(default_factory=list, init=False)
    _refused: list[Span] = field(default_factory=list, init=False)  # by the store, since something was covered last
    _parted: set[Span] = field(default_factory=set, init=False)
    _looked_up: tuple[int, Span, list[Partition]] = field(default=NOTHING, init=False)

    @property
    def is_being_read(self) -> bool:
        """Whether records are on their way into it."""
        return self.lock.locked()

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

    def purge(self) -> None:
        """Let go of all that is held, also of what is on its way here."""
        self.token.purged = True

    def partitions(self, span: Span) -> list[Partition]:
        """The partitions that have a part in the span, newest first; what was evicted is covered no more.

        The newest is looked at last, so that it is evicted last.
        """
        changes, within, known = self._looked_up
        if changes == self.store.changes and _is_part(span, within) and not self.token.purged:
            return known if span == within else [one for one in known if one.span.meets(span)]
        found = []
        first, last = bisect_left(self._spans, (span.start,)), bisect_left(self._spans, (span.end,))
        for one in self._spans[max(0, first - 1) : last]:
            if one.meets(span):
                stored: Stored[Partition] | None = self.store.get(self._key_of(one))
                if stored:
                    found.append(stored.value)
                else:
                    self._forget(one)
        found.reverse()
        self._looked_up = (self.store.changes, span, found) if self.is_being_read else NOTHING
        return found

    def pieces(self, span: Span) -> Iterator[Piece]:
        """The records held within the span, newest first, covered or not."""
        for partition in self.partitions(span):
            yield from (Piece(held, range(first, last)) for held, first, last in partition.within(span))

    def runs(self, span: Span) -> list[Run]:
        """The runs that have records in the span, newest first."""
        return [piece.run for piece in self.pieces(span)]

    def rows(self, span: Span) -> int:
        """How many records are held within the span."""
        return sum(
            one.rows if one.is_within(span) else sum(last - first for _, first, last in one.within(span))
            for one in self.partitions(span)
        )

    def held_beside(self, span: Span, others: Iterable[Record | Held]) -> list[Held]:
        """The records held within the span that are not among the others."""
        known = {*map(_id_of, others)}
        return [
            Held(run.ids[place], run.fingerprints[place], b"", place, partial(_record, run))
            for run, place in ((piece.run, at) for piece in self.pieces(span) for at in piece.places)
            if run.ids[place] not in known
        ]

    def newest_held(self, span: Span) -> Span:
        """The part of the span that is held without a gap, from its end down."""
        low = span.end
        for interval in reversed(self.coverage.within(span)):
            if interval.span.end != low:
                break
            low = interval.span.start
        return Span(low, span.end)

    def compose(self, span: Span, shown: int = ALL) -> Composition:
        """The records held of the span without a gap, from its end down: of more than `shown` the newest alone."""
        partitions, part = self.partitions(span), self.newest_held(span)
        compared_at = min((one.compared_at for one in self.coverage.within(part)), default=inf)
        reached = self._with_tail(part, span)
        parts = (one for partition in partitions for one in partition.within(reached))
        pieces = tuple(_newest((Piece(held, range(first, last)) for held, first, last in parts), shown))
        reaching = [one for one in partitions if one.span.end > reached.start]
        number = max((self.changes.lost_in(span), *(one.changed_in for one in reaching)))
        return Composition(
            pieces,
            self.rows(reached),
            part.start,
            part.start <= span.start,
            compared_at,
            min((_due_at(one, reached) for one in reaching), default=inf),
            max((one.changed_at for one in reaching), default=None),
            (Mark(self.changes.epoch, number, span.start),),
        )

    def reach(self, span: Span) -> Reach:
        """How far down from its end the span is held without a gap."""
        self.partitions(span)  # what was evicted is covered no more
        part = self.newest_held(span)
        return Reach(part.start, part.start <= span.start, self.rows(self._with_tail(part, span)))

    def _with_tail(self, part: Span, span: Span) -> Span:
        low = part.start
        has_tail = low in self.tails and low < span.end  # alone it may lack rows, and was compared at no time
        return Span(max(span.start, low - MILLISECOND) if has_tail else low, span.end)

    def due_at(self, span: Span) -> float:
        """When the first record of the span is due (monotonic seconds)."""
        return min((_due_at(one, span) for one in self.partitions(span)), default=inf)

    def cover(self, span: Span, compared_at: float, *, has_tail: bool = False) -> None:
        """Say that all of the span is held, as upstream showed at that time, but for what the store did not take."""
        self.coverage = self.coverage.added(Interval(span, compared_at))
        self.changes.see(span)
        while self._refused:
            self.coverage = self.coverage.without(self._refused.pop())
        self._renew(span)
        self.tails -= {one for one in self.tails if span.start < one <= span.end}
        if has_tail:
            self.tails.add(span.start)

    async def take(
        self,
        span: Span,
        records: Sequence[Record | Held],
        context: Context,
        checked: Mapping[str, float] = JUST_NOW,
    ) -> dict[int, list[Facts]]:
        """Hold these records in place of all that was held of the span.

        Upstream has shown them just now, but for those that were `checked` at another time (monotonic seconds), by id.
        Gives the facts of the runs that were packed, by the identity of the run.
        """
        brought, known = {_id_of(one): one.fingerprint for one in records}, self._prints(span)
        if brought == known:
            self._touch(span, checked)
            return {}
        new = await cooperative.run(entries(records, context))
        if brought.keys() == known.keys() and self._says_the_same(span, new):
            self._touch(span, checked)
            await let_go(new)
            return {}
        names = brought.keys() - known.keys()
        for elsewhere in await cooperative.run(self._elsewhere(span, names)):
            moved = [one for one in records if _id_of(one) in names]
            beside = await cooperative.run(entries(self.held_beside(elsewhere, moved), context))
            await self._replace(elsewhere, beside, context, JUST_NOW)
        return await self._replace(span, new, context, checked)

    def _elsewhere(self, span: Span, names: AbstractSet[str]) -> Turns[list[Span]]:
        """The milliseconds outside the span at which records of these ids are held: their starts have changed."""
        found = []
        for piece in [*self.pieces(EVERYTHING)] if names else ():
            if not names.isdisjoint(piece.run.ids):
                for place in piece.places:
                    low = floored(moment_of(piece.run.starts[place]))
                    if piece.run.ids[place] in names and not span.start <= low < span.end:
                        found.append(Span(low, low + MILLISECOND))
            yield
        return found

    async def settle(self, span: Span, context: Context) -> None:
        """Note which records have become final by now: what is shown of them has changed."""
        for partition in self.partitions(span):
            since = partition.pending_since
            if since is not None and context.as_of - since >= context.settle:
                number = self.changes.begin()
                runs = [await cooperative.run(_settled(one, context, number)) for one in partition.runs]
                self._put(replace(partition, runs=tuple(runs), changed_at=context.as_of, changed_in=number))
                self.tell(span)

    def _renew(self, span: Span) -> None:
        """What was compared just now is kept for as long again as what was read."""
        for one in self._spans:
            stored: Stored[Partition] | None = self.store.get(self._key_of(one)) if one.meets(span) else None
            if stored and 2 * stored.age(self.clock.monotonic()) > self.kept_seconds:
                self._put(stored.value)

    def _prints(self, span: Span) -> dict[str, int]:
        return {
            piece.run.ids[place]: piece.run.fingerprints[place] for piece in self.pieces(span) for place in piece.places
        }

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

    def _says_the_same(self, span: Span, new: Iterable[Entry]) -> bool:
        """Whether the records of the span differ in their bytes alone; those that came last are remembered."""
        fresh = {one.facts.interaction.interaction_id: one for one in new}
        places = []
        for piece in self.pieces(span):
            run = piece.run
            differing = [at for at in piece.places if run.fingerprints[at] != fresh[run.ids[at]][1]]
            if differing:
                known = run.block.records()
                if any(known[place] != fresh[run.ids[place]].facts.interaction for place in differing):
                    return False
            places += [(run, place) for place in differing]
        for run, place in places:
            run.fingerprints[place] = fresh[run.ids[place]].fingerprint
        return True

    async def _replace(
        self, span: Span, new: Sequence[Entry], context: Context, checked: Mapping[str, float]
    ) -> dict[int, list[Facts]]:
        number = self.changes.begin()
        numbers = await cooperative.run(self._numbers(span, new, number))
        checks = await cooperative.run(self._checks(new, numbers, checked))
        taking = Taking(span, checks, context, number, self.changes)
        homes = await cooperative.run(self._homes(new, taking))
        facts: dict[int, list[Facts]] = {}
        for partition, arrived in homes:
            facts |= await self._rebuild(partition, arrived, taking)
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

    def _numbers(self, span: Span, new: Iterable[Entry], number: int) -> Turns[dict[str, int]]:
        """The change that brought each of the new records as it is; what has left its place is buried."""
        fresh = {one.facts.interaction.interaction_id: one for one in new}
        unseen, numbers = self.changes.unseen(span), dict[str, int]()
        for name, entry in fresh.items():
            start = microseconds(entry.facts.started_at)
            numbers[name] = 0 if any(oldest <= start < newest for oldest, newest in unseen) else number
        for piece in [*self.pieces(span)]:
            run, records = piece.run, list[Interaction]()
            for place in piece.places:
                now = fresh.get(run.ids[place])
                if now is None or microseconds(now.facts.started_at) != run.starts[place]:
                    self.changes.bury(run.ids[place], run.starts[place], number)
                    continue
                if now.fingerprint != run.fingerprints[place]:
                    records = records or run.block.records()
                is_same = not records or records[place] == now.facts.interaction
                is_as_shown = is_same and not has_settled(piece.held, now.facts)
                numbers[run.ids[place]] = piece.held.changed[place] if is_as_shown else number
            yield
        return numbers

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

    def _level(self, moment: datetime) -> tuple[int, Span]:
        """The widest span that a record of this start may be held in, and how wide that is."""
        spans = ((level, span_at(moment.astimezone(UTC))) for level, span_at in enumerate(LEVELS))
        return next(one for one in spans if one[1] not in self._parted)

    def _partition(self, span: Span, context: Context) -> Partition:
        stored: Stored[Partition] | None = self.store.get(self._key_of(span))
        if stored:
            return stored.value
        if span in self._spans:
            self._forget(span)
        return Partition(span, context.as_of, level=self._level(span.start)[0])

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
        packed = await pack(in_order(pool))
        made = [HeldRun(run, *checks_of(run, checks)) for run in packed.runs]
        runs = sorted([*kept, *made], key=lambda one: (-one.newest, one.run.ids[0]))
        self._put(replace(partition, runs=tuple(runs), changed_at=as_of, changed_in=taking.number))
        return {id(run): facts for run, facts in zip(packed.runs, packed.facts, strict=True)}

    def _put(self, partition: Partition) -> None:
        shared = tuple(one.run for one in partition.runs)
        size = partition.size
        stored = Stored(partition, size, self.clock.monotonic(), self.kept_seconds, 0.0, self.token, shared=shared)
        if not self.store.put(self._key_of(partition.span), stored):
            self._forget(partition.span)
            self._refused.append(partition.span)
        elif partition.span not in self._spans:
            insort(self._spans, partition.span)

    def _drop(self, span: Span) -> None:
        """Let go of a partition whose records are held in narrower ones from now on."""
        self.store.delete(self._key_of(span))
        if span in self._spans:
            self._spans.remove(span)

    def _forget(self, span: Span) -> None:
        """A partition is not held any more, so that its span is not covered."""
        self._drop(span)
        self.changes.lose(span)
        self.coverage = self.coverage.without(span)

    def tell(self, span: Span) -> None:
        """Have snapshots of the span composed anew."""
        for token, within in [*self.dependents.items()]:
            if within.meets(span):
                token.superseded = True

    def _key_of(self, span: Span) -> bytes:
        return b"partition %b %d %d" % (self.changes.epoch, microseconds(span.start), microseconds(span.end))


def _id_of(record: Record | Held) -> str:
    return record.interaction_id if isinstance(record, Held) else record.interaction.interaction_id


def _is_part(span: Span, of: Span) -> bool:
    return of.start <= span.start and span.end <= of.end


def _newest(pieces: Iterable[Piece], shown: int) -> Iterator[Piece]:
    """The pieces until they hold more records than are shown."""
    for piece in pieces:
        yield piece
        shown -= piece.count
        if shown < 0:
            return


def _due_at(partition: Partition, span: Span) -> float:
    """When the first record that is within the span is due."""
    if partition.is_within(span):
        return partition.due_at
    parts = (Piece(held, range(first, last)) for held, first, last in partition.within(span))
    return min((one.due_at for one in parts), default=inf)


def _record(run: Run, place: int) -> Interaction:
    return run.block.records()[place]


def _settled(held: HeldRun, context: Context, number: int) -> Turns[HeldRun]:
    """The run as its records are at `context.as_of`; `number` is of the change of those that became final."""
    since = held.run.sums.pending_since
    if since is None or context.as_of - since < context.settle:
        return held
    batch, changed = [], held.changed[:]
    for place, record in enumerate(held.run.block.records()):
        facts = Facts(record, context)
        batch.append(facts)
        if has_settled(held, facts):
            changed[place] = number
        yield
    return replace(held, run=replace(held.run, sums=sums_of(batch)), changed=changed)
