"""The times in a record: which there are, their order, and how one is written."""

from datetime import UTC, datetime, tzinfo
from operator import attrgetter
from typing import TypeVar

import msgspec

from app.interactions.parts import AgentLeg, QueueEntry, Segment
from app.interactions.records import Interaction

_Part = TypeVar("_Part", bound=Segment | AgentLeg | QueueEntry)

_TO_SECONDS = len("0000-00-00T00:00:00")
_TO_MILLISECONDS = len("0000-00-00T00:00:00.000")

_start = attrgetter("start_timestamp")
_span = attrgetter("start_timestamp", "end_timestamp")
_leg_times = attrgetter(
    "start_timestamp", "end_timestamp", "conversation_start_timestamp", "conversation_end_timestamp"
)
_note_times = attrgetter("created", "updated")


def in_order(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """The parts by their start; those without one last, otherwise as upstream gave them."""
    if len(parts) <= 1:
        return parts
    dated = sorted([part for part in parts if part.start_timestamp], key=_start)
    return (*dated, *[part for part in parts if not part.start_timestamp])


def moments(interaction: Interaction) -> list[datetime]:
    """Every time that stands anywhere in the record, `details` aside (it repeats the root)."""
    found: list[datetime | None] = [
        interaction.start_timestamp,
        interaction.end_timestamp,
        interaction.flag_timestamp,
        interaction.updated,
    ]
    for leg in interaction.agents:
        found += _leg_times(leg)
        for talk in leg.talk_times:
            found += _span(talk)
    for parts in (
        interaction.segments,
        interaction.queues,
        interaction.customer_talk_times,
        interaction.customer_hold_times,
        interaction.customer_response_times,
        interaction.monitors,
    ):
        for part in parts:
            found += _span(part)
    for hooks in (interaction.hooks, interaction.interaction_attributes):
        found += [hook.timestamp for hook in hooks]
    for note in interaction.notes:
        found += _note_times(note)
    return [moment for moment in found if moment is not None]


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from start to end, milliseconds kept; None where either is missing or the end comes first."""
    if start is None or end is None or end < start:
        return None
    return round((end - start).total_seconds(), 3)


def local(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in the zone; at the two ends of the calendar, where no such date exists, as it is."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds and `Z`; None stays None."""
    if moment is None:
        return None
    text: str = msgspec.to_builtins(moment if moment.tzinfo is UTC else _utc(moment))  # ten times as fast as isoformat
    return f"{text[:_TO_MILLISECONDS]}Z" if len(text) > _TO_MILLISECONDS else f"{text[:_TO_SECONDS]}.000Z"


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)
