"""Records packed: their known parts in compressed blocks, with an index of what is asked of them most."""

import asyncio
from array import array
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import zstandard

from app import cooperative
from app.cooperative import Turns, unlocked
from app.holdings.index import terms
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.parts import Interaction
from app.interactions.records import decoded, decoded_at, encoded, joined
from app.upstream.rows import Held, Record

AT_HAND_ROWS = 1_000  # of those packed last the facts are kept until the answer is made
BLOCK_ROWS = 64  # at most: so many are decoded for one that is wanted
BLOCK_BYTES = 1024 * 1024  # above which a block ends: it is decoded at once, in 3 ms
DIGEST_BYTES = 16
_BLOCK_OVERHEAD, _ROW_OVERHEAD = 1_200, 90  # bytes of the objects around a block, and of a record in its index
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND, SECOND = timedelta(microseconds=1), 1_000_000
_PARTS = [grain.parts for grain in GRAINS.values()]
_NO_PARTS = (0,) * len(_PARTS)


class Entry(NamedTuple):
    """A record with its facts and the fingerprint of its bytes."""

    facts: Facts
    fingerprint: int


class Sums(NamedTuple):
    """Of some records: the rows in each grain, the last event, whether all are final.

    The last event of a closed record that is soonest final was at `pending_since`.
    """

    counts: tuple[int, ...] = _NO_PARTS
    last_event_at: datetime | None = None
    all_final: bool = True
    pending_since: datetime | None = None

    @classmethod
    def of(cls, parts: Sequence["Sums"]) -> "Sums":
        """Of the records of all parts."""
        return cls(
            tuple(map(sum, zip(*[one.counts for one in parts], strict=True))) or _NO_PARTS,
            max([one.last_event_at for one in parts if one.last_event_at], default=None),
            all(one.all_final for one in parts),
            min([one.pending_since for one in parts if one.pending_since], default=None),
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive records: a JSON array of their known parts, compressed."""

    compressed: bytes
    count: int

    def records(self, spared: tuple[str, ...] = ()) -> list[Interaction]:
        """The records; the arrays `spared` of each are taken for empty."""
        return decoded(zstandard.decompress(self.compressed), spared)

    def at(self, places: Sequence[int]) -> list[Interaction]:
        """The records in these places; where they are few, the others are not decoded."""
        if 2 * len(places) <= self.count:
            return decoded_at(zstandard.decompress(self.compressed), places)
        records = self.records()
        return [records[place] for place in places]


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records in one block, newest first, and the index of them.

    `starts` are microseconds since 1970, `events` the seconds at which something last happened to each record;
    `open_flags` has a 1 for each that has not ended. `digest` is of the block, `terms` are the index of its conditions,
    None where none are asked of it. The `selections` are those of its records that met conditions asked for lately.
    """

    block: Block
    ids: tuple[str, ...]
    starts: "array[int]"
    fingerprints: "array[int]" = field(compare=False)
    events: "array[float]"
    open_flags: bytes
    sums: Sums
    digest: bytes
    terms: bytes | None
    selections: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def count(self) -> int:
        """The number of records."""
        return self.block.count

    @property
    def size(self) -> int:
        """Bytes held, the index included."""
        texts = len(self.block.compressed) + len(self.terms or b"") + sum(map(len, self.ids))
        return texts + _ROW_OVERHEAD * self.count + _BLOCK_OVERHEAD

    def ended_after(self, moment: int) -> dict[int, int]:
        """The places of the ended records to which something last happened after a moment, and when it did.

        Times are in microseconds since 1970.
        """
        events = enumerate(zip(self.events, self.open_flags, strict=True))
        times = {place: round(event * SECOND) for place, (event, is_open) in events if not is_open}
        return {place: time for place, time in times.items() if time > moment}


class Packed(NamedTuple):
    """Records in their order: the runs, and the facts that each was made of."""

    runs: list[Run]
    facts: list[list[Facts]]


def microseconds(moment: datetime) -> int:
    """The moment as microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Newest first, those of one start by their id."""
    ordered = sorted(entries, key=lambda one: one.facts.interaction.interaction_id)
    ordered.sort(key=lambda one: one.facts.started_at, reverse=True)
    return ordered


def entries(
    records: Sequence[Record | Held], context: Context, pending: AbstractSet[str] = frozenset()
) -> Turns[list[Entry]]:
    """The records in their order; those `pending` are not shown as final yet, though they may be."""
    unordered, before = [], before_all(context)
    for record in records:
        interaction = record.interaction
        shown = before if interaction.interaction_id in pending else context
        unordered.append(Entry(Facts(interaction, shown), record.fingerprint))
        yield
    return in_order(unordered)


def before_all(context: Context) -> Context:
    """The context in which no record is final."""
    return replace(context, as_of=EPOCH)


async def pack(ordered: Sequence[Entry], *, is_indexed: bool = False) -> Packed:
    """Records in their order packed, in turns; blocks are compressed in a thread. Are their terms indexed, too?"""
    texts, batches = await cooperative.run(_encoded(ordered))
    shrunk = await unlocked(partial(compressed, texts), size=sum(map(len, texts)))
    runs = await cooperative.run(_runs(batches, shrunk, is_indexed=is_indexed))
    await asyncio.sleep(0)
    return Packed(runs, [[one.facts for one in batch] for batch in batches])


def sums_of(facts: Collection[Facts]) -> Sums:
    """The sums of some records."""
    counts = [[len(parts(one)) for parts in _PARTS] for one in facts]
    open_or_pending = [one for one in facts if not one.is_final]
    return Sums(
        tuple(map(sum, zip(*counts, strict=True))) or _NO_PARTS,
        max((one.last_event_at for one in facts), default=None),
        not open_or_pending,
        min((one.last_event_at for one in open_or_pending if one.is_closed), default=None),
    )


def _encoded(ordered: Iterable[Entry]) -> Turns[tuple[list[bytes], list[list[Entry]]]]:
    """The text of each block, and its records: BLOCK_ROWS of them, fewer where they are large."""
    texts, batches = list[bytes](), list[list[Entry]]()
    batch, parts, size = list[Entry](), list[bytes](), 0

    def end_block() -> None:
        nonlocal batch, parts, size
        texts.append(joined(parts))
        batches.append(batch)
        batch, parts, size = [], [], 0

    for entry in ordered:
        batch.append(entry)
        parts.append(encoded(entry.facts.interaction))
        size += len(parts[-1])
        if len(batch) == BLOCK_ROWS or size >= BLOCK_BYTES:
            end_block()
        yield
    if batch:
        end_block()
    return texts, batches


def _runs(batches: Iterable[list[Entry]], blocks: Iterable[bytes], *, is_indexed: bool) -> Turns[list[Run]]:
    """The runs of these records and blocks."""
    runs = []
    for batch, block in zip(batches, blocks, strict=True):
        facts = [one.facts for one in batch]
        runs.append(
            Run(
                Block(block, len(batch)),
                tuple(one.interaction.interaction_id for one in facts),
                array("q", [microseconds(one.started_at) for one in facts]),
                array("q", [one.fingerprint for one in batch]),
                array("d", [one.last_event_at.timestamp() for one in facts]),
                bytes(not one.is_closed for one in facts),
                sums_of(facts),
                sha256(block).digest()[:DIGEST_BYTES],
                terms([one.interaction for one in facts]) if is_indexed else None,
            )
        )
        yield
    return runs


def surplus(at_hand: dict[Any, list[Facts]]) -> list[list[Facts]]:
    """Take out the facts of the runs that were packed first, but for AT_HAND_ROWS of the last: each takes kilobytes."""
    rows, kept = 0, list[Any]()
    for key in reversed(at_hand):
        rows += len(at_hand[key])
        if rows > AT_HAND_ROWS:
            break
        kept.append(key)
    return [at_hand.pop(key) for key in [*at_hand] if key not in kept]


def compressed(texts: Iterable[bytes]) -> list[bytes]:
    """At the fastest level; the library's own bytes keep room for the worst case."""
    compressor = zstandard.ZstdCompressor(1)
    return [bytes(memoryview(compressor.compress(text))) for text in texts]
