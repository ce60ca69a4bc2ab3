"""The nested lists that `include` adds to a row, as one table: the parts each shows, and the fields of an element."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from app.interactions.columns import ColumnType, PersonalData, Value, time_of
from app.interactions.facts import Facts, is_accepted, is_answered
from app.interactions.parts import Hook, Note, TalkTime
from app.interactions.settling import ATTRIBUTE


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a list's elements; every field is in every element, null where upstream names nothing."""

    name: str
    type: ColumnType
    description: str
    value: Callable[[Any], Value]
    nullable: bool = True
    personal: PersonalData | None = None


Element = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Include:
    """One nested list: its name in `include`, its words, its fields, and the parts of a record that it shows."""

    name: str
    description: str
    parts: Callable[[Facts], Iterable[Any]]
    fields: tuple[Field, ...]

    def elements(self, facts: Facts) -> list[Element]:
        """The list for one record."""
        return [{field.name: field.value(part) for field in self.fields} for part in self.parts(facts)]


def _hooks(facts: Facts) -> Iterator[Hook]:
    """Attributes, then CRM links: the display name of a link is a customer's in all samples."""
    for hook in facts.attributes:
        yield msgspec.structs.replace(hook, hook_sub_type=ATTRIBUTE)
    for hook in facts.interaction.hooks:
        yield hook if facts.context.audience.clear else msgspec.structs.replace(hook, hook_name=None)


def _notes(facts: Facts) -> Iterator[Note]:
    for note in facts.interaction.notes:
        yield note if facts.context.audience.notes else msgspec.structs.replace(note, title=None, body=None)


def _talk_times(facts: Facts) -> Iterator[TalkTime]:
    for leg in facts.legs:
        for talk in leg.talk_times:
            yield msgspec.structs.replace(
                talk, agent_id=talk.agent_id or leg.agent_id, queue_id=talk.queue_id or leg.queue_id
            )


def _text(name: str, field: str, description: str, personal: PersonalData | None = None) -> Field:
    return Field(name, "string", description, attrgetter(field), personal=personal)


def _time(name: str, field: str, description: str) -> Field:
    return Field(name, "time", description, time_of(field))


def _seconds(name: str, field: str, description: str) -> Field:
    return Field(name, "float", description, attrgetter(field))


def _count(name: str, field: str, description: str) -> Field:
    return Field(name, "int", description, attrgetter(field))


def _flag(name: str, value: Callable[[Any], bool], description: str) -> Field:
    return Field(name, "bool", description, value, nullable=False)


_STARTED = _time("started_at", "start_timestamp", "Start.")
_ENDED = _time("ended_at", "end_timestamp", "End; null while it lasts.")
_AGENT = _text("agent_id", "agent_id", "Agent.")

INCLUDES: tuple[Include, ...] = (
    Include(
        "attributes",
        "Custom reporting attributes, then CRM links.",
        _hooks,
        (
            Field(
                "name",
                "string",
                "Name, trimmed; of a CRM link its system.",
                lambda hook: hook.hook_type and hook.hook_type.strip(),
            ),
            _text(
                "value",
                "hook_name",
                "Value; of a CRM link the record's display name, in clear views only.",
                "attribute",
            ),
            _time("set_at", "timestamp", "When it was written."),
            Field(
                "set_by",
                "string",
                "Who wrote it: flow, or a CRM user's id.",
                lambda hook: hook.hook_by or hook.hooked_by,
            ),
            _AGENT,
            _text("kind", "hook_sub_type", "interaction-attribute, or the kind of the CRM record."),
        ),
    ),
    Include(
        "agents",
        "Offers of work to agents, by start.",
        attrgetter("legs"),
        (
            _text("leg_id", "interaction_agent_id", "Identity of the offer."),
            _AGENT,
            _text("agent_name", "agent_name", "Name of the agent.", "agent"),
            _text("queue_id", "queue_id", "Queue it came from."),
            _text("segment_id", "interaction_segment_id", "Segment it belongs to."),
            _flag("is_accepted", is_accepted, "Whether the agent took it."),
            _STARTED,
            _ENDED,
            _time("conversation_started_at", "conversation_start_timestamp", "Start of the conversation."),
            _time("conversation_ended_at", "conversation_end_timestamp", "End of the conversation."),
            _seconds("offer_seconds", "agent_work_offer_time", "From offer to answer."),
            _seconds("conversation_seconds", "agent_conversation_time", "In conversation."),
            _seconds("talk_seconds", "agent_talk_time", "Talk."),
            _seconds("handle_seconds", "agent_handle_time", "Handling."),
            _seconds("focus_seconds", "agent_focus_time", "In the agent's focus."),
        ),
    ),
    Include(
        "queues",
        "Entries into queues, by start.",
        attrgetter("queues"),
        (
            _text("entry_id", "interaction_queue_id", "Identity of the entry."),
            _text("queue_id", "queue_id", "Queue."),
            _text("queue_name", "queue_name", "Name of the queue."),
            _text("entry_type", "queue_entry_type", "How it was entered."),
            _text("exit_type", "queue_exit_type", "How it was left."),
            _flag("is_answered", is_answered, "Whether an agent answered."),
            _STARTED,
            _ENDED,
            _seconds("queue_seconds", "queue_time", "Stay."),
            _seconds("time_to_answer_seconds", "time_to_answer", "Wait until the answer."),
            _count("entry_length", "queue_entry_length", "Length of the queue on entry."),
            _count("exit_length", "queue_exit_length", "Length of the queue on leaving."),
            _AGENT,
        ),
    ),
    Include(
        "segments",
        "Segments, by start.",
        attrgetter("segments"),
        (
            _text("segment_id", "interaction_segment_id", "Identity of the segment."),
            _count("segment_number", "segment_number", "Number, from 0."),
            _text("start_type", "segment_start_type", "How it began."),
            _text("end_type", "segment_end_type", "How it ended."),
            _STARTED,
            _ENDED,
            _seconds("segment_seconds", "segment_time", "Length."),
            _text("to_agent_id", "segment_to_agent_id", "Agent reached."),
            _flag(
                "is_cancelled",
                lambda segment: bool(segment.segment_cancelled),
                "Whether it ended before an agent answered.",
            ),
        ),
    ),
    Include(
        "notes",
        "Notes; title and body only with scope notes:read.",
        _notes,
        (
            _text("note_id", "note_id", "Identity of the note."),
            _AGENT,
            _text("title", "title", "Title.", "customer"),
            _text("body", "body", "Text.", "customer"),
            _time("created_at", "created", "When it was written."),
            _time("updated_at", "updated", "When it was last changed."),
        ),
    ),
    Include(
        "talk_times",
        "Stretches of agents' talk, by leg.",
        _talk_times,
        (
            _AGENT,
            _text("queue_id", "queue_id", "Queue it came from."),
            _STARTED,
            _ENDED,
            _seconds("talk_seconds", "agent_talk_time", "Length; another measure than the leg's talk_seconds."),
        ),
    ),
)
