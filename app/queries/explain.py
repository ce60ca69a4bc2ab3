"""The stored snapshot of a query, its freshness lifetime and the rule for it, and the cost of a miss: all pure."""

from collections.abc import Mapping
from itertools import chain
from math import ceil
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.cache.stored import Stored
from app.interactions.times import Time, written
from app.queries.fetch_plan import FetchPlan
from app.queries.query import NEWEST_FIRST, InteractionQuery
from app.queries.rules import Rule, Rules
from app.queries.snapshot import Snapshot
from app.upstream.query import CONDITIONS, MOST_ROWS_PER_CALL, alternatives, blocks, parameters

State = Literal["fresh", "stale", "stale-if-error", "absent", "pinned"]

WORDS: Mapping[Rule, str] = {
    "open": "Something can still change: an interaction has not settled, or the range has not ended and settled.",
    "empty-open": "Nothing matched yet, and something still may.",
    "settled": "All has ended and settled: fresh for a tenth of the time since something last happened.",
    "empty-settled": "Nothing matched, and the range has ended and settled: fresh for a tenth of the time since.",
    "recheck": "A record is to be read again by then: one that is open, or that something happened to lately.",
    "unknown-interaction": "Upstream knows no interaction of this id; it is asked again after a minute.",
}
"""Each rule of lifetimes, in a sentence."""


def _seconds(description: str) -> Meta:
    return Meta(description=description, extra_json_schema={"x-unit": "seconds"})


class MissCost(Struct):
    """The least that these parameters cost where nothing is stored; more where the façade looks for rows itself."""

    upstream_calls: Annotated[int, Meta(description="Calls; 0 with a cursor, as nothing brings its snapshot back.")]
    rows_read: Annotated[int, Meta(description="Rows of upstream's list.")]


class UpstreamParameter(Struct):
    """One condition in upstream's words."""

    name: str
    value: str


class LifetimeRule(Struct):
    """The reason for a freshness lifetime."""

    name: Annotated[Rule, Meta(title="LifetimeRuleName", description="A rule of lifetimes.")]
    words: str


class StoredSnapshot(Struct, kw_only=True):
    """The facts of a stored snapshot; null where none is stored, or where they would tell of rows that are hidden."""

    stored: Annotated[bool, Meta(description="Whether a snapshot is stored.")]
    state: Annotated[
        State,
        Meta(
            title="CacheState",
            description="State of the stored snapshot. `stale` is served at once and refreshed behind; "
            "`stale-if-error` is past that: a client waits for the refresh, and gets it only if that fails or takes "
            "too long. `pinned` is the snapshot of a cursor.",
        ),
    ]
    age_seconds: Annotated[float | None, _seconds("Since upstream was asked.")]
    fresh_for_seconds: Annotated[float | None, _seconds("The freshness lifetime.")]
    time_left_seconds: Annotated[float | None, _seconds("Of freshness; negative when stale.")]
    revalidate_for_seconds: Annotated[
        float | None, _seconds("How long past its freshness it is served at once, and refreshed behind.")
    ]
    stale_for_seconds: Annotated[float | None, _seconds("How long past its freshness it may be served at all.")]
    rule: Annotated[LifetimeRule | None, Meta(description="The rule that gave the lifetime.")]
    rows_stored: Annotated[int | None, Meta(description="Rows of the snapshot read so far.")]
    blocks: Annotated[
        int | None,
        Meta(description="Compressed blocks they are in; null where some attributes are hidden from a search."),
    ]
    bytes: Annotated[int | None, Meta(description="Memory that the snapshot takes; null likewise.")]
    complete: Annotated[bool | None, Meta(description="Whether upstream has no more; null likewise.")]
    total: Annotated[int | None, Meta(description="Rows upstream promised.")]
    as_of: Annotated[Time | None, Meta(description="When upstream first showed this content.")]


_NONE_STORED = StoredSnapshot(stored=False, state="absent", **dict.fromkeys(StoredSnapshot.__struct_fields__[2:]))


