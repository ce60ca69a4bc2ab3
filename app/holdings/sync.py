"""Synchronising: what is held of a span is compared with upstream by counting, and what it lacks is fetched."""

import logging
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import neg
from typing import NamedTuple

from app.holdings.collection import Interval, Span
from app.holdings.fill import NewContext, fill
from app.holdings.packing import microseconds
from app.holdings.partition import moment_of
from app.holdings.reader import MILLISECOND, Reader, floored, is_trusted
from app.holdings.store import Collection
from app.holdings.taking import checked_at, held_beside
from app.observe.lines import TOTALS_DISTRUSTED
from app.upstream.rows import Held

logger = logging.getLogger("cxfacade.holdings")

FEW_ROWS = 2  # are read where an imbalance was found among them
MOST_ROWS = 900  # are read at most, where the calls do not suffice to find it among FEW_ROWS
MORE_ROWS = 2  # are read beside those that lack, as they may stand further down
FIRST_STEP, WIDER = 32, 8  # rows from the newest down that are counted first where one lacks, and how much more then
PEEK_SECONDS = 60.0  # so often the newest are looked at: an arrival and an erasure cancel in a total
MANY_ROWS = 1_000  # of fewer the call that counts asks for the newest, too; of more another call counts, without a row
LIKELY = 1.3  # arrivals since the last comparison, from which on the call that counts asks for the newest, too
RECENT = 0.3  # share of the last comparison in the average of arrivals
MOST_FAILURES = 3  # in a row; from then on totals are not trusted
REREAD = timedelta(hours=1)
REREAD_ROWS = 10_000  # at most of that hour
REREAD_SECONDS = 60.0  # from one such reading to the next


class Distrusted(Exception):
    """Rows came that do not show what upstream has."""


async def sync(collection: Collection, interval: Interval, reader: Reader, new_context: NewContext) -> None:
    """Have all that upstream has in the interval held, and nothing else.

    Where the calls do not suffice to make the numbers equal, it stays as old as it was, and the next comparison goes
    on; where that happens again and again, the newest hour is read instead, once a minute. Where rows cannot be
    trusted, none is held.
    """
    began, sought, lacking = collection.clock.monotonic(), collection.sought, collection.lacking
    try:
        if collection.failures >= MOST_FAILURES:
            if began - interval.compared_at < REREAD_SECONDS:
                return
            await _reread(collection, interval.span, reader, new_context)
        elif await _is_equal(collection, interval.span, reader, new_context):
            collection.failures, collection.sought, collection.lacking = 0, None, 0
        else:
            is_closer = collection.lacking < lacking or _is_nearer(collection.sought, sought)
            collection.failures += not is_closer
            if collection.failures == MOST_FAILURES:
                logger.error(TOTALS_DISTRUSTED)
            return
        for held in collection.coverage.merged().within(interval.span):  # not what the store did not take
            collection.cover(held.span, began)
    except Distrusted:
        collection.coverage = collection.coverage.without(interval.span)


def _is_nearer(sought: Span | None, before: Span | None) -> bool:
    """Whether a comparison narrowed the part in which a difference is sought; `before` it, perhaps none was sought."""
    if sought is None or before is None:
        return sought is not None
    return sought != before and before.start <= sought.start and sought.end <= before.end


class Seen(NamedTuple):
    """How many rows upstream has in a span; those from `low` on are held, perhaps not all of its millisecond."""

    total: int
    low: datetime


async def _is_equal(collection: Collection, span: Span, reader: Reader, new_context: NewContext) -> bool:
    """Whether as many rows are held as upstream counts, after those that lack were taken."""
    total, low = await _total(collection, span, reader, new_context)
    for more in (0, MORE_ROWS):  # mostly they are the next ones
        lack = total - collection.rows(span)
        if lack <= 0 or reader.left <= 0 or low <= span.start:
            break
        asked = Span(span.start, low)
        below, low = await _take_newest(collection, asked, lack + more, reader, new_context)
        total = max(total, below + collection.rows(Span(asked.end, span.end)))  # rows may have come since they counted
    if total == collection.rows(span):
        return True
    is_gone = total < collection.rows(span)  # as counted just now
    is_mended = is_gone and await _mend(collection, span, total, reader, new_context)
    known = _known(collection, span)
    while reader.left > 0:
        total = await reader.count(known)
        if total == collection.rows(known):
            return True
        few = MOST_ROWS if is_mended and collection.rows(known) <= MOST_ROWS else FEW_ROWS
        is_mended = await _mend(collection, known, total, reader, new_context, few=few)
        if not is_mended:
            break
    collection.lacking = abs(total - collection.rows(known))
    return not collection.lacking


