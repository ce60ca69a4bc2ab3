"""A composition: the records held of a span without a gap, by the places that they have in runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf

from app.holdings.changes import Mark
from app.holdings.packing import Run
from app.holdings.partition import HeldRun


@dataclass(frozen=True, slots=True)
class Piece:
    """The records at some places of a run, in their order."""

    held: HeldRun
    places: Sequence[int]

    @property
    def run(self) -> Run:
        """The run itself."""
        return self.held.run

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.places)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the run."""
        return self.count == self.run.count

    @property
    def newest(self) -> int:
        """The start of the first record, in microseconds since 1970."""
        return self.run.starts[self.places[0]]

    @property
    def starts(self) -> Iterator[int]:
        """The start of each record."""
        return (self.run.starts[place] for place in self.places)

    @property
    def due(self) -> Iterator[float]:
        """When each is to be read again (monotonic seconds)."""
        return (self.held.due[place] for place in self.places)

    @property
    def due_at(self) -> float:
        """When the first of the records is due."""
        return self.held.due_at if self.is_whole else min(self.due)

    @property
    def checked_at(self) -> float:
        """When the record was shown that was not for longest (monotonic seconds)."""
        return self.held.checked_at if self.is_whole else min(self.held.checked[place] for place in self.places)

    def changed_since(self, number: int) -> list[int]:
        """The places of the records that changed after the change so numbered."""
        if self.held.changed_in <= number:
            return []
        return [place for place in self.places if self.held.changed[place] > number]


@dataclass(frozen=True, slots=True)
class Composition:
    """The records held of a span without a gap, from its end down: so many `rows`, of which the newest are in `pieces`.

    `compared_at` is when the part that was compared longest ago was, `due_at` when the first record is to be read again
    (monotonic seconds). `changed_at` is when this content was first seen, None without any; `marks` are of the
    collections that it is from, the newest first. `low` is where it begins; `complete`: that is where the span does.
    """

    pieces: tuple[Piece, ...]
    rows: int
    low: datetime
    complete: bool
    compared_at: float
    due_at: float
    changed_at: datetime | None
    marks: tuple[Mark, ...]

    @property
    def is_cut(self) -> bool:
        """Whether the pieces are the newest of them alone."""
        return sum(piece.count for piece in self.pieces) < self.rows

    @property
    def starts(self) -> list[int]:
        """The starts of its pieces, in microseconds since 1970, the newest first."""
        return [start for piece in self.pieces for start in piece.starts]

    @property
    def checked_at(self) -> float:
        """When the record was shown that was not for longest (monotonic seconds); without any, as compared."""
        return min((piece.checked_at for piece in self.pieces), default=self.compared_at)

    def of(self, pieces: Sequence[Piece]) -> "Composition":
        """Of these of its records alone."""
        due_at = min((piece.due_at for piece in pieces), default=inf)
        return replace(self, pieces=tuple(pieces), rows=sum(piece.count for piece in pieces), due_at=due_at)
