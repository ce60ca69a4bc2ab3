"""Changes: the order in which the content of a collection changed, and how processes tell it to each other."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from secrets import token_bytes
from typing import NamedTuple

from app.holdings.collection import Coverage, Interval, Span
from app.holdings.packing import microseconds
from app.holdings.partition import EVERYTHING, moment_of
from app.holdings.reader import MILLISECOND
from app.holdings.tombstones import Tombstone, Tombstones

JOURNAL = 256  # changes of which it is known where they were
EPOCH_BYTES = 8


def new_epoch() -> bytes:
    """A name that nothing else has had."""
    return token_bytes(EPOCH_BYTES)


class Mark(NamedTuple):
    """The content of a collection from `low` on: all changes up to `number` are in it; `epoch` is the collection's."""

    epoch: bytes
    number: int
    low: datetime


class Line(NamedTuple):
    """The changes of a collection as processes tell them to each other.

    `journal` has the span of each change after `since`, `seen` is all that one of them has held and not let go of.
    """

    epoch: bytes
    number: int
    since: int
    journal: tuple[tuple[int, Span], ...]
    tombstones: tuple[Tombstone, ...]
    losses: tuple[tuple[int, Span], ...]
    seen: Coverage


@dataclass(eq=False, slots=True)
class Changes(Tombstones):
    """Numbers each change of a collection's content.

    Nobody can know of a record in a span that was never held: such records have the number 0 when they are first read.
    Of a span that was let go of nobody can say which records have left it since: content marked before is compared in
    vain.

    Processes may share an epoch: then one alone `is_leading` at a time, and makes changes, in the order of their
    numbers; whoever makes one without that leaves to an epoch of its own, and what was marked before is gone there.
    `own` is the name of the epoch that nobody else knows, as long as this process does not leave.
    """

    epoch: bytes = field(default_factory=new_epoch)
    number: int = 0
    is_shared: bool = False
    is_leading: bool = False
    own: bytes = field(default_factory=new_epoch)
    evictions: int = 0
    _since: int = 0
    _seen: Coverage = field(default_factory=Coverage)
    _seen_elsewhere: Coverage = field(default_factory=Coverage)
    _evicted: dict[Span, int] = field(default_factory=dict)
    _journal: deque[tuple[int, Span]] = field(default_factory=partial(deque, maxlen=JOURNAL))

    def begin(self, span: Span = EVERYTHING) -> int:
        """The number of the change that is made now within the span."""
        self.number += 1
        self._journal.append((self.number, span))
        if self.is_shared and not self.is_leading:
            self.leave()
        return self.number

    def leave(self) -> None:
        """Go on with an epoch of its own."""
        self.epoch, self.own, self.is_shared, self._seen_elsewhere = new_epoch(), new_epoch(), False, Coverage()

    def see(self, span: Span, *, is_told: bool = False) -> None:
        """All of the span is held, as upstream has shown, or as another process `is_told` to hold it.

        Nobody knows which records have left what another has seen, and is read anew.
        """
        gaps = self._seen.gaps(span) if self.is_shared and not is_told else ()
        if gaps and not self.is_leading:
            self.leave()
        for lost in [one.span for gap in gaps for one in self._seen_elsewhere.within(gap)]:
            self.lose(lost)
        self._seen = self._seen.added(Interval(span, 0.0)).merged()

    def unsee(self, span: Span) -> None:
        """The span is not held, after all."""
        self._seen = self._seen.without(span)

    def unseen(self, span: Span) -> list[tuple[int, int]]:
        """The parts of the span that were never held, in microseconds since 1970."""
        return [(microseconds(one.start), microseconds(one.end)) for one in self._seen.gaps(span)]

    def bury(self, interaction_id: str, start: int, number: int) -> None:
        """Note that the record has left the collection, or its place in it."""
        self.note(start, number)
        self._add(Tombstone(interaction_id, start, number))

    def note(self, start: int, number: int) -> None:
        """Note that a change was also made at a place, in microseconds since 1970."""
        moment = moment_of(start)
        at, (low, high) = self._journal[-1] if self._journal else (-1, EVERYTHING)
        if at < number or not low <= moment < high:
            self._journal.append((self.number, Span(moment, moment + MILLISECOND)))

    def lose(self, span: Span) -> None:
        """Let go of a span: records may leave it unnoticed from now on, but for other processes that hold it."""
        self.evictions += 1
        self._evicted[span] = self.evictions
        self._seen = self._seen.without(span)
        if self.is_leading or not self.is_shared:
            self._note_loss(span, self.begin(span))
            self._seen_elsewhere = self._seen_elsewhere.without(span)

    def evicted_in(self, span: Span) -> int:
        """The number of the last eviction within the span, of this process."""
        return max((number for lost, number in self._evicted.items() if lost.meets(span)), default=0)

    def line(self, beside: Iterable[Span]) -> Line:
        """The changes as other processes are told of them: of the tombstones the last, of the others where they were.

        Others have held the spans `beside` too.
        """
        since = self._journal[0][0] if len(self._journal) == JOURNAL else self._since
        seen = self._seen_elsewhere
        for span in (*(one.span for one in self._seen.intervals), *beside):
            seen = seen.added(Interval(span, 0.0))
        return Line(self.epoch, self.number, since, tuple(self._journal), *self._remembered(), seen.merged())

    def since(self, number: int | None) -> Coverage:
        """The spans of the changes made after that number; None is before all: what was held, and not let go of."""
        found = self._seen if number is None else Coverage()
        for span in (span for at, span in self._journal if number is not None and at > number):
            found = found.added(Interval(span, 0.0))
        return found.merged()

    def last_in(self, span: Span) -> int:
        """The number of the last change within the span, as far back as it is known where changes were."""
        return max((number for number, changed in self._journal if changed.meets(span)), default=0)

    def told(self, line: Line) -> None:
        """Other processes know these changes from now on."""
        self.is_shared, self._seen_elsewhere = True, line.seen

    def follows(self, line: Line) -> bool:
        """Whether the line tells every change that this process lacks, and nothing else lies between the two."""
        return self.is_shared and self.epoch == line.epoch and line.since <= self.number <= line.number

    def catch_up(self, line: Line) -> list[Span]:
        """Take note of changes that another process has made; gives the spans within which they were."""
        known, self.number = self.number, line.number
        news = [one for one in line.journal if one[0] > known]
        self._journal += news
        for tombstone in line.tombstones:
            if tombstone.number > known:
                self._add(tombstone)
        for number, span in line.losses:
            self._note_loss(span, number)
        for _, span in news:
            self._seen = self._seen.without(span)
        self._seen_elsewhere = line.seen
        return [span for _, span in news]

    def adopt(self, line: Line) -> None:
        """Go on from these changes in place of the own; nothing is held."""
        self.leave()
        self.epoch, self.number, self._since, self.is_shared = line.epoch, -1, line.since, True
        self._seen = Coverage()
        self._tombstones.clear()
        self._lost.clear()
        self._journal.clear()
        self.catch_up(line)


@dataclass(slots=True)
class Lead:
    """The lead of a process: it began `at` an epoch and a number, if these were shared. Was all told in the end?"""

    changes: Changes
    at: tuple[bytes, int] | None
    is_told: bool = False
    has_left: bool = False


@contextmanager
def leading(changes: Changes) -> Iterator[Lead]:
    """Make changes for all processes within the block; where they were not told at its end, they are the own alone."""
    lead = Lead(changes, (changes.epoch, changes.number) if changes.is_shared else None)
    changes.is_leading = True
    try:
        yield lead
    finally:
        changes.is_leading = False
        if not lead.is_told and lead.at != (changes.epoch, changes.number):
            changes.leave()
            lead.has_left = True