async def _total(collection: Collection, span: Span, reader: Reader, new_context: NewContext) -> Seen:
    """Upstream's number of rows in the span, and down to where it was read for that, else its end.

    The newest is read where one has probably come; else rows are only counted. Once a minute those are counted that
    stand no higher than the newest held, or, of few, the newest is read.
    """
    held, now = collection.rows(span), collection.clock.monotonic()
    peeks = now - collection.peeked_at >= PEEK_SECONDS
    if collection.arriving >= LIKELY or (peeks and held < MANY_ROWS):
        seen = await _take_newest(collection, span, 1, reader, new_context)
    else:
        seen = Seen(await reader.count(span, anew=False), span.end)
        if peeks and seen.total == held:
            collection.peeked_at = now
            arrived = held - await reader.count(_known(collection, span), anew=False)
            if arrived > 0:
                seen = await _take_newest(collection, span, arrived, reader, new_context)
    collection.arriving += RECENT * (max(0, seen.total - held) - collection.arriving)
    return seen


def _known(collection: Collection, span: Span) -> Span:
    """The span up to the newest row that is held."""
    newest = next(collection.pieces(span), None)
    return Span(span.start, moment_of(newest.newest) + MILLISECOND) if newest else span


async def _take_newest(collection: Collection, span: Span, rows: int, reader: Reader, new_context: NewContext) -> Seen:
    """Hold the newest rows as upstream shows them. Raises Distrusted."""
    known = [piece.run for piece in islice(collection.pieces(span), 2 + rows // FEW_ROWS)]
    collection.peeked_at = collection.clock.monotonic()
    reading = await reader.newest(span, rows, known)
    if not is_trusted(reading) or len(reading.records) < min(rows, reading.total):
        raise Distrusted
    low, beside, checked = span.start, list[Held](), dict[str, float]()
    if reading.last_start and not reading.complete:
        low = floored(reading.last_start)
        last = Span(low, low + MILLISECOND)  # perhaps not all of it has come
        beside = held_beside(collection, last, reading.records)
        checked = checked_at(collection, last, beside)
    await collection.take(Span(low, span.end), [*reading.records, *beside], new_context(reading.time_zone), checked)
    return Seen(reading.total, low)


async def _mend(
    collection: Collection, span: Span, total: int, reader: Reader, new_context: NewContext, *, few: int = FEW_ROWS
) -> bool:
    """Find where the numbers differ, by counting halves, and read these `few` rows; whether they came.

    Upstream has `total` rows in the span. Where the calls do not suffice, the next comparison goes on in the part that
    this one came to.
    """
    sought = collection.sought
    if sought and reader.left <= 1:
        return False
    starts = [start for piece in collection.pieces(span) for start in piece.starts]
    collection.sought, part = None, await differing(starts, span, total, reader, sought, few=few)
    if reader.left <= 0 or collection.rows(part) > MOST_ROWS:
        collection.sought = part
        return False
    limit = reader.limit_of(collection.rows(part) + max(0, total - collection.rows(span)))
    reading = await reader.newest(part, limit, collection.runs(part))
    if not (is_trusted(reading) and reading.complete):
        return False
    await collection.take(part, reading.records, new_context(reading.time_zone))
    return True


async def differing(
    starts: Sequence[int], span: Span, total: int, reader: Reader, sought: Span | None = None, *, few: int = FEW_ROWS
) -> Span:
    """The part of the span in which the rows that upstream has differ in number from those held: `few` or less.

    There are more where the calls do not suffice. Upstream has `total` rows in the span; those held have these
    `starts`, in microseconds since 1970, the newest first. It may be `sought` in a part first. Rows join late by
    minutes, so that one that lacks is among the newest; they are erased at any age. All ranges counted begin where the
    span does: that is cheapest everywhere.
    """
    equal, unequal = -1, len(starts)  # places: of rows down to which the numbers are equal, or not
    gone = len(starts) - total
    step, first = (FIRST_STEP, -1) if gone < 0 else (0, len(starts) // (1 + gone))
    if sought:
        step, first = 0, _last_from(sought.end, starts)
        unequal = max(0, _last_from(sought.start, starts)) if sought.start > span.start else unequal
    while unequal - equal > few and reader.left > 1:
        usual = min(equal + step, unequal - 1) if step else (equal + unequal) // 2
        place = first if equal < first < unequal else usual
        low = floored(moment_of(starts[place]))
        older = await reader.count(Span(span.start, low), anew=False) if span.start < low else 0
        if total - older == _last_from(low, starts) + 1:
            equal, step = place, step * WIDER
        else:
            unequal, step = place, 0
    low = floored(moment_of(starts[unequal])) if unequal < len(starts) else span.start
    return Span(low, floored(moment_of(starts[equal])) if equal >= 0 else span.end)


def _last_from(moment: datetime, starts: Sequence[int]) -> int:
    """The place of the last row that starts at the moment or later; -1 without any. The newest start comes first."""
    return bisect_right(starts, -microseconds(moment), key=neg) - 1


async def _reread(collection: Collection, span: Span, reader: Reader, new_context: NewContext) -> None:
    """Read the newest hour again, and what else can be found to differ; trust totals again where they are equal."""
    part = Span(max(span.start, floored(collection.clock.wall() - REREAD)), span.end)
    if part.start < part.end:
        collection.coverage = collection.coverage.without(part)
        await fill(collection, part, REREAD_ROWS, reader.again(), new_context)
    total = await reader.count(span)
    if total == collection.rows(span) or await _mend(collection, span, total, reader, new_context):
        collection.failures = 0
