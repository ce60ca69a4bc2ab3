"""Changes: the order in which the content of a collection changed, and which records have left it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from weakref import ref

from app.holdings.collection import Coverage, Interval, Span
from app.holdings.packing import microseconds
from app.holdings.partition import day_of, moment_of

MOST_TOMBSTONES = 100_000  # of all collections of a process


class Mark(NamedTuple):
    """The content of a collection from `low` on: all changes up to `number` are in it; `epoch` is the collection's."""

    epoch: bytes
    number: int
    low: datetime


class Tombstone(NamedTuple):
    """A record that was erased, moved, or met the conditions no more; `start` is in microseconds since 1970."""

    interaction_id: str
    start: int
    number: int


class Bound:
    """The bound of the tombstones of several collections: beyond it the oldest are forgotten."""

    def __init__(self, most: int = MOST_TOMBSTONES) -> None:
        self._most = most
        self._order: deque[ref[Changes]] = deque()

    def note(self, changes: "Changes") -> None:
        """A tombstone was added there."""
        self._order.append(ref(changes))
        if len(self._order) > self._most and (oldest := self._order.popleft()()):
            oldest.forget_oldest()


@dataclass(eq=False, weakref_slot=True, slots=True)
class Changes:
    """Numbers each change of a collection's content.

    Nobody can know of a record in a span that was never held: such records have the number 0 when they are first read.
    Of a span that was let go of nobody can say which records have left it since: content marked before is compared in
    vain.
    """

    epoch: bytes = b""
    bound: Bound = field(default_factory=Bound)
    number: int = 0
    _seen: Coverage = field(default_factory=Coverage)
    _tombstones: deque[Tombstone] = field(default_factory=deque)
    _lost: dict[Span, int] = field(default_factory=dict)

    def begin(self) -> int:
        """The number of the change that is made now."""
        self.number += 1
        return self.number

    def see(self, span: Span) -> None:
        """All of the span is held."""
        self._seen = self._seen.added(Interval(span, 0.0)).merged()

    def unseen(self, span: Span) -> list[tuple[int, int]]:
        """The parts of the span that were never held, in microseconds since 1970."""
        return [(microseconds(one.start), microseconds(one.end)) for one in self._seen.gaps(span)]

    def bury(self, interaction_id: str, start: int, number: int) -> None:
        """Note that the record has left the collection, or its place in it."""
        self._tombstones.append(Tombstone(interaction_id, start, number))
        self.bound.note(self)

    def forget_oldest(self) -> None:
        """Let go of the oldest tombstone: content marked before it can no longer be compared on its day."""
        if self._tombstones:
            oldest = self._tombstones.popleft()
            self._note_loss(day_of(moment_of(oldest.start)), oldest.number)

    def lose(self, span: Span) -> None:
        """Let go of a span: records may leave it unnoticed from now on."""
        self._note_loss(span, self.begin())
        self._seen = self._seen.without(span)

    def lost_in(self, span: Span) -> int:
        """The number of the last loss within the span; content marked before cannot be compared."""
        return max((number for lost, number in self._lost.items() if lost.meets(span)), default=0)

    def buried_since(self, number: int, span: Span) -> Iterator[str]:
        """The ids of the records that have left the span since the content so marked."""
        oldest, newest = microseconds(span.start), microseconds(span.end)
        for one in reversed(self._tombstones):
            if one.number <= number:
                break
            if oldest <= one.start < newest:
                yield one.interaction_id

    def _note_loss(self, span: Span, number: int) -> None:
        self._lost[span] = max(number, self._lost.get(span, 0))
