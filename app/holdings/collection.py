"""Coverage: the spans of which a collection holds everything; and the conditions that tell collections apart."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from math import inf
from typing import NamedTuple

from app.upstream.query import UpstreamQuery

EVER = datetime.min.replace(tzinfo=UTC)  # where a span without start begins


class Span(NamedTuple):
    """A half-open range `[start, end)` of starts of interactions, aware UTC."""

    start: datetime
    end: datetime

    def meets(self, other: "Span") -> bool:
        """Whether some moment lies in both."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Interval:
    """A span of which everything is held.

    `compared_at` is when that was last compared with upstream (monotonic seconds).
    """

    span: Span
    compared_at: float


class Rest(NamedTuple):
    """Upstream's number of `rows` in a span below what is held, as it was `counted_at` (monotonic seconds)."""

    span: Span
    rows: int
    counted_at: float


NOT_COUNTED = Rest(Span(EVER, EVER), 0, -inf)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The spans of a collection of which everything is held: disjoint intervals, sorted by start."""

    intervals: tuple[Interval, ...] = ()

    def gaps(self, span: Span) -> tuple[Span, ...]:
        """The parts of `span` that are not held, in order."""
        return tuple(_gaps(span, self.within(span)))

    def holds(self, span: Span) -> bool:
        """Whether all of `span` is held."""
        return not self.gaps(span)

    def within(self, span: Span) -> tuple[Interval, ...]:
        """The parts of the intervals that lie in `span`."""
        return tuple(filter(None, (_cut(one, span) for one in self.intervals)))

    def compared_at(self, span: Span) -> float | None:
        """When the part of `span` that was compared longest ago was; None where not all of it is held."""
        return min((one.compared_at for one in self.within(span)), default=None) if self.holds(span) else None

    def added(self, interval: Interval) -> "Coverage":
        """With an interval that was read just now, in place of whatever was held of its span."""
        if interval.span.start == interval.span.end:
            return self
        kept = (*self.without(interval.span).intervals, interval)
        return Coverage(tuple(sorted(kept, key=lambda one: one.span)))

    def without(self, span: Span) -> "Coverage":
        """Without `span`: it was evicted, or what is held of it cannot be trusted."""
        if span.start == span.end:
            return self
        outside = (Span(EVER, span.start), Span(span.end, datetime.max.replace(tzinfo=UTC)))
        pieces = (_cut(one, side) for one in self.intervals for side in outside)
        return Coverage(tuple(filter(None, pieces)))

    def merged(self) -> "Coverage":
        """With intervals that touch made one: as old as the older."""
        merged: list[Interval] = []
        for one in self.intervals:
            if merged and merged[-1].span.end == one.span.start:
                merged[-1] = _joined(merged[-1], one)
            else:
                merged.append(one)
        return Coverage(tuple(merged))


def _cut(interval: Interval, span: Span) -> Interval | None:
    """The part of an interval that lies in `span`, None where there is none."""
    start, end = max(interval.span.start, span.start), min(interval.span.end, span.end)
    if start >= end:
        return None
    return interval if (start, end) == interval.span else Interval(Span(start, end), interval.compared_at)


def _gaps(span: Span, held: Iterable[Interval]) -> Iterator[Span]:
    edges = [span.start, *(moment for one in held for moment in one.span), span.end]
    for number, (end, start) in enumerate(pairwise(edges)):
        if number % 2 == 0 and end < start:
            yield Span(end, start)


def _joined(one: Interval, following: Interval) -> Interval:
    compared_at = min(one.compared_at, following.compared_at)
    return Interval(Span(one.span.start, following.span.end), compared_at)


def conditions_of(asked: UpstreamQuery) -> UpstreamQuery:
    """The collection that a question to upstream is about: its conditions, without range."""
    return replace(asked, attribute_values=tuple(sorted(set(asked.attribute_values))), start=None, end=None)


def implies(asked: UpstreamQuery, collection: UpstreamQuery) -> bool:
    """Whether all that meets the conditions of `asked` is in the collection."""
    if not set(collection.attribute_values) <= set(asked.attribute_values):
        return False
    pairs = ((getattr(collection, name), getattr(asked, name)) for name in _SINGLE)
    return all(needed is None or needed == given for needed, given in pairs)


_SINGLE = ("hook_type", "hook_sub_type", "hook_id", "contact_id")
