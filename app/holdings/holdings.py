"""Holdings: a question is answered from its collection; upstream is asked for what is not held, or not held anew."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from weakref import WeakValueDictionary

from app.cache.store import MemoryStore, Stored, digest
from app.clock import Clock
from app.errors import CxfacadeError
from app.holdings.collection import EVER, Interval, Span, conditions_of
from app.holdings.fill import NewContext, fill
from app.holdings.packing import microseconds
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.partition import FOREVER, Partition
from app.holdings.reader import Reader, floored
from app.holdings.recheck import recheck
from app.holdings.schedule import Schedule
from app.holdings.store import COLLECTION_BYTES, Collection, Composition
from app.holdings.supersets import Supersets, kinds_of, narrowed
from app.holdings.sync import sync
from app.holdings.trust import Telling, telling, tested
from app.interactions.facts import Facts
from app.observe.logs import CONDITION_DISTRUSTED, RANGES_TEST
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery
from app.upstream.walk import Reading

logger = logging.getLogger("cxfacade.holdings")

SYNC_CALLS = 12
RECHECK_CALLS = 8
LATELY_SECONDS = 600.0
PROBE_AGAIN_SECONDS = 600.0  # after no record told
SETTLED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """The records held of a question's span, upstream's number of rows in it, and what it took to know that.

    `facts` are of the runs that were packed for it, by the identity of the run.
    """

    collection: Collection
    span: Span
    composition: Composition
    total: int
    facts: Mapping[int, list[Facts]]
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wish of a caller: so many rows, by so many calls, for whom; and how fresh an interval has to be.

    A record that is due may wait for the next comparison, for as many seconds of `patience`.
    """

    rows: int
    most_calls: int
    is_fresh: Callable[[Interval], bool]
    patience: float
    owners: Owners | None = None
    background: bool = False


