"""A snapshot: the known parts of upstream's records for one search, in compressed blocks, with a small index."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import zstandard

from app.cache.store import digest
from app.cooperative import let_go
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.masking import keyed_code
from app.interactions.parts import Interaction
from app.interactions.records import as_sent
from app.queries.packing import Block, Packed, compressed, pack
from app.upstream.query import UpstreamQuery
from app.upstream.rows import Held, RawRecord, Record, fingerprint
from app.upstream.walk import Position, Reading

VERSION_DIGITS = 16
ROWS_AT_HAND = 1000
_BLOCK_BYTES, _ID_BYTES, _INDEX_BYTES = 100, 60, 500  # what the objects cost beside their content


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of one search, newest first, as far as they were read.

    Rows of one reading stand in the order (start descending, id ascending). `version` names the snapshot they belong
    to, `as_of` is when the reading began that first showed them so, `seen_again_at` when the last one did that found
    nothing changed. `counts` are of the rows in each grain. `offset` counts upstream's rows read, `total` those it
    promised last and `least_total` the fewest it ever promised. `shifted`: rows may be missing. Of the `dropped` rows
    the `lost` ones could not be read, and those of the ids `mismatched` were sent though not asked for.
    `upstream_seconds` is what the first reading took. `compressed_raw` is the record as upstream sent it, of a single
    interaction alone. `fingerprints` are those of the records' bytes, in their order. The last event of a closed record
    that is soonest final was at `pending_since`.
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
    least_total: int = 0
    last_start: datetime | None = None
    complete: bool = False
    counts: tuple[int, ...] = (0,) * len(GRAINS)
    shifted: bool = False
    dropped: int = 0
    mismatched: frozenset[str] = frozenset()
    lost: int = 0
    last_event_at: datetime | None = None
    all_final: bool = True
    upstream_seconds: float = 0.0
    compressed_raw: bytes = b""
    fingerprints: bytes = b""
    pending_since: datetime | None = None
    seen_again_at: datetime | None = None

    @property
    def checked_at(self) -> datetime:
        """When upstream last showed it as it is."""
        return self.seen_again_at or self.as_of

    @property
    def rows(self) -> int:
        """How many records are held."""
        return len(self.ids)

    def rows_of(self, grain: str) -> int:
        """How many rows of that grain the records held have."""
        return self.counts[[*GRAINS].index(grain)]

    @property
    def lacks_rows(self) -> bool:
        """Whether upstream has rows for this search, as far as it was read, that are not held."""
        return self.shifted or self.lost > 0

    @property
    def size(self) -> int:
        """Bytes held, the index included."""
        blocks = sum(len(block.compressed) + _BLOCK_BYTES for block in self.blocks)
        ids = sum(len(one) + _ID_BYTES for many in (self.ids, self.mismatched) for one in many)
        return blocks + ids + len(self.compressed_raw) + len(self.fingerprints) + _INDEX_BYTES

    @property
    def raw(self) -> bytes:
        """The record of a single interaction as upstream sent it."""
        return as_sent(zstandard.decompress(self.compressed_raw))

    @property
    def place(self) -> Position:
        """Where reading goes on."""
        seen = self.mismatched.union(self.ids)
        return Position(self.offset, self.total, seen, self.lost, self.least_total, self.rows, self.last_start)


@dataclass(frozen=True, slots=True)
class DecodedSnapshot:
    """A snapshot with the facts of its newest blocks still at hand, so that a short miss decodes its records once."""

    snapshot: Snapshot
    at_hand: Mapping[int, Sequence[Facts]] = field(default_factory=dict)

    def facts(self, position: int, context: Context) -> Iterator[Facts]:
        """The facts of the records from `position` on; a record that is not at hand is decoded when it is reached."""
        first = 0
        for number, block in enumerate(self.snapshot.blocks):
            if position < first + block.count:
                yield from islice(self._facts(number, context), max(0, position - first), None)
            first += block.count

    def _facts(self, number: int, context: Context) -> Iterable[Facts]:
        known = self.at_hand.get(number)
        if known and known[0].context == context:
            return known
        records = (facts.interaction for facts in known) if known else self.snapshot.blocks[number].records()
        return (Facts(record, context) for record in records)


class Recalled:
    """The records of a snapshot, found by the fingerprints of their bytes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._places = {one: place for place, one in enumerate(memoryview(snapshot.fingerprints).cast("q"))}
        self._snapshot = snapshot
        self._first, self._records = 0, list[Interaction]()

    def __call__(self, raw: RawRecord) -> Held | None:
        """The record of which these are the bytes."""
        found = fingerprint(raw)
        place = self._places.get(found)
        return None if place is None else Held(self._snapshot.ids[place], found, raw, place, self._at)

    def _at(self, place: int) -> Interaction:
        """The record at a place; those beside it are decoded with it, as they are wanted next."""
        if not self._first <= place < self._first + len(self._records):
            self._first = 0
            for block in self._snapshot.blocks:
                if place < self._first + block.count:
                    self._records = block.records()
                    break
                self._first += block.count
        return self._records[place - self._first]


