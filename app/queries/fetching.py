"""Fetching: a new snapshot for a question, or more rows of the snapshot that is stored."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from operator import attrgetter
from typing import NamedTuple

from app import cooperative
from app.cache.stored import PurgeToken, Stored
from app.clock import Clock
from app.cooperative import held_back, let_go
from app.errors import ChangeTokenExpired, CursorExpired, UpstreamError, UpstreamForbidden
from app.holdings.answering import Answered, Wanted
from app.holdings.collection import Span
from app.holdings.fill import NewContext
from app.holdings.holdings import Holdings
from app.holdings.partition import FOREVER, moment_of
from app.holdings.reader import MILLISECOND, floored
from app.holdings.recalled import Recalled
from app.interactions.masking import MASKED
from app.observe import tracing
from app.owners import Owners
from app.queries.change_token import ChangeToken
from app.queries.changing import LOST, changed
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.page import FetchResult
from app.queries.query import ALL_ROWS
from app.queries.rules import EMPTY_MAXIMUM_SECONDS, Rules, compared_for
from app.queries.snapshot import DecodedSnapshot, Snapshot, begun, below, composed, end_of, extended, last_ids, renewed
from app.queries.snapshot_store import SnapshotStore
from app.upstream.query import UpstreamQuery
from app.upstream.walk import Position, Reading
from app.workers import PurgeOrders

MOST_SUCCESSES = 10_000
_FACTS = attrgetter("is_held", "complete", "total", "rows", "time_zone", "gone", "is_ahead")


class Successes:
    """When upstream last answered each question, by its key; of too many the oldest is forgotten.

    It is kept after the answer itself is too old, to be told with a failure.
    """

    def __init__(self, most: int = MOST_SUCCESSES) -> None:
        self._most = most
        self._moments: dict[bytes, datetime] = {}

    def note(self, key: bytes, moment: datetime) -> None:
        """Upstream answered the question at this wall time."""
        self._moments.pop(key, None)
        self._moments[key] = moment
        if len(self._moments) > self._most:
            del self._moments[next(iter(self._moments))]

    def last(self, key: bytes) -> datetime | None:
        """When it last did, if that is known."""
        return self._moments.get(key)


class _Read(NamedTuple):
    """A snapshot as far as it was read, the calls that took, and the seconds during which one was under way."""

    opened: DecodedSnapshot
    calls: int
    seconds: float


class Beyond(NamedTuple):
    """A snapshot that was read on for one caller alone, and the position of the first row that was read so."""

    opened: DecodedSnapshot
    position: int


@dataclass
class Fetching:
    """The work of one flight: it looks into the store once more, asks upstream, and stores."""

    snapshots: SnapshotStore
    holdings: Holdings
    clock: Clock
    rules: Rules
    orders: PurgeOrders = field(default_factory=PurgeOrders)
    successes: Successes = field(default_factory=Successes, init=False)

    async def begin(
        self,
        plan: FetchPlan,
        rows: int,
        replaced: float | None,
        owners: Owners | None = None,
        *,
        most_age: float = inf,
        background: bool = False,
    ) -> FetchResult:
        """A new snapshot in place of the one stored at `replaced`, unless another flight has just landed with one.

        Where upstream shows what it showed before, the snapshot stays as it is, and is fresh again. What was compared
        with upstream more than `most_age` seconds ago is compared again.
        """
        stored = self.snapshots.current(plan)
        if stored and stored.stored_at != replaced and stored.is_current(self.clock.monotonic()):
            return FetchResult(DecodedSnapshot(stored.value), stored)
        most_age = min(most_age, self._most_age(stored, background=background))
        received, purge_token = self.clock.monotonic(), self.snapshots.begun(plan)
        earlier = stored.value if stored else None
        terms = Terms(self.rules.most_calls, owners, background, Recalled(earlier.runs) if earlier else None)
        with held_back(rows):
            if plan.since:
                return await self._changes(plan, plan.since, terms, most_age, purge_token)
            wanted = self.wanted(min(rows, plan.most_rows), terms, most_age)
            found = await self.held(plan, plan.asked, replace(wanted, shown=self._shown(plan, rows)))
            if isinstance(found, Answered):
                return await self._keep_held(plan, found, purge_token)
            first, found = [found] if found else [], None  # or its records were freed all at once
            read = await self._read_on(plan, None, rows, terms, earlier, first=first)
        new, current = read.opened.snapshot, self.snapshots.current(plan)
        context = self.rules.context_at(new.checked_at, new.time_zone, MASKED)
        snapshot = renewed(plan.key, new, current.value if current else None, context)
        if current and snapshot.version == current.value.version and not purge_token.purged:
            purge_token = current.purge_token  # what was made of the current one is as true as before
        return self._keep(plan, read._replace(opened=replace(read.opened, snapshot=snapshot)), received, purge_token)

    async def extend(self, plan: FetchPlan, rows: int, known: FetchResult, owners: Owners | None = None) -> FetchResult:
        """The snapshot read on where it ends, unless another flight has just done so; `known` cost calls already."""
        terms = Terms(self.rules.most_calls - known.upstream_calls, owners)
        stored = self.snapshots.snapshot(plan, known.snapshot.version)
        if stored and stored.value.rows > known.snapshot.rows:
            known = FetchResult(DecodedSnapshot(stored.value), stored)
        if plan.is_enough(known.snapshot, rows):
            return known
        purge_token = self.snapshots.begun(plan, known.stored.purge_token)
        with held_back(rows):
            if known.snapshot.is_held:
                read = await self._hold_on(plan, known.snapshot, rows, terms, most=plan.most_rows)
            else:
                read = await self._read_on(plan, known.opened, rows, terms)
        stored = self.snapshots.snapshot(plan, known.snapshot.version)  # it may have been seen again meanwhile
        received = max(known.stored.stored_at, stored.stored_at if stored else 0.0)
        longer = self._keep(plan, read, received, purge_token)
        known.stored.purge_token.extended = True
        return longer

    def holds(self, plan: FetchPlan) -> bool:
        """Whether the rows of a question may be held, and asked for by ranges."""
        return plan.is_holdable and self.holdings.is_trusted

    async def beyond(self, plan: FetchPlan, sent: Snapshot, rows: int, owners: Owners) -> Beyond:
        """So many rows more, or up to twice as many, behind the last one of a snapshot, which is needed no more.

        The result is stored nowhere, and the store lets go of nothing for it. Where rows may be held, there is no bound
        to how far it goes down, and only the last rows of the snapshot are kept.
        """
        terms = Terms(self.rules.most_calls, owners)
        with held_back(rows):
            if not self.holds(plan):
                read = await self._read_on(plan, DecodedSnapshot(sent), sent.rows + rows, terms)
                return Beyond(read.opened, sent.rows)
            known = end_of(sent)
            most = known.rows + 2 * rows
            read = await self._hold_on(plan, known, known.rows + rows, terms, most=most, is_passing=True)
            return Beyond(read.opened, known.rows)

    def _most_age(self, stored: Stored[Snapshot] | None, *, background: bool) -> float:
        """How old may be what replaces a snapshot: a refresh ahead of time compares anew, and so does an empty one."""
        now = self.clock.monotonic()
        if stored is None or stored.purge_token.superseded:
            return inf
        if background and stored.is_fresh(now):
            return stored.age(now) / 2
        return inf if stored.value.rows else EMPTY_MAXIMUM_SECONDS

    def _lifetime(self, span: Span) -> float:
        """Seconds for which a span, once compared, has no other rows."""
        return compared_for(None if span.end == FOREVER else span.end, self.clock.wall(), self.rules)

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
        read = _Read(replace(opened, snapshot=snapshot), answered.calls, answered.seconds)
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
    ) -> _Read:
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
                return _Read(opened, answered.calls, answered.seconds)
        known = self._unmarked(known, rest)
        reading = answered if isinstance(answered, Reading) and answered.complete else None
        reading = reading or await self._read(plan, rest, Position(), wanted, terms)
        opened = await below(DecodedSnapshot(known), reading, context)
        return _Read(opened, reading.calls, reading.upstream_seconds)

    def _keep(self, plan: FetchPlan, read: _Read, received: float, purge_token: PurgeToken) -> FetchResult:
        opened, calls, seconds = read
        stored, kept = self.snapshots.keep(plan, opened.snapshot, received, purge_token)
        return FetchResult(opened, stored, fetched=calls > 0, kept=kept, upstream_seconds=seconds, upstream_calls=calls)

    async def _read_on(
        self,
        plan: FetchPlan,
        opened: DecodedSnapshot | None,
        rows: int,
        terms: Terms,
        earlier: Snapshot | None = None,
        *,
        first: list[Reading] | None = None,
    ) -> _Read:
        """The snapshot with at least `rows` rows, or as far as the calls of `terms` reach; `earlier` is what it renews.

        A `first` reading that has been made already is taken out of the list.

        Each step is packed, and its decoded records are let go of, before the next is read.
        """
        as_of, calls, seconds = self.clock.wall(), 0, 0.0
        while opened is None or not (plan.is_enough(opened.snapshot, rows) or calls >= terms.most_calls):
            asked, place, held = plan.asked, Position(), 0
            if opened:
                asked, place, held = opened.snapshot.asked, opened.snapshot.place, opened.snapshot.rows
            goal = place.offset + min(rows - held, self.rules.step_rows)
            left = terms._replace(most_calls=terms.most_calls - calls)
            reading = first.pop() if first else await self._read(plan, asked, place, goal, left)
            known = [one for facts in opened.at_hand.values() for one in facts] if opened else []
            if opened:
                opened = await extended(opened, reading, self.rules.context_of(opened.snapshot, MASKED))
            else:
                context = self.rules.context_at(as_of, reading.time_zone, MASKED)
                opened = await begun(plan.key, asked, reading, context, earlier=earlier, keeps_raw=plan.is_of_one)
            calls, seconds = calls + reading.calls, seconds + reading.upstream_seconds
            records, reading = [*reading.records], replace(reading, records=())
            await let_go(records, known)
        return _Read(opened, calls, seconds)

    async def _read(self, plan: FetchPlan, asked: UpstreamQuery, place: Position, rows: int, terms: Terms) -> Reading:
        async with self._asking(plan):
            reading = await plan.read(asked, place, rows, terms)
            await asyncio.sleep(0)
            return reading

    @asynccontextmanager
    async def _asking(self, plan: FetchPlan) -> AsyncIterator[None]:
        """Where upstream may be asked; what it denies us is forgotten, however old it is (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            with tracing.span("fetch"):
                yield
            self.successes.note(plan.key, self.clock.wall())
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not plan.is_of_one
            if not error.stale_may_cover:
                async with self.holdings.purging() if is_all else nullcontext():
                    if is_all:
                        self.orders.tell()
                        self.holdings.purge()
                    await cooperative.run(self.snapshots.purging(lambda of, _snapshot: is_all or of == plan.key))
            raise


def _shows_the_same(current: Snapshot, new: Snapshot) -> bool:
    contents = [[(run.digest, run.sums) for run in one.runs] for one in (current, new)]
    return _FACTS(current) == _FACTS(new) and contents[0] == contents[1]
