"""Grains: the tables that rows are of, one row of GRAINS each, and the nested lists of `include`, views of them.

A grain takes some parts of a record; each is a row, whose columns read it and the facts of its record (INTERFACE §9).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import Any

from msgspec.structs import fields

from app.interactions import children
from app.interactions.columns import (
    COLUMNS,
    Column,
    ColumnType,
    ListType,
    Origin,
    PersonalData,
    Value,
    reader,
    slug,
    with_attributes,
)
from app.interactions.facts import Facts, is_accepted
from app.interactions.masking import Policy, treatment_of, treatments
from app.interactions.parts import AgentLeg, Interaction, TalkTime
from app.interactions.service_level import is_answered
from app.settings import Scope

INTERACTIONS = "interactions"
UNKNOWN = "unknown"
_HIDING = frozenset({"mask", "hash"})
OF_THE_WHOLE = frozenset({"row_version", "is_final", "last_event_at"})
"""The columns for which every part of a record counts."""
_ARRAYS = tuple(
    field.name for field in fields(Interaction) if field.default == () and field.name not in ("agents", "queues")
)
RAW = "raw"  # beside the nested lists, the name of the raw record in `include` and in an answer


@dataclass(frozen=True)
class Grain:
    """One table of rows: `parts` are those of a record that are its rows, `row` makes one of them readable by columns.

    `time_column` is that of a row's own time, `ordered_by` that of the order in which rows are listed, newest first,
    `scope` what a viewer needs, to read aside. `arrays` are those of a record, agents and queues aside, from which its
    columns are read, those OF_THE_WHOLE aside.
    """

    name: str
    noun: str
    description: str
    parts: Callable[[Facts], Sequence[Any]]
    row: Callable[[Facts, int, Any], Any]
    columns: Mapping[str, Column]
    time_column: str
    ordered_by: str = "interaction_started_at"
    scope: Scope = "read"
    arrays: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The path of its list."""
        return "/" + self.name.replace("_", "-")

    @property
    def operation(self) -> str:
        """The operationId of its list."""
        return "list" + "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def search_operation(self) -> str:
        """The operationId of its list where the question is a body."""
        return self.operation.replace("list", "search", 1)

    @property
    def summary_path(self) -> str:
        """The path of its summary."""
        return f"{self.path}/summary"

    @property
    def summary_operation(self) -> str:
        """The operationId of its summary."""
        return self.operation.replace("list", "summarize", 1)

    @property
    def is_of_parts(self) -> bool:
        """Whether a record may have none of its rows, or several."""
        return self.name != INTERACTIONS

    @property
    def clear_only(self) -> tuple[str, ...]:
        """The columns that only clear views show, so that no other may be searched or grouped by them."""
        hidden = (column.name for column in self.columns.values() if column.personal == "customer")
        return tuple(hidden) if self.scope == "read" else ()

    def spared(self, names: Iterable[str]) -> tuple[str, ...]:
        """The arrays of a record from which none of these columns is read."""
        if not OF_THE_WHOLE.isdisjoint(names):
            return ()
        return tuple(array for array in _ARRAYS if array not in self.arrays)

    def rows(self, facts: Facts) -> list[Any]:
        """The rows of one record, in its order."""
        row = self.row
        return [row(facts, position, part) for position, part in enumerate(self.parts(facts))]


def _column(
    name: str,
    type_: ColumnType,
    origin: Origin,
    description: str,
    source: str,
    *,
    null_when: str | None = UNKNOWN,
    personal: PersonalData | None = None,
) -> Column:
    unit = {"float": "seconds", "time": "UTC"}.get(type_)
    return Column(name, type_, null_when, description, source, origin, unit=unit, personal=personal)


def _seconds(name: str, origin: str, description: str, source: str) -> Column:
    return _column(name, "float", f"part.{origin}", description, source)


def _flag(name: str, origin: Origin, description: str, source: str) -> Column:
    return _column(name, "bool", origin, description, source, null_when=None)


def _part(
    name: str, type_: ColumnType, origin: str, description: str, source: str, *, personal: PersonalData | None = None
) -> Column:
    return _column(name, type_, f"part.{origin}", description, source, personal=personal)


_OF_INTERACTION = {column.name: column for column in COLUMNS}


def _parent(name: str, origin: Origin, *, called: str | None = None, words: str | None = None) -> Column:
    """A column like one of the interaction."""
    known = _OF_INTERACTION[name]
    return replace(known, name=called or name, origin=origin, description=words or known.description)


# fmt: off
_KEYS = (
    _parent("interaction_id", "facts.interaction.interaction_id"),
    Column("position", "int", None, "Place in the record, from 0: with interaction_id the key of the row.", "order by start; attributes and notes as listed", "position"),
    _parent("tenant_id", "facts.tenant_id"),
    _parent("started_at", "facts.started_at", called="interaction_started_at", words="Start of the interaction."),
    _parent("channel_type", "facts.interaction.channel_type"),
    _parent("direction", "facts.interaction.direction"),
    _parent("row_version", "facts.row_version"),
)

