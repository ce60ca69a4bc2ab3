"""Filling: what is not held of a span is read from the newest down, no further than is needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.cooperative import let_go
from app.holdings.collection import Rest, Span
from app.holdings.packing import surplus
from app.holdings.reader import MILLISECOND, Reader, floored, is_trusted, raised
from app.holdings.store import Collection
from app.holdings.taking import checked_at, held_beside
from app.interactions.facts import Context, Facts
from app.upstream.query import FIRST_BOUNDARY, MOST_ROWS_PER_CALL
from app.upstream.rows import Held, Record
from app.upstream.walk import Position, Reading

STEP_ROWS = 4000  # are read, packed and let go of before more is read
NewContext = Callable[[str | None], Context]
"""The context of records that are packed now, in the time zone that upstream names."""


@dataclass(slots=True)
class Filled:
    """The result of a filling: the rows upstream has in the span, None where it was not asked; facts of new runs.

    `is_refused`: a reading cannot be trusted to show all rows of its span, or could not be stored, so that nothing of
    it is held; it is `refused` where it is of the whole span.
    """

    total: int | None = None
    facts: dict[int, list[Facts]] = field(default_factory=dict)
    is_refused: bool = False
    refused: Reading | None = None

    def refuse(self, reading: Reading | None) -> None:
        """Nothing of the reading is held; it is given where it is of the whole span."""
        self.is_refused, self.refused = True, reading


async def fill(collection: Collection, span: Span, rows: int, reader: Reader, new_context: NewContext) -> Filled:
    """Have at least `rows` records of the span held without a gap from its end down, all, or what the calls allow.

    A gap is one list, read in steps; below what is held already the first block is a long one. Coverage grows by what
    is known to be all that upstream has.
    """
    filled, walk = Filled(), None
    while reader.left > 0:
        held = collection.reach(span)
        if held.complete or held.rows >= rows:
            break
        if walk is None or walk.low != held.low:
            walk = _Walk(_asked(collection, span, held.low), held.low, collection.clock.monotonic())
        least = FIRST_BOUNDARY + 1 if walk.low in {one.span.start for one in collection.coverage.intervals} else 1
        goal = min(max(rows - held.rows, least), STEP_ROWS)
        reading = await reader.walk(walk.asked, walk.position, goal)
        is_whole = walk.asked.start <= span.start and walk.asked.end >= span.end and walk.position == Position()
        low = _low(reading, walk.asked)
        if low is None:
            filled.refuse(reading if is_whole else None)
            break
        walk.go_on(reading)
        if low < walk.low:
            collection.time_zone, collection.simulated = reading.time_zone, reading.simulated
            taken = Span(low if reading.complete else low - MILLISECOND, walk.low)
            beside = held_beside(collection, Span(walk.low - MILLISECOND, walk.low), walk.read) if walk.has_tail else []
            beside += [] if reading.complete else held_beside(collection, Span(low - MILLISECOND, low), walk.read)
            checked = checked_at(collection, taken, beside) if beside else {}
            around = Span(walk.asked.end, span.end), Span(span.start, walk.asked.start)
            filled.total = reading.total + sum(collection.rows(one) for one in around if one.start < one.end)
            context = new_context(reading.time_zone)
            filled.facts |= await collection.take(taken, [*walk.read, *beside], context, checked)
            collection.cover(Span(low, walk.low), walk.began, has_tail=not reading.complete)
            rest_rows = reading.total - collection.rows(Span(low, walk.asked.end))
            collection.rest = Rest(Span(walk.asked.start, low), rest_rows, walk.began)
            spent = [walk.read, [*reading.records]]
            walk.end_step(low, has_tail=not reading.complete)
            if collection.reach(span).low > max(low, span.start):  # the store did not take it
                filled.refuse(reading if is_whole else None)
                break
            del reading
            await let_go(*spent, *surplus(filled.facts))
        elif len(walk.read) >= max(MOST_ROWS_PER_CALL, rows - held.rows):  # too many of one millisecond
            filled.refuse(reading if is_whole else None)
            break
    return filled


@dataclass(slots=True)
class _Walk:
    """A list as far as it was read, from the monotonic time `began` on.

    Down to `low` its rows are held, those `read` since are not yet; `has_tail`: below it stand more that were read.
    """

    asked: Span
    low: datetime
    began: float
    position: Position = Position()  # noqa: RUF009 - frozen
    read: list[Record | Held] = field(default_factory=list)
    has_tail: bool = False

    def go_on(self, reading: Reading) -> None:
        """Add the rows of a reading."""
        self.read += reading.records
        seen = self.position.seen.union(one.interaction.interaction_id for one in reading.records)
        self.position = Position(
            reading.offset, reading.total, seen, 0, reading.least_total, len(seen), reading.last_start
        )

    def end_step(self, low: datetime, *, has_tail: bool) -> None:
        """Go on below `low`: the rows read until now are held."""
        self.low, self.read, self.has_tail = low, [], has_tail


def _asked(collection: Collection, span: Span, low: datetime) -> Span:
    """The newest gap below `low`; where it is not the only one, down to the start of the span: so all are counted."""
    gaps = collection.coverage.gaps(Span(span.start, low))
    start = gaps[-1].start if len(gaps) == 1 else span.start
    return Span(floored(start), raised(gaps[-1].end))


def _low(reading: Reading, asked: Span) -> datetime | None:
    """The start of the part of what was asked that the reading shows whole; None where it cannot be trusted."""
    if not is_trusted(reading):
        return None
    if reading.complete:
        return asked.start
    return None if reading.last_start is None else floored(reading.last_start) + MILLISECOND