@dataclass(eq=False)
class Holdings:
    """The collections of one tenant, kept in the store.

    `is_trusted`: upstream's ranges are as partitions need them; else nothing is held, and every question asked whole.
    That is seen once in `probe_seconds`.
    """

    client: UpstreamClient
    store: MemoryStore
    clock: Clock
    schedule: Schedule
    rules: bytes
    kept_seconds: float = 172_800.0
    probe_seconds: float = 86_400.0
    is_trusted: bool = True
    supersets: Supersets = field(default_factory=Supersets)
    _next_probe: float = field(init=False)
    _telling: Telling | None = field(default=None, init=False)
    _begun: "WeakValueDictionary[bytes, Collection]" = field(default_factory=WeakValueDictionary, init=False)

    def __post_init__(self) -> None:
        """The first probe comes with the first answer, unless none ever does."""
        self._next_probe = inf if self.probe_seconds == inf else self.clock.monotonic()

    async def answer(self, asked: UpstreamQuery, wanted: Wanted, new_context: NewContext) -> Answered | Reading | None:
        """The records held of the question, after upstream was asked for what it takes.

        Where what upstream sends cannot be trusted to be all it has, nothing of it is held: then it is the reading, if
        there is one of the whole question, else None. One caller at a time reads a collection; where that fails, those
        who waited fail likewise. Raises UpstreamError.
        """
        span = span_of(asked)
        if wider := self._wider(asked, span, wanted):
            answered = await self._alone(wider, span, replace(wanted, most_calls=0), new_context)
            if isinstance(answered, Answered) and answered.composition.complete:
                return await self._narrowed(answered, asked, wanted, new_context)
        return await self._alone(self.collection(asked), span, wanted, new_context)

    async def _alone(
        self, collection: Collection, span: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """As `answer`, of this collection, in the caller's turn."""
        began = collection.asked_at = self.clock.monotonic()
        async with collection.lock:
            failed_at, failure = collection.failed
            if failure and failed_at > began:
                raise failure.again()
            try:
                answered = await self._answer(collection, span, wanted, new_context)
            except CxfacadeError as error:
                collection.failed = self.clock.monotonic(), error.again()
                raise
            self._keep(collection)
            return answered

    def collection(self, asked: UpstreamQuery) -> Collection:
        """The collection of the question, a new one where none is held."""
        conditions = conditions_of(asked)
        key = self._key_of(conditions)
        stored: Stored[Collection] | None = self.store.get(key)
        if stored:
            return stored.value
        found = self._begun.get(key)
        if found is None or found.token.purged:
            found = self._begun[key] = Collection(conditions, self.store, self.clock, self.schedule, self.kept_seconds)
        return found

    def records(self) -> int:
        """How many records are held; one in two collections counts twice."""
        return sum(one.value.rows for one in self.store.primary() if isinstance(one.value, Partition))

    def overdue_seconds(self) -> float:
        """For how long the record that is due longest has waited, in collections that were asked for lately."""
        now = self.clock.monotonic()
        lately = (one for one in self.collections() if now - one.asked_at < LATELY_SECONDS)
        return max(0.0, max((now - one.due_at(WHOLE) for one in lately), default=0.0))

    @property
    def is_to_be_probed(self) -> bool:
        """Whether it is time to see again which time upstream's ranges test."""
        return self.clock.monotonic() >= self._next_probe

    async def probe(self) -> None:
        """See which time upstream's ranges test, by a record that is held; unless it is the start, nothing is held.

        Raises UpstreamError.
        """
        now = self.clock.monotonic()
        self._next_probe = now + PROBE_AGAIN_SECONDS
        runs = (run for one in self.collections() for run in one.runs(WHOLE))
        self._telling = telling(runs, self.clock.wall() - SETTLED) or self._telling
        if self._telling is None:
            return
        found = await tested(self._telling, Reader(self.client, EVERYTHING, 2, background=True))
        self._next_probe = now + self.probe_seconds
        if (found == "start") != self.is_trusted:
            self.is_trusted = found == "start"
            logger.log(logging.INFO if self.is_trusted else logging.ERROR, RANGES_TEST, found)
            self.purge()

    def purge(self, concerns: Callable[[Collection], bool] = lambda _collection: True) -> None:
        """Let go of collections, also of what is on its way into them."""
        for one in [*self.collections()]:
            if concerns(one):
                one.purge()

    def collections(self) -> Iterator[Collection]:
        """Every collection that is held, or being read."""
        held = (one.value for one in self.store.primary() if isinstance(one.value, Collection))
        return iter({id(one): one for one in (*held, *self._begun.values())}.values())

    def _wider(self, asked: UpstreamQuery, span: Span, wanted: Wanted) -> Collection | None:
        """The collection of the whole tenant, where it answers the question without a call of its own."""
        everything = self.collection(EVERYTHING)
        is_own = conditions_of(asked) == EVERYTHING
        if is_own or not self.supersets.may_answer(asked, everything, span, wanted.patience):
            return None
        return everything

    async def _narrowed(
        self, answered: Answered, asked: UpstreamQuery, wanted: Wanted, new_context: NewContext
    ) -> Answered:
        """The records that meet the conditions; now and then upstream is asked whether they are as many as it has."""
        conditions, context = conditions_of(asked), new_context(answered.collection.time_zone)
        held = await narrowed(answered.composition, conditions, context)
        calls = answered.calls
        if self.supersets.is_to_be_checked():
            calls += await self._check(held, answered.span, conditions, wanted)
        return replace(answered, composition=held, total=held.rows, facts={}, calls=calls)

    async def _check(self, held: Composition, span: Span, conditions: UpstreamQuery, wanted: Wanted) -> int:
        """Compare the settled rows with upstream's count; how many calls that took."""
        settled = Span(floored(span.start), min(floored(self.clock.wall() - SETTLED), span.end))
        if settled.start >= settled.end:
            return 0
        counted = await Reader(self.client, conditions, 1, wanted.owners, wanted.background).count(settled)
        oldest, newest = microseconds(settled.start), microseconds(settled.end)
        rows = sum(oldest <= start < newest for piece in held.pieces for start in piece.starts)
        if self.supersets.doubt(conditions, is_equal=counted == rows):
            logger.error(CONDITION_DISTRUSTED, ", ".join(sorted(kinds_of(conditions))))
        return 1

    def _is_due(self, collection: Collection, interval: Interval, span: Span, wanted: Wanted) -> bool:
        """Whether the interval is to be compared again, or some of its records read: then it is compared, too.

        Else an answer would be as new as a record, and not know of one that has arrived since.
        """
        part = Span(max(interval.span.start, span.start), min(interval.span.end, span.end))
        compared_at = collection.coverage.compared_at(part) if part.start < part.end else None
        if compared_at is None:
            return False
        now = self.clock.monotonic()
        is_overdue = now - compared_at >= wanted.patience and collection.due_at(part) <= now
        return is_overdue or not wanted.is_fresh(Interval(part, compared_at, None))

    def _keep(self, collection: Collection) -> None:
        kept = Stored(collection, COLLECTION_BYTES, self.clock.monotonic(), self.kept_seconds, 0.0, collection.token)
        self.store.put(self._key_of(collection.conditions), kept)

    def _key_of(self, conditions: UpstreamQuery) -> bytes:
        return digest("collection", self.rules, *_parts(conditions))

    async def _answer(
        self, collection: Collection, span: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        def reader(calls: int) -> Reader:
            return Reader(self.client, collection.conditions, calls, wanted.owners, wanted.background)

        comparing, rechecking, filling = reader(SYNC_CALLS), reader(RECHECK_CALLS), reader(wanted.most_calls)
        collection.partitions(span)  # what was evicted is covered no more
        for interval in collection.coverage.merged().intervals:
            if self._is_due(collection, interval, span, wanted):
                await sync(collection, interval, comparing, new_context)
                for part in collection.coverage.within(span):
                    if interval.span.start <= part.span.start and part.span.end <= interval.span.end:
                        await recheck(collection, part.span, rechecking, new_context)
        await collection.settle(span, new_context(collection.time_zone))
        filled = await fill(collection, span, wanted.rows, filling, new_context)
        if filled.is_refused:
            return filled.refused
        held = collection.compose(span)
        total = held.rows if held.complete else filled.total
        if total is None and wanted.most_calls:
            rest = Span(span.start if span.start == EVER else floored(span.start), held.low)
            above = collection.rows(Span(held.low, span.end))
            if 0 < collection.rest_rows <= MOST_ROWS_PER_CALL * filling.left:  # asked for again: then it is held whole
                filled = await fill(collection, span, above + collection.rest_rows, filling, new_context)
                held, total = collection.compose(span), filled.total
            if not held.complete or total is None:
                collection.rest_rows = await filling.count(rest)
                total = above + collection.rest_rows
        readers = (comparing, rechecking, filling)
        calls, seconds = sum(one.calls for one in readers), sum(one.seconds for one in readers)
        return Answered(collection, span, held, total or 0, filled.facts, calls, seconds)


def span_of(asked: UpstreamQuery) -> Span:
    """The range of a question."""
    return Span(asked.start or EVER, asked.end or FOREVER)


def _parts(conditions: UpstreamQuery) -> tuple[str | tuple[str, ...] | None, ...]:
    return (
        conditions.attribute_values,
        conditions.hook_type,
        conditions.hook_sub_type,
        conditions.hook_id,
        conditions.contact_id,
    )
