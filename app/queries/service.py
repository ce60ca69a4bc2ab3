"""The spine: query → plan → lookup in the store → fetch → snapshot → page | summary. Read this first."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from app.cache.reuse import UNDIRECTED, Action, Directives, refresh_early
from app.cache.single_flight import SingleFlight
from app.cache.stored import Stored
from app.clock import Clock
from app.errors import (
    CursorExpired,
    CxfacadeError,
    InternalError,
    NotFound,
    NotStored,
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
from app.queries.fetch_plan import FetchPlan
from app.queries.fetching import Fetching
from app.queries.following import Following
from app.queries.making import Making
from app.queries.page import FetchResult, Lookup, Page, lookup_of, page_of
from app.queries.places import is_crowded
from app.queries.planning import Planner
from app.queries.query import ALL_ROWS, NEWEST_FIRST, InteractionQuery, PageRange
from app.queries.rules import Rules
from app.queries.select import Selection
from app.queries.snapshot import Snapshot
from app.queries.snapshot_store import SnapshotStore, snapshot_key
from app.queries.tenant_zone import TenantZone
from app.queries.writing import Write
from app.upstream.client import UpstreamClient
from app.workers import PurgeOrders

AUTH_STALE_SECONDS = 300.0  # so long stale may cover that our credentials are refused (FAULTS 1.3)


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
    zone: TenantZone = field(init=False)
    fetching: Fetching = field(init=False)
    planner: Planner = field(init=False)
    making: Making = field(init=False)
    following: Following = field(init=False)

    def __post_init__(self) -> None:
        self.zone = TenantZone(self.upstream, self.flights, self.clock, self.rules)
        self.fetching = Fetching(self.snapshots, self.holdings, self.clock, self.rules, self.orders)
        self.planner = Planner(self.upstream, self.fetching, self.clock, self.rules, self.zone.get)
        names = self.upstream.attribute_names
        self.making = Making(self.snapshots, self.flights, self.clock, self.rules, self.grains, names)
        self.following = Following(self.holdings, self.rules)

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
        selection = await self.making.selected(query, lookup, found, self.planner.page_range(query, lookup.plan), write)
        while selection.count < query.limit and self._may_read_on(lookup.plan, found):
            scanned = found.snapshot.rows
            found = await self._reach(lookup, max(2 * scanned, self.rules.scan_rows), found)
            further = PageRange(scanned, selection.skip, query.limit - selection.count)
            selection = selection.then(await self.making.selected(query, lookup, found, further, write))
        found, selection = await self._past_crowd(lookup, found, selection)
        seconds = self.clock.monotonic() - began - found.upstream_seconds
        return page_of(query, lookup.plan, found, selection, self.rules, seconds=max(0.0, seconds))

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
            left = lookup.left(self.clock.monotonic())
            joined = await self.flights.join(key, extend, wait_seconds=left, owners=owners)
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
            left = lookup.left(self.clock.monotonic())
            joined = await self.flights.join(plan.key, begin, wait_seconds=left, owners=owners)
        except (UpstreamError, StillFetching, InternalError) as error:
            if covering := lookup.covering(error, self.clock.monotonic()):
                return covering
            error.last_success_at = self.fetching.successes.last(plan.key)
            raise
        self.zone.learn(joined.value.snapshot.time_zone)
        if self.holdings.is_to_be_probed:
            self.flights.launch(b"probe", self.holdings.probe)
        return replace(joined.value, collapsed=joined.collapsed, fwd=decision.fwd or "uri-miss")

    def is_degraded(self) -> bool:
        """Whether upstream is ill, and nothing is stored to answer from."""
        return self.upstream.is_ill() and not len(self.snapshots)

    def deadline(self) -> float:
        """When the wait of a client who comes now is over (monotonic seconds)."""
        return self.clock.monotonic() + self.rules.wait_seconds
