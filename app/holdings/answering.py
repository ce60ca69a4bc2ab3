"""Answering from one collection: what is old is compared, what is due read again, what lacks fetched; then composed."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf

from app.holdings.collection import EVER, Interval, Rest, Span
from app.holdings.composition import Composition
from app.holdings.fill import NewContext, fill
from app.holdings.partition import hour_of
from app.holdings.reader import Reader, floored
from app.holdings.recheck import recheck
from app.holdings.stock import ALL
from app.holdings.store import Collection
from app.holdings.sync import sync
from app.interactions.facts import Facts
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import MOST_ROWS_PER_CALL
from app.upstream.walk import Reading

SYNC_CALLS = 12
RECHECK_CALLS = 64


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wish of a caller: so many rows, by so many calls, for whom; and how fresh.

    For `lifetime` seconds after it was compared a span has no other rows; nothing compared more than `most_age` seconds
    ago will do. A record that is due may wait for the next comparison, for as many seconds of `patience`.
    Where the caller `is_passing`, nothing is evicted for it, and rows that it does not need are not counted. Unless it
    `compares_all`, nothing before the hour that its span begins in is compared: so that is let go of in the end.
    Where more records are held than are to be `shown`, some more than so many are given, the newest.
    """

    rows: int
    most_calls: int
    lifetime: Callable[[Span], float]
    patience: float
    most_age: float
    owners: Owners | None = None
    background: bool = False
    is_passing: bool = False
    shown: int = ALL
    compares_all: bool = True

    @property
    def is_counted(self) -> bool:
        """Whether rows that are not held are counted."""
        return self.most_calls > 0 and not self.is_passing

    def is_fresh(self, interval: Interval, now: float) -> bool:
        """Whether an interval is young enough to answer without another comparison."""
        age = now - interval.compared_at
        return age <= self.most_age and age < self.lifetime(interval.span)


@dataclass(frozen=True, slots=True)
class Answered:
    """The records held of a question's span, upstream's number of rows in it, and what it took to know that.

    They are from `parts`: collections, each with its part of the span, the newest first. Until `expires_at` (monotonic
    seconds) they need not be compared or read again. `facts` are of the runs that were packed for it, by the identity
    of the run.
    """

    parts: tuple[tuple[Collection, Span], ...]
    composition: Composition
    total: int
    expires_at: float
    facts: dict[int, list[Facts]]
    calls: int
    seconds: float

    @property
    def collection(self) -> Collection:
        """The collection of the newest part."""
        return self.parts[0][0]

    def marked_by(self, epoch: bytes) -> "Answered":
        """With marks of another epoch of its only collection."""
        marks = tuple(one._replace(epoch=epoch) for one in self.composition.marks)
        return replace(self, composition=replace(self.composition, marks=marks))

    def followed_by(self, older: "Answered") -> "Answered":
        """With the answer about the part of the span below its own."""
        newer, below = self.composition, older.composition
        both = Composition(
            (*newer.pieces, *below.pieces),
            newer.rows + below.rows,
            below.low,
            newer.complete and below.complete,
            min(newer.compared_at, below.compared_at),
            min(newer.due_at, below.due_at),
            max(filter(None, (newer.changed_at, below.changed_at)), default=None),
            newer.marks + below.marks,
        )
        return replace(
            self,
            parts=self.parts + older.parts,
            composition=both,
            total=self.total + older.total,
            expires_at=min(self.expires_at, older.expires_at),
            facts={**self.facts, **older.facts},
            calls=self.calls + older.calls,
            seconds=self.seconds + older.seconds,
        )


