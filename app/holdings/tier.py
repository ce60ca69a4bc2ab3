"""The shared tier as collections see it: what other processes have read is taken from it, and one reads for all.

It is asked only where something lacks or is old. Whatever of it fails, or cannot be trusted, is as if it were not
there: then upstream is asked.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import random

from app.clock import Clock
from app.holdings.answering import Answered, Wanted, is_answerable
from app.holdings.changes import leading
from app.holdings.collection import Span
from app.holdings.fill import NewContext
from app.holdings.store import Collection
from app.holdings.tier_store import TierStore
from app.tier.circuits import TierUnavailable
from app.tier.keys import Lease
from app.upstream.walk import Reading

LOOK_SECONDS, LOOK_SPREAD = 0.03, 0.05  # between two looks of those who wait, and so much more at most
EXTEND_SECONDS = 3.0
PURGED_SECONDS = 0.5  # between two looks at what others have purged
TOKEN_BYTES = 16


@dataclass(eq=False)
class Tier:
    """The turns of processes at reading; nobody waits for another's reading longer than `wait_seconds`.

    `ended` is told how each turn did: the `tier` had it, it is read from `upstream` for all, or `alone`, for this one.
    """

    store: TierStore
    clock: Clock
    wait_seconds: float
    random: Callable[[], float] = random
    ended: Callable[[str], None] = lambda _how: None
    _left: set[Lease] = field(default_factory=set, init=False)  # which may be held though nobody reads

    @property
    def is_away(self) -> bool:
        """Whether a side of the tier is left alone, or the order of a purge waits to be written there."""
        return self.store.reads.circuit.is_open or self.store.writes.circuit.is_open or self.store.epoch.is_pending

    async def aclose(self) -> None:
        """Close the connections."""
        await self.store.reads.aclose()
        await self.store.writes.aclose()

    async def answer(
        self,
        collection: Collection,
        span: Span,
        wanted: Wanted,
        new_context: NewContext,
        read: Callable[[], Awaitable[Answered | Reading | None]],
    ) -> Answered | Reading | None:
        """The result of `read`, which asks upstream for what lacks after others' readings were taken.

        The caller holds the lock of the collection. Raises as `read`.
        """
        lease = None
        may_hold = not wanted.is_passing or collection.store.has_room
        if may_hold and not _is_ready(collection, span, wanted, new_context):
            most_seconds = 0.0 if wanted.is_passing else self.wait_seconds
            lease = await self._turn(collection, span, wanted, new_context, most_seconds)
            is_found = lease is None and _is_ready(collection, span, wanted, new_context)
            self.ended("upstream" if lease else "tier" if is_found else "alone")
        epoch = self.store.epoch.now
        if epoch is None:
            self.store.epoch.is_unaware = True
        if lease is None:
            return await read()
        async with self._held(lease):
            with leading(collection.changes) as lead:
                result = await read()
                with suppress(TierUnavailable):
                    lead.is_told = await self.store.tell(collection, lease, epoch, lead)
            if isinstance(result, Answered) and lead.has_left:
                return result.marked_by(collection.changes.epoch)
            return result

    async def follow(self, collection: Collection, span: Span, new_context: NewContext) -> None:
        """Take what others have read of the span, and note what they have changed; the caller holds the lock."""
        with suppress(TierUnavailable):
            await self.store.recall(collection, span, new_context)

    async def watch(self) -> None:
        """Learn of purges, and give back leases that were left behind, until cancelled."""
        while True:
            with suppress(TierUnavailable):
                await self.store.epoch.look()
            for lease in [*self._left]:
                await self._release(lease)
            await self.clock.sleep(PURGED_SECONDS)

    async def _turn(
        self, collection: Collection, span: Span, wanted: Wanted, new_context: NewContext, most_seconds: float
    ) -> Lease | None:
        """The lease of who is to read for all; None where that is not needed, or the tier is of no help."""
        until, token = self.clock.monotonic() + most_seconds, secrets.token_bytes(TOKEN_BYTES)
        key, fence = self.store.key("lease", collection), self.store.key("fence", collection)
        with suppress(TierUnavailable):
            while True:
                lease = await self._lease(key, fence, token)
                is_to_read = False
                try:
                    await self.store.recall(collection, span, new_context, is_to_lead=lease is not None)
                    is_to_read = not _is_ready(collection, span, wanted, new_context)
                finally:
                    if lease and not is_to_read:
                        await self._release(lease)
                if lease or not is_to_read or self.clock.monotonic() >= until:
                    return lease if is_to_read else None
                await self.clock.sleep(LOOK_SECONDS + LOOK_SPREAD * self.random())
        return None

    async def _lease(self, key: bytes, fence: bytes, token: bytes) -> Lease | None:
        """The lease, if nobody has it. A server that has not answered may give it all the same, and later."""
        try:
            return await self.store.writes.call(lambda client: client.lease(key, fence, token))
        except TierUnavailable as reason:
            if reason.was_asked:
                self._left.add(Lease(key, token, 0))
            raise

    @asynccontextmanager
    async def _held(self, lease: Lease) -> AsyncIterator[None]:
        """Hold the lease until the end of the block."""
        extending = asyncio.create_task(self._extend(lease))
        try:
            yield
        finally:
            extending.cancel()
            await self._release(lease)

    async def _extend(self, lease: Lease) -> None:
        while True:
            await self.clock.sleep(EXTEND_SECONDS)
            with suppress(TierUnavailable):
                await self.store.writes.call(lambda client: client.extend(lease))

    async def _release(self, lease: Lease) -> None:
        self._left.add(lease)
        with suppress(TierUnavailable):
            await self.store.writes.call(lambda client: client.release(lease))
            self._left.discard(lease)


def _is_ready(collection: Collection, span: Span, wanted: Wanted, new_context: NewContext) -> bool:
    """Whether the collection answers as it is: nothing is to be read, and nothing to be noted for other processes."""
    is_noted = not collection.changes.is_shared or collection.is_settled(span, new_context(collection.time_zone))
    return is_noted and is_answerable(collection, span, wanted)
