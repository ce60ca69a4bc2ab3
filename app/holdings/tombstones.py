"""Tombstones: which records have left a collection, and of which spans nobody can say which have."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import ref

from app.holdings.collection import Span
from app.holdings.packing import microseconds
from app.holdings.partition import EVERYTHING, day_of, moment_of

MOST_TOMBSTONES = 100_000  # of all collections of a process
MOST_TOLD, MOST_LOSSES = 2_000, 64  # tombstones, and losses, that other processes are told


class Tombstone(NamedTuple):
    """A record that was erased, moved, or met the conditions no more; `start` is in microseconds since 1970."""

    interaction_id: str
    start: int
    number: int


class Bound:
    """The bound of the tombstones of several collections: beyond it the oldest are forgotten."""

    def __init__(self, most: int = MOST_TOMBSTONES) -> None:
        self._most = most
        self._order: deque[ref[Tombstones]] = deque()

    def note(self, tombstones: "Tombstones") -> None:
        """A tombstone was added there."""
        self._order.append(ref(tombstones))
        if len(self._order) > self._most and (oldest := self._order.popleft()()):
            oldest.forget_oldest()


@dataclass(eq=False, weakref_slot=True, slots=True)
class Tombstones:
    """The tombstones of a collection by the numbers of its changes, and its losses: spans that some may have left."""

    bound: Bound = field(default_factory=Bound)
    _tombstones: deque[Tombstone] = field(default_factory=deque)
    _lost: dict[Span, int] = field(default_factory=dict)

    def forget_oldest(self) -> None:
        """Let go of the oldest tombstone: content marked before it can no longer be compared on its day."""
        if self._tombstones:
            oldest = self._tombstones.popleft()
            self._note_loss(day_of(moment_of(oldest.start)), oldest.number)

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

    def _add(self, tombstone: Tombstone) -> None:
        self._tombstones.append(tombstone)
        self.bound.note(self)

    def _note_loss(self, span: Span, number: int) -> None:
        self._lost[span] = max(number, self._lost.get(span, 0))

    def _remembered(self) -> tuple[tuple[Tombstone, ...], tuple[tuple[int, Span], ...]]:
        """The last tombstones, and the losses with the days of the others, as other processes are told of them."""
        old, last = [*self._tombstones][:-MOST_TOLD], [*self._tombstones][-MOST_TOLD:]
        losses = dict(self._lost)
        for one in old:
            day = day_of(moment_of(one.start))
            losses[day] = max(one.number, losses.get(day, 0))
        if len(losses) > MOST_LOSSES:
            losses = {EVERYTHING: max(losses.values())}
        return tuple(last), tuple((number, span) for span, number in losses.items())
