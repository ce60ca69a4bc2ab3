"""The stock of a collection: its partitions in the store, found by span, and the spans that are covered."""

import asyncio
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple
from weakref import WeakKeyDictionary

from app.cache.store import MemoryStore
from app.cache.stored import PurgeToken, Stored
from app.clock import Clock
from app.holdings.changes import Changes, Line, Mark, new_epoch
from app.holdings.collection import Coverage, Interval, Span
from app.holdings.composition import Composition, Piece
from app.holdings.packing import Run, microseconds
from app.holdings.partition import EVERYTHING, LEVELS, Partition
from app.holdings.reader import MILLISECOND
from app.interactions.facts import Context

ALL = 2**63 - 1
REPLACED = 2  # changes of the store: the older value has left it, and the newer one has come


class LookedUp(NamedTuple):
    """The partitions that meet a span, newest first, after so many `changes` of the store.

    The oldest but for `below` of the collection's.
    """

    changes: int
    span: Span
    found: list[Partition]
    below: int


NOTHING = LookedUp(-1, EVERYTHING, [], 0)


class Reach(NamedTuple):
    """The part of a span that is held without a gap, from its end down to `low`: all of it, where it is `complete`."""

    low: datetime
    complete: bool
    rows: int


@dataclass(eq=False)
class Stock:
    """The partitions that are held of a collection, within the bound of all that is cached.

    What was neither read nor compared for `kept_seconds` is let go of. `tails` are starts of covered intervals below
    which rows of one more millisecond were read, though perhaps not all. `dependents` are told when something within
    their span changes. Who reads the collection holds the `lock`.
    """

    store: MemoryStore
    clock: Clock
    kept_seconds: float
    changes: Changes
    token: PurgeToken = field(default_factory=PurgeToken, init=False)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    coverage: Coverage = field(default_factory=Coverage, init=False)
    tails: set[datetime] = field(default_factory=set, init=False)
    dependents: "WeakKeyDictionary[PurgeToken, Span]" = field(default_factory=WeakKeyDictionary, init=False)
    _spans: list[Span] = field(default_factory=list, init=False)
    _kept: dict[Span, tuple[bytes, float]] = field(default_factory=dict, init=False)  # key, and when it was put there
    _lacking: list[Span] = field(default_factory=list, init=False)  # let go of since something was covered
    _parted: set[Span] = field(default_factory=set, init=False)
    _name: bytes = field(default_factory=new_epoch, init=False)  # of no other stock's partitions
    _looked_up: LookedUp = field(default=NOTHING, init=False)

    @property
    def is_being_read(self) -> bool:
        """Whether records are on their way into it."""
        return self.lock.locked()

    def partitions(self, span: Span) -> list[Partition]:
        """The partitions that have a part in the span, newest first; what was evicted is covered no more.

        The newest is looked at last, so that it is evicted last.
        """
        first, last = self._places(span)
        known = self._looked_up
        if known.changes == self.store.changes and _is_part(span, known.span) and not self.token.purged:
            end = known.below + len(known.found)
            return known.found[end - last : end - first]
        found = []
        for one in self._spans[first:last]:
            stored: Stored[Partition] | None = self.store.get(self._key_of(one))
            if stored:
                found.append(stored.value)
            else:
                self._forget(one)
        found.reverse()
        self._looked_up = LookedUp(self.store.changes, span, found, first) if self.is_being_read else NOTHING
        return found

    def _places(self, span: Span) -> tuple[int, int]:
        """Where the spans of partitions meet this one: the first place, and the one behind the last."""
        first = bisect_left(self._spans, (span.start,))
        if first and self._spans[first - 1].meets(span):
            first -= 1
        return first, bisect_left(self._spans, (span.end,))

    def pieces(self, span: Span) -> Iterator[Piece]:
        """The records held within the span, newest first, covered or not."""
        for partition in self.partitions(span):
            yield from (Piece(held, range(first, last)) for held, first, last in partition.within(span))

    def runs(self, span: Span) -> list[Run]:
        """The runs that have records in the span, newest first."""
        return [piece.run for piece in self.pieces(span)]

    def rows(self, span: Span) -> int:
        """How many records are held within the span."""
        whole, cut = _cut(self.partitions(span), span)
        return sum([one.rows for one in whole]) + sum(
            last - first for one in cut for _, first, last in one.within(span)
        )

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
            _due_at(reaching, reached),
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
        return _due_at(self.partitions(span), span)

    def cover(self, span: Span, compared_at: float, *, has_tail: bool = False, is_told: bool = False) -> None:
        """Say that all of the span is held, as upstream showed at that time, but for what the store did not take.

        It was shown to another process where that `is_told`.
        """
        self.coverage = self.coverage.added(Interval(span, compared_at))
        self.changes.see(span, is_told=is_told)
        while self._lacking:
            lacking = self._lacking.pop()
            self.coverage = self.coverage.without(lacking)
            self.changes.unsee(lacking)
        self._renew(span)
        self.tails -= {one for one in self.tails if span.start < one <= span.end}
        if has_tail:
            self.tails.add(span.start)

    def follow(self, line: Line | None, told: Coverage) -> list[Span]:
        """Take note of the changes that others tell, who hold the spans told.

        Gives the spans that were held here and have to be taken from them: nothing else has changed. Where they tell of
        other changes than those known here, that is all of them, unless something is held here that they do not know.
        """
        held = self.coverage.intervals
        if line and self.changes.follows(line):
            news = self.changes.catch_up(line)
            for span in news:
                self.coverage = self.coverage.without(span)
            return [part for one in held for part in self.coverage.gaps(one.span)]
        is_known = self.changes.is_shared or not held
        if self.changes.is_shared:
            self.changes.leave()
        if line is None or not is_known or any(told.gaps(one.span) for one in held):
            return []
        for span in [*self._spans]:
            self._drop(span)
        self.coverage, self.tails = Coverage(), set()
        self.changes.adopt(line)
        return [one.span for one in held]

    def told(self, number: int | None) -> Coverage:
        """The spans that only this process can tell of: held now, or changed after that number."""
        found = self.changes.since(number)
        for one in self.coverage.intervals:
            found = found.added(one)
        return found.merged()

    def tell(self, span: Span) -> None:
        """Have snapshots of the span composed anew."""
        for token, within in [*self.dependents.items()]:
            if within.meets(span):
                token.superseded = True

    def _renew(self, span: Span) -> None:
        """Keep partitions of the span for their whole time again, as a comparison is as good as a reading."""
        first, last = self._places(span)
        until = self.clock.monotonic() - self.kept_seconds / 2
        for one in [one for one in self._spans[first:last] if self._kept[one][1] < until]:
            stored: Stored[Partition] | None = self.store.get(self._key_of(one))
            if stored:
                self._put(stored.value)

    def _level(self, moment: datetime) -> tuple[int, Span]:
        """The widest span that a record of this start may be held in, and how wide that is."""
        spans = ((level, span_at(moment.astimezone(UTC))) for level, span_at in enumerate(LEVELS))
        return next(one for one in spans if one[1] not in self._parted)

    def _partition(self, span: Span, context: Context) -> Partition:
        stored: Stored[Partition] | None = self.store.get(self._key_of(span))
        if stored:
            return stored.value
        if span in self._kept:
            self._forget(span)
        return Partition(span, context.as_of, level=self._level(span.start)[0])

    def _put(self, partition: Partition) -> None:
        shared = tuple(one.run for one in partition.runs)
        span, key, now, known = partition.span, self._key_of(partition.span), self.clock.monotonic(), self._looked_up
        stored = Stored(partition, partition.size, now, self.kept_seconds, 0.0, self.token, shared=shared)
        changes, is_known = self.store.changes, span in self._kept
        if not self.store.put(key, stored):
            self._forget(span)
            return
        self._kept[span] = (key, now)
        self._lacking = [one for one in self._lacking if one != span]
        if not is_known:
            insort(self._spans, span)
        elif known.changes == changes and self.store.changes == changes + REPLACED and span.meets(known.span):
            found, end = [*known.found], known.below + len(known.found)
            found[end - 1 - bisect_left(self._spans, span)] = partition
            self._looked_up = known._replace(changes=self.store.changes, found=found)

    def _drop(self, span: Span) -> None:
        """Let go of a partition; what is covered stays as it is."""
        self.store.delete(self._key_of(span))
        self._lacking = [one for one in self._lacking if one != span]
        if self._kept.pop(span, None):
            self._spans.remove(span)

    def _forget(self, span: Span) -> None:
        """A partition is not held any more, so that its span is not covered."""
        self._drop(span)
        self.changes.lose(span)
        self.coverage = self.coverage.without(span)
        self._lacking.append(span)

    def _key_of(self, span: Span) -> bytes:
        if known := self._kept.get(span):
            return known[0]
        return b"partition %b %d %d" % (self._name, microseconds(span.start), microseconds(span.end))


def _is_part(span: Span, of: Span) -> bool:
    return of.start <= span.start and span.end <= of.end


def _newest(pieces: Iterable[Piece], shown: int) -> Iterator[Piece]:
    """The pieces until they hold more records than are shown."""
    for piece in pieces:
        yield piece
        shown -= piece.count
        if shown < 0:
            return


def _cut(partitions: list[Partition], span: Span) -> tuple[list[Partition], list[Partition]]:
    """Of the partitions that meet a span, in their order: those within it, and those of which it has a part."""
    ends = {id(one): one for one in (*partitions[:1], *partitions[-1:])}
    cut = [one for one in ends.values() if not one.is_within(span)]
    return [one for one in partitions if one not in cut], cut


def _due_at(partitions: list[Partition], span: Span) -> float:
    """When the first record that is within the span is due."""
    whole, cut = _cut(partitions, span)
    parts = (Piece(held, range(first, last)) for one in cut for held, first, last in one.within(span))
    return min(min([one.due_at for one in whole], default=inf), min((one.due_at for one in parts), default=inf))
