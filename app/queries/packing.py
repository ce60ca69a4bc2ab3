"""Records packed for a snapshot: their known parts in compressed blocks, with what the snapshot's index needs."""

import asyncio
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

import zstandard

from app import cooperative
from app.cooperative import Turns, unlocked
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.parts import Interaction
from app.interactions.records import decoded, encoded
from app.upstream.rows import Held, Record

BLOCK_ROWS = 64  # at most: so many are decoded for one that is wanted
BLOCK_BYTES = 1024 * 1024  # above which a block ends: it is decoded at once, in 3 ms
_PARTS = [grain.parts for grain in GRAINS.values()]
_NO_PARTS = (0,) * len(_PARTS)


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive records: a JSON array of their known parts, compressed."""

    compressed: bytes
    count: int

    def records(self) -> list[Interaction]:
        """The records."""
        return decoded(zstandard.decompress(self.compressed))


class Sums(NamedTuple):
    """For the index: the number of the records' parts, the last of their events, and what is not final."""

    counts: tuple[int, ...]
    last_event_at: datetime | None
    all_final: bool
    pending_since: datetime | None


class Packed(NamedTuple):
    """Records in their order, in blocks, with their facts and fingerprints, and what the index needs of them."""

    blocks: list[Block]
    facts: list[Facts]
    fingerprints: bytes
    sums: Sums


async def pack(records: Sequence[Record | Held], context: Context) -> Packed:
    """The records packed, in turns; blocks are compressed in a thread."""
    rows, sums = await cooperative.run(_indexed(records, context))
    texts, counts = await cooperative.run(_encoded(rows))
    shrunk = await unlocked(partial(compressed, texts), size=sum(map(len, texts)))
    blocks = [*map(Block, shrunk, counts)]
    fingerprints = array("q", [one.fingerprint for _, one in rows]).tobytes()
    packed = Packed(blocks, [facts for facts, _ in rows], fingerprints, sums)
    await asyncio.sleep(0)
    return packed


def _indexed(
    records: Sequence[Record | Held], context: Context
) -> Turns[tuple[list[tuple[Facts, Record | Held]], Sums]]:
    """The records in their order with their facts, and what the index needs of them."""
    rows, counts, events, pending = [], [], [], []
    for record in records:
        facts = Facts(record.interaction, context)
        counts.append([len(parts(facts)) for parts in _PARTS])
        events.append(facts.last_event_at)
        if not facts.is_final:
            pending.append(facts.last_event_at if facts.is_closed else None)
        rows.append((facts, record))
        yield
    rows.sort(key=lambda row: row[0].interaction.interaction_id)
    yield
    rows.sort(key=lambda row: row[0].started_at, reverse=True)
    yield
    counted = tuple(map(sum, zip(*counts, strict=True))) or _NO_PARTS
    since = min(filter(None, pending), default=None)
    return rows, Sums(counted, max(events, default=None), not pending, since)


def _batches(rows: Sequence[tuple[Facts, Record | Held]]) -> Iterator[list[Interaction]]:
    """The records of each block: BLOCK_ROWS of them, fewer where they are large."""
    batch, size = list[Interaction](), 0
    for facts, record in rows:
        batch.append(facts.interaction)
        size += memoryview(record.raw).nbytes
        if len(batch) == BLOCK_ROWS or size >= BLOCK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _encoded(rows: Sequence[tuple[Facts, Record | Held]]) -> Turns[tuple[list[bytes], list[int]]]:
    """The text of each block, and how many records it holds."""
    texts, counts = [], []
    for batch in _batches(rows):
        texts.append(encoded(batch))
        counts.append(len(batch))
        yield
    return texts, counts


def compressed(texts: Iterable[bytes]) -> list[bytes]:
    """At the fastest level; the library's own bytes keep room for the worst case."""
    compressor = zstandard.ZstdCompressor(1)
    return [bytes(memoryview(compressor.compress(text))) for text in texts]
