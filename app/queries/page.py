"""The values that the service hands out: a lookup in the store, a fetch result, and a page of rows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from app.cache.reuse import Action, Decision, Directives, Fwd, decide
from app.cache.stored import Stored
from app.errors import CxfacadeError
from app.interactions.grains import INTERACTIONS
from app.queries.cursor import Cursor
from app.queries.fetch_plan import FetchPlan
from app.queries.places import place_of
from app.queries.query import InteractionQuery
from app.queries.rules import Rules
from app.queries.select import Selection
from app.queries.snapshot import DecodedSnapshot, Snapshot


@dataclass(frozen=True, slots=True)
class FetchResult:
    """A snapshot and how it was obtained: `fetched` from upstream for this request, perhaps in another caller's flight.

    `kept`: the store holds it, so that a cursor can find it again. `fwd` says why upstream was asked, `detail` why
    another snapshot than the newest wanted is served (RFC 9211). `upstream_calls` were made for this request.
    """

    opened: DecodedSnapshot
    stored: Stored[Snapshot]
    fetched: bool = False
    fwd: Fwd = "uri-miss"
    detail: str | None = None
    kept: bool = True
    collapsed: bool = False
    upstream_seconds: float = 0.0
    upstream_calls: int = 0

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot itself."""
        return self.opened.snapshot

    def packed(self) -> "FetchResult":
        """The same without the facts at hand."""
        return replace(self, opened=DecodedSnapshot(self.snapshot))

    def after(self, earlier: "FetchResult", *, collapsed: bool) -> "FetchResult":
        """This, a flight's longer reading of the snapshot found `earlier`, with the facts of both."""
        return replace(
            self,
            fetched=self.fetched or earlier.fetched,
            fwd=earlier.fwd if earlier.fetched else "partial",
            detail=earlier.detail,
            collapsed=collapsed or earlier.collapsed,
            upstream_seconds=self.upstream_seconds + earlier.upstream_seconds,
            upstream_calls=self.upstream_calls + earlier.upstream_calls,
        )


@dataclass(frozen=True, slots=True)
class Lookup:
    """The result of a lookup: the stored snapshot of a question, and the decision what to do.

    `is_enough`: it holds the rows wanted. `detail` says why it may serve though it is stale. `owner` answers for the
    fetches that are started for it. The client waits until `deadline` (monotonic seconds) for all of them together.
    Nothing older than `most_age` seconds will do.
    """

    plan: FetchPlan
    stored: Stored[Snapshot] | None
    decision: Decision
    is_enough: bool
    detail: str | None = None
    only_if_cached: bool = False
    owner: str = ""
    deadline: float = -inf
    most_age: float = inf

    @property
    def current(self) -> Stored[Snapshot] | None:
        """The stored snapshot, where it may answer as it is."""
        return self.stored if self.decision.serves else None

    @property
    def stored_at(self) -> float | None:
        """When the facts of the stored snapshot were received (monotonic seconds)."""
        return self.stored.stored_at if self.stored else None

    @property
    def may_be_refreshed(self) -> bool:
        """Whether a newer snapshot would serve better than the one that serves now."""
        return self.decision.serves and not self.plan.version

    def left(self, now: float) -> float:
        """Seconds that the client still waits at `now` (monotonic seconds)."""
        return max(0.0, self.deadline - now)

    def found(self) -> FetchResult | None:
        """The stored snapshot as found, where it may answer as it is."""
        stored = self.current
        return FetchResult(DecodedSnapshot(stored.value), stored, detail=self.detail) if stored else None

    def covering(self, error: CxfacadeError, now: float) -> FetchResult | None:
        """The stored snapshot, where it may stand in at `now` for a fetch that failed so (FAULTS 1.3)."""
        may = self.decision.stale_if_error and error.stale_may_cover and self.is_enough
        if not may or self.stored is None or not self.stored.is_usable(now):
            return None
        return FetchResult(DecodedSnapshot(self.stored.value), self.stored, detail="stale-if-error")


