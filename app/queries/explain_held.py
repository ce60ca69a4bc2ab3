"""The part of a question that is held, of which collection, and as a picture; and the hours held of collections."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.holdings.collection import EVER, Span, conditions_of
from app.holdings.holdings import Holdings
from app.holdings.marks import span_of
from app.holdings.packing import MICROSECOND, microseconds
from app.holdings.partition import FOREVER, day_of
from app.holdings.store import Collection
from app.holdings.supersets import kinds_of
from app.interactions.times import Time, written
from app.queries.fetch_plan import FetchPlan
from app.upstream.query import EVERYTHING, UpstreamQuery, alternatives

ALL_TIME = Span(EVER, FOREVER)
CELLS = 48  # of the picture
LATELY = timedelta(days=1)  # shown of a range without start, where no more is held
COVERED, DUE, LACKING, TO_COME = "#", "~", ".", " "
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOURS = 24  # of a UTC day
MOST_DAYS = 31  # of the whole tenant, whose hours are told
MOST_OTHERS, DAYS_OF_OTHERS = 4, 14  # collections beside it
_CONDITIONS = {
    "attribute_values": "attr",
    "hook_type": "hook_type",
    "hook_sub_type": "hook_subtype",
    "hook_id": "hook_id",
    "contact_id": "contact_id",
}
_PERSONAL = ("attribute_values", "contact_id")


class HeldPart(Struct, kw_only=True):
    """The part of the query's range that is held; null where it is asked whole, or of attributes under a policy.

    With `attr_any` the query's own collections are those of each value: all of them, taken together.
    """

    collection: Annotated[
        Literal["own", "whole-tenant"],
        Meta(
            title="HeldCollection",
            description="The collection that answers: of the query's own conditions, or of the whole tenant.",
        ),
    ]
    collections: Annotated[int, Meta(description="How many those are: one for each value of `attr_any`, else one.")]
    covered: Annotated[bool, Meta(description="Whether all of the range is held.")]
    records: Annotated[int, Meta(description="Records of the collection, or of all of them, within the range.")]
    records_due: Annotated[int, Meta(description="Those of them that are to be read again by now.")]
    compared_seconds_ago: Annotated[
        float | None,
        Meta(
            description="Since the part compared longest ago was compared with upstream; null unless all is held.",
            extra_json_schema={"x-unit": "seconds"},
        ),
    ]
    coverage: Annotated[
        str, Meta(description=f"The range as {CELLS} cells from old to new: `{COVERED}` is held, `{LACKING}` is not.")
    ]
    coverage_from: Annotated[Time, Meta(description="Where the picture begins.")]
    coverage_to: Annotated[Time, Meta(description="Where it ends.")]


def held_part(plan: FetchPlan, holdings: Holdings, now: datetime) -> HeldPart | None:
    """The part of the plan's range that is held at `now`."""
    if not (plan.is_holdable and holdings.is_trusted):
        return None
    span, whole = span_of(plan.asked), holdings.collection(EVERYTHING)
    own = [holdings.collection(one) for one in alternatives(plan.asked)]
    holds_own = all(one.coverage.holds(span) for one in own)
    is_whole = whole not in own and whole.coverage.holds(span) and not holds_own
    answering = [whole] if is_whole else own
    monotonic = whole.clock.monotonic()
    compared_at = [one.coverage.compared_at(span) for one in answering]
    known = [one for one in compared_at if one is not None]
    is_covered = len(known) == len(answering)
    shown = min((_shown(one, span, now) for one in answering), key=lambda one: one.start)
    return HeldPart(
        collection="whole-tenant" if is_whole else "own",
        collections=len(answering),
        covered=is_covered,
        records=sum(one.rows(span) for one in answering),
        records_due=sum(due <= monotonic for one in answering for piece in one.pieces(span) for due in piece.due),
        compared_seconds_ago=monotonic - min(known) if is_covered else None,
        coverage="".join(_cells(answering, shown)),
        coverage_from=written(shown.start),
        coverage_to=written(shown.end),
    )


def _shown(collection: Collection, span: Span, now: datetime) -> Span:
    """The part of a range that the picture shows: up to now, and from its start, or where something is held."""
    end = min(span.end, now) if span.end == FOREVER else span.end
    starts = [one.span.start for one in collection.coverage.within(span) if one.span.start != EVER]
    start = min([*starts, end - LATELY]) if span.start == EVER else span.start
    return Span(min(start, end), end)


