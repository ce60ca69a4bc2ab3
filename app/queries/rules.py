"""The rules of answers: the settings in the form they are used, and how long a snapshot is fresh (DESIGN §5)."""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.cache.keys import digest
from app.interactions.facts import Context
from app.interactions.masking import Audience, by_name
from app.interactions.service_level import ServiceLevel
from app.queries.snapshot import Snapshot
from app.settings import Settings

SNAPSHOT_FACTOR = 10  # a snapshot holds so many times the rows of the largest answer
SCAN_ROWS = 1000
MOST_CALLS = 10  # the calls to upstream that one request waits for
STEP_ROWS = 4000  # read, packed and let go of before more is read
SETTLED_SHARE = 0.1  # of the time since something last happened
SETTLED_MINIMUM_SECONDS = 60.0
EMPTY_MAXIMUM_SECONDS = 60.0
UNKNOWN_INTERACTION_SECONDS = 60.0

Rule = Literal["open", "empty-open", "settled", "empty-settled", "recheck", "unknown-interaction"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds in rows, times in seconds. `context` lacks only what each snapshot adds: when, in which zone, for whom.

    `most_rows` is what the snapshot of a list may hold, reached by cursor; `scan_rows` the least that is read to find
    rows by a condition upstream does not know; `most_calls` what one request may ask of upstream. `digest` is of the
    tenant and all settings that shape rows: it is in the key of whatever is stored.
    """

    context: Context
    digest: bytes
    time_zone: ZoneInfo | None
    max_rows: int
    most_rows: int
    scan_rows: int
    wait_seconds: float
    fresh_open_seconds: float
    fresh_max_seconds: float
    most_calls: int = MOST_CALLS
    step_rows: int = STEP_ROWS

    def zone(self, time_zone: str | None) -> ZoneInfo:
        """The zone of local dates; upstream's `time_zone` counts where none is configured."""
        return self.time_zone or zone_of(time_zone)

    def context_of(self, snapshot: Snapshot, audience: Audience) -> Context:
        """The context in which rows are made of a snapshot's records."""
        return self.context_at(snapshot.as_of, snapshot.time_zone, audience)

    def context_at(self, as_of: datetime, time_zone: str | None, audience: Audience) -> Context:
        """The context of a snapshot that is still being made."""
        return replace(self.context, as_of=as_of, zone=self.zone(time_zone), audience=audience)


def from_settings(settings: Settings, pseudonym_secret: bytes) -> Rules:
    """The rules as configured; without a tenant, as in a document that is only printed, its id is empty."""
    context = Context(
        tenant_id=settings.tenant_id or "",
        as_of=datetime.min.replace(tzinfo=UTC),
        settle=timedelta(seconds=settings.settle_seconds),
        service_level=ServiceLevel(
            settings.sla_seconds, dict(settings.sla_by_queue), settings.abandon_seconds, settings.sla_abandons
        ),
        pseudonym_secret=pseudonym_secret,
        attribute_policy=by_name(settings.attribute_policy),
    )
    shaping = (repr(getattr(context, one.name)) for one in fields(context))
    return Rules(
        context=context,
        digest=digest("rows", *shaping, settings.attributes, settings.time_zone),
        time_zone=ZoneInfo(settings.time_zone) if settings.time_zone else None,
        max_rows=settings.max_rows,
        most_rows=SNAPSHOT_FACTOR * settings.max_rows,
        scan_rows=SCAN_ROWS,
        wait_seconds=settings.wait_seconds,
        fresh_open_seconds=settings.fresh_open_seconds,
        fresh_max_seconds=settings.fresh_max_seconds,
    )


def zone_of(name: str | None) -> ZoneInfo:
    """The zone upstream names; UTC where it names none, or one that nobody knows."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # as a file: missing, outside its folder, a folder itself
        return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Seconds of freshness, and the rule that gave them."""

    seconds: float
    rule: Rule

    @property
    def allows_stale(self) -> bool:
        """Whether it may be served past its freshness: a problem has no way to say that it is stale."""
        return self.rule != "unknown-interaction"


def lifetime_of_search(snapshot: Snapshot, end: datetime | None, rules: Rules) -> Lifetime:
    """The freshness lifetime of the rows of a search whose range ends at `end`; what lacks some is open.

    Of records that are held, each has a schedule of its own: the first of them that is due ends it.
    """
    is_settled = end is not None and end <= snapshot.checked_at - rules.context.settle
    if snapshot.fresh_seconds is not None:
        rule: Rule = ("settled" if snapshot.rows else "empty-settled") if is_settled else _open_rule(snapshot)
        seconds = max(0.0, min(snapshot.fresh_seconds, rules.fresh_max_seconds))
        if rule == "empty-open":
            return Lifetime(min(seconds, EMPTY_MAXIMUM_SECONDS), rule)
        return Lifetime(seconds, rule if seconds >= compared_for(end, snapshot.checked_at, rules) else "recheck")
    if end is None or not is_settled or snapshot.lacks_rows or not snapshot.sums.all_final:
        seconds = _open(rules).seconds
        return Lifetime(seconds if snapshot.rows else min(EMPTY_MAXIMUM_SECONDS, seconds), _open_rule(snapshot))
    return _settled(snapshot, end, rules, "settled" if snapshot.rows else "empty-settled")


def _open_rule(snapshot: Snapshot) -> Rule:
    return "open" if snapshot.rows else "empty-open"


def compared_for(end: datetime | None, compared_at: datetime, rules: Rules) -> float:
    """For so many seconds after it was compared with upstream, a range that ends at `end` has no other rows."""
    if end is None or end > compared_at - rules.context.settle:
        return _open(rules).seconds
    quiet = (compared_at - end).total_seconds()
    return min(max(quiet * SETTLED_SHARE, SETTLED_MINIMUM_SECONDS), rules.fresh_max_seconds)


def lifetime_of_interaction(snapshot: Snapshot, rules: Rules) -> Lifetime:
    """The freshness lifetime of one interaction, or of the news that it does not exist."""
    if snapshot.sums.last_event_at is None:
        return Lifetime(min(UNKNOWN_INTERACTION_SECONDS, rules.fresh_max_seconds), "unknown-interaction")
    return (
        _settled(snapshot, snapshot.sums.last_event_at, rules, "settled") if snapshot.sums.all_final else _open(rules)
    )


def _open(rules: Rules) -> Lifetime:
    return Lifetime(min(rules.fresh_open_seconds, rules.fresh_max_seconds), "open")


def _settled(snapshot: Snapshot, end: datetime, rules: Rules, rule: Rule) -> Lifetime:
    quiet_since = max(end, snapshot.sums.last_event_at or end)
    quiet = (snapshot.checked_at - quiet_since).total_seconds()
    return Lifetime(min(max(quiet * SETTLED_SHARE, SETTLED_MINIMUM_SECONDS), rules.fresh_max_seconds), rule)
