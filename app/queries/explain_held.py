"""The part of a question that is held, of which collection, and as a picture."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.holdings.collection import EVER, Span
from app.holdings.holdings import Holdings, span_of
from app.holdings.partition import FOREVER
from app.holdings.store import Collection
from app.interactions.times import Time, written
from app.queries.fetch_plan import FetchPlan
from app.upstream.query import EVERYTHING

CELLS = 48  # of the picture
LATELY = timedelta(days=1)  # shown of a range without start, where no more is held
COVERED, LACKING = "#", "."


class HeldPart(Struct, kw_only=True):
    """The part of the query's range that is held; null where it is asked whole, or of attributes under a policy."""

    collection: Annotated[
        Literal["own", "whole-tenant"],
        Meta(
            title="HeldCollection",
            description="The collection that answers: of the query's own conditions, or of the whole tenant.",
        ),
    ]
    covered: Annotated[bool, Meta(description="Whether all of the range is held.")]
    records: Annotated[int, Meta(description="Records of the collection within the range.")]
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
    span, own, whole = span_of(plan.asked), holdings.collection(plan.asked), holdings.collection(EVERYTHING)
    is_whole = own is not whole and whole.coverage.holds(span) and not own.coverage.holds(span)
    collection = whole if is_whole else own
    monotonic = collection.clock.monotonic()
    compared_at = collection.coverage.compared_at(span)
    shown = _shown(collection, span, now)
    return HeldPart(
        collection="whole-tenant" if is_whole else "own",
        covered=compared_at is not None,
        records=collection.rows(span),
        records_due=sum(due <= monotonic for piece in collection.pieces(span) for due in piece.due),
        compared_seconds_ago=None if compared_at is None else monotonic - compared_at,
        coverage="".join(_cells(collection, shown)),
        coverage_from=written(shown.start),
        coverage_to=written(shown.end),
    )


def _shown(collection: Collection, span: Span, now: datetime) -> Span:
    """The part of a range that the picture shows: up to now, and from its start, or where something is held."""
    end = min(span.end, now) if span.end == FOREVER else span.end
    starts = [one.span.start for one in collection.coverage.within(span) if one.span.start != EVER]
    start = min([*starts, end - LATELY]) if span.start == EVER else span.start
    return Span(min(start, end), end)


def _cells(collection: Collection, shown: Span) -> list[str]:
    width = (shown.end - shown.start) / CELLS
    edges = [shown.start + number * width for number in range(CELLS)]
    held = [collection.coverage.holds(Span(edge, edge + width)) for edge in edges]
    return [COVERED if one else LACKING for one in held]
