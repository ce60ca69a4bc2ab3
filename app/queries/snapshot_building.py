"""How a snapshot is built: of readings of upstream, or composed of what is held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from app import cooperative
from app.cache.keys import Part, digest
from app.cooperative import Turns, let_go
from app.holdings.answering import Answered
from app.holdings.changes import Mark
from app.holdings.packing import Entry, Packed, Run, Sums, compressed, entries, microseconds, pack, surplus
from app.interactions.facts import Context, Facts
from app.interactions.masking import keyed_code
from app.queries.snapshot import DecodedSnapshot, Snapshot, last_ids
from app.upstream.query import UpstreamQuery
from app.upstream.rows import Held, Record
from app.upstream.walk import Reading

VERSION_DIGITS = 16


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
    packed = await _packed(reading, context)
    first = replace(
        empty,
        version=_version(key, context, packed.runs),
        upstream_seconds=reading.upstream_seconds,
        compressed_raw=b"".join(_raw(one, earlier) for one in reading.records) if keeps_raw else b"",
    )
    return await _longer(DecodedSnapshot(first), reading, packed)


async def extended(opened: DecodedSnapshot, reading: Reading, context: Context) -> DecodedSnapshot:
    """The snapshot with the rows that were read beyond it."""
    return await _longer(opened, reading, await _packed(reading, context))


async def composed(
    question: tuple[bytes, UpstreamQuery],
    answered: Answered,
    context: Context,
    most: int,
    earlier: Snapshot | None = None,
) -> DecodedSnapshot:
    """The snapshot of what is held, of at most `most` records, for a question: its key, and what upstream is asked.

    What follows an `earlier` one is added to that.
    """
    key, asked = question
    held, runs, at_hand = answered.composition, list[Run](), dict[int, list[Facts]]()
    seen, room = set[str](), most
    if earlier:
        runs, seen, room = [*earlier.runs], {*last_ids(earlier)}, most - earlier.rows
    low = microseconds(earlier.last_millisecond) if earlier and seen else 0
    for piece in held.pieces:
        run, places = piece.run, piece.places
        if seen and run.starts[0] >= low:
            places = [place for place in places if run.ids[place] not in seen]
        places, room = places[: max(0, room)], room - len(places)
        facts = answered.facts.pop(id(run), None)
        if len(places) < run.count:
            part = await cooperative.run(_part(run, places, facts, context))
            packed = await pack(part)
            runs += packed.runs
            at_hand |= dict(enumerate(packed.facts, len(runs) - len(packed.runs)))
        else:
            runs.append(run)
            if facts:
                at_hand[len(runs) - 1] = facts
        if room < 0:
            break
    rows = sum(run.count for run in runs)
    complete = held.complete and not held.is_cut and room >= 0
    fresh_seconds = round(answered.expires_at - held.compared_at, 6)
    told = earlier.total if earlier else answered.total
    total = rows if complete else max(told, rows + bool(asked.any_values))  # nobody counts a union
    snapshot = Snapshot(
        version=earlier.version if earlier else _version(key, context, runs, total, *_told_of(held.marks)),
        as_of=context.as_of,
        asked=asked,
        time_zone=answered.collection.time_zone,
        simulated=answered.collection.simulated,
        runs=tuple(runs),
        rows=rows,
        sums=Sums.of([run.sums for run in runs]),
        offset=rows,
        total=total,
        least_total=total,
        complete=complete,
        upstream_seconds=answered.seconds,
        fresh_seconds=min(fresh_seconds, earlier.fresh_seconds or 0.0) if earlier else fresh_seconds,
        marks=earlier.marks if earlier else held.marks,
    )
    await let_go(*surplus(at_hand), *answered.facts.values())
    return DecodedSnapshot(snapshot, at_hand)


async def below(opened: DecodedSnapshot, reading: Reading, context: Context) -> DecodedSnapshot:
    """The snapshot with the rows of a reading that begins with the millisecond of its last record."""
    known = opened.snapshot
    seen = {*last_ids(known)}
    new = tuple(one for one in reading.records if one.interaction.interaction_id not in seen)
    rows = known.rows + len(new)
    total = rows if reading.complete else max(rows, known.rows - len(seen) + reading.total)
    is_stuck = not (new or reading.complete)  # else it would be read on for ever
    told = replace(
        reading,
        records=new,
        offset=rows,
        total=total,
        shifted=reading.shifted or is_stuck,
        complete=reading.complete or is_stuck,
    )
    return await extended(opened, told, context)


def _part(run: Run, places: Sequence[int], facts: Sequence[Facts] | None, context: Context) -> Turns[list[Entry]]:
    """Some records of a run."""
    records = [facts[place].interaction for place in places] if facts else run.block.at(places)
    entries = []
    for place, record in zip(places, records, strict=True):
        entries.append(Entry(Facts(record, context), run.fingerprints[place]))
        yield
    return entries


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
            upstream_seconds=current.upstream_seconds,
            seen_again_at=current.seen_again_at,
        )
        if again == current and snapshot.is_ahead == current.is_ahead:
            return replace(again, upstream_seconds=snapshot.upstream_seconds, seen_again_at=context.as_of)
    if snapshot.seen_again_at is None:
        return snapshot
    version = _version(key, context, snapshot.runs)
    return replace(snapshot, version=version, as_of=context.as_of, seen_again_at=None)


def _is_held(reading: Reading, earlier: Snapshot, context: Context) -> bool:
    """Whether the records are those of the earlier snapshot, and none has become final since."""
    since = earlier.sums.pending_since
    is_settling = since is not None and context.as_of - since >= context.settle
    is_same = len(reading.records) == earlier.rows and all(isinstance(one, Held) for one in reading.records)
    return is_same and not is_settling and earlier.rows > 0


def _told(known: Snapshot, reading: Reading) -> dict[str, Any]:
    """The fields of a snapshot that a reading beyond `known` changes, without those of its records."""
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


async def _packed(reading: Reading, context: Context) -> Packed:
    return await pack(await cooperative.run(entries(reading.records, context)))


async def _longer(opened: DecodedSnapshot, reading: Reading, packed: Packed) -> DecodedSnapshot:
    known, (runs, facts) = opened.snapshot, packed
    snapshot = replace(
        known,
        **_told(known, reading),
        runs=(*known.runs, *runs),
        rows=known.rows + sum(run.count for run in runs),
        sums=Sums.of([known.sums, *(run.sums for run in runs)]),
    )
    at_hand = {**opened.at_hand, **dict(enumerate(facts, len(known.runs)))}
    facts.clear()
    await let_go([one for batch in surplus(at_hand) for one in batch])  # others may read the lists themselves
    return DecodedSnapshot(snapshot, at_hand)


def _version(key: bytes, context: Context, runs: Iterable[Run], *more: Part) -> str:
    """Of the compressed records: a hash of those as they came takes longer than compressing them.

    Cursors show it, and the records hold what few may see: without the secret nobody can try what they might hold.
    """
    content = digest(key, context.as_of.isoformat(), more, *(run.digest for run in runs))
    return keyed_code(content, context.pseudonym_secret)[:VERSION_DIGITS]


def _told_of(marks: Iterable[Mark]) -> Iterator[Part]:
    return ((mark.epoch, mark.number, mark.low.isoformat()) for mark in marks)


def _raw(record: Record | Held, earlier: Snapshot | None) -> bytes:
    """The bytes in which upstream sent a single interaction, compressed; those of `earlier` where they are the same."""
    if isinstance(record, Record):
        return compressed([bytes(record.raw)])[0]
    return earlier.compressed_raw if earlier else b""
