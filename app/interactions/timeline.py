"""Record → ordered spans: what happened when, with offset and duration in seconds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.interactions.facts import Facts
from app.interactions.times import rfc3339, seconds_between

SPAN_FIELDS = (
    "kind",
    "started_at",
    "ended_at",
    "offset_seconds",
    "duration_seconds",
    "agent_id",
    "agent_name",
    "queue_id",
    "queue_name",
    "segment_number",
)


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of an interaction. `end` is None while it lasts."""

    kind: str
    start: datetime
    end: datetime | None
    agent_id: str | None = None
    agent_name: str | None = None
    queue_id: str | None = None
    queue_name: str | None = None
    segment_number: int | None = None


def _ivr(facts: Facts) -> Iterator[Span]:
    end = facts.queues[0].start_timestamp if facts.queues else _after(facts.started_at, facts.interaction.ivr_time)
    if end is None and facts.left_in_ivr:
        end = facts.ended_at
    if end is not None and end > facts.started_at:
        yield Span("ivr", facts.started_at, end)


def _after(start: datetime, seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else start + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _queue(facts: Facts) -> Iterator[Span]:
    for queue in facts.queues:
        if queue.start_timestamp:
            yield Span(
                "queue",
                queue.start_timestamp,
                queue.end_timestamp,
                agent_id=queue.agent_id,
                queue_id=queue.queue_id,
                queue_name=queue.queue_name,
            )


def _legs(facts: Facts) -> Iterator[Span]:
    names = {queue.queue_id: queue.queue_name for queue in facts.queues}
    for leg in facts.legs:
        answered, talked_until = leg.conversation_start_timestamp, leg.conversation_end_timestamp
        stretches: Iterable[tuple[str, datetime | None, datetime | None]] = (
            ("offer", leg.start_timestamp, answered or leg.end_timestamp),
            ("conversation", answered, talked_until),
            ("wrap_up", talked_until, leg.end_timestamp),
        )
        for kind, start, end in stretches:
            if start:
                yield Span(kind, start, end, leg.agent_id, leg.agent_name, leg.queue_id, names.get(leg.queue_id))


def _hold(facts: Facts) -> Iterator[Span]:
    for hold in facts.interaction.customer_hold_times:
        if hold.start_timestamp:
            yield Span("hold", hold.start_timestamp, hold.end_timestamp)


def _segment(facts: Facts) -> Iterator[Span]:
    for segment in facts.segments:
        if segment.start_timestamp:
            yield Span(
                "segment",
                segment.start_timestamp,
                segment.end_timestamp,
                agent_id=segment.segment_to_agent_id,
                segment_number=segment.segment_number,
            )


SPANS: tuple[Callable[[Facts], Iterator[Span]], ...] = (_segment, _ivr, _queue, _legs, _hold)
KINDS = ("segment", "ivr", "queue", "offer", "conversation", "hold", "wrap_up")


def timeline(facts: Facts) -> list[dict[str, str | float | int | None]]:
    """The spans by start, wider ones first where two start together; keys as in SPAN_FIELDS.

    An offset is negative for a span that begins before the interaction does.
    """
    spans = [span for spans_of in SPANS for span in spans_of(facts)]
    spans.sort(key=lambda span: (span.start, KINDS.index(span.kind)))
    return [_shown(span, facts.started_at) for span in spans]


def _shown(span: Span, zero: datetime) -> dict[str, str | float | int | None]:
    return {
        "kind": span.kind,
        "started_at": rfc3339(span.start),
        "ended_at": rfc3339(span.end),
        "offset_seconds": round((span.start - zero).total_seconds(), 3),
        "duration_seconds": seconds_between(span.start, span.end),
        "agent_id": span.agent_id,
        "agent_name": span.agent_name,
        "queue_id": span.queue_id,
        "queue_name": span.queue_name,
        "segment_number": span.segment_number,
    }
