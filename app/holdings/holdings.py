"""Holdings: a question is answered from its collection; upstream is asked for what is not held, or not held anew."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import astuple, dataclass, field, replace
from datetime import timedelta
from functools import partial, reduce
from math import inf
from weakref import WeakValueDictionary

from app.cache.keys import digest
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.clock import Clock
from app.cooperative import in_parallel
from app.errors import CxfacadeError
from app.holdings.answering import Answered, Wanted, answer_from, is_answerable
from app.holdings.changes import Changes, Mark, new_epoch
from app.holdings.collection import EVER, Span, conditions_of
from app.holdings.fill import NewContext
from app.holdings.partition import EVERYTHING as WHOLE
from app.holdings.partition import FOREVER, Partition
from app.holdings.reader import Reader
from app.holdings.schedule import Schedule
from app.holdings.stock import ALL
from app.holdings.store import COLLECTION_BYTES, Collection
from app.holdings.supersets import Supersets, narrowed
from app.holdings.tier import Tier
from app.holdings.tombstones import Bound
from app.holdings.trust import HOLDABLE, Telling, sampled, telling, tested
from app.holdings.union import united
from app.observe.logs import RANGES_TEST, TIER_PURGE_PENDING
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery, alternatives
from app.upstream.walk import Reading

logger = logging.getLogger("cxfacade.holdings")

LATELY_SECONDS = 600.0
PROBE_AGAIN_SECONDS = 600.0  # after no record told
SETTLED = timedelta(hours=1)
COUNTED_AGE = 2.0  # seconds: what was compared before lacks what has come since, and would be counted short


@dataclass(eq=False)
class Holdings:
    """The collections of one tenant, kept in the store.

    `is_trusted`: upstream's ranges are as partitions need them; else nothing is held, and every question asked whole.
    `overlaps`: they also list what starts before them and has not ended then. That is seen once in `probe_seconds`, and
    `is_probed` as soon as it was, or where it never will be.
    """

    client: UpstreamClient
    store: MemoryStore
    clock: Clock
    schedule: Schedule
    rules: bytes
    kept_seconds: float = 172_800.0
    probe_seconds: float = 86_400.0
    is_trusted: bool = True
    overlaps: bool = False
    is_probed: bool = field(default=False, init=False)
    supersets: Supersets = field(default_factory=Supersets)
    tier: Tier | None = None
    _bound: Bound = field(default_factory=Bound, init=False)
    _next_probe: float = field(init=False)
    _telling: Telling | None = field(default=None, init=False)
    _begun: "WeakValueDictionary[bytes, Collection]" = field(default_factory=WeakValueDictionary, init=False)

    def __post_init__(self) -> None:
        """The first probe comes with the first answer, unless none ever does."""
        self.is_probed = self.probe_seconds == inf
        self._next_probe = inf if self.is_probed else self.clock.monotonic()

    async def answer(self, asked: UpstreamQuery, wanted: Wanted, new_context: NewContext) -> Answered | Reading | None:
        """The records held of the question, after upstream was asked for what it takes.

        Where what upstream sends cannot be trusted to be all it has, nothing of it is held: then it is the reading, if
        there is one of the whole question, else None. One caller at a time reads a collection; where that fails, those
        who waited fail likewise. Raises UpstreamError.
        """
        span = span_of(asked)
        upper = await self._upper(asked, span, wanted, new_context)
        if upper is None:
            return await self._own(asked, span, wanted, new_context)
        low = upper.composition.low
        if low <= span.start:
            return upper
        rest = replace(wanted, rows=max(1, wanted.rows - upper.composition.rows))
        lower = await self._own(asked, Span(span.start, low), rest, new_context)
        return upper.followed_by(lower) if isinstance(lower, Answered) else None

    async def _own(
        self, asked: UpstreamQuery, span: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """The answer of the question's own collection; where it has alternatives, of those of all of them.

        A whole block of each costs no more than a part, and mostly shows all of it.
        """
        if not asked.any_values:
            return await self._alone(self.collection(asked), span, wanted, new_context)
        rows = wanted.rows if wanted.is_passing else max(wanted.rows, MOST_ROWS_PER_CALL)
        wish = replace(wanted, rows=rows, shown=ALL)
        collections = map(self.collection, alternatives(asked))
        works = [partial(self._alone, one, span, wish, new_context) for one in collections]
        answers = await in_parallel(works)
        held = [one for one in answers if isinstance(one, Answered)]
        return await united(held, new_context) if len(held) == len(answers) else None

    async def marked(
        self, marks: Sequence[Mark], asked: UpstreamQuery, wanted: Wanted, new_context: NewContext
    ) -> tuple[Answered, ...] | Reading | None:
        """The answers of the marked collections, each for its part of the span, without the conditions of the question.

        None where one of them is not held any more, or has not all of its part. Where more than `wanted.shown` records
        are held, those below are left out. Raises UpstreamError.
        """
        answers: list[Answered] = []
        both = (self.collection(asked), self.collection(EVERYTHING))
        for mark, part in parts_of(marks, span_of(asked)):
            if self.tier and not self._knows(asked, mark):
                for one in both:
                    async with one.turn(wanted.owners or Owners()):
                        await self.tier.follow(one, part, new_context)
            collection = self._of_epoch(asked, mark.epoch)
            if collection is None:
                return None
            is_own = collection.conditions == conditions_of(asked)
            rows = max(1, wanted.rows - sum(one.composition.rows for one in answers))
            wish = replace(wanted, rows=rows)
            if not is_own:
                wish = replace(wish, most_calls=0, shown=ALL)
            answered = await self._alone(collection, part, wish, new_context)
            if not isinstance(answered, Answered):
                return None if answers else answered
            if not (is_own or answered.composition.complete):
                return None
            answers.append(answered)
            if answered.composition.is_cut:
                break
        return tuple(answers)

    async def continued(
        self, marks: Sequence[Mark], asked: UpstreamQuery, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """The answer to a question from the marked collections; None as in `marked`."""
        parts, answers = list[Answered](), await self.marked(marks, asked, wanted, new_context)
        if isinstance(answers, Reading):
            return answers
        for one in answers or ():
            if one.collection.conditions == conditions_of(asked):
                parts.append(one)
            else:
                held = await narrowed(one.composition, conditions_of(asked), new_context(one.collection.time_zone))
                parts.append(replace(one, composition=held, total=held.rows, facts={}))
        return reduce(Answered.followed_by, parts) if parts else None

    def lose(self, marks: Sequence[Mark], asked: UpstreamQuery) -> None:
        """Have no change told that is since the content so marked, within the span of the question."""
        for mark, part in parts_of(marks, span_of(asked)):
            if collection := self._of_epoch(asked, mark.epoch):
                if collection.changes.is_shared:
                    collection.changes.leave()  # nobody else hears of it
                collection.changes.lose(part)

    def marks_here(self, marks: Sequence[Mark], asked: UpstreamQuery) -> tuple[Mark, ...]:
        """The marks as they are good in this process alone."""
        found = ((mark, self._of_epoch(asked, mark.epoch)) for mark in marks)
        return tuple(mark._replace(epoch=one.changes.own if one else new_epoch()) for mark, one in found)

    def marks_anywhere(self, marks: Sequence[Mark], asked: UpstreamQuery) -> tuple[Mark, ...]:
        """The marks as they are good wherever the changes are known."""
        found = ((mark, self._of_epoch(asked, mark.epoch)) for mark in marks)
        return tuple(mark._replace(epoch=one.changes.epoch if one else mark.epoch) for mark, one in found)

    def is_comparable(self, marks: Sequence[Mark], asked: UpstreamQuery) -> bool:
        """Whether the collections still know all changes since these marks."""

        def is_good(mark: Mark, part: Span) -> bool:
            found = self._of_epoch(asked, mark.epoch)
            return found is not None and found.changes.lost_in(part) <= mark.number <= found.changes.number

        return bool(marks) and all(is_good(*one) for one in parts_of(marks, span_of(asked)))

    def _knows(self, asked: UpstreamQuery, mark: Mark) -> bool:
        """Whether this process has heard of the change that the mark names."""
        found = self._of_epoch(asked, mark.epoch)
        return found is not None and mark.number <= found.changes.number

    def _of_epoch(self, asked: UpstreamQuery, epoch: bytes) -> Collection | None:
        """The collection of the question or of the whole tenant, whichever the epoch is of."""
        both = (self.collection(asked), self.collection(EVERYTHING))
        return next((one for one in both if epoch in (one.changes.epoch, one.changes.own)), None)

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

    async def probe(self, *, may_sample: bool = False) -> None:
        """See which time upstream's ranges test, by a record that is held: by the end alone nothing is held.

        Where no record held tells it, one more call may ask for others. Raises UpstreamError.
        """
        now, settled = self.clock.monotonic(), self.clock.wall() - SETTLED
        self._next_probe = now + PROBE_AGAIN_SECONDS
        reading = partial(Reader, self.client, most_calls=5, background=True)
        runs = ((run, one.conditions) for one in self.collections() for run in one.runs(WHOLE))
        self._telling = telling(runs, settled) or self._telling
        if self._telling is None and may_sample:
            self._telling = await sampled(settled, reading(EVERYTHING))
        if self._telling is None:
            return
        found = await tested(self._telling, reading(self._telling.conditions))
        self._next_probe, self.is_probed = now + self.probe_seconds, True
        trusted, overlaps = found in HOLDABLE, found == "overlap"
        if (trusted, overlaps) != (self.is_trusted, self.overlaps):
            self.is_trusted, self.overlaps = trusted, overlaps
            logger.log(logging.INFO if self.is_trusted else logging.ERROR, RANGES_TEST, found)
            self.purge()

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
        held = (one.value for one in self.store.primary() if isinstance(one.value, Collection))
        return iter({id(one): one for one in (*held, *self._begun.values())}.values())

    async def _upper(
        self, asked: UpstreamQuery, span: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | None:
        """The newest part of a question with conditions, from the whole tenant, where that is held and kept up to date.

        At first, and now and then, upstream is asked whether it has as many rows.
        """
        conditions, everything = conditions_of(asked), self.collection(EVERYTHING)
        if conditions == EVERYTHING or wanted.is_passing:
            return None
        may_answer = partial(self.supersets.may_answer, conditions, everything, span, patience=wanted.patience)
        part = everything.newest_held(span)
        below = Span(span.start, part.start) if may_answer(part) else span
        if self.tier and below.start < below.end and self._would_ask(asked, below, wanted):
            async with everything.turn(wanted.owners or Owners()):
                await self.tier.follow(everything, span, new_context)
            self._keep(everything)
            part = everything.newest_held(span)
        if not may_answer(part):
            return None
        is_counted = self.supersets.is_to_be_verified(conditions, part, self.clock.monotonic())
        most_age = min(wanted.most_age, COUNTED_AGE) if is_counted else wanted.most_age
        whole = replace(wanted, most_calls=0, shown=ALL, most_age=most_age)
        answered = await self._alone(everything, part, whole, new_context)
        if not isinstance(answered, Answered) or not answered.composition.complete:
            return None
        context = new_context(everything.time_zone)
        held = await narrowed(answered.composition, conditions, context)
        calls, now = answered.calls, self.clock.monotonic()
        if is_counted:
            one = self.supersets.sample(conditions)  # upstream counts no union
            shown = held if one == conditions else await narrowed(answered.composition, one, context)
            reader = everything.reader(self.client, 1, wanted.owners, background=wanted.background, conditions=one)
            if not await self.supersets.is_counted_alike(conditions, shown, reader, part, now):
                return None
            calls += reader.calls
        held = replace(held, marks=()) if conditions.any_values else held
        return replace(answered, composition=held, total=held.rows, facts={}, calls=calls)

    def _would_ask(self, asked: UpstreamQuery, span: Span, wanted: Wanted) -> bool:
        """Whether the question's own collections, one for each alternative, cannot answer without upstream."""
        own = map(self.collection, alternatives(asked))
        return not all(is_answerable(one, span, wanted) for one in own)

    async def count_behind(self, new_context: NewContext) -> None:
        """Have upstream count what was answered from the whole tenant without asking. Raises UpstreamError."""
        await self.supersets.count_behind(self.collection(EVERYTHING), self.client, new_context)

    def _keep(self, collection: Collection) -> None:
        kept = Stored(collection, COLLECTION_BYTES, self.clock.monotonic(), self.kept_seconds, 0.0, collection.token)
        self.store.put(self._key_of(collection.conditions), kept)

    def _key_of(self, conditions: UpstreamQuery) -> bytes:
        return digest("collection", self.rules, *astuple(conditions))


def parts_of(marks: Sequence[Mark], span: Span) -> Iterator[tuple[Mark, Span]]:
    """The part of the span that each mark is of; the last one's reaches down to its start."""
    end = span.end
    for number, mark in enumerate(marks, 1):
        low = span.start if number == len(marks) else max(span.start, mark.low)
        if low < end:
            yield mark, Span(low, end)
        end = min(end, low)


def span_of(asked: UpstreamQuery) -> Span:
    """The range of a question."""
    return Span(asked.start or EVER, asked.end or FOREVER)