async def begun(
    key: bytes,
    asked: UpstreamQuery,
    reading: Reading,
    context: Context,
    *,
    earlier: Snapshot | None = None,
    keeps_raw: bool = False,
) -> DecodedSnapshot:
    """A new snapshot from its first reading; with `keeps_raw` it is of a single interaction.

    Equal key, time and records give an equal version, in any process with the same secret. Where the reading brought
    nothing but what is held of the `earlier` one, that is taken as it is.
    """
    empty = Snapshot("", context.as_of, asked, reading.time_zone, reading.simulated)
    if earlier and _is_held(reading, earlier, context):
        told, seconds = _told(empty, reading), reading.upstream_seconds
        return DecodedSnapshot(replace(earlier, **told, seen_again_at=context.as_of, upstream_seconds=seconds))
    packed = await pack(reading.records, context)
    first = replace(
        empty,
        version=_version(key, context, packed.blocks),
        upstream_seconds=reading.upstream_seconds,
        compressed_raw=b"".join(_raw(one, earlier) for one in reading.records) if keeps_raw else b"",
    )
    return await _longer(DecodedSnapshot(first), reading, packed)


async def extended(opened: DecodedSnapshot, reading: Reading, context: Context) -> DecodedSnapshot:
    """The snapshot with the rows that were read beyond it."""
    return await _longer(opened, reading, await pack(reading.records, context))


def renewed(key: bytes, snapshot: Snapshot, current: Snapshot | None, context: Context) -> Snapshot:
    """The snapshot as it is stored in place of the current one: that one, seen again, where both show the same.

    A version names what was read under it: what was held of an earlier snapshot, and is not all that the current one
    is, has another one, of the time in `context`.
    """
    if current:
        again = replace(
            snapshot,
            version=current.version,
            as_of=current.as_of,
            fingerprints=current.fingerprints,
            upstream_seconds=current.upstream_seconds,
            seen_again_at=current.seen_again_at,
        )
        if again == current:
            return replace(
                current,
                fingerprints=snapshot.fingerprints,
                upstream_seconds=snapshot.upstream_seconds,
                seen_again_at=context.as_of,
            )
    if snapshot.seen_again_at is None:
        return snapshot
    version = _version(key, context, snapshot.blocks)
    return replace(snapshot, version=version, as_of=context.as_of, seen_again_at=None)


def _is_held(reading: Reading, earlier: Snapshot, context: Context) -> bool:
    """Whether the records are those of the earlier snapshot, and none has become final since."""
    since = earlier.pending_since
    is_settling = since is not None and context.as_of - since >= context.settle
    is_same = len(reading.records) == earlier.rows and all(isinstance(one, Held) for one in reading.records)
    return is_same and not is_settling and earlier.rows > 0


def _told(known: Snapshot, reading: Reading) -> dict[str, Any]:
    """What a reading beyond `known` tells beside its records."""
    return {
        "offset": reading.offset,
        "total": reading.total,
        "least_total": reading.least_total,
        "last_start": reading.last_start,
        "complete": reading.complete,
        "shifted": known.shifted or reading.shifted,
        "dropped": known.dropped + reading.dropped,
        "mismatched": known.mismatched | reading.mismatched,
        "lost": known.lost + reading.lost,
    }


async def _longer(opened: DecodedSnapshot, reading: Reading, packed: Packed) -> DecodedSnapshot:
    known, (blocks, facts, prints, sums) = opened.snapshot, packed
    snapshot = replace(
        known,
        **_told(known, reading),
        blocks=(*known.blocks, *blocks),
        ids=(*known.ids, *(one.interaction.interaction_id for one in facts)),
        counts=tuple(held + more for held, more in zip(known.counts, sums.counts, strict=True)),
        last_event_at=max(filter(None, (known.last_event_at, sums.last_event_at)), default=None),
        all_final=known.all_final and sums.all_final,
        fingerprints=known.fingerprints + prints,
        pending_since=min(filter(None, (known.pending_since, sums.pending_since)), default=None),
    )
    unparted = iter(facts)
    batches = [[*islice(unparted, block.count)] for block in blocks]
    at_hand = {**opened.at_hand, **dict(enumerate(batches, len(known.blocks)))}
    longer = DecodedSnapshot(snapshot, _newest(at_hand))
    at_hand.clear()
    batches.clear()
    await let_go(facts)
    return longer


def _newest(at_hand: Mapping[int, Sequence[Facts]]) -> Mapping[int, Sequence[Facts]]:
    """The facts of the last blocks, of ROWS_AT_HAND records at most: one of a long reading takes several kilobytes."""
    kept: dict[int, Sequence[Facts]] = {}
    rows = 0
    for number in sorted(at_hand, reverse=True):
        rows += len(at_hand[number])
        if rows > ROWS_AT_HAND:
            break
        kept[number] = at_hand[number]
    return kept


def _version(key: bytes, context: Context, blocks: Sequence[Block]) -> str:
    """Of the compressed records: a hash of those as they came takes longer than compressing them.

    Cursors show it, and the records hold what few may see: without the secret nobody can try what they might hold.
    """
    parts = (part for block in blocks for part in (block.count, block.compressed))
    content = digest(key, context.as_of.isoformat(), *parts)
    return keyed_code(content, context.pseudonym_secret)[:VERSION_DIGITS]


def _raw(record: Record | Held, earlier: Snapshot | None) -> bytes:
    """What upstream sent of a single interaction, compressed."""
    if isinstance(record, Record):
        return compressed([bytes(record.raw)])[0]
    return earlier.compressed_raw if earlier else b""
