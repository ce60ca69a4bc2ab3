"""Record → ordered spans: what happened when, with offset and duration in seconds."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from app.cooperative import Turns
from app.interactions.facts import Facts
from app.interactions.times import Time, rfc3339, seconds_between, written

Kind = Literal["segment", "ivr", "queue", "offer", "conversation", "hold", "wrap_up"]
KINDS = get_args(Kind)  # wider ones first


class Span(Struct):
    """One stretch of an interaction."""

    kind: Annotated[Kind, Meta(title="SpanKind", description="What the interaction was doing.")]
    started_at: Time
    ended_at: Annotated[Time | None, Meta(description="Null while it lasts.")]
    offset_seconds: Annotated[
        float, Meta(description="From the interaction's start.", extra_json_schema={"x-unit": "seconds"})
    ]
    duration_seconds: Annotated[float | None, Meta(extra_json_schema={"x-unit": "seconds"})]
    agent_id: str | None
    agent_name: Annotated[str | None, Meta(extra_json_schema={"x-personal-data": "agent"})]
    queue_id: str | None
    queue_name: str | None
    segment_number: int | None


Dated = tuple[datetime, Span]  # with its exact start, by which spans are ordered
Named = tuple[str | None, str | None]  # id and name
NOBODY: Named = (None, None)


def _span(
    facts: Facts,
    kind: Kind,
    start: datetime,
    end: datetime | None,
    *,
    agent: Named = NOBODY,
    queue: Named = NOBODY,
    segment_number: int | None = None,
) -> Dated:
    offset = round((start - facts.started_at).total_seconds(), 3)
    times = written(start), rfc3339(end), offset, seconds_between(start, end)
    return start, Span(kind, *times, *agent, *queue, segment_number)


def _ivr(facts: Facts) -> Iterator[Dated]:
    end = facts.queues[0].start_timestamp if facts.queues else _after(facts.started_at, facts.interaction.ivr_time)
    if end is None and facts.left_in_ivr:
        end = facts.ended_at
    if end is not None and end > facts.started_at:
        yield _span(facts, "ivr", facts.started_at, end)


def _after(start: datetime, seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else start + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _queue(facts: Facts) -> Iterator[Dated]:
    for queue in facts.queues:
        if queue.start_timestamp:
            yield _span(
                facts,
                "queue",
                queue.start_timestamp,
                queue.end_timestamp,
                agent=(queue.agent_id, None),
                queue=(queue.queue_id, queue.queue_name),
            )


def _legs(facts: Facts) -> Iterator[Dated]:
    names = {queue.queue_id: queue.queue_name for queue in facts.queues}
    for leg in facts.legs:
        answered, talked_until = leg.conversation_start_timestamp, leg.conversation_end_timestamp
        stretches: Iterable[tuple[Kind, datetime | None, datetime | None]] = (
            ("offer", leg.start_timestamp, answered or leg.end_timestamp),
            ("conversation", answered, talked_until),
            ("wrap_up", talked_until, leg.end_timestamp),
        )
        for kind, start, end in stretches:
            if start:
                yield _span(
                    facts,
                    kind,
                    start,
                    end,
                    agent=(leg.agent_id, leg.agent_name),
                    queue=(leg.queue_id, names.get(leg.queue_id)),
                )


def _hold(facts: Facts) -> Iterator[Dated]:
    for hold in facts.interaction.customer_hold_times:
        if hold.start_timestamp:
            yield _span(facts, "hold", hold.start_timestamp, hold.end_timestamp)


def _segment(facts: Facts) -> Iterator[Dated]:
    for segment in facts.segments:
        if segment.start_timestamp:
            yield _span(
                facts,
                "segment",
                segment.start_timestamp,
                segment.end_timestamp,
                agent=(segment.segment_to_agent_id, None),
                segment_number=segment.segment_number,
            )


SPANS: tuple[Callable[[Facts], Iterator[Dated]], ...] = (_segment, _ivr, _queue, _legs, _hold)


def timeline(facts: Facts) -> Turns[list[Span]]:
    """The spans by start, wider ones first where two start together.

    An offset is negative for a span that begins before the interaction does.
    """
    dated = []
    for one in chain.from_iterable(spans_of(facts) for spans_of in SPANS):
        dated.append(one)
        yield
    dated.sort(key=lambda one: (one[0], KINDS.index(one[1].kind)))
    return [span for _, span in dated]
