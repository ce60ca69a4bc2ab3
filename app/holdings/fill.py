"""Filling: what is not held of a span is read from the newest down, no further than is needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from app.holdings.collection import Span
from app.holdings.reader import MILLISECOND, Reader, floored, is_trusted, raised
from app.holdings.store import Collection
from app.interactions.facts import Context, Facts
from app.upstream.walk import Reading

WIDER = 10
NewContext = Callable[[str | None], Context]
"""The context of records that are packed now, in the time zone that upstream names."""


@dataclass(slots=True)
class Filled:
    """What a filling learned: the rows upstream has in the span, None where it was not asked; facts of new runs.

    `is_refused`: a reading cannot be trusted to show all rows of its span, or could not be stored, so that nothing of it
    is held; it is `refused` where it is of the whole span.
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

    Coverage grows by what is known to be all that upstream has.
    """
    filled, wider = Filled(), 1
    while reader.left > 0:
        held = collection.compose(span)
        if held.complete or held.rows >= rows:
            break
        asked = _asked(collection, span, held.low)
        reading = await reader.walk(asked, wider * (rows - held.rows))
        covered = _covered(reading, asked)
        if covered is None:
            filled.refuse(reading if asked.start <= span.start and asked.end >= span.end else None)
            break
        if covered.start >= covered.end:  # all rows are of one millisecond, and more of it may follow
            wider *= WIDER
            continue
        collection.time_zone, collection.simulated = reading.time_zone, reading.simulated
        taken = Span(covered.start - MILLISECOND, covered.end) if not reading.complete else covered
        filled.facts |= await collection.take(taken, reading.records, new_context(reading.time_zone))
        collection.cover(covered, reading.total if reading.complete else None, has_tail=not reading.complete)
        around = Span(asked.end, span.end), Span(span.start, asked.start)
        filled.total = reading.total + sum(collection.rows(one) for one in around if one.start < one.end)
        if collection.compose(span).low >= held.low:  # nothing of it could be kept
            filled.refuse(reading if asked.start <= span.start and asked.end >= span.end else None)
            break
    return filled


def _asked(collection: Collection, span: Span, low: datetime) -> Span:
    """The newest gap below `low`; where it is not the only one, down to the start of the span: so all are counted."""
    gaps = collection.coverage.gaps(Span(span.start, low))
    start = gaps[-1].start if len(gaps) == 1 else span.start
    return Span(floored(start), raised(gaps[-1].end))


def _covered(reading: Reading, asked: Span) -> Span | None:
    """The part of what was asked that the reading shows whole; None where it cannot be trusted."""
    if not is_trusted(reading):
        return None
    if reading.complete:
        return asked
    if reading.last_start is None:
        return None
    return Span(floored(reading.last_start) + MILLISECOND, asked.end)
