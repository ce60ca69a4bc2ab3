"""Pages of a moving list: where blocks begin, what is read again, how rows of many blocks become one list. All pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.interactions.records import Interaction
from app.upstream.query import MOST_ROWS_PER_CALL

FIRST_BOUNDARY = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One interaction: upstream's bytes as received, and their typed part."""

    raw: bytes
    interaction: Interaction


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reading stopped, so that it can be continued: upstream rows read, and the total last seen.

    `seen` are the ids of all rows read, whether they matched or not, and `held` of them did; `lost` counts those that
    could not be read.
    `least_total` is the smallest total seen: so many distinct rows at least are there to be read.
    """

    offset: int = 0
    total: int | None = None
    seen: frozenset[str] = frozenset()
    lost: int = 0
    least_total: int | None = None
    held: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reading brought.

    `records` are new ones only, newest first, each once, all checked. `offset` and the totals continue it in a
    `Position`.
    `complete`: nothing more to read. `shifted`: rows may be missing, as the list moved or fell short beyond repair.
    `time_zone` as the envelope names it; `simulated` where the answer says so. Of the `dropped` new rows the `lost`
    ones could not be read, and those of the ids `mismatched` did not match. `calls` is how often upstream was asked.
    """

    records: tuple[Record, ...]
    offset: int
    total: int
    complete: bool
    shifted: bool = False
    time_zone: str | None = None
    simulated: bool = False
    upstream_seconds: float = 0.0
    dropped: int = 0
    mismatched: frozenset[str] = frozenset()
    lost: int = 0
    least_total: int = 0
    calls: int = 1


class Span(NamedTuple):
    """Rows `[offset, offset + limit)` of upstream's list."""

    offset: int
    limit: int

    @property
    def end(self) -> int:
        """The first row behind it."""
        return self.offset + self.limit


class Row(NamedTuple):
    """One row upstream sent: its id, None where it cannot be read, and its record, None where not asked for."""

    interaction_id: str | None
    record: Record | None

    @property
    def start(self) -> datetime | None:
        """The start of its interaction, where that is known."""
        return self.record.interaction.start_timestamp if self.record else None


@dataclass(frozen=True, slots=True)
class Block:
    """The answer to one span: its rows, the total it names, and its number in the order of arrival."""

    offset: int
    rows: tuple[Row, ...]
    total: int
    arrival: int = 0

    @property
    def end(self) -> int:
        """The first row behind those received."""
        return self.offset + len(self.rows)

    def ids(self) -> set[str]:
        """The ids of its rows."""
        return {row.interaction_id for row in self.rows if row.interaction_id is not None}

    def holds_ties_at(self, boundary: int) -> bool | None:
        """Whether it begins before, and ends behind, all rows that share their start with those at this offset.

        None where a start is not known, as of rows that do not match.
        """
        place = boundary - self.offset
        if not 0 < place < len(self.rows):
            return self.end >= self.total
        first, before, behind, last = (self.rows[at].start for at in (0, place - 1, place, -1))
        if first is None or before is None or behind is None or last is None:
            return None
        return (self.offset == 0 or first > before) and (self.end >= self.total or behind > last)


def boundary_after(offset: int, goal: int) -> int:
    """The next of the fixed boundaries 1000, 2000, 3000 …, in rows; 100 where no more are wanted."""
    if offset < FIRST_BOUNDARY and goal <= FIRST_BOUNDARY:
        return FIRST_BOUNDARY
    return (offset // MOST_ROWS_PER_CALL + 1) * MOST_ROWS_PER_CALL


def blocks(offset: int, goal: int, most: int) -> list[Span]:
    """The whole blocks from `offset` until `goal` rows are covered; none reaches past `most`."""
    spans = []
    while offset < min(goal, most):
        end = min(boundary_after(offset, goal), most)
        spans.append(Span(offset, end - offset))
        offset = end
    return spans


def around(offset: int, shift: int) -> Span | None:
    """What to read again where the total fell by `shift` between the blocks that meet at `offset`; None if too much.

    Rows removed before the later answer pulled rows up, to before `offset`. Of two answers under way at once the one
    before `offset` may be the later: then rows that arrived pushed rows down, to behind it.
    """
    start = max(0, offset - shift)
    limit = offset + shift - start
    return Span(start, limit) if limit <= MOST_ROWS_PER_CALL else None


@dataclass(frozen=True, slots=True)
class Merged:
    """Rows of many blocks as one list, and the ids of those that do not match."""

    records: tuple[Record, ...]
    mismatched: frozenset[str]


def merge(received: Iterable[Block], seen: frozenset[str]) -> Merged:
    """Each id once, where it stood first, with the content that arrived last (R11); ids in `seen` are skipped."""
    held: dict[str, tuple[int, Record | None]] = {}
    for block in received:
        for interaction_id, record in block.rows:
            if interaction_id is None or interaction_id in seen:
                continue
            if interaction_id not in held or held[interaction_id][0] < block.arrival:
                held[interaction_id] = block.arrival, record
    return Merged(
        tuple(record for _, record in held.values() if record is not None),
        frozenset(interaction_id for interaction_id, (_, record) in held.items() if record is None),
    )
