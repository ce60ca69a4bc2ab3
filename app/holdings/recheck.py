"""Rechecking: records whose allowance has run out are read again, neighbours by one call."""

from collections.abc import Iterator
from typing import NamedTuple

from app.holdings.collection import Span
from app.holdings.composition import Piece
from app.holdings.fill import NewContext
from app.holdings.partition import moment_of
from app.holdings.reader import MILLISECOND, Reader, floored, is_trusted
from app.holdings.store import Collection

GAP = 15  # rows between two due ones that are read with them
MOST_ROWS = 900  # of one cluster: what has arrived meanwhile has room in the call


class Cluster(NamedTuple):
    """Due records that are read together: microseconds of the newest and the oldest start, and the first due time."""

    newest: int
    oldest: int
    due_at: float


async def recheck(collection: Collection, span: Span, reader: Reader, new_context: NewContext) -> None:
    """Read due records of the span again, those first that are longest overdue, as far as the calls of `reader` reach.

    The reading replaces what is held of its range, so that what was erased goes.
    """
    for cluster in sorted(_clusters(collection, span), key=lambda one: one.due_at):
        if reader.left <= 0:
            break
        part = Span(floored(moment_of(cluster.oldest)), floored(moment_of(cluster.newest)) + MILLISECOND)
        await read_again(collection, part, reader, new_context)


async def read_again(collection: Collection, part: Span, reader: Reader, new_context: NewContext) -> None:
    """Hold what upstream has in a part, by one call; where that does not show all of it, the part is held no more."""
    reading = await reader.newest(part, reader.limit_of(collection.rows(part)), collection.runs(part))
    if is_trusted(reading) and reading.complete:
        await collection.take(part, reading.records, new_context(reading.time_zone))
    else:
        collection.coverage = collection.coverage.without(part)


def _clusters(collection: Collection, span: Span) -> Iterator[Cluster]:
    """The due records of the span, those with at most GAP others between them together."""
    cluster, first, last = None, 0, 0
    for place, start, due in _due(collection, span):
        if cluster and place - last <= GAP and place - first < MOST_ROWS:
            cluster = Cluster(cluster.newest, start, min(cluster.due_at, due))
        else:
            if cluster:
                yield cluster
            cluster, first = Cluster(start, start, due), place
        last = place
    if cluster:
        yield cluster


def _due(collection: Collection, span: Span) -> Iterator[tuple[int, int, float]]:
    """The due records of the span: place among all of them from 1 on, start in microseconds, when it was due."""
    now, place = collection.clock.monotonic(), 0
    for partition in collection.partitions(span):
        if partition.due_at > now and partition.is_within(span):
            place += partition.rows
            continue
        for held, first, last in partition.within(span):
            if held.due_at > now:
                place += last - first
                continue
            piece = Piece(held, range(first, last))
            for start, due in zip(piece.starts, piece.due, strict=True):
                place += 1
                if due <= now:
                    yield place, start, due
