"""What is stored for a question, how long it is fresh and why, and what asking upstream for it would cost: all pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.cache.stored import Stored
from app.interactions.times import rfc3339
from app.queries.fetch_plan import FetchPlan
from app.queries.lifetime import Rule
from app.queries.query import NEWEST_FIRST, InteractionQuery
from app.queries.rules import Rules
from app.queries.snapshot import Snapshot
from app.upstream.query import CONDITIONS, MOST_ROWS_PER_CALL, blocks, parameters

State = Literal["fresh", "stale", "stale-if-error", "absent", "pinned"]

WORDS: Mapping[Rule, str] = {
    "open": "Something can still change: an interaction has not settled, or the range has not ended and settled.",
    "empty-open": "Nothing matched yet, and something still may.",
    "settled": "All has ended and settled: fresh for a tenth of the time since something last happened.",
    "empty-settled": "Nothing matched, and the range has ended and settled: fresh for a tenth of the time since.",
    "unknown-interaction": "Upstream knows no interaction of this id; it is asked again after a minute.",
}
"""Each rule of lifetimes, in a sentence."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a miss costs at least: calls to upstream, and rows of its list that are read."""

    upstream_calls: int
    rows_read: int


def sent(plan: FetchPlan) -> list[dict[str, str]]:
    """The conditions that upstream is sent, name by name; the numbers of each block come with its call."""
    return [{"name": name, "value": value} for name, value in parameters(plan.asked, 0, 0) if name in CONDITIONS]


def kept(plan: FetchPlan, stored: Stored[Snapshot] | None, now: float) -> dict[str, object]:
    """What is stored for the question at `now` (monotonic seconds); null where nothing is.

    Null, too, are figures that would tell of rows that may not be seen.
    """
    if stored is None:
        return {"stored": False, "state": "absent", **dict.fromkeys(_OF_REPORT)}
    snapshot, rule, tells = stored.value, plan.lifetime(stored.value).rule, not plan.visibility.is_guarded
    return {
        "stored": True,
        "state": _state(plan, stored, now),
        "age_seconds": stored.age(now),
        "fresh_for_seconds": stored.fresh_for,
        "time_left_seconds": stored.time_left(now),
        "revalidate_for_seconds": stored.revalidate_for,
        "stale_for_seconds": stored.stale_for,
        "rule": {"name": rule, "words": WORDS[rule]},
        "rows_stored": snapshot.rows,
        "blocks": len(snapshot.blocks) if tells else None,
        "bytes": stored.size if tells else None,
        "complete": snapshot.complete if tells else None,
        "total": total_of(plan, snapshot),
        "as_of": rfc3339(snapshot.as_of),
    }


_OF_REPORT = (
    "age_seconds",
    "fresh_for_seconds",
    "time_left_seconds",
    "revalidate_for_seconds",
    "stale_for_seconds",
    "rule",
    "rows_stored",
    "blocks",
    "bytes",
    "complete",
    "total",
    "as_of",
)


def total_of(plan: FetchPlan, snapshot: Snapshot) -> int | None:
    """How many rows upstream has for the question; None where that would tell of rows that may not be seen."""
    return snapshot.total if snapshot.complete or not plan.visibility.is_guarded else None


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
) -> Cost:
    """What answering the query would cost if nothing were stored; `total` is what upstream has, where that is known.

    Exact where upstream knows every condition. Where some are answered here, reading goes on until enough rows match,
    or one request has made all the calls it may.
    Nothing brings back what a cursor is pinned to, so that costs nothing.
    """
    if query.cursor:
        return Cost(0, 0)
    spans = blocks(0, max(_goal(query, total, rules), MOST_ROWS_PER_CALL if is_guarded else 0), rules.most_rows)
    spans = spans[: rules.most_calls]
    end = spans[-1].end
    return Cost(len(spans) + asks_time_zone, end if total is None else min(end, total))


def _goal(query: InteractionQuery, total: int | None, rules: Rules) -> int:
    """How many rows are wanted; one at least, as the first block tells how many there are.

    Any order but upstream's needs all rows, and of more than one answer may hold no more is read.
    """
    if query.order == NEWEST_FIRST:
        wanted = query.reach
    else:
        is_too_long = total is not None and total > rules.max_rows
        wanted = min(rules.max_rows, rules.scan_rows) if is_too_long else rules.max_rows
    return max(1, wanted if total is None else min(wanted, total))