_AGENT_LEG = (
    _part("agent_leg_id", "string", "interaction_agent_id", "Identity of the offer.", "interactionAgentId"),
    _part("segment_id", "string", "interaction_segment_id", "Segment it belongs to.", "interactionSegmentId"),
    _part("session_id", "string", "session_id", "Session of the agent.", "sessionId"),
    _part("queue_id", "string", "queue_id", "Queue it came from.", "queueId"),
    _column("queue_name", "string", "queue_name", "Name of the queue it came from.", "queues[].queueName of its queueId"),
    _part("agent_id", "string", "agent_id", "Agent.", "agentId"),
    _part("agent_name", "string", "agent_name", "Name of the agent.", "agentName", personal="agent"),
    _part("tenant_agent_id", "int", "tenant_agent_id", "Short number of the agent.", "tenantAgentId"),
    _part("offered_at", "time", "start_timestamp", "When the agent was offered the work.", "startTimestamp"),
    _part("released_at", "time", "end_timestamp", "When the agent was free of it; null while it lasts.", "endTimestamp"),
    _part("conversation_started_at", "time", "conversation_start_timestamp", "Start of the conversation.", "conversationStartTimestamp"),
    _part("conversation_ended_at", "time", "conversation_end_timestamp", "End of the conversation.", "conversationEndTimestamp"),
    _seconds("offer_seconds", "agent_work_offer_time", "From offer to answer.", "agentWorkOfferTime"),
    _seconds("accept_seconds", "agent_work_accepted_time", "Until the offer was accepted.", "agentWorkAcceptedTime"),
    _seconds("conversation_seconds", "agent_conversation_time", "In conversation.", "agentConversationTime"),
    _seconds("talk_seconds", "agent_talk_time", "Talk.", "agentTalkTime"),
    _seconds("handle_seconds", "agent_handle_time", "Handling, upstream's figure.", "agentHandleTime"),
    _seconds("focus_seconds", "agent_focus_time", "In the agent's focus.", "agentFocusTime"),
    _seconds("wrap_up_seconds", "agent_wrap_up_time", "Wrap-up, where upstream sends it; never guessed.", "agentWrapUpTime"),
    Column("talk_time_count", "int", None, "Stretches of talk.", "length of talkTimes", lambda row: len(row.part.talk_times), unit="count"),
    _flag("is_accepted", lambda row: is_accepted(row.part), "The agent took it.", "agentWorkAccepted ?? a conversation"),
)

_QUEUE_ENTRY = (
    _part("queue_entry_id", "string", "interaction_queue_id", "Identity of the entry.", "interactionQueueId"),
    _part("segment_id", "string", "interaction_segment_id", "Segment it belongs to.", "interactionSegmentId"),
    _part("queue_id", "string", "queue_id", "Queue.", "queueId"),
    _part("queue_name", "string", "queue_name", "Name of the queue.", "queueName"),
    _part("queue_type", "string", "queue_type", "Kind of queue; an open list.", "queueType"),
    _part("entry_type", "string", "queue_entry_type", "How it was entered; an open list.", "queueEntryType"),
    _part("exit_type", "string", "queue_exit_type", "How it was left; an open list.", "queueExitType"),
    _part("agent_id", "string", "agent_id", "Agent who answered.", "agentId"),
    _part("entered_at", "time", "start_timestamp", "Start of the stay.", "startTimestamp"),
    _part("left_at", "time", "end_timestamp", "End of the stay; null while it lasts.", "endTimestamp"),
    _seconds("queue_seconds", "queue_time", "Stay.", "queueTime"),
    _seconds("time_to_answer_seconds", "time_to_answer", "Wait until the answer.", "timeToAnswer"),
    _seconds("sla_seconds", "sla_time", "Wait that counts for the service level, upstream's figure.", "slaTime"),
    _part("length_at_entry", "int", "queue_entry_length", "Length of the queue on entry.", "queueEntryLength"),
    _part("length_at_exit", "int", "queue_exit_length", "Length of the queue on leaving.", "queueExitLength"),
    _column("sla_threshold_seconds", "float", "sla_threshold_seconds", "Threshold of the queue.", "CXF_SLA_SECONDS, CXF_SLA_BY_QUEUE", null_when=None),
    _parent("sla_outcome", "sla_outcome", words="Of this entry, as of the first one in an interaction."),
    _flag("is_answered", lambda row: is_answered(row.part), "An agent answered.", "timeToAnswer, queueExitType"),
    _flag("is_abandoned", "is_abandoned", "The customer left here: the last entry, unanswered, and no other stage of leaving is told.", "abandon_stage = queue"),
    _flag("is_short_abandon", "is_short_abandon", "Abandoned within CXF_ABANDON_SECONDS, else the threshold.", "is_abandoned, wait"),
    _flag("is_flow_out", "is_flow_out", "Left, neither answered nor abandoned.", "endTimestamp, is_answered, is_abandoned"),
    _flag("is_requeue", "is_requeue", "Not the first entry, and no agent took the interaction before it.", "agents[]"),
    _flag("is_sla_met", lambda row: row.sla_outcome == "met", "Counts as met: service level = Σ is_sla_met / Σ is_sla_eligible.", "sla_outcome = met"),
    _flag("is_sla_eligible", lambda row: row.sla_outcome in ("met", "missed"), "Counts in the service level.", "sla_outcome = met or missed"),
)

