"""The values of one tenant in the shared tier: catalogues of collections, and chunks of their records."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from app import cooperative
from app.clock import Clock
from app.cooperative import unlocked
from app.holdings import shared
from app.holdings.changes import Lead
from app.holdings.collection import Coverage, Interval, Span
from app.holdings.fill import NewContext
from app.holdings.partition import EVERYTHING, moment_of
from app.holdings.shared import Catalogue, Chunk, Extent, Part, Shown
from app.holdings.store import Collection
from app.holdings.taking import Told, held_beside
from app.holdings.tier_epoch import TierEpoch
from app.tier.circuits import GuardedClient, TierUnavailable
from app.tier.frame import Epoch, Frames
from app.tier.keys import Keys, Kind, Lease

if TYPE_CHECKING:  # else redis would be imported where there is no tier
    from app.tier.client import Client

AT_ONCE = 4  # values of one answer

T = TypeVar("T")


@dataclass(eq=False)
class TierStore:
    """The values of one tenant; they live for `kept_seconds`. Methods raise TierUnavailable."""

    reads: "GuardedClient[Client]"
    writes: "GuardedClient[Client]"
    frames: Frames
    keys: Keys
    clock: Clock
    kept_seconds: float
    epoch: TierEpoch

    def key(self, kind: Kind, collection: Collection) -> bytes:
        """The key of the only value of this kind of a collection."""
        return self.keys.key(kind, *astuple(collection.conditions))

    async def recall(
        self, collection: Collection, span: Span, new_context: NewContext, *, is_to_lead: bool = False
    ) -> None:
        """Take what others have read of the span, as far as it is newer than what is held, and what they have changed.

        Who `is_to_lead`, and tells all it holds, takes it of all that.
        """
        catalogue = await self._catalogue(collection)
        counted_at = min(self.clock.monotonic(), catalogue.rest.counted_at - self._ahead())
        if counted_at > collection.rest.counted_at:
            collection.rest = catalogue.rest._replace(counted_at=counted_at)
        collection.partitions(span)  # what was evicted is covered no more
        news = collection.follow(catalogue.line, catalogue.coverage)
        ahead, epoch = self._ahead(), self.epoch.now
        held = tuple(replace(one, compared_at=one.compared_at + ahead) for one in collection.coverage.intervals)
        wanted, is_alone = Coverage(), is_to_lead and not collection.changes.is_shared
        for one in (*news, *(one.span for one in held if is_alone), span):
            wanted = wanted.added(Interval(one, 0.0))
        parts = [one.span for one in wanted.merged().intervals]
        for extent in (one for part in parts for one in shared.newer(catalogue, Coverage(held), part)):
            chunks = await self._chunks(collection, extent.parts)
            found = await self._records(extent, chunks or ())
            if chunks is not None and found is not None and epoch == self.epoch.now:
                collection.time_zone, collection.simulated = catalogue.time_zone, catalogue.simulated
                await self._take(collection, extent, found, new_context)

    async def tell(self, collection: Collection, lease: Lease, epoch: Epoch | None, lead: Lead) -> bool:
        """Whether what has changed in the collection was written, and then its catalogue.

        Nothing is where the epoch it is of has ended, or others have made changes since the lead began.
        """
        before = await self._catalogue(collection)
        if epoch is None or epoch != self.epoch.now or collection.token.purged:
            return False
        line, changes = before.line, collection.changes
        if lead.at and (line is None or lead.at != (line.epoch, line.number)):
            return False
        write = partial(self._write, lease, epoch)
        collection.partitions(EVERYTHING)  # what was evicted is covered no more
        known, ahead, extents = before.parts, self._ahead(), list[Extent]()
        for extent in shared.extents_of(collection.coverage.merged(), collection.tails, ahead):
            parts = list[Part]()
            for partition in collection.partitions(_reach(extent)):
                for part, runs in shared.parted(partition, extent.low):
                    parts.append(part)
                    if known.get(part.place) != part.name:
                        body = shared.chunk_of(part, runs, ahead)
                        if not await write(self._part_key(collection, part), body):
                            return False
            extents.append(extent.of(parts))
        since = self.clock.wall().timestamp() - self.kept_seconds
        if not lead.at and line:
            changes.number = max(changes.number, line.number)  # those of what is kept are not above it
        kept = shared.joined((), before.extents, collection.told(lead.at[1] if lead.at else None), since)
        told = changes.line([one.span for one in kept])
        every = shared.joined([*extents, *kept], (), Coverage(), since)
        rest = collection.rest._replace(counted_at=collection.rest.counted_at + ahead)
        catalogue = Catalogue(every, shared.told_of(told), collection.time_zone, collection.simulated, rest)
        is_written = await write(self.key("catalogue", collection), shared.encode(catalogue), is_needed=True)
        if is_written and changes.number == told.number:
            changes.told(told)
            return True
        return False

    async def _records(self, extent: Extent, chunks: Sequence[Chunk]) -> list[Shown] | None:
        """The records of an extent, each with when it was checked; None where they cannot be read."""
        try:
            return await cooperative.run(shared.records_of(extent, chunks))
        except shared.UNREADABLE:
            self.frames.refused("body")
            return None

    async def _take(
        self, collection: Collection, extent: Extent, found: Sequence[Shown], new_context: NewContext
    ) -> None:
        """Hold the records of an extent in place of those held of its span.

        But for those checked later, where changes made here are not told to others.
        """
        ahead, now = self._ahead(), self.clock.monotonic()
        if extent.has_tail and collection.coverage.within(Span(moment_of(extent.low), moment_of(extent.start))):
            extent = extent.within(extent.span, has_tail=False)
        span = _reach(extent)
        checked = {one.record.interaction.interaction_id: min(now, one.checked - ahead) for one in found}
        if collection.changes.is_shared:
            told = Told(
                {one.record.interaction.interaction_id: one.changed for one in found},
                {one.record.interaction.interaction_id for one in found if one.is_pending},
            )
            context = new_context(collection.time_zone)
            await collection.take(span, [one.record for one in found], context, checked, told)
            compared_at = min(now, extent.compared_at - ahead)
            collection.cover(extent.span, compared_at, has_tail=extent.has_tail, is_told=True)
            return
        later = {
            piece.run.ids[place]: piece.held.checked[place]
            for piece in collection.pieces(span)
            for place in piece.places
            if piece.held.checked[place] > checked.get(piece.run.ids[place], now)
        }
        records = [one.record for one in found if one.record.interaction.interaction_id not in later]
        own = [one for one in held_beside(collection, span, records) if one.interaction_id in later]
        await collection.take(span, [*records, *own], new_context(collection.time_zone), checked | later)
        collection.cover(extent.span, min(now, extent.compared_at - ahead), has_tail=extent.has_tail)

    async def _write(self, lease: Lease, epoch: Epoch, key: bytes, body: bytes, *, is_needed: bool = False) -> bool:
        """Whether the value was written, as the lease is held still; one that is too large is left out, if it may."""
        try:
            value = await unlocked(partial(self.frames.seal, key, body, epoch, lease.fence), size=len(body))
        except ValueError:
            return not is_needed
        return await self.writes.call(lambda client: client.set_as_holder(lease, key, value, self._milliseconds))

    async def _catalogue(self, collection: Collection) -> Catalogue:
        """The catalogue of a collection, an empty one where there is none; the epoch is looked at with it."""
        if self.epoch.is_pending:
            raise TierUnavailable("purged")
        keys = [self.epoch.key, self.key("catalogue", collection)]
        before = self.epoch.now
        epoch, value = await self._get(keys)
        await self.epoch.see(epoch, before)
        return self._decoded(shared.decode_catalogue, self._body(keys[1], value)) or Catalogue()

    async def _chunks(self, collection: Collection, parts: Sequence[Part]) -> list[Chunk] | None:
        """The chunks of these parts; None where one of them is not there any more."""
        found = list[Chunk]()
        for first in range(0, len(parts), AT_ONCE):
            few = parts[first : first + AT_ONCE]
            keys = [self._part_key(collection, part) for part in few]
            for part, key, value in zip(few, keys, await self._get(keys), strict=True):
                body = await unlocked(partial(self._body, key, value), size=len(value or b""))
                chunk = self._decoded(shared.decode_chunk, body)
                if chunk is None or chunk.name != part.name:
                    return None
                found.append(chunk)
        return found

    async def _get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self.reads.call(lambda client: client.get_many(keys))

    def _body(self, key: bytes, value: bytes | None) -> bytes | None:
        """The body of a value of this epoch."""
        frame = self.frames.open(key, value)
        return frame.body if frame and frame.epoch == self.epoch.now else None

    def _decoded(self, decode: Callable[[bytes], T], body: bytes | None) -> T | None:
        try:
            return None if body is None else decode(body)
        except shared.UNREADABLE:
            self.frames.refused("body")
            return None

    def _part_key(self, collection: Collection, part: Part) -> bytes:
        return self.keys.key("partition", *astuple(collection.conditions), *part.place)

    @property
    def _milliseconds(self) -> int:
        return round(1000 * self.kept_seconds)

    def _ahead(self) -> float:
        """The seconds since 1970 at the monotonic time 0."""
        return self.clock.wall().timestamp() - self.clock.monotonic()


def _reach(extent: Extent) -> Span:
    """The span of an extent with its tail."""
    return Span(moment_of(extent.low), moment_of(extent.end))
