"""The times in a record: which there are, their order, and how one is written."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from operator import attrgetter
from typing import Annotated, TypeVar

from msgspec import Meta, to_builtins

from app.interactions.parts import AgentLeg, Interaction, QueueEntry, Segment

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]  # as `rfc3339` writes it
_Part = TypeVar("_Part", bound=Segment | AgentLeg | QueueEntry)

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_TO_SECONDS = len("0000-00-00T00:00:00")
_TO_MILLISECONDS = len("0000-00-00T00:00:00.000")

_start = attrgetter("start_timestamp")
_root_times = attrgetter("start_timestamp", "end_timestamp", "flag_timestamp", "updated")
_leg_times = attrgetter(
    "start_timestamp", "end_timestamp", "conversation_start_timestamp", "conversation_end_timestamp"
)
_span_times = attrgetter("start_timestamp", "end_timestamp")
_note_times = attrgetter("created", "updated")
_spans = attrgetter(
    "segments", "queues", "customer_talk_times", "customer_hold_times", "customer_response_times", "monitors"
)


def in_order(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """The parts by their start; those without one last, otherwise as upstream gave them."""
    if len(parts) <= 1:
        return parts
    dated = sorted([part for part in parts if part.start_timestamp], key=_start)
    return (*dated, *[part for part in parts if not part.start_timestamp])


def moments(interaction: Interaction) -> Iterator[datetime]:
    """Every time that stands anywhere in the record, `details` aside (it repeats the root)."""
    times = [*_root_times(interaction)]
    for leg in interaction.agents:
        times += _leg_times(leg)
        for talk in leg.talk_times:
            times += _span_times(talk)
    for parts in _spans(interaction):
        for part in parts:
            times += _span_times(part)
    for hooks in (interaction.hooks, interaction.interaction_attributes):
        times += [hook.timestamp for hook in hooks]
    for note in interaction.notes:
        times += _note_times(note)
    return filter(None, times)


def started_at(interaction: Interaction) -> datetime:
    """The start that rows show and ranges test: upstream's, else the earliest time in the record, else 1970."""
    if interaction.start_timestamp:
        return interaction.start_timestamp
    if interaction.details and interaction.details.start_timestamp:
        return interaction.details.start_timestamp
    return min(moments(interaction), default=_BEGINNING)


def has_negative_duration(interaction: Interaction) -> bool:
    """Whether its duration, which upstream does not name, is null because the end comes before the start (R14)."""
    if interaction.interaction_time is not None:
        return False
    end = interaction.end_timestamp or (interaction.details.end_timestamp if interaction.details else None)
    return end is not None and end < started_at(interaction)


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


def to_millisecond(moment: datetime | None) -> datetime | None:
    """The time as rows show it; None stays None."""
    return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def rfc3339(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds and `Z`; None stays None."""
    return None if moment is None else written(moment)


def written(moment: datetime) -> str:
    """As `rfc3339`, of a time that is known."""
    text: str = to_builtins(
        moment if moment.tzinfo is UTC else local(moment, UTC).replace(tzinfo=UTC)
    )  # ten times as fast as isoformat
    return text[:_TO_MILLISECONDS] + "Z" if len(text) > _TO_MILLISECONDS else text[:_TO_SECONDS] + ".000Z"


def midnight(day: date, zone: tzinfo) -> datetime:
    """The start of a local day, in UTC."""
    return in_utc(datetime(day.year, day.month, day.day, tzinfo=zone))


def in_utc(local: datetime) -> datetime:
    """The moment of a local time: by its `fold` where clocks show it twice, that of the change where they skip it."""
    moment = local.astimezone(UTC)
    # PEP 495 gives a skipped time a moment all the same.
    is_shown = moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)
    return moment if is_shown else _change(local)


def _change(local: datetime) -> datetime:
    """When clocks went forward past a local time, to the second: the first moment with the offset of afterwards."""
    later = local.replace(fold=0).astimezone(UTC)  # by the offset of before
    earlier = local.replace(fold=1).astimezone(UTC)
    offset = later.astimezone(local.tzinfo).utcoffset()

    def is_over(passed: int) -> bool:
        return (earlier + timedelta(seconds=passed)).astimezone(local.tzinfo).utcoffset() == offset

    passed = bisect_left(range(int((later - earlier).total_seconds())), x=True, key=is_over)
    return earlier + timedelta(seconds=passed)
