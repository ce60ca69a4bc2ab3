"""Fetching what is held: a snapshot is composed of the holdings, which ask upstream for what they lack."""

from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from operator import attrgetter

from app.cache.stored import PurgeToken
from app.errors import ChangeTokenExpired, CursorExpired
from app.holdings.answering import Answered, Wanted
from app.holdings.collection import Span
from app.holdings.fill import NewContext
from app.holdings.partition import FOREVER, moment_of
from app.holdings.reader import MILLISECOND, floored
from app.interactions.masking import MASKED
from app.queries.asking import Asking, Read
from app.queries.change_token import ChangeToken
from app.queries.changing import LOST, changed
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.page import FetchResult
from app.queries.query import ALL_ROWS
from app.queries.rules import compared_for
from app.queries.snapshot import DecodedSnapshot, Snapshot, last_ids
from app.queries.snapshot_building import below, composed
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading

_FACTS = attrgetter("is_held", "complete", "total", "rows", "time_zone", "gone", "is_ahead")


class HeldFetching(Asking):
    """Composes snapshots of what is held, or of what changed in it; whatever cannot be held is read."""

    def holds(self, plan: FetchPlan) -> bool:
        """Whether the rows of a question may be held, and asked for by ranges."""
        return plan.is_holdable and self.holdings.is_trusted

    async def held(self, plan: FetchPlan, asked: UpstreamQuery, wanted: Wanted) -> Answered | Reading | None:
        """The answer of the holdings to the question; a reading, or None, where it cannot be held."""
        if not self.holds(plan):
            return None
        async with self._asking(plan):
            return await self.holdings.answer(asked, wanted, self.new_context())

    def wanted(self, rows: int, terms: Terms, most_age: float, *, is_passing: bool = False) -> Wanted:
        """The wish for so many rows, on these terms, compared `most_age` seconds ago at most."""
        return Wanted(
            rows,
            terms.most_calls,
            self._lifetime,
            self.rules.fresh_open_seconds,
            most_age,
            terms.owners,
            terms.background,
            is_passing,
        )

    def _shown(self, plan: FetchPlan, rows: int) -> int:
        """How many of the records that are held a snapshot takes at once; a summary is of all of them."""
        return max(rows, plan.most_rows if plan.most_rows == ALL_ROWS else self.rules.max_rows)

    def new_context(self) -> NewContext:
        """The context of records that are read from now on."""
        as_of = self.clock.wall()
        return lambda time_zone: self.rules.context_at(as_of, time_zone, MASKED)

    def _lifetime(self, span: Span) -> float:
        """Seconds for which a span, once compared, has no other rows."""
        return compared_for(None if span.end == FOREVER else span.end, self.clock.wall(), self.rules)

    async def _changes(
        self, plan: FetchPlan, since: ChangeToken, terms: Terms, most_age: float, purge_token: PurgeToken
    ) -> FetchResult:
        """The snapshot of what changed since the token was given. Raises as `changed`, and CursorExpired.

        Where that cannot be told, the whole answer is composed anew when it is asked for next, with a token that is
        good.
        """
        wanted, new_context = self.wanted(self.rules.most_rows, terms, most_age), self.new_context()
        since = since._replace(marks=self.holdings.marks_anywhere(since.marks, plan.asked))
        reached = plan.reached or since.marks
        if not {one.epoch for one in reached} <= {one.epoch for one in since.marks}:
            raise CursorExpired()
        async with self._asking(plan):
            answers = await self.holdings.marked(reached, plan.asked, wanted, new_context)
        try:
            if not isinstance(answers, tuple) or not self.holdings.is_comparable(since.marks, plan.asked):
                raise ChangeTokenExpired(LOST)
            if not self.holdings.is_comparable(reached, plan.asked):
                raise CursorExpired()
            context = new_context(answers[0].collection.time_zone)
            answered, gone = await changed(answers, plan.asked, since, self.rules.most_rows, context)
        except ChangeTokenExpired:
            if whole := self.snapshots.current(replace(plan, key=plan.question_key)):
                whole.purge_token.superseded = True
            raise
        checked_at = min(one.composition.checked_at for one in answers)
        return await self._keep_held(plan, answered, purge_token, checked_at=checked_at, gone=gone)

    async def _keep_held(
        self,
        plan: FetchPlan,
        answered: Answered,
        purge_token: PurgeToken,
        *,
        checked_at: float | None = None,
        gone: tuple[str, ...] | None = None,
    ) -> FetchResult:
        """The snapshot of what is held, or of its changes, as it is stored in place of the current one."""
        current, compared_at = self.snapshots.current(plan), answered.composition.compared_at
        seen_again_at = self._wall_at(compared_at)
        is_empty_still = current is not None and not (current.value.rows or answered.composition.rows)
        unchanged = current.value.as_of if current and is_empty_still and not current.value.is_ahead else None
        as_of = answered.composition.changed_at or unchanged or seen_again_at
        context = self.rules.context_at(as_of, answered.collection.time_zone, MASKED)
        content_as_of = self._wall_at(answered.composition.checked_at if checked_at is None else checked_at)
        opened = await composed((plan.key, plan.asked), answered, context, plan.most_rows)
        snapshot = replace(opened.snapshot, seen_again_at=seen_again_at, content_as_of=content_as_of, gone=gone)
        is_same = current is not None and _shows_the_same(current.value, snapshot)
        is_union = bool(plan.asked.any_values)
        if current and is_same and (is_union or self.holdings.is_comparable(current.value.marks, plan.asked)):
            told = {name: getattr(current.value, name) for name in ("version", "as_of", "marks", "content_as_of")}
            snapshot = replace(snapshot, **told)  # what has changed is not of this question
        for collection, part in answered.parts:
            collection.dependents[purge_token] = part
        read = Read(replace(opened, snapshot=snapshot), answered.calls, answered.seconds)
        return self._keep(plan, read, compared_at, purge_token)

    def _wall_at(self, moment: float) -> datetime:
        """The time of day at a monotonic time."""
        return self.clock.wall() - timedelta(seconds=self.clock.monotonic() - moment)

    def _unmarked(self, known: Snapshot, rest: UpstreamQuery) -> Snapshot:
        """The snapshot, followed by rows of which nobody can say what changes in them."""
        if not known.marks:
            return known
        self.holdings.lose(known.marks, rest)
        return replace(known, marks=(), content_as_of=None)

    async def _hold_on(
        self, plan: FetchPlan, known: Snapshot, rows: int, terms: Terms, *, most: int, is_passing: bool = False
    ) -> Read:
        """The snapshot with what is held, or fetched, below its last record, of `most` rows at most."""
        last = moment_of(known.runs[-1].starts[-1]) if known.runs else FOREVER
        rest = replace(known.asked, end=floored(last) + MILLISECOND) if known.runs else known.asked
        beside = sum(1 for _ in last_ids(known))
        wanted = min(rows, most) - known.rows + beside
        shown = most - known.rows + beside if is_passing else self._shown(plan, wanted)
        wish = replace(self.wanted(wanted, terms, inf, is_passing=is_passing), shown=shown)
        answered: Answered | Reading | None = None
        if known.marks and self.holds(plan):
            async with self._asking(plan):
                answered = await self.holdings.continued(known.marks, rest, wish, self.new_context())
        if answered is None:
            answered = await self.held(plan, rest, wish)
            known = self._unmarked(known, rest)
        context = self.rules.context_of(known, MASKED)
        if isinstance(answered, Answered):
            opened = await composed((plan.key, known.asked), answered, context, most, known)
            if opened.snapshot.complete or opened.snapshot.rows > known.rows:
                oldest = self._wall_at(answered.composition.checked_at)
                content_as_of = min(known.content_as_of, oldest) if known.content_as_of else None
                opened = replace(opened, snapshot=replace(opened.snapshot, content_as_of=content_as_of))
                return Read(opened, answered.calls, answered.seconds)
        known = self._unmarked(known, rest)
        reading = answered if isinstance(answered, Reading) and answered.complete else None
        reading = reading or await self._read(plan, rest, Position(), wanted, terms)
        opened = await below(DecodedSnapshot(known), reading, context)
        return Read(opened, reading.calls, reading.upstream_seconds)


def _shows_the_same(current: Snapshot, new: Snapshot) -> bool:
    contents = [[(run.digest, run.sums) for run in one.runs] for one in (current, new)]
    return _FACTS(current) == _FACTS(new) and contents[0] == contents[1]
