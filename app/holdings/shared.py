"""Values of the shared tier: chunks of a collection's records, and the catalogue that tells which spans they are of."""

from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import msgspec
import zstandard
from msgspec.structs import replace

from app.cache.keys import digest
from app.cooperative import Turns
from app.holdings.changes import Line
from app.holdings.collection import NOT_COUNTED, Coverage, Interval, Rest, Span
from app.holdings.packing import Block, microseconds
from app.holdings.partition import HeldRun, Partition, moment_of
from app.holdings.tombstones import Tombstone
from app.interactions.parts import Interaction
from app.interactions.records import encoded
from app.interactions.times import started_at
from app.upstream.rows import Record, fingerprint

CHUNK_BYTES = 768 * 1024  # of blocks, above which a chunk ends
NAME_BYTES = 16
SAME_SECONDS = 0.01  # by which times may differ that went through two clocks
TAIL = 1_000  # microseconds below an interval, of which rows were read, though perhaps not all


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A chunk of a partition: records from `low` to the partition's end, `high`, in microseconds since 1970.

    Chunks of one partition are told apart by `number`. By its `name` a reader knows that the value is still this one.
    """

    low: int
    high: int
    number: int
    name: bytes

    @property
    def place(self) -> tuple[int, int, int]:
        """The parts of its key: the value lies there until another chunk takes its place."""
        return self.low, self.high, self.number


class Extent(msgspec.Struct, frozen=True, array_like=True):
    """A span, in microseconds since 1970, of which everything lies in `parts`, as upstream showed at `compared_at`.

    That is in seconds since 1970. `has_tail`: they also have rows of the millisecond before, though perhaps not all.
    """

    start: int
    end: int
    compared_at: float
    has_tail: bool
    parts: tuple[Part, ...]

    @property
    def span(self) -> Span:
        """The span as moments."""
        return Span(moment_of(self.start), moment_of(self.end))

    @property
    def low(self) -> int:
        """The start of the span, or of its tail."""
        return self.start - TAIL * self.has_tail

    def within(self, span: Span, *, has_tail: bool = True) -> "Extent":
        """Its part in a span that lies in its own; with its tail, unless that is not wanted."""
        start, end = microseconds(span.start), microseconds(span.end)
        cut = Extent(start, end, self.compared_at, has_tail and self.has_tail and start == self.start, ())
        return cut.of(one for one in self.parts if one.low < end and cut.low < one.high)

    def of(self, parts: Iterable[Part]) -> "Extent":
        """With these parts."""
        return replace(self, parts=tuple(parts))


class Told(msgspec.Struct, frozen=True, array_like=True):
    """The changes of a collection: a Line, with its spans in microseconds since 1970."""

    epoch: bytes
    number: int
    since: int
    journal: tuple[tuple[int, int, int], ...]
    tombstones: tuple[Tombstone, ...]
    losses: tuple[tuple[int, int, int], ...]
    seen: tuple[tuple[int, int], ...]

    @property
    def line(self) -> Line:
        """The changes with their spans as moments."""
        journal, losses = (
            tuple((number, _span(start, end)) for number, start, end in told) for told in (self.journal, self.losses)
        )
        seen = Coverage(tuple(Interval(_span(*one), 0.0) for one in self.seen))
        return Line(self.epoch, self.number, self.since, journal, self.tombstones, losses, seen)


def told_of(line: Line) -> Told:
    """The changes as they are written."""
    journal, losses = (
        tuple((number, microseconds(start), microseconds(end)) for number, (start, end) in known)
        for known in (line.journal, line.losses)
    )
    seen = tuple((microseconds(one.span.start), microseconds(one.span.end)) for one in line.seen.intervals)
    return Told(line.epoch, line.number, line.since, journal, line.tombstones, losses, seen)


def _span(start: int, end: int) -> Span:
    return Span(moment_of(start), moment_of(end))


class Catalogue(msgspec.Struct, frozen=True, array_like=True):
    """The extents of a collection, disjoint and sorted, its changes, and what upstream said beside the rows.

    The `rest` was counted at a time in seconds since 1970.
    """

    extents: tuple[Extent, ...] = ()
    told: Told | None = None
    time_zone: str | None = None
    simulated: bool = False
    rest: Rest = NOT_COUNTED

    @property
    def line(self) -> Line | None:
        """The changes."""
        return self.told.line if self.told else None

    @property
    def coverage(self) -> Coverage:
        """The spans of the extents."""
        return Coverage(tuple(Interval(one.span, one.compared_at) for one in self.extents))

    @property
    def parts(self) -> dict[tuple[int, int, int], bytes]:
        """The name of the chunk at each place."""
        return {part.place: part.name for extent in self.extents for part in extent.parts}


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """Runs: the block of each; of each record when it was checked, by which change it came, whether it is pending.

    The times are doubles, in seconds since 1970, the changes integers of 64 bits, the last are bytes: 1 where it is not
    shown as final yet, though it may be.
    """

    name: bytes
    runs: tuple[tuple[bytes, bytes, bytes, bytes], ...]


class Shown(NamedTuple):
    """A record as another process shows it; `checked` is in seconds since 1970."""

    record: Record
    checked: float
    changed: int
    is_pending: bool


FORM = digest(repr(msgspec.json.schema_components((Interaction, Catalogue, Chunk))))
"""Of a release: values of another form are not looked at."""

UNREADABLE = (msgspec.MsgspecError, zstandard.ZstdError, ValueError)
"""Errors of a body that another release has written: it is as if it were not there."""

encode = msgspec.msgpack.Encoder().encode
decode_catalogue: Callable[[bytes], Catalogue] = msgspec.msgpack.Decoder(Catalogue).decode
decode_chunk: Callable[[bytes], Chunk] = msgspec.msgpack.Decoder(Chunk).decode


def parted(partition: Partition, start: int) -> Iterator[tuple[Part, tuple[HeldRun, ...]]]:
    """The records of a partition from `start` on, in chunks."""
    low, high = max(microseconds(partition.span.start), start), microseconds(partition.span.end)
    size, number = 0, 0
    numbered = list[tuple[int, HeldRun]]()
    for held in partition.runs:
        if held.newest >= low:
            size += len(held.run.block.compressed)
            if size > CHUNK_BYTES and numbered:
                number, size = number + 1, len(held.run.block.compressed)
            numbered.append((number, held))
    for number, group in groupby(numbered, lambda one: one[0]):
        runs = tuple(held for _, held in group)
        told = ((one.run.digest, one.checked.tobytes(), one.changed.tobytes(), _pending(one)) for one in runs)
        name = digest(*told)[:NAME_BYTES]
        yield Part(low, high, number, name), runs


def extents_of(coverage: Coverage, tails: Container[datetime], ahead: float) -> Iterator[Extent]:
    """The extents of what is held, still without parts; seconds since 1970 are so much `ahead` of monotonic ones."""
    for (start, end), compared_at in ((one.span, one.compared_at) for one in coverage.intervals):
        yield Extent(microseconds(start), microseconds(end), compared_at + ahead, start in tails, ())


def chunk_of(part: Part, runs: Iterable[HeldRun], ahead: float) -> bytes:
    """The value of a part; seconds since 1970 are so much `ahead` of monotonic ones."""
    packed = (
        (
            one.run.block.compressed,
            array("d", [at + ahead for at in one.checked]).tobytes(),
            one.changed.tobytes(),
            _pending(one),
        )
        for one in runs
    )
    return encode(Chunk(part.name, tuple(packed)))


def _pending(held: HeldRun) -> bytes:
    """Which records of the run have ended, and are not shown as final yet."""
    run, since = held.run, held.run.sums.pending_since
    if since is None:
        return bytes(run.count)
    known = zip(run.events, run.open_flags, strict=True)
    return bytes(not is_open and event >= since.timestamp() for event, is_open in known)


def records_of(extent: Extent, chunks: Iterable[Chunk]) -> Turns[list[Shown]]:
    """The records of an extent, in no order."""
    found = []
    for chunk in chunks:
        for block, times, numbers, pending in chunk.runs:
            checked, changed = array("d", times), array("q", numbers)
            records = Block(block, len(checked)).records()
            for record, at, number, flag in zip(records, checked, changed, pending, strict=True):
                if extent.low <= microseconds(started_at(record)) < extent.end:
                    shown = Record(b"", record, fingerprint(encoded(record)))
                    found.append(Shown(shown, at, number, bool(flag)))
                yield
    return found


def newer(catalogue: Catalogue, held: Coverage, span: Span) -> Iterator[Extent]:
    """The parts of extents in the span that are not held, or were compared later than what is held.

    The intervals held are as old as they are in seconds since 1970.
    """
    for extent in catalogue.extents:
        both = Span(max(extent.span.start, span.start), min(extent.span.end, span.end))
        if both.start < both.end:
            fresh = Coverage(
                tuple(one for one in held.intervals if one.compared_at >= extent.compared_at - SAME_SECONDS)
            )
            yield from map(extent.within, fresh.gaps(both))


def joined(own: Iterable[Extent], before: Iterable[Extent], known: Coverage, since: float) -> tuple[Extent, ...]:
    """The own extents, and the parts of those before that are not in the spans known.

    Those compared before `since` (seconds since 1970) are left out.
    """
    found = [*own]
    for extent in before:
        found += map(extent.within, known.gaps(extent.span))
    return tuple(sorted((one for one in found if one.compared_at >= since), key=lambda one: one.start))
