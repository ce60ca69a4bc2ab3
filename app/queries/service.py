"""The spine: query → plan → lookup in the store → fetch → snapshot → rows. Read this first."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from app import cooperative
from app.cache.keys import Part, digest
from app.cache.reuse import UNDIRECTED, Action, Directives, refresh_early
from app.cache.single_flight import SingleFlight
from app.cache.stored import Stored
from app.clock import Clock
from app.errors import (
    CursorExpired,
    CursorMismatch,
    CxfacadeError,
    InternalError,
    NotFound,
    NotStored,
    Overloaded,
    SortNeedsCompleteResult,
    StillFetching,
    SummaryNeedsCompleteResult,
    UpstreamError,
)
from app.holdings.holdings import Holdings
from app.interactions.facts import Facts
from app.interactions.grains import Grain
from app.interactions.masking import Audience
from app.owners import Owners
from app.queries import fetch_plan as plans
from app.queries.admission import Admission
from app.queries.change_token import ChangeToken, token_text
from app.queries.fetch_plan import FetchPlan
from app.queries.fetching import Fetching
from app.queries.hints import MOST_HINTS, Hint, of_question, of_rows
from app.queries.page import FetchResult, Lookup, Page, lookup_of, page_of
from app.queries.places import is_crowded
from app.queries.query import ALL_ROWS, NEWEST_FIRST, Cursor, InteractionQuery, PageRange, Place, Search
from app.queries.rules import Rules
from app.queries.select import BY_PLACE, Selection, select
from app.queries.snapshot import Snapshot
from app.queries.snapshot_store import SnapshotStore, snapshot_key
from app.queries.summarising import SummaryTable, require_few_intervals, summarise
from app.queries.visible import is_followed
from app.queries.writing import Write, Writing
from app.upstream.client import UpstreamClient
from app.workers import PurgeOrders

T = TypeVar("T")
Work = Callable[[Owners, Callable[[], None]], Awaitable[T]]
"""Makes something of a snapshot for these owners; it may ask whether somebody still waits, which raises Overloaded."""

AUTH_STALE_SECONDS = 300.0  # so long stale may cover that our credentials are refused (FAULTS 1.3)
LEAST_MAKING_SECONDS = 1.0  # what is at hand at the end of a wait is made an answer of all the same


@dataclass
class Queries:
    """Answers questions about interactions, asking upstream only for what is not stored."""

    upstream: UpstreamClient
    snapshots: SnapshotStore
    holdings: Holdings
    flights: SingleFlight
    clock: Clock
    rules: Rules
    grains: Mapping[str, Grain]
    random: Callable[[], float]
    orders: PurgeOrders = field(default_factory=PurgeOrders)
    tenant_zone: ZoneInfo | None = field(default=None, init=False)
    fetching: Fetching = field(init=False)
    admission: Admission = field(init=False)

    def __post_init__(self) -> None:
        self.fetching = Fetching(self.snapshots, self.holdings, self.clock, self.rules, self.orders)
        self.admission = Admission(self.clock, self.rules.wait_seconds)

    def plan(self, query: InteractionQuery) -> FetchPlan:
        """The fetch plan of a query. Raises CursorMismatch, TooManyGroups, and with a change token as `of_changes`."""
        cursor = query.cursor
        require_few_intervals(query, self.clock.wall(), self.rules.max_rows)
        if cursor and cursor.identity != query.identity():
            raise CursorMismatch()
        search = replace(query.search, start=cursor.start, end=cursor.end) if cursor else query.search
        version = cursor.version if cursor else None
        plan = plans.of_search(search, query.view.audience, version, self.upstream, self.rules)
        if query.summary and self.fetching.holds(plan):
            return replace(plan, most_rows=ALL_ROWS)
        if query.since is None:
            return self._placed(plan, query, search, cursor, cursor.place) if cursor and cursor.place else plan
        reached = cursor.place.reached if cursor and cursor.place else ()
        return plans.of_changes(plan, query.since, query.question(), reached, is_held=self.holdings.is_trusted)

    def _placed(
        self, whole: FetchPlan, query: InteractionQuery, search: Search, cursor: Cursor, place: Place
    ) -> FetchPlan:
        """The plan of a cursor with a place: for its snapshot, or else for what upstream has from that place on."""

        def below(end: datetime | None, version: str | None) -> FetchPlan:
            if end in (None, search.end):
                return replace(whole, version=version)
            rest = replace(search, end=end)
            plan = plans.of_search(rest, query.view.audience, version, self.upstream, self.rules)
            return replace(plan, whole_key=whole.key)

        pinned, is_down = below(place.within, cursor.version), query.order == NEWEST_FIRST
        if is_down and not self.holdings.is_trusted:
            return pinned  # a range down to the place might not be what is left
        ahead = cursor.position - len(place.passed) if is_down else 0
        end = min(place.before, search.end) if place.before and search.end else place.before
        return replace(pinned, elsewhere=replace(below(end, None), ahead=ahead))

    def page_range(self, query: InteractionQuery, plan: FetchPlan) -> PageRange:
        """Where the rows of the page are looked for in the snapshot of a plan."""
        if plan.ahead is None or query.cursor is None:
            return query.page_range
        begins_there = query.order == NEWEST_FIRST and not plan.since
        return PageRange(0 if begins_there else BY_PLACE, query.cursor.skip, query.limit)

    def change_token(self, query: InteractionQuery, snapshot: Snapshot, *, is_begun: bool = False) -> str | None:
        """The token of the question in the state that the snapshot shows; None where its changes cannot be told.

        Where the answer `is_begun`, nobody knows yet what the rest of it will be made of: it is good here alone.
        """
        place = query.cursor or query.search
        is_whole = snapshot.asked.end == place.end  # else it tells nothing of what the walk has left behind
        is_union = bool(query.search.attr_any)
        if not (snapshot.marks and is_whole) or is_union or query.summary or not self.is_followed(query):
            return None
        marks = (query.cursor and query.cursor.place and query.cursor.place.reached) or snapshot.marks
        if is_begun and not snapshot.complete:
            marks = self.holdings.marks_here(marks, snapshot.asked)
        return token_text(ChangeToken(marks, query.question(), place.start, place.end))

    def is_followed(self, query: InteractionQuery) -> bool:
        """Whether changes of the answer may be told to the query's audience."""
        return is_followed(query.search, replace(self.rules.context, audience=query.view.audience))

    def plan_of_one(self, interaction_id: str) -> FetchPlan:
        """The fetch plan of one interaction."""
        return plans.of_interaction(interaction_id, self.upstream, self.rules, self.time_zone)

    def look(
        self,
        plan: FetchPlan,
        rows: int = 1,
        directives: Directives = UNDIRECTED,
        owner: str = "",
        deadline: float | None = None,
    ) -> Lookup:
        """The stored snapshot and what to do; one that is stale, or soon will be, is refreshed behind.

        So many `rows` are wanted. `deadline` is that of the client, who has come now unless it says otherwise.
        """
        stored, now = self.snapshots.current(plan), self.clock.monotonic()
        if stored is None and plan.elsewhere is not None:
            plan = plan.elsewhere
            stored, rows = self.snapshots.current(plan), rows - (plan.ahead or 0)
        lookup = lookup_of(
            plan,
            stored,
            now,
            directives,
            is_enough=stored is not None and plan.is_enough(stored.value, rows),
            has_failed=lambda: plan.is_blocked() or self.flights.has_failed(plan.key),
            may_be_stale=lambda: self.upstream.refused_seconds() <= AUTH_STALE_SECONDS,
            owner=owner,
            deadline=self.deadline() if deadline is None else deadline,
        )
        if stored and lookup.may_be_refreshed and self._is_due(stored, now) and not plan.is_blocked():
            owners = Owners()
            refresh = partial(self.fetching.begin, plan, rows, lookup.stored_at, owners, background=True)
            self.flights.launch(plan.key, refresh, owners)
        return lookup

    def _is_due(self, stored: Stored[Snapshot], now: float) -> bool:
        """Whether to refresh: past freshness, or early, the likelier the nearer its end (XFetch)."""
        return refresh_early(stored.time_left(now), stored.value.upstream_seconds, self.random())

    async def find(self, query: InteractionQuery, lookup: Lookup) -> FetchResult:
        """The snapshot of the question with the rows that the query needs, if all of them match. Raises as `page`."""
        reach = query.reach - (lookup.plan.ahead or 0)
        return await (self._reach(lookup, reach) if query.order == NEWEST_FIRST else self._whole(lookup))

    def rows_of_all(self, plan: FetchPlan) -> int:
        """How many rows to look for where all are wanted; where they are known to be too many, just so many as tell."""
        stored = self.snapshots.current(plan)
        return ALL_ROWS if stored is None or self._may_be_whole(plan, stored.value) else 1

    async def find_all(self, lookup: Lookup) -> FetchResult:
        """The snapshot of the question with all its rows, however many calls they take.

        Where the client's wait is over before, the next one who asks goes on from there. Raises as `page`, and
        SummaryNeedsCompleteResult where they cannot be held at once.
        """
        found = await self._reach(lookup, self.rules.scan_rows)
        while not found.snapshot.complete:
            known = found.snapshot.rows
            if not self._may_be_whole(lookup.plan, found.snapshot):
                raise SummaryNeedsCompleteResult()
            found = await self._reach(lookup, known + self.rules.step_rows, replace(found, upstream_calls=0))
            if found.snapshot.rows <= known and not found.snapshot.complete:
                raise SummaryNeedsCompleteResult()
        return found

    def _may_be_whole(self, plan: FetchPlan, snapshot: Snapshot) -> bool:
        """Whether all rows that upstream has for the question can be held at once."""
        may_grow = snapshot.total <= plan.most_rows and self.snapshots.may_hold(snapshot, snapshot.total)
        return snapshot.complete or may_grow

    async def find_one(self, lookup: Lookup) -> FetchResult:
        """The snapshot of one interaction. Raises NotStored, RateLimited, StillFetching, UpstreamError."""
        return await self._reach(lookup, 1)

    async def page(
        self, query: InteractionQuery, lookup: Lookup, found: FetchResult | None = None, write: Write | None = None
    ) -> Page:
        """The rows that answer the query, in what was `found` for it; upstream is read no further than they need.

        Where it is told how to `write` them, they come written.

        Where they need more calls than one request may make, those found so far, and a cursor for the rest. Raises
        CursorExpired, SortNeedsCompleteResult, NotStored, RateLimited, StillFetching, UpstreamError.
        """
        found = found or await self.find(query, lookup)
        began = self.clock.monotonic()
        selection = await self._select(query, found, lookup, self.page_range(query, lookup.plan), write)
        while selection.count < query.limit and self._may_read_on(lookup.plan, found):
            scanned = found.snapshot.rows
            found = await self._reach(lookup, max(2 * scanned, self.rules.scan_rows), found)
            further = PageRange(scanned, selection.skip, query.limit - selection.count)
            selection = selection.then(await self._select(query, found, lookup, further, write))
        found, selection = await self._past_crowd(lookup, found, selection)
        seconds = self.clock.monotonic() - began - found.upstream_seconds
        return self.page_of(query, lookup.plan, found, selection, seconds=max(0.0, seconds))

    async def _past_crowd(
        self, lookup: Lookup, found: FetchResult, selection: Selection
    ) -> tuple[FetchResult, Selection]:
        """Read on where more records of one millisecond stand before the next row than its cursor can name.

        Where that fails, the cursor is good for this snapshot alone.
        """
        following = selection.following or (found.snapshot.rows, 0)
        with suppress(CxfacadeError):
            while is_crowded(found.snapshot, following[0]) and self._may_read_on(lookup.plan, found):
                found = await self._reach(lookup, found.snapshot.rows + self.rules.scan_rows, found)
                selection = replace(selection, following=following)
        return found, selection

    def page_of(
        self, query: InteractionQuery, plan: FetchPlan, found: FetchResult, selection: Selection, *, seconds: float
    ) -> Page:
        """The page that `selection` makes."""
        return page_of(query, plan, found, selection, self.rules, seconds=seconds)

    async def summary(self, query: InteractionQuery, lookup: Lookup, found: FetchResult) -> SummaryTable:
        """The summary that the query asks of all rows `found`. Raises TooManyGroups, RateLimited, StillFetching."""
        grain = self.grains[query.view.grain]
        context = self.rules.context_of(found.snapshot, query.view.audience)

        async def summarising(owners: Owners, require_waiter: Callable[[], None]) -> SummaryTable:
            rows = min(found.snapshot.rows_of(grain.name), self.rules.max_rows)  # of the table: no others are kept
            async with self.admission.selecting(query.view, rows, owners):
                require_waiter()
                tallies, most = self.snapshots.kept(found.stored, "tally"), self.rules.max_rows
                work = summarise(found.opened, query, grain, context, most_groups=most, tallies=tallies)
                return await cooperative.run(work)

        return await self.once(("summary", *query.key_parts()), found, summarising, lookup)

    async def hints(self, query: InteractionQuery, lookup: Lookup, found: FetchResult) -> list[Hint]:
        """The hints for a question that found no rows. Raises RateLimited, StillFetching."""
        context = self.rules.context_of(found.snapshot, query.view.audience)

        async def looking(owners: Owners, require_waiter: Callable[[], None]) -> list[Hint]:
            async with self.admission.selecting(query.view, found.snapshot.rows, owners):
                require_waiter()
                by_rows = await cooperative.run(of_rows(query, found.opened, self.grains[query.view.grain], context))
            by_question = of_question(query, is_ahead=found.snapshot.is_ahead)
            return [*by_question, *by_rows][:MOST_HINTS]

        return await self.once(("hints", *query.key_parts()), found, looking, lookup)

    def interaction(self, found: FetchResult, audience: Audience) -> Facts:
        """The facts of the only interaction of a snapshot. Raises NotFound."""
        facts = next(found.opened.facts(0, self.rules.context_of(found.snapshot, audience)), None)
        if facts is None:
            raise NotFound("No interaction has this id.")
        return facts

    async def _whole(self, lookup: Lookup) -> FetchResult:
        """The question's snapshot with all its rows, if one answer may hold them; the first block tells how many."""
        found = await self._reach(lookup, min(self.rules.max_rows, self.rules.scan_rows))
        if found.snapshot.total <= self.rules.max_rows:
            found = await self._reach(lookup, self.rules.max_rows, found)
        if not found.snapshot.complete:
            raise SortNeedsCompleteResult()
        return found

    async def _reach(self, lookup: Lookup, rows: int, found: FetchResult | None = None) -> FetchResult:
        """The question's snapshot with at least `rows` rows, all there are, or all that the calls of a request reach.

        A flight may have been started by a caller who wanted fewer rows: then go round once more. All who read on in
        one snapshot share one flight, whether a cursor pins them to it or not: else its rows would depend on who came
        last, and a cursor into it would repeat or miss some.
        """
        plan = lookup.plan
        found = found or lookup.found() or await self._fetch(lookup, rows)
        while not plan.is_enough(found.snapshot, rows) and self._may_read_on(plan, found):
            if lookup.only_if_cached:
                raise NotStored()
            key, owners = snapshot_key(plan, found.snapshot.version), Owners(lookup.owner)
            extend = partial(self.fetching.extend, plan, rows, found, owners)
            joined = await self.flights.join(key, extend, wait_seconds=self._left(lookup.deadline), owners=owners)
            found = joined.value.after(found, collapsed=joined.collapsed)
        return found

    def _may_read_on(self, plan: FetchPlan, found: FetchResult) -> bool:
        return plan.is_readable(found.snapshot) and found.upstream_calls < self.rules.most_calls

    async def _fetch(self, lookup: Lookup, rows: int) -> FetchResult:
        """A new snapshot; where upstream fails, the one that is stored though it is not what the client wanted."""
        plan, decision = lookup.plan, lookup.decision
        if decision.action is Action.REFUSE:
            raise CursorExpired() if plan.version else NotStored()
        owners = Owners(lookup.owner)
        begin = partial(self.fetching.begin, plan, rows, lookup.stored_at, owners, most_age=lookup.most_age)
        try:
            left = self._left(lookup.deadline)
            joined = await self.flights.join(plan.key, begin, wait_seconds=left, owners=owners)
        except (UpstreamError, StillFetching, InternalError) as error:
            if covering := lookup.covering(error, self.clock.monotonic()):
                return covering
            error.last_success_at = self.fetching.successes.last(plan.key)
            raise
        self.learn_zone(joined.value.snapshot.time_zone)
        if self.holdings.is_to_be_probed:
            self.flights.launch(b"probe", self.holdings.probe)
        return replace(joined.value, collapsed=joined.collapsed, fwd=decision.fwd or "uri-miss")

    async def _select(
        self,
        query: InteractionQuery,
        found: FetchResult,
        lookup: Lookup,
        wanted: PageRange,
        write: Write | None,
    ) -> Selection:
        """The rows of the page within `wanted`."""
        context = self.rules.context_of(found.snapshot, query.view.audience)
        held = found.snapshot.rows_of(query.view.grain)
        rows = min(wanted.limit, held) if query.order == NEWEST_FIRST else held  # to order them takes all

        async def selecting(owners: Owners, require_waiter: Callable[[], None]) -> Selection:
            async with self.admission.selecting(query.view, rows, owners):
                require_waiter()
                if write is None:
                    return await cooperative.run(select(found.opened, query, self.grains, context, wanted))
                kept = self.snapshots.kept(found.stored, "rows")
                return await cooperative.run(
                    Writing(found.opened, query, self.grains, context, write, kept).within(wanted)
                )

        return await self.once(("select", write is not None, *wanted, *query.key_parts()), found, selecting, lookup)

    async def once(self, parts: tuple[Part, ...], found: FetchResult, work: Work[T], lookup: Lookup) -> T:
        """The result of `work` on a snapshot, which `parts` describe; simultaneous requests share it.

        It is not done where nobody waits for it any more. Raises StillFetching past the client's deadline, and not
        before LEAST_MAKING_SECONDS are over, and RateLimited.
        """
        key, owners = digest(*parts, found.snapshot.version, found.snapshot.rows), Owners(lookup.owner)

        def require_waiter() -> None:
            if not self.flights.is_awaited(key):
                raise Overloaded("Nobody waits for it any more.")

        left = max(self._left(lookup.deadline), LEAST_MAKING_SECONDS)
        made = partial(work, owners, require_waiter)
        return (await self.flights.join(key, made, wait_seconds=left, owners=owners)).value

    async def time_zone(self, deadline: float | None = None) -> ZoneInfo:
        """The configured time zone, else the tenant's: upstream is asked for it where no answer has named it yet.

        Raises as `page`.
        """
        if self.rules.time_zone:
            return self.rules.time_zone
        if self.tenant_zone is None:
            left = self._left(self.deadline() if deadline is None else deadline)
            joined = await self.flights.join(b"time zone", self.upstream.tenancy, wait_seconds=left)
            self.tenant_zone = self.rules.zone(joined.value.time_zone)
        return self.tenant_zone

    def learn_zone(self, name: str | None) -> None:
        """Remember the tenant's time zone, which an answer of upstream's has named."""
        if self.tenant_zone is None and name:
            self.tenant_zone = self.rules.zone(name)

    def is_degraded(self) -> bool:
        """Whether upstream is ill, and nothing is stored to answer from."""
        return self.upstream.is_ill() and not len(self.snapshots)

    def deadline(self) -> float:
        """When the wait of a client who comes now is over (monotonic seconds)."""
        return self.clock.monotonic() + self.rules.wait_seconds

    def _left(self, deadline: float) -> float:
        return max(0.0, deadline - self.clock.monotonic())