def _cells(collections: Sequence[Collection], shown: Span) -> list[str]:
    width = (shown.end - shown.start) / CELLS
    edges = [shown.start + number * width for number in range(CELLS)]
    held = [all(one.coverage.holds(Span(edge, edge + width)) for one in collections) for edge in edges]
    return [COVERED if one else LACKING for one in held]


class HeldDay(Struct):
    """The hours of one UTC day."""

    on: Annotated[str, Meta(description="The date.", extra_json_schema={"format": "date"})]
    hours: Annotated[
        str,
        Meta(
            description=f"24 of them: `{COVERED}` is held, `{DUE}` is held and has records to be read again by now, "
            f"`{LACKING}` is not held as a whole, a space has not begun."
        ),
    ]


class HeldHours(Struct):
    """The last days of a collection, down to the first hour held."""

    conditions: Annotated[
        str,
        Meta(description="As a query names them, `…` for a value that may be personal. Empty: the whole tenant."),
    ]
    is_asked: Annotated[bool, Meta(description="Whether they are those of this query.")]
    records: Annotated[int, Meta(description="Records held, of any day.")]
    days: Annotated[
        list[HeldDay], Meta(description=f"The newest first; {MOST_DAYS} at most, of others {DAYS_OF_OTHERS}.")
    ]


def held_hours(
    plan: FetchPlan, holdings: Holdings, now: datetime, *, others: bool, hooks: bool
) -> list[HeldHours] | None:
    """The hours held of the whole tenant; of `others` too, the last asked for first, those about `hooks` among them.

    `plan` is of the query that asks.
    """
    if not holdings.is_trusted:
        return None
    whole = holdings.collection(EVERYTHING)
    known = [one for one in holdings.collections() if one is not whole and not one.token.purged]
    shown = [one for one in known if one.coverage.intervals and (hooks or kinds_of(one.conditions) <= {"contact_id"})]
    latest = sorted(shown, key=lambda one: -one.asked_at)[:MOST_OTHERS] if others else []
    told = [(whole, MOST_DAYS), *((one, DAYS_OF_OTHERS) for one in latest)]
    asked = [conditions_of(one) for one in alternatives(plan.asked)] if plan.is_holdable else []
    return [
        HeldHours(_named(one.conditions), one.conditions in asked, one.rows(ALL_TIME), [*_days(one, now, most)])
        for one, most in told
    ]


def _named(conditions: UpstreamQuery) -> str:
    """The conditions in the words of a query, without values that may be personal."""
    given = {name: getattr(conditions, name) for name in _CONDITIONS if getattr(conditions, name)}
    return "&".join(f"{_CONDITIONS[name]}={'…' if name in _PERSONAL else value}" for name, value in given.items())


def _days(collection: Collection, now: datetime, most: int) -> Iterator[HeldDay]:
    """The days, from today down. The hour under way is held where it is up to a minute ago."""
    span = Span(day_of(now).start - (most - 1) * DAY, now)
    begun = (now - span.start) // HOUR + 1
    lacking: set[int] = set()
    for gap in collection.coverage.merged().gaps(span):
        if now - gap.start > MINUTE:
            lacking.update(range((gap.start - span.start) // HOUR, ceil((gap.end - span.start) / HOUR)))
    due = _due_hours(collection, span)
    cells = "".join(LACKING if hour in lacking else DUE if hour in due else COVERED for hour in range(begun))
    first = next((hour for hour in range(begun) if hour not in lacking), begun - 1) // HOURS
    for number in reversed(range(first, most)):
        day = cells[HOURS * number : HOURS * (number + 1)]
        yield HeldDay((span.start + number * DAY).date().isoformat(), day.ljust(HOURS, TO_COME))


def _due_hours(collection: Collection, span: Span) -> set[int]:
    """The hours since the start of the span with a record that is to be read again by now."""
    now, start = collection.clock.monotonic(), microseconds(span.start)
    pieces = (piece for piece in collection.pieces(span) if piece.due_at <= now)
    records = (one for piece in pieces for one in zip(piece.starts, piece.due, strict=True))
    return {(began - start) // (HOUR // MICROSECOND) for began, due in records if due <= now}
