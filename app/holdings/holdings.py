"""Holdings: a question is answered from its collection; upstream is asked for what is not held, or not held anew."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from app.cooperative import in_parallel
from app.errors import UpstreamRefusedQuery
from app.holdings.answering import SYNC_CALLS, Answered, Wanted, is_answerable
from app.holdings.collection import Span, conditions_of
from app.holdings.fill import NewContext
from app.holdings.marks import Marked, span_of
from app.holdings.recheck import MOST_ROWS, read_again
from app.holdings.stock import ALL
from app.holdings.supersets import Supersets, narrowed
from app.holdings.sync import differing
from app.holdings.trust import Probed
from app.holdings.union import united
from app.owners import Owners
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery, alternatives
from app.upstream.walk import Reading

COUNTED_AGE = 2.0  # seconds: what was compared before lacks what has come since, and would be counted short
ANEW = -1.0  # an age that nothing has


@dataclass(eq=False)
class Holdings(Marked, Probed):
    """The collections of one tenant (`CollectionStore`), from which its questions are answered."""

    supersets: Supersets = field(default_factory=Supersets)

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
        whole = replace(wanted, most_calls=0, shown=ALL)
        is_counted = self.supersets.is_to_be_verified(conditions, part, self.clock.monotonic())
        read = partial(self._counted_alike, conditions) if is_counted else partial(self._alone, everything)
        answered = await read(part, whole, new_context)
        if not isinstance(answered, Answered) or not answered.composition.complete:
            return None
        held = await narrowed(answered.composition, conditions, new_context(everything.time_zone))
        held = replace(held, marks=()) if conditions.any_values else held
        return replace(answered, composition=held, total=held.rows, facts={})

    async def _counted_alike(
        self, conditions: UpstreamQuery, part: Span, wanted: Wanted, new_context: NewContext
    ) -> Answered | Reading | None:
        """The answer of the whole tenant, None where upstream counts other than so many rows for the conditions.

        A row may have come since the whole tenant was compared, or one that left and one that came were taken for each
        other: so those few among which the numbers differ are read again, and all is compared and counted once more.
        """
        everything, one, calls = self.collection(EVERYTHING), self.supersets.sample(conditions), 0
        reader = partial(everything.reader, self.client, owners=wanted.owners, background=wanted.background)
        for most_age in (min(wanted.most_age, COUNTED_AGE), ANEW):
            answered = await self._alone(everything, part, replace(wanted, most_age=most_age), new_context)
            if not isinstance(answered, Answered) or not answered.composition.complete:
                return answered
            held = await narrowed(answered.composition, one, new_context(everything.time_zone))
            counting, reading = reader(SYNC_CALLS, conditions=one), reader(1)
            counted = await counting.count(part)
            if counted != held.rows and most_age != ANEW:
                few = await differing(held.starts, part, counted, counting)
                if everything.rows(few) <= MOST_ROWS:
                    read = partial(read_again, everything, [few], reading, new_context)
                    anew = replace(wanted, most_age=ANEW)
                    async with everything.turn(wanted.owners or Owners()):
                        await (self.tier.answer(everything, few, anew, new_context, read) if self.tier else read())
            calls += answered.calls + counting.calls + reading.calls
            if counted == held.rows:
                self.supersets.verify(conditions, self.clock.monotonic(), is_equal=True)
                return replace(answered, calls=calls)
        self.supersets.verify(conditions, self.clock.monotonic(), is_equal=False)
        return None

    def _would_ask(self, asked: UpstreamQuery, span: Span, wanted: Wanted) -> bool:
        """Whether the question's own collections, one for each alternative, cannot answer without upstream."""
        own = map(self.collection, alternatives(asked))
        return not all(is_answerable(one, span, wanted) for one in own)

    async def count_behind(self, wanted: Wanted, new_context: NewContext) -> None:
        """Have upstream count what was answered from the whole tenant without asking. Raises UpstreamError."""
        everything, whole = self.collection(EVERYTHING), replace(wanted, most_calls=0, shown=ALL)
        for conditions, part in self.supersets.next_put_off():
            if everything.coverage.holds(part):
                with suppress(UpstreamRefusedQuery):
                    if await self._counted_alike(conditions, part, whole, new_context) is None:
                        everything.tell(part)
