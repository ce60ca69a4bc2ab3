"""Rechecking: records whose allowance has run out are read again, neighbours by one call."""

from collections.abc import Iterator, Sequence
from functools import partial
from heapq import nsmallest
from itertools import pairwise
from typing import NamedTuple

from app.cooperative import in_parallel
from app.holdings.collection import Span
from app.holdings.composition import Piece
from app.holdings.fill import NewContext
from app.holdings.partition import moment_of
from app.holdings.reader import MILLISECOND, Reader, floored, is_trusted
from app.holdings.store import Collection
from app.holdings.taking import id_of
from app.upstream.walk import Reading

MOST_BESIDE = 25  # rows that are read because they stand between due ones, in one recheck
FARTHEST = 15  # places from one due row to the next, that both are read by one call
BEHIND, IN_FRONT = 2, 8  # calls at once: nobody waits for them, or somebody does
MOST_ROWS = 900  # of one cluster: what has arrived meanwhile has room in the call


class Due(NamedTuple):
    """A due record: its place among all of the span from 1 on, its start in microseconds, and since when it is due."""

    place: int
    start: int
    due_at: float


class Cluster(NamedTuple):
    """Due records that are read together: microseconds of the newest and the oldest start, and the first due time."""

    newest: int
    oldest: int
    due_at: float


async def recheck(collection: Collection, span: Span, reader: Reader, new_context: NewContext) -> None:
    """Read due records of the span again, those first that are longest overdue, as far as the calls of `reader` reach.

    The reading replaces what is held of its range, so that what was erased goes.
    """
    clusters = sorted(_clusters([*_due(collection, span)]), key=lambda one: one.due_at)
    at_once = BEHIND if reader.background else IN_FRONT
    while clusters and reader.left > 0:
        most = min(at_once, reader.left)
        parts, clusters = [_span(one) for one in clusters[:most]], clusters[most:]
        await read_again(collection, parts, reader, new_context)


def _span(cluster: Cluster) -> Span:
    return Span(floored(moment_of(cluster.oldest)), floored(moment_of(cluster.newest)) + MILLISECOND)


async def read_again(collection: Collection, parts: Sequence[Span], reader: Reader, new_context: NewContext) -> None:
    """Hold what upstream has in each part, by one call at the same time as the others.

    Where that does not show all of a part, it is held no more.
    """
    works = [partial(_read, collection, part, reader) for part in parts]
    for part, (reading, read_at) in zip(parts, await in_parallel(works), strict=True):
        if is_trusted(reading) and reading.complete:
            checked = {id_of(one): read_at for one in reading.records}
            await collection.take(part, reading.records, new_context(reading.time_zone), checked)
        else:
            collection.coverage = collection.coverage.without(part)


async def _read(collection: Collection, part: Span, reader: Reader) -> tuple[Reading, float]:
    """Read a part; give what upstream has in it, and when that came (monotonic seconds)."""
    reading = await reader.newest(part, reader.limit_of(collection.rows(part)), collection.runs(part))
    return reading, collection.clock.monotonic()


def _clusters(due: Sequence[Due]) -> list[Cluster]:
    """The due records, the nearest neighbours together, as long as few others stand between them."""
    distances = ((later.place - one.place, later.place) for one, later in pairwise(due))
    joined, left = set[int](), MOST_BESIDE
    for distance, place in nsmallest(MOST_BESIDE, (one for one in distances if 1 < one[0] <= FARTHEST)):
        left -= distance - 1
        if left < 0:
            break
        joined.add(place)
    clusters, first, last = list[Cluster](), 0, -1
    for place, start, due_at in due:
        if (place == last + 1 or place in joined) and place - first < MOST_ROWS:
            clusters[-1] = Cluster(clusters[-1].newest, start, min(clusters[-1].due_at, due_at))
        else:
            clusters.append(Cluster(start, start, due_at))
            first = place
        last = place
    return clusters


def _due(collection: Collection, span: Span) -> Iterator[Due]:
    """The due records of the span, the newest first."""
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
                    yield Due(place, start, due)