_SEGMENT = (
    _part("segment_id", "string", "interaction_segment_id", "Identity of the segment.", "interactionSegmentId"),
    _part("segment_number", "int", "segment_number", "Number, from 0.", "segmentNumber"),
    _part("start_type", "string", "segment_start_type", "How it began; an open list.", "segmentStartType"),
    _part("end_type", "string", "segment_end_type", "How it ended; an open list.", "segmentEndType"),
    _part("to_agent_id", "string", "segment_to_agent_id", "Agent reached.", "segmentToAgentId"),
    _part("segment_started_at", "time", "start_timestamp", "Start.", "startTimestamp"),
    _part("segment_ended_at", "time", "end_timestamp", "End; null while it lasts.", "endTimestamp"),
    _seconds("segment_seconds", "segment_time", "Length.", "segmentTime"),
    _seconds("cancel_seconds", "segment_cancel_time", "Until it was cancelled.", "segmentCancelTime"),
    _seconds("transfer_seconds", "transfer_time", "Transfer.", "transferTime"),
    _seconds("consult_seconds", "segment_consult_time", "Consultation.", "segmentConsultTime"),
    _flag("is_cancelled", lambda row: bool(row.part.segment_cancelled), "Ended before an agent answered.", "segmentCancelled"),
)

_ATTRIBUTE = (
    _part("attribute_event_id", "string", "interaction_hook_id", "Identity of this write.", "interactionHookId"),
    _part("hook_id", "string", "hook_id", "Identity of the definition, or of the write.", "hookId"),
    _column("name", "string", "name", "Name, trimmed; of a CRM link its system.", "hookType"),
    _part("name_raw", "string", "hook_type", "Name as upstream has it.", "hookType"),
    _column("value", "string", "value", "Value; of a CRM link the record's display name, in clear views only.", "hookName", personal="attribute"),
    _part("set_at", "time", "timestamp", "When it was written.", "timestamp"),
    _column("set_by", "string", lambda row: row.part.hook_by or row.part.hooked_by, "Who wrote it: flow, or a CRM user's id.", "hookBy ?? hookedBy"),
    _part("agent_id", "string", "agent_id", "Agent it is tied to.", "agentId"),
    _flag("is_latest", "is_latest", "No later write has this name.", "timestamp"),
)
_KIND = _column("kind", "string", "kind", "interaction-attribute, or the kind of the CRM record.", "hookSubType")

_NOTE = (
    _part("note_id", "string", "note_id", "Identity of the note.", "noteId"),
    _part("agent_id", "string", "agent_id", "Agent.", "agentId"),
    _column("title", "string", "title", "Title.", "title", personal="customer"),
    _column("body", "string", "body", "Text.", "body", personal="customer"),
    _part("created_at", "time", "created", "When it was written.", "created"),
    _part("updated_at", "time", "updated", "When it was last changed.", "updated"),
)

_TALK_TIME = (
    _column("agent_leg_id", "string", "leg.interaction_agent_id", "Offer of work it belongs to.", "interactionAgentId"),
    _column("agent_id", "string", "agent_id", "Agent.", "agentId, else the leg's"),
    _column("queue_id", "string", "queue_id", "Queue it came from.", "queueId, else the leg's"),
    _part("talk_started_at", "time", "start_timestamp", "Start.", "startTimestamp"),
    _part("talk_ended_at", "time", "end_timestamp", "End; null while it lasts.", "endTimestamp"),
    _seconds("talk_seconds", "agent_talk_time", "Length; another measure than the leg's talk_seconds.", "agentTalkTime"),
)
# fmt: on


def _columns(own: tuple[Column, ...]) -> Mapping[str, Column]:
    return {column.name: column for column in (*_KEYS, *own)}


def _talk_times(facts: Facts) -> list[tuple[AgentLeg, TalkTime]]:
    return [(leg, talk) for leg in facts.legs for talk in leg.talk_times]