def lookup_of(
    plan: FetchPlan,
    stored: Stored[Snapshot] | None,
    now: float,
    directives: Directives,
    *,
    is_enough: bool,
    has_failed: Callable[[], bool],
    may_be_stale: Callable[[], bool],
    owner: str = "",
    deadline: float = -inf,
) -> Lookup:
    """The lookup of a question at `now` (monotonic seconds).

    For a cursor nothing newer than its snapshot would do. What is fresh serves whatever state upstream is in: only else
    is it asked whether the last refresh has failed, or the next one would, and whether what is stored serves past its
    freshness. Of a stale snapshot no more is read where it is not enough: a new one takes as long.
    """
    if plan.version:
        decision, why = Decision(Action.SERVE if stored else Action.REFUSE), "stale-snapshot"
    else:
        decision, why = decide(stored, now, directives), "stale-while-revalidate"
        if decision.action is not Action.SERVE:
            if has_failed():
                decision, why = decide(stored, now, directives, is_failing=True), "stale-if-error"
            covers = may_be_stale()
            if decision.action is Action.SERVE_AND_REFRESH and not (is_enough and covers):
                decision = decide(stored, now, replace(directives, max_stale=0))
            if not covers:
                decision = replace(decision, stale_if_error=False)
    is_outdated = stored is not None and stored.value.is_held and stored.purge_token.superseded and not plan.version
    if is_outdated and decision.action is Action.SERVE and not directives.only_if_cached:
        decision = Decision(Action.FETCH, "miss", stale_if_error=True)  # other records are held now
    detail = why if stored and not stored.is_fresh(now) else None
    most_age = 0.0 if decision.fwd == "request" else inf if directives.max_age is None else directives.max_age
    only_if_cached = directives.only_if_cached
    return Lookup(plan, stored, decision, is_enough, detail, only_if_cached, owner, deadline, most_age)


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer, where the next ones begin, and the snapshot they are from.

    `total` rows match in all, None where that is not known. `truncated`: more match than this page and its followers
    can show.
    """

    selection: Selection
    next_cursor: Cursor | None
    total: int | None
    truncated: bool
    found: FetchResult
    flatten_seconds: float


def page_of(
    query: InteractionQuery,
    plan: FetchPlan,
    found: FetchResult,
    selection: Selection,
    rules: Rules,
    *,
    seconds: float,
) -> Page:
    """The page that `selection` makes; `seconds` is what selecting took. Its cursor leads on in any process."""
    snapshot = found.snapshot
    following = selection.following
    if following is None and plan.is_readable(snapshot):
        following = snapshot.rows, 0  # reading goes on there, also where this request could not fill the page
    is_beyond_reach = snapshot.total > rules.most_rows and not snapshot.complete
    range_asked = query.cursor or query.search
    total = _total(query, plan, snapshot, selection, is_last=following is None)
    before = query.cursor.place if query.cursor else None
    is_rest = before is not None and snapshot.asked.end != range_asked.end
    if before and is_rest:
        total = before.total
    cursor = None
    if following is not None and found.kept:
        position, part = following
        within = snapshot.asked.end if is_rest else None
        place = place_of(snapshot, following, selection.next_id, query.order, before)
        place = place and replace(place, total=total, within=within)
        if query.since:
            place = place and replace(place, reached=(before and before.reached) or snapshot.marks)
        start, end, skip = range_asked.start, range_asked.end, selection.skip
        cursor = Cursor(snapshot.version, position, query.identity(), start, end, skip, part, place)
    return Page(
        selection=selection,
        next_cursor=cursor,
        total=total,
        truncated=snapshot.lacks_rows or is_beyond_reach or (following is not None and cursor is None),
        found=found,
        flatten_seconds=seconds,
    )


def _total(
    query: InteractionQuery, plan: FetchPlan, snapshot: Snapshot, selection: Selection, *, is_last: bool
) -> int | None:
    if snapshot.lacks_rows:
        return None
    if snapshot.gone is not None:
        counted = selection.count + len(selection.removed)
        return counted if is_last and not query.cursor and not query.offset else None
    if query.is_filtered_here() or plan.visibility.is_narrowed_here:
        is_only = is_last and snapshot.complete and not query.cursor and not query.offset
        return selection.count if is_only else None
    if snapshot.complete:
        return snapshot.rows_of(query.view.grain)
    is_veiled = snapshot.dropped or plan.visibility.is_guarded or plan.asked.any_values
    is_counted = query.view.grain == INTERACTIONS and not is_veiled
    return snapshot.total if is_counted else None
