"""Where the collections of a tenant are kept: each is found by its conditions, and read for one caller at a time."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import astuple, dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from app.cache.keys import digest
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.clock import Clock
from app.errors import CxfacadeError
from app.holdings.answering import Answered, Wanted, answer_from
from app.holdings.changes import Changes
from app.holdings.collection import Span, conditions_of
from app.holdings.fill import NewContext
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.partition import Partition
from app.holdings.schedule import Schedule
from app.holdings.store import COLLECTION_BYTES, Collection
from app.holdings.tier import Tier
from app.holdings.tombstones import Bound
from app.observe.lines import TIER_PURGE_PENDING
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Reading

logger = logging.getLogger("cxfacade.holdings")

LATELY_SECONDS = 600.0


@dataclass(eq=False)
class CollectionStore:
    """The collections of one tenant, kept in the store.

    Where upstream's ranges also list what starts before them and has not ended then, that `overlaps` them.
    """

    client: UpstreamClient
    store: MemoryStore
    clock: Clock
    schedule: Schedule
    rules: bytes
    kept_seconds: float = 172_800.0
    overlaps: bool = False
    tier: Tier | None = None
    _bound: Bound = field(default_factory=Bound, init=False)
    _begun: "WeakValueDictionary[bytes, Collection]" = field(default_factory=WeakValueDictionary, init=False)

    def collection(self, asked: UpstreamQuery) -> Collection:
        """The collection of the question, a new one where none is held."""
        conditions = conditions_of(asked)
        key = self._key_of(conditions)
        stored: Stored[Collection] | None = self.store.get(key)
        if stored:
            return stored.value
        found = self._begun.get(key)
        if found is None or found.token.purged:
            changes = Changes(bound=self._bound)
            found = self._begun[key] = Collection(
                self.store, self.clock, self.kept_seconds, changes, conditions, self.schedule, overlaps=self.overlaps
            )
        return found

    def records(self) -> int:
        """How many records are held; one in two collections counts twice."""
        return sum(one.value.rows for one in self.store.values("primary") if isinstance(one.value, Partition))

    def overdue_seconds(self) -> float:
        """For how long the record that is due longest has waited, in collections that were asked for lately."""
        now = self.clock.monotonic()
        lately = (one for one in self.collections() if now - one.asked_at < LATELY_SECONDS)
        return max(0.0, max((now - one.due_at(WHOLE) for one in lately), default=0.0))

    @asynccontextmanager
    async def purging(self) -> AsyncIterator[None]:
        """Purge within the block; then other processes purge everything too, as soon as they hear of it."""
        async with self.tier.store.epoch.purging() if self.tier else nullcontext():
            yield
        if self.is_purge_pending:
            logger.warning(TIER_PURGE_PENDING)

    @property
    def is_purge_pending(self) -> bool:
        """Whether a purge waits to be told to other hosts."""
        return self.tier is not None and self.tier.store.epoch.is_pending

    async def aclose(self) -> None:
        """Close the connections to the shared tier, if there is one."""
        if self.tier:
            await self.tier.aclose()

    def purge(self, concerns: Callable[[Collection], bool] = lambda _collection: True) -> None:
        """Let go of collections, also of what is on its way into them."""
        for one in [*self.collections()]:
            if concerns(one):
                one.purge()

    def collections(self) -> Iterator[Collection]:
        """Every collection that is held, or being read."""
        held = (one.value for one in self.store.values("primary") if isinstance(one.value, Collection))
        return iter({id(one): one for one in (*held, *self._begun.values())}.values())

    async def _alone(
        self, collection: Collection, span: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """The answer of one collection, once no other caller reads it."""
        began = collection.asked_at = self.clock.monotonic()
        async with collection.turn(wanted.owners or Owners()):
            failed_at, failure = collection.failed
            if failure and failed_at > began:
                raise failure.again()
            try:
                read = partial(answer_from, collection, span, wanted, self.client, new_context)
                shared = self.tier and self.tier.answer(collection, span, wanted, new_context, read)
                answered = await (shared or read())
            except CxfacadeError as error:
                collection.failed = self.clock.monotonic(), error.again()
                raise
            self._keep(collection)
            return answered

    def _keep(self, collection: Collection) -> None:
        kept = Stored(collection, COLLECTION_BYTES, self.clock.monotonic(), self.kept_seconds, 0.0, collection.token)
        self.store.put(self._key_of(collection.conditions), kept)

    def _key_of(self, conditions: UpstreamQuery) -> bytes:
        return digest("collection", self.rules, *astuple(conditions))
