"""Record → ordered spans: what happened when, with offset and duration in seconds."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
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


Named = tuple[str | None, str | None]  # id and name
Stretch = tuple[Kind, datetime | None, datetime | None, Named, Named, int | None]
NOBODY: Named = (None, None)


def timeline(facts: Facts) -> Turns[list[Span]]:
    """The spans by start, wider ones first where two start together.

    An offset is negative for a span that begins before the interaction does.
    """
    dated = []  # with the exact start, by which spans are ordered
    for kind, start, end, agent, queue, segment_number in _stretches(facts):
        if start:
            offset = round((start - facts.started_at).total_seconds(), 3)
            times = written(start), rfc3339(end), offset, seconds_between(start, end)
            dated.append((start, Span(kind, *times, *agent, *queue, segment_number)))
        yield
    dated.sort(key=lambda one: (one[0], KINDS.index(one[1].kind)))
    return [span for _, span in dated]


def _stretches(facts: Facts) -> Iterator[Stretch]:
    """Kind, start, end, agent, queue and number of each stretch; without a start it is no span."""
    for segment in facts.segments:
        reached = segment.segment_to_agent_id, None
        yield "segment", segment.start_timestamp, segment.end_timestamp, reached, NOBODY, segment.segment_number
    ivr_end = _ivr_end(facts)
    if ivr_end is not None and ivr_end > facts.started_at:
        yield "ivr", facts.started_at, ivr_end, NOBODY, NOBODY, None
    for entry in facts.queues:
        queue = entry.queue_id, entry.queue_name
        yield "queue", entry.start_timestamp, entry.end_timestamp, (entry.agent_id, None), queue, None
    names = {entry.queue_id: entry.queue_name for entry in facts.queues}
    for leg in facts.legs:
        agent, queue = (leg.agent_id, leg.agent_name), (leg.queue_id, names.get(leg.queue_id))
        answered, talked_until = leg.conversation_start_timestamp, leg.conversation_end_timestamp
        yield "offer", leg.start_timestamp, answered or leg.end_timestamp, agent, queue, None
        yield "conversation", answered, talked_until, agent, queue, None
        yield "wrap_up", talked_until, leg.end_timestamp, agent, queue, None
    for hold in facts.interaction.customer_hold_times:
        yield "hold", hold.start_timestamp, hold.end_timestamp, NOBODY, NOBODY, None


def _ivr_end(facts: Facts) -> datetime | None:
    """The start of the first queue, else after the time that upstream says, else where the customer left."""
    seconds, end = facts.interaction.ivr_time, None
    if facts.queues:
        end = facts.first_queue.start_timestamp
    elif seconds is not None:
        with suppress(OverflowError):
            end = facts.started_at + timedelta(seconds=seconds)
    return facts.ended_at if end is None and facts.left_in_ivr else end
