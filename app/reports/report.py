"""A report: upstream's records for one search as received, in compressed blocks, with a small index (DESIGN §4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import sha256

import zstandard

from app.cache.keys import digest
from app.interactions.derive import is_final
from app.interactions.facts import Context, Facts
from app.interactions.records import Interaction, decode_all, join
from app.reports.offload import computed
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading, Record

VERSION_DIGITS = 16
BLOCK_ROWS = 1000  # at most: a page from the middle of a long report decodes one or two
_BLOCK_BYTES, _ID_BYTES, _REPORT_BYTES = 100, 60, 500  # what the objects cost beside their content


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive records: a JSON array, compressed."""

    compressed: bytes
    count: int

    def records(self) -> list[Interaction]:
        """The records, decoded."""
        return decode_all(zstandard.decompress(self.compressed))


@dataclass(frozen=True, slots=True)
class Report:
    """The rows of one search, newest first, as far as they were read.

    `version` names the snapshot they belong to, `as_of` is when reading began. `offset` counts upstream's rows read,
    `total` those it promised last. `shifted`: rows may be missing. `dropped` rows were sent though not asked for.
    `upstream_seconds` is what the first reading took.
    """

    version: str
    as_of: datetime
    asked: UpstreamQuery
    time_zone: str | None
    simulated: bool
    blocks: tuple[Block, ...] = ()
    ids: tuple[str, ...] = ()
    offset: int = 0
    total: int = 0
    complete: bool = False
    shifted: bool = False
    dropped: int = 0
    last_event_at: datetime | None = None
    all_final: bool = True
    upstream_seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many records are held."""
        return len(self.ids)

    @property
    def size(self) -> int:
        """Bytes held, the index included."""
        blocks = sum(len(block.compressed) + _BLOCK_BYTES for block in self.blocks)
        return blocks + sum(len(one) + _ID_BYTES for one in self.ids) + _REPORT_BYTES

    @property
    def place(self) -> Position:
        """Where reading goes on."""
        return Position(self.offset, self.total, frozenset(self.ids))


@dataclass(frozen=True, slots=True)
class Opened:
    """A report with the blocks that are at hand decoded already, so that a miss decodes its records once."""

    report: Report
    decoded: dict[int, Sequence[Interaction]] = field(default_factory=dict)

    def records(self, position: int) -> Iterator[Interaction]:
        """The records from `position` on; a block is decoded when it is reached."""
        first = 0
        for number, block in enumerate(self.report.blocks):
            if position < first + block.count:
                yield from self._block(number)[max(0, position - first) :]
            first += block.count

    def _block(self, number: int) -> Sequence[Interaction]:
        if number not in self.decoded:
            self.decoded[number] = self.report.blocks[number].records()
        return self.decoded[number]


@dataclass(frozen=True, slots=True)
class _Packed:
    """What is kept of some records, and what the index says of them."""

    blocks: tuple[Block, ...]
    last_event_at: datetime
    all_final: bool


async def begun(key: bytes, asked: UpstreamQuery, reading: Reading, context: Context) -> Opened:
    """A new report from its first reading. Equal key, time and records give an equal version, in any process."""
    version = await computed(partial(_version, key, context.as_of, reading.records), rows=len(reading.records))
    empty = Report(
        version,
        context.as_of,
        asked,
        reading.time_zone,
        reading.simulated,
        upstream_seconds=reading.upstream_seconds,
    )
    return await extended(Opened(empty), reading, context)


async def extended(opened: Opened, reading: Reading, context: Context) -> Opened:
    """The report with what was read beyond it."""
    report = replace(
        opened.report,
        offset=reading.offset,
        total=reading.total,
        complete=reading.complete,
        shifted=opened.report.shifted or reading.shifted,
        dropped=opened.report.dropped + reading.dropped,
    )
    if not reading.records:
        return Opened(report, opened.decoded)
    packed = await computed(partial(_pack, reading.records, context), rows=len(reading.records))
    longer = replace(
        report,
        blocks=(*report.blocks, *packed.blocks),
        ids=(*report.ids, *(record.interaction.interaction_id for record in reading.records)),
        last_event_at=max(packed.last_event_at, report.last_event_at or packed.last_event_at),
        all_final=report.all_final and packed.all_final,
    )
    batches = ([record.interaction for record in batch] for batch in _batches(reading.records))
    return Opened(longer, {**opened.decoded, **dict(enumerate(batches, len(report.blocks)))})


def _version(key: bytes, as_of: datetime, records: Sequence[Record]) -> str:
    content = sha256(digest(key, as_of.isoformat(), len(records)))
    for record in records:
        content.update(sha256(record.raw).digest())
    return content.hexdigest()[:VERSION_DIGITS]


def _pack(records: Sequence[Record], context: Context) -> _Packed:
    facts = (Facts(record.interaction, context) for record in records)
    last_events, finals = zip(*((fact.last_event_at, is_final(fact)) for fact in facts), strict=True)
    return _Packed(tuple(map(_block, _batches(records))), max(last_events), all(finals))


def _block(records: Sequence[Record]) -> Block:
    array = join(record.raw for record in records)
    compressed = zstandard.ZstdCompressor().compress(array)
    return Block(bytes(memoryview(compressed)), len(records))  # the library's own bytes keep room for the worst case


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    return (records[start : start + BLOCK_ROWS] for start in range(0, len(records), BLOCK_ROWS))
