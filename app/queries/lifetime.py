"""How long a snapshot is fresh, from its finality (DESIGN §5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.queries.rules import Rules
from app.queries.snapshot import Snapshot

Rule = Literal["open", "empty-open", "settled", "empty-settled", "unknown-interaction"]

SETTLED_SHARE = 0.1  # of the time since something last happened
SETTLED_MINIMUM_SECONDS = 60.0
EMPTY_MAXIMUM_SECONDS = 60.0
UNKNOWN_INTERACTION_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds of freshness, and the rule that gave them."""

    seconds: float
    rule: Rule

    @property
    def allows_stale(self) -> bool:
        """Whether it may be served past its freshness: a problem has no way to say that it is stale."""
        return self.rule != "unknown-interaction"


def of_search(snapshot: Snapshot, end: datetime | None, rules: Rules) -> Lifetime:
    """The freshness lifetime of the rows of a search whose range ends at `end`; what lacks some is open."""
    if end is None or end > snapshot.as_of - rules.context.settle or snapshot.lacks_rows or not snapshot.all_final:
        return _open(rules) if snapshot.rows else _at_most(EMPTY_MAXIMUM_SECONDS, _open(rules).seconds, "empty-open")
    return _settled(snapshot, end, rules, "settled" if snapshot.rows else "empty-settled")


def of_interaction(snapshot: Snapshot, rules: Rules) -> Lifetime:
    """The freshness lifetime of one interaction, or of the news that it does not exist."""
    if snapshot.last_event_at is None:
        return _at_most(UNKNOWN_INTERACTION_SECONDS, rules.fresh_max_seconds, "unknown-interaction")
    return _settled(snapshot, snapshot.last_event_at, rules, "settled") if snapshot.all_final else _open(rules)


def _open(rules: Rules) -> Lifetime:
    return _at_most(rules.fresh_open_seconds, rules.fresh_max_seconds, "open")


def _settled(snapshot: Snapshot, end: datetime, rules: Rules, rule: Rule) -> Lifetime:
    quiet_since = max(end, snapshot.last_event_at or end)
    quiet = (snapshot.as_of - quiet_since).total_seconds()
    return _at_most(max(quiet * SETTLED_SHARE, SETTLED_MINIMUM_SECONDS), rules.fresh_max_seconds, rule)


def _at_most(seconds: float, most: float, rule: Rule) -> Lifetime:
    return Lifetime(min(seconds, most), rule)
