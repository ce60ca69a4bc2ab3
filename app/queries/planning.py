"""Planning: what is asked of upstream for a question, and under which key its snapshot is stored."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from app.clock import Clock
from app.errors import CursorMismatch
from app.queries import fetch_plan as plans
from app.queries.cursor import Cursor, Place
from app.queries.fetch_plan import FetchPlan
from app.queries.fetching import Fetching
from app.queries.query import ALL_ROWS, NEWEST_FIRST, InteractionQuery, PageRange, Search
from app.queries.rules import Rules
from app.queries.select import BY_PLACE
from app.queries.summarising import require_few_intervals
from app.upstream.client import UpstreamClient


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans, each from its question alone, and from whether ranges are trusted now."""

    upstream: UpstreamClient
    fetching: Fetching
    clock: Clock
    rules: Rules
    time_zone: Callable[[], Awaitable[ZoneInfo]]

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
        return plans.of_changes(plan, query.since, query.question(), reached, is_held=self.fetching.holdings.is_trusted)

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
        if is_down and not self.fetching.holdings.is_trusted:
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

    def plan_of_one(self, interaction_id: str) -> FetchPlan:
        """The fetch plan of one interaction."""
        return plans.of_interaction(interaction_id, self.upstream, self.rules, self.time_zone)