_OF_PARTS = (
    Grain(
        "agent_legs",
        "agent leg",
        "Offers of work to agents, by start.",
        attrgetter("legs"),
        children.AgentLegRow,
        _columns(_AGENT_LEG),
        time_column="offered_at",
    ),
    Grain(
        "queue_entries",
        "queue entry",
        "Entries into queues, by start.",
        attrgetter("queues"),
        children.QueueEntryRow,
        _columns(_QUEUE_ENTRY),
        time_column="entered_at",
    ),
    Grain(
        "segments",
        "segment",
        "Segments, by start.",
        attrgetter("segments"),
        children.Child,
        _columns(_SEGMENT),
        time_column="segment_started_at",
        arrays=("segments",),
    ),
    Grain(
        "interaction_attributes",
        "interaction attribute",
        "Custom reporting attributes, one row a write.",
        attrgetter("attributes"),
        children.AttributeRow,
        _columns(_ATTRIBUTE),
        time_column="set_at",
        arrays=("interaction_attributes",),
    ),
    Grain(
        "notes",
        "note",
        "Notes; titles and texts only with scope notes:read.",
        attrgetter("interaction.notes"),
        children.NoteRow,
        _columns(_NOTE),
        time_column="created_at",
        arrays=("notes",),
        scope="notes:read",
    ),
    Grain(
        "talk_times",
        "talk time",
        "Stretches of agents' talk, by leg.",
        _talk_times,
        children.TalkTimeRow,
        _columns(_TALK_TIME),
        time_column="talk_started_at",
    ),
)


def grains(attributes: Iterable[str] = ()) -> dict[str, Grain]:
    """All grains by name; interactions have a column of their own for each of these attributes.

    Raises SettingsError as `with_attributes`.
    """
    interactions = Grain(
        INTERACTIONS,
        "interaction",
        "Interactions.",
        parts=lambda facts: (facts,),
        row=lambda facts, _position, _part: facts,
        columns={column.name: column for column in with_attributes(attributes)},
        ordered_by="started_at",
        time_column="started_at",
        arrays=("segments", "interaction_attributes", "notes"),
    )
    return {grain.name: grain for grain in (interactions, *_OF_PARTS)}


GRAINS = grains()
BY_PATH = {grain.path.removeprefix("/"): grain.name for grain in GRAINS.values()}
"""The name of each grain by the path of its list, without the slash."""


def masked_columns(attributes: Iterable[str], policy: Policy) -> Mapping[str, tuple[str, ...]]:
    """By grain, the columns that clear views alone show as they are: customers, and attributes masked or hashed."""
    masked = (f"attr_{slug(name)}" for name in attributes if treatment_of(name, policy) in _HIDING)
    value = () if _HIDING.isdisjoint(treatments(policy)) else ("value",)
    return {INTERACTIONS: tuple(dict.fromkeys(("customer", *masked))), "interaction_attributes": value}


@dataclass(frozen=True)
class Include:
    """One nested list: its name in `include`, its words, and the rows and columns of the grain that it shows."""

    name: str
    noun: str
    description: str
    rows: Callable[[Facts], Iterable[Any]]
    columns: tuple[Column, ...]

    @cached_property
    def _read(self) -> Callable[[Any], tuple[Value, ...]]:
        return reader(self.columns)

    @cached_property
    def type(self) -> ListType:
        """The names and types of an element's values."""
        return ListType(tuple(column.name for column in self.columns), tuple(column.type for column in self.columns))

    def elements(self, facts: Facts) -> list[tuple[Value, ...]]:
        """The list for one record: the values of each element."""
        return [*map(self._read, self.rows(facts))]


def _attributes_and_links(facts: Facts) -> list[children.Child]:
    rows: list[children.Child] = GRAINS["interaction_attributes"].rows(facts)
    return [*rows, *(children.LinkRow(facts, len(rows) + n, link) for n, link in enumerate(facts.interaction.hooks))]


def _view(name: str, grain: str, own: tuple[Column, ...]) -> Include:
    shown = GRAINS[grain]
    return Include(name, shown.noun, shown.description, shown.rows, own)


_IN_LIST = frozenset({"name", "value", "set_at", "set_by", "agent_id"})
INCLUDES: tuple[Include, ...] = (
    Include(
        "attributes",
        "interaction attribute",
        "Custom reporting attributes, then CRM links.",
        _attributes_and_links,
        (*(column for column in _ATTRIBUTE if column.name in _IN_LIST), _KIND),
    ),
    _view("agents", "agent_legs", _AGENT_LEG),
    _view("queues", "queue_entries", _QUEUE_ENTRY),
    _view("segments", "segments", _SEGMENT),
    _view("notes", "notes", _NOTE),
    _view("talk_times", "talk_times", _TALK_TIME),
)
