"""The nested lists that `include` adds to a row, as one table: the parts each shows, and the fields of an element."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from app.interactions.columns import Column, ColumnType, Origin, PersonalData, Value, reader, time_of
from app.interactions.facts import Facts, is_accepted, is_answered
from app.interactions.parts import Hook, Note, TalkTime
from app.interactions.settling import ATTRIBUTE

RAW = "raw"  # beside them, the name of the raw record in `include` and in an answer


@dataclass(frozen=True)
class Include:
    """One nested list: its name in `include`, its words, the parts of a record that it shows, and their fields.

    Every field is in every element, null where upstream names nothing.
    """

    name: str
    description: str
    parts: Callable[[Facts], Iterable[Any]]
    fields: tuple[Column, ...]

    @cached_property
    def _read(self) -> Callable[[Any], tuple[Value, ...]]:
        return reader(self.fields)

    def elements(self, facts: Facts) -> list[dict[str, Value]]:
        """The list for one record."""
        names, read = [field.name for field in self.fields], self._read
        return [dict(zip(names, read(part), strict=True)) for part in self.parts(facts)]


def _hooks(facts: Facts) -> Iterator[Hook]:
    """Attributes, then CRM links: the display name of a link is a customer's in all samples."""
    for hook in facts.attributes:
        yield replace(hook, hook_sub_type=ATTRIBUTE)
    for hook in facts.interaction.hooks:
        yield hook if facts.context.audience.clear else replace(hook, hook_name=None)


def _notes(facts: Facts) -> Iterator[Note]:
    for note in facts.interaction.notes:
        yield note if facts.context.audience.notes else replace(note, title=None, body=None)


def _talk_times(facts: Facts) -> Iterator[TalkTime]:
    for leg in facts.legs:
        for talk in leg.talk_times:
            yield replace(talk, agent_id=talk.agent_id or leg.agent_id, queue_id=talk.queue_id or leg.queue_id)


def _field(
    name: str, type_: ColumnType, origin: Origin, description: str, personal: PersonalData | None = None
) -> Column:
    shown = time_of(origin) if type_ == "time" and isinstance(origin, str) else origin
    return Column(name, type_, None if type_ == "bool" else "", description, "", shown, personal=personal)


_STARTED = _field("started_at", "time", "start_timestamp", "Start.")
_ENDED = _field("ended_at", "time", "end_timestamp", "End; null while it lasts.")
_AGENT = _field("agent_id", "string", "agent_id", "Agent.")

# fmt: off
INCLUDES: tuple[Include, ...] = (
    Include("attributes", "Custom reporting attributes, then CRM links.", _hooks, (
        _field("name", "string", lambda hook: hook.hook_type and hook.hook_type.strip(), "Name, trimmed; of a CRM link its system."),
        _field("value", "string", "hook_name", "Value; of a CRM link the record's display name, in clear views only.", "attribute"),
        _field("set_at", "time", "timestamp", "When it was written."),
        _field("set_by", "string", lambda hook: hook.hook_by or hook.hooked_by, "Who wrote it: flow, or a CRM user's id."),
        _AGENT,
        _field("kind", "string", "hook_sub_type", "interaction-attribute, or the kind of the CRM record."),
    )),
    Include("agents", "Offers of work to agents, by start.", attrgetter("legs"), (
        _field("leg_id", "string", "interaction_agent_id", "Identity of the offer."),
        _AGENT,
        _field("agent_name", "string", "agent_name", "Name of the agent.", "agent"),
        _field("queue_id", "string", "queue_id", "Queue it came from."),
        _field("segment_id", "string", "interaction_segment_id", "Segment it belongs to."),
        _field("is_accepted", "bool", is_accepted, "Whether the agent took it."),
        _STARTED,
        _ENDED,
        _field("conversation_started_at", "time", "conversation_start_timestamp", "Start of the conversation."),
        _field("conversation_ended_at", "time", "conversation_end_timestamp", "End of the conversation."),
        _field("offer_seconds", "float", "agent_work_offer_time", "From offer to answer."),
        _field("conversation_seconds", "float", "agent_conversation_time", "In conversation."),
        _field("talk_seconds", "float", "agent_talk_time", "Talk."),
        _field("handle_seconds", "float", "agent_handle_time", "Handling."),
        _field("focus_seconds", "float", "agent_focus_time", "In the agent's focus."),
    )),
    Include("queues", "Entries into queues, by start.", attrgetter("queues"), (
        _field("entry_id", "string", "interaction_queue_id", "Identity of the entry."),
        _field("queue_id", "string", "queue_id", "Queue."),
        _field("queue_name", "string", "queue_name", "Name of the queue."),
        _field("entry_type", "string", "queue_entry_type", "How it was entered."),
        _field("exit_type", "string", "queue_exit_type", "How it was left."),
        _field("is_answered", "bool", is_answered, "Whether an agent answered."),
        _STARTED,
        _ENDED,
        _field("queue_seconds", "float", "queue_time", "Stay."),
        _field("time_to_answer_seconds", "float", "time_to_answer", "Wait until the answer."),
        _field("entry_length", "int", "queue_entry_length", "Length of the queue on entry."),
        _field("exit_length", "int", "queue_exit_length", "Length of the queue on leaving."),
        _AGENT,
    )),
    Include("segments", "Segments, by start.", attrgetter("segments"), (
        _field("segment_id", "string", "interaction_segment_id", "Identity of the segment."),
        _field("segment_number", "int", "segment_number", "Number, from 0."),
        _field("start_type", "string", "segment_start_type", "How it began."),
        _field("end_type", "string", "segment_end_type", "How it ended."),
        _STARTED,
        _ENDED,
        _field("segment_seconds", "float", "segment_time", "Length."),
        _field("to_agent_id", "string", "segment_to_agent_id", "Agent reached."),
        _field("is_cancelled", "bool", lambda segment: bool(segment.segment_cancelled), "Whether it ended before an agent answered."),
    )),
    Include("notes", "Notes; title and body only with scope notes:read.", _notes, (
        _field("note_id", "string", "note_id", "Identity of the note."),
        _AGENT,
        _field("title", "string", "title", "Title.", "customer"),
        _field("body", "string", "body", "Text.", "customer"),
        _field("created_at", "time", "created", "When it was written."),
        _field("updated_at", "time", "updated", "When it was last changed."),
    )),
    Include("talk_times", "Stretches of agents' talk, by leg.", _talk_times, (
        _AGENT,
        _field("queue_id", "string", "queue_id", "Queue it came from."),
        _STARTED,
        _ENDED,
        _field("talk_seconds", "float", "agent_talk_time", "Length; another measure than the leg's talk_seconds."),
    )),
)
# fmt: on