def sent(plan: FetchPlan) -> list[UpstreamParameter]:
    """The conditions that upstream is sent, name by name; the numbers of each block come with its call.

    Alternatives are each asked for by themselves.
    """
    each = dict.fromkeys(chain.from_iterable(parameters(one, 0, 0) for one in alternatives(plan.asked)))
    return [UpstreamParameter(name, value) for name, value in each if name in CONDITIONS]


def stored_snapshot(plan: FetchPlan, stored: Stored[Snapshot] | None, now: float) -> StoredSnapshot:
    """The facts of the snapshot that is stored for the plan, at `now` (monotonic seconds)."""
    if stored is None:
        return _NONE_STORED
    snapshot, rule, tells = stored.value, plan.lifetime(stored.value).rule, not plan.visibility.is_guarded
    return StoredSnapshot(
        stored=True,
        state=_state(plan, stored, now),
        age_seconds=stored.age(now),
        fresh_for_seconds=stored.fresh_for,
        time_left_seconds=stored.time_left(now),
        revalidate_for_seconds=stored.revalidate_for,
        stale_for_seconds=stored.stale_for,
        rule=LifetimeRule(rule, WORDS[rule]),
        rows_stored=snapshot.rows,
        blocks=len(snapshot.runs) if tells else None,
        bytes=stored.size + sum(one.size for one in stored.shared) if tells else None,
        complete=snapshot.complete if tells else None,
        total=total_of(plan, snapshot),
        as_of=written(snapshot.as_of),
    )


def total_of(plan: FetchPlan, snapshot: Snapshot) -> int | None:
    """The number of rows upstream has for the query; None where none counted them, or it tells of hidden ones."""
    is_counted = not (plan.visibility.is_guarded or plan.asked.any_values)
    return snapshot.total if snapshot.complete or is_counted else None


def _state(plan: FetchPlan, stored: Stored[Snapshot], now: float) -> State:
    if plan.version:
        return "pinned"
    if stored.is_fresh(now):
        return "fresh"
    return "stale" if stored.may_be_revalidated(now) else "stale-if-error"


def miss_cost(
    query: InteractionQuery,
    total: int | None,
    rules: Rules,
    *,
    asks_time_zone: bool = False,
    is_guarded: bool = False,
) -> MissCost:
    """The cost of answering the query if nothing were stored; `total` is what upstream has, where that is known.

    Exact where upstream knows every condition. Where some are answered here, reading goes on until enough rows match,
    or one request has made all the calls it may; a stream has no such bound.
    Nothing brings back what a cursor is pinned to, so that costs nothing.
    """
    if query.cursor:
        return MissCost(0, 0)
    least = len(query.search.attr_any)  # each is asked for by itself
    if query.limit > rules.max_rows and query.order == NEWEST_FIRST:  # it is streamed
        rows = MOST_ROWS_PER_CALL if total is None else max(1, min(query.reach, total))
        return MissCost(max(ceil(rows / MOST_ROWS_PER_CALL), least) + asks_time_zone, rows)
    spans = blocks(0, max(_goal(query, total, rules), MOST_ROWS_PER_CALL if is_guarded else 0), rules.most_rows)
    spans = spans[: rules.most_calls]
    end = spans[-1].end
    return MissCost(max(len(spans), least) + asks_time_zone, end if total is None else min(end, total))


def _goal(query: InteractionQuery, total: int | None, rules: Rules) -> int:
    """The number of rows wanted; one at least, as the first block tells how many there are.

    Any order but upstream's needs all rows, and of more than one answer may hold no more is read.
    """
    if query.order == NEWEST_FIRST:
        wanted = query.reach
    else:
        is_too_long = total is not None and total > rules.max_rows
        wanted = min(rules.max_rows, rules.scan_rows) if is_too_long else rules.max_rows
    return max(1, wanted if total is None else min(wanted, total))