async def answer_from(
    collection: Collection, span: Span, wanted: Wanted, client: UpstreamClient, new_context: NewContext
) -> Answered | Reading | None:
    """The answer of one collection, as `Holdings.answer` gives it; the caller holds the lock of the collection."""

    def reader(calls: int) -> Reader:
        return collection.reader(client, calls, wanted.owners, background=wanted.background)

    comparing, rechecking, filling = reader(SYNC_CALLS), reader(RECHECK_CALLS), reader(wanted.most_calls)
    collection.partitions(span)  # what was evicted is covered no more
    for interval, part in _due(collection, span, wanted):
        least = EVER if wanted.compares_all or span.start == EVER else hour_of(span.start).start
        compared = Span(max(interval.span.start, least), interval.span.end)
        await sync(collection, Interval(compared, interval.compared_at), comparing, new_context)
        for covered in collection.coverage.within(part):
            await recheck(collection, covered.span, rechecking, new_context)
        await asyncio.sleep(0)
    await collection.settle(span, new_context(collection.time_zone))
    await asyncio.sleep(0)  # of a million rows each step looks at thousands of partitions
    rows = wanted.rows
    if wanted.is_passing and not collection.store.has_room:
        rows = min(rows, collection.reach(span).rows)
        if not rows:
            return None
    filled = await fill(collection, span, rows, filling, new_context)
    if filled.is_refused:
        return filled.refused
    await asyncio.sleep(0)
    held, total = collection.compose(span, wanted.shown), 0
    if collection.token.purged or held.compared_at == inf:  # it was let go of meanwhile
        return None
    if wanted.is_counted and not held.complete:
        total = filled.total or await _total(collection, span, wanted, filling, new_context)
        again = collection.compose(span, wanted.shown)  # less, where the store has no room for the rest
        held = max(again, held, key=lambda one: one.rows)
    readers = (comparing, rechecking, filling)
    return Answered(
        parts=((collection, span),),
        composition=held,
        total=held.rows if held.complete else total,
        expires_at=_expires_at(collection, span, held, wanted),
        facts=filled.facts,
        calls=sum(one.calls for one in readers),
        seconds=sum(one.seconds for one in readers),
    )


def is_answerable(collection: Collection, span: Span, wanted: Wanted) -> bool:
    """Whether enough is held of the span, and young enough, that upstream need not be asked."""
    reach = collection.reach(span)
    is_known = not wanted.is_counted or _is_counted(collection, span, reach.low, wanted)
    is_enough = reach.complete or (reach.rows >= wanted.rows and is_known)
    return is_enough and not any(_due(collection, span, wanted))


def _due(collection: Collection, span: Span, wanted: Wanted) -> Iterator[tuple[Interval, Span]]:
    """The intervals that have to be compared again, each with its part of the span."""
    for interval in collection.coverage.merged().intervals:
        part = Span(max(interval.span.start, span.start), min(interval.span.end, span.end))
        if part.start < part.end and _is_due(collection, part, wanted):
            yield interval, part


def _is_due(collection: Collection, part: Span, wanted: Wanted) -> bool:
    """Whether a held part has to be compared again: it is old, or a record of it is to be read again.

    A record is read with a comparison only: else the answer would be as new as the record, and lack what has arrived.
    It waits for the next one, but no longer: that may be for a narrower question, again and again.
    """
    now, intervals = collection.clock.monotonic(), collection.coverage.within(part)
    if any(not wanted.is_fresh(one, now) for one in intervals):
        return True
    may_wait = any(now - one.compared_at < wanted.patience for one in intervals)
    return collection.due_at(part) <= (now - wanted.patience if may_wait else now)


def _is_counted(collection: Collection, span: Span, low: datetime, wanted: Wanted) -> bool:
    """Whether the rows of the span below `low` were counted, here or by another process, and lately enough."""
    rest, now = collection.rest, collection.clock.monotonic()
    return rest.span == Span(floored(span.start), low) and wanted.is_fresh(Interval(rest.span, rest.counted_at), now)


def _expires_at(collection: Collection, span: Span, held: Composition, wanted: Wanted) -> float:
    intervals = collection.coverage.within(Span(max(span.start, held.low), span.end))
    compared = min((one.compared_at + wanted.lifetime(one.span) for one in intervals), default=held.compared_at)
    if wanted.is_counted and not held.complete:
        compared = min(compared, collection.rest.counted_at + wanted.lifetime(collection.rest.span))
    return min(compared, max(held.due_at, held.compared_at + wanted.patience))


async def _total(collection: Collection, span: Span, wanted: Wanted, reader: Reader, new_context: NewContext) -> int:
    """Upstream's number of rows in a span that is held in part.

    Where it is asked for again after the last count of the rest has become old, the rest is held, too.
    """
    held = collection.reach(span)
    above = collection.rows(Span(held.low, span.end))
    if _is_counted(collection, span, held.low, wanted):
        return above + collection.rest.rows
    if 0 < collection.rest.rows <= MOST_ROWS_PER_CALL * reader.left:
        filled = await fill(collection, span, above + collection.rest.rows, reader, new_context)
        held = collection.reach(span)
        if held.complete:
            return held.rows
        if filled.total is not None:
            return filled.total
    rest, now = Span(floored(span.start), held.low), collection.clock.monotonic()
    collection.rest = Rest(rest, await reader.count(rest), now)
    return above + collection.rest.rows
