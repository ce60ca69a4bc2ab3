"""Every column of the flat row, as one table: schema, OpenAPI, CSV header and documentation are made from it."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any, Literal, get_args

from app.errors import SettingsError
from app.interactions.facts import Facts
from app.interactions.service_level import SlaOutcome

ColumnType = Literal["uuid", "string", "enum", "time", "date", "int", "float", "bool"]
PersonalData = Literal["customer", "agent", "attribute"]
Value = str | int | float | bool | date | None  # a datetime is a date
Origin = str | Callable[[Any], Value]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class ListType:
    """The type of a nested list, whose elements are rows: names and types of their values."""

    names: tuple[str, ...]
    types: tuple[ColumnType, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `null_when` says in words when it is null, None means never.

    `origin` is where its value stands in the facts, as a dotted path, or the function that derives it from them.
    """

    name: str
    type: ColumnType
    null_when: str | None
    description: str
    source: str
    origin: Origin
    unit: str | None = None
    personal: PersonalData | None = None
    allowed: tuple[str, ...] = ()

    @property
    def nullable(self) -> bool:
        """Whether a row may hold null here."""
        return self.null_when is not None

    @property
    def value(self) -> Callable[[Facts], Value]:
        """A function from the facts of a record to its value."""
        return attrgetter(self.origin) if isinstance(self.origin, str) else self.origin


def _seconds(name: str, null_when: str, description: str, source: str, origin: Origin) -> Column:
    return Column(name, "float", null_when, description, source, origin, unit="seconds")


def _count(name: str, description: str, source: str, origin: Origin, null_when: str | None = None) -> Column:
    return Column(name, "int", null_when, description, source, origin, unit="count")


def _flag(name: str, description: str, source: str, origin: Origin) -> Column:
    return Column(name, "bool", None, description, source, origin)


# fmt: off
COLUMNS: tuple[Column, ...] = (
    Column("interaction_id", "uuid", None, "Identity of the interaction.", "interactionId", "interaction.interaction_id"),
    Column("tenant_id", "uuid", None, "Tenant the interaction belongs to.", "tenantId, else the configured one", "tenant_id"),
    Column("contact_id", "uuid", "no contact", "Contact record of the customer.", "contactId ?? details.contactId", "contact_id"),
    Column("channel_type", "string", "unknown", "voice, sms, email, messaging, work-item; an open list.", "channelType", "interaction.channel_type"),
    Column("direction", "string", "unknown", "inbound, outbound, agent-initiated; an open list.", "direction", "interaction.direction"),
    Column("flow_id", "string", "outside a flow", "Flow that ran.", "flowId", "interaction.flow_id"),
    Column("flow_name", "string", "outside a flow", "Name of the flow that ran.", "flowName", "interaction.flow_name"),
    Column("contact_point", "string", "unknown", "Number or address of the business side.", "contactPoint", "contact_point"),
    Column("customer_masked", "string", "no customer", "The customer's prefix and last two characters.", "customer", "customer_masked"),
    Column("customer_key", "string", "no customer", "Pseudonym of the customer, for joins.", "HMAC of customer", "customer_key"),
    Column("customer", "string", "masked view", "The customer's number, address or handle; null unless pii=clear.", "customer", "customer", personal="customer"),
    Column("started_at", "time", None, "Start; the earliest time in the record where upstream names none.", "startTimestamp", "started_at", unit="UTC"),
    Column("ended_at", "time", "still open", "End.", "endTimestamp", "ended_at", unit="UTC"),
    Column("last_event_at", "time", None, "Latest time anywhere in the record.", "the latest of all its timestamps", "last_event_at", unit="UTC"),
    Column("started_on", "date", None, "Date of the start in the time zone.", "started_at", "started_on", unit="local date"),
    Column("started_hour", "int", None, "Hour of the start in the time zone, 0 to 23.", "started_at", "local_start.hour", unit="local hour"),
    _seconds("duration_seconds", "open", "From start to end.", "interactionTime ?? ended − started", "duration_seconds"),
    _seconds("ivr_seconds", "no IVR", "Before the first queue.", "ivrTime ?? first queue start − started", "ivr_seconds"),
    _count("queue_entry_count", "Entries into queues.", "length of queues", "queue_entry_count"),
    _seconds("queue_seconds", "not queued", "In queues, all entries together.", "Σ queues[].queueTime", "queue_seconds"),
    _seconds("time_to_answer_seconds", "not answered", "Wait in the first queue entry that was answered.", "first answered queues[].timeToAnswer", "time_to_answer_seconds"),
    Column("first_queue_id", "string", "not queued", "Queue entered first.", "queues[].queueId by startTimestamp", "first_queue.queue_id"),
    Column("first_queue_name", "string", "not queued", "Name of the queue entered first.", "queues[].queueName by startTimestamp", "first_queue.queue_name"),
    Column("last_queue_id", "string", "not queued", "Queue entered last.", "queues[].queueId by startTimestamp", "last_queue.queue_id"),
    Column("last_queue_name", "string", "not queued", "Name of the queue entered last.", "queues[].queueName by startTimestamp", "last_queue.queue_name"),
    Column("queue_exit_type", "string", "not queued", "How the last queue was left.", "last queues[].queueExitType", "last_queue.queue_exit_type"),
    _count("agent_count", "Agents who took the interaction.", "distinct agents[].agentId with agentWorkAccepted", "agent_count"),
    _count("offer_count", "Offers of work to agents.", "length of agents", "offer_count"),
    _count("rejected_offer_count", "Offers no agent took.", "agents[] not accepted", "rejected_offer_count"),
    Column("first_agent_id", "string", "no agent", "Agent who took it first.", "accepted agents[].agentId by startTimestamp", "first_agent.agent_id"),
    Column("first_agent_name", "string", "no agent", "Name of the agent who took it first.", "accepted agents[].agentName by startTimestamp", "first_agent.agent_name", personal="agent"),
    Column("last_agent_id", "string", "no agent", "Agent who took it last.", "accepted agents[].agentId by startTimestamp", "last_agent.agent_id"),
    Column("last_agent_name", "string", "no agent", "Name of the agent who took it last.", "accepted agents[].agentName by startTimestamp", "last_agent.agent_name", personal="agent"),
    Column("answered_at", "time", "not answered", "First conversation with an agent.", "earliest agents[].conversationStartTimestamp", "answered_at", unit="UTC"),
    _seconds("conversation_seconds", "none", "In conversation, all agents together.", "Σ agents[].agentConversationTime", "conversation_seconds"),
    _seconds("talk_seconds", "none", "Agents' talk, all together.", "Σ agents[].agentTalkTime", "talk_seconds"),
    _count("hold_count", "Times the customer was put on hold.", "customerHolds", "interaction.customer_holds", "unknown"),
    _seconds("hold_seconds", "unknown", "The customer's time on hold; 0 where there was none.", "customerHoldTime, else 0 where customerHolds is 0", "hold_seconds"),
    _seconds("wrap_up_seconds", "unknown", "Agents' wrap-up, where upstream sends it; never guessed.", "Σ agents[].agentWrapUpTime", "wrap_up_seconds"),
    _seconds("handle_seconds", "no agent", "Agents' handling, all together: upstream's own figure.", "Σ agents[].agentHandleTime", "handle_seconds"),
    _seconds("talk_hold_wrap_seconds", "wrap-up unknown", "Talk, hold and wrap-up together; of talk and hold what is known.", "talk_seconds + hold_seconds + wrap_up_seconds", "talk_hold_wrap_seconds"),
    _seconds("customer_talk_seconds", "none", "The customer's talk.", "customerTalkTime", "interaction.customer_talk_time"),
    _seconds("customer_conversation_seconds", "none", "The customer's time in conversation.", "customerConversationTime", "interaction.customer_conversation_time"),
    _seconds("abandon_seconds", "not abandoned", "Wait until the customer left.", "customerAbandonTime ?? ivrAbandonTime", "abandon_seconds"),
    Column("abandon_stage", "enum", "not abandoned", "Where the customer left.", "ivrAbandoned, customerHoldAbandoned, queues[]", "abandon_stage", allowed=("ivr", "queue", "hold", "other")),
    _count("segment_count", "Segments.", "length of segments", "segment_count"),
    _count("transfer_count", "Transfers.", "customerTransfers ?? segments that start by transfer", "transfer_count"),
    Column("end_type", "string", "open", "How the last segment ended.", "last segments[].segmentEndType", "end_type"),
    Column("csat_score", "float", "none", "The customer's rating.", "customerSatisfactionScore ?? details.csat", "csat_score", unit="score"),
    Column("disposition_name", "string", "none", "Outcome the agent chose.", "dispositionName ?? last details.agents[].dispositionName", "disposition_name"),
    _count("note_count", "Notes.", "length of notes", "note_count"),
    _count("attribute_count", "Custom reporting attributes set.", "distinct interactionHookId with subtype interaction-attribute", "attribute_count"),
    Column("sla_outcome", "enum", None, "Of the first queue entry: answered within the threshold is met; a short abandon is excluded, or missed by CXF_SLA_ABANDONS; else missed.", "first of queues[], CXF_SLA_SECONDS, CXF_ABANDON_SECONDS", "sla_outcome", allowed=get_args(SlaOutcome)),
    _flag("is_queued", "Entered a queue.", "queue_entry_count > 0", "is_queued"),
    _flag("is_answered", "An agent answered.", "agents[].conversationStartTimestamp, queues[].timeToAnswer", "is_answered"),
    _flag("is_abandoned", "The customer left before being served, or on hold.", "ivrAbandoned, customerAbandonTime, customerHoldAbandoned", "abandoned"),
    _flag("is_short_abandon", "Abandoned in the first queue entry, within CXF_ABANDON_SECONDS.", "first of queues[], CXF_ABANDON_SECONDS", "is_short_abandon"),
    _flag("is_transferred", "Transferred at least once.", "transfer_count > 0", "is_transferred"),
    _flag("is_sla_met", "Counts as met: service level = Σ is_sla_met / Σ is_sla_eligible.", "sla_outcome = met", "is_sla_met"),
    _flag("is_sla_eligible", "Counts in the service level.", "sla_outcome = met or missed", "is_sla_eligible"),
    _flag("is_final", "Ended with all its children, and settled for CXF_SETTLE_SECONDS when it was received.", "all endTimestamps", "is_final"),
    Column("row_version", "string", None, "Hash of what a masked view shows of the record: changes when that does, or a time of a note.", "the whole record", "row_version"),
)
# fmt: on

_AFTER_ATTRIBUTES = 1 + [column.name for column in COLUMNS].index("attribute_count")


def reader(columns: Sequence[Column]) -> Callable[[Any], tuple[Value, ...]]:
    """A function from the facts of a record, or one of its parts, to its row: one value a column, in the columns' order.

    One `attrgetter` reads all paths, in half the time of a call for each.
    """
    paths = [column.origin if isinstance(column.origin, str) else "__class__" for column in columns]  # keeps its place
    derived = [(place, column.origin) for place, column in enumerate(columns) if not isinstance(column.origin, str)]
    get = attrgetter(*paths) if len(paths) > 1 else _few(paths)  # which makes no tuple of one value
    if not derived:
        return get

    def row(facts: Any) -> tuple[Value, ...]:
        values = [*get(facts)]
        for place, derive in derived:
            values[place] = derive(facts)
        return tuple(values)

    return row


def _few(paths: Sequence[str]) -> Callable[[Any], tuple[Value, ...]]:
    getters = [attrgetter(path) for path in paths]
    return lambda facts: tuple(get(facts) for get in getters)


def slug(name: str) -> str:
    """An attribute's name as part of a column name: a–z, 0–9, and one underscore for every run of anything else."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return "_".join(re.findall(r"[A-Za-z0-9]+", plain))


def with_attributes(names: Iterable[str]) -> tuple[Column, ...]:
    """All columns, with one of its own for each attribute named in the settings; names are compared trimmed (R3).

    Raises SettingsError where two attributes would share a column, or a name gives none.
    """
    trimmed = tuple(dict.fromkeys(name.strip() for name in names))
    faults = tuple(_faults([slug(name) for name in trimmed]))
    if faults:
        raise SettingsError(faults)
    return COLUMNS[:_AFTER_ATTRIBUTES] + tuple(map(_attribute, trimmed)) + COLUMNS[_AFTER_ATTRIBUTES:]


def _faults(slugs: list[str]) -> Iterator[str]:
    """Names by their places, as messages never repeat what was given."""
    for place, one in enumerate(slugs):
        first = slugs.index(one)
        if not one:
            yield f"CXF_ATTRIBUTES: name {place + 1} needs a letter a–z or a digit, to be a column's name"
        elif first < place:
            yield f"CXF_ATTRIBUTES: names {first + 1} and {place + 1} would share one column, keep one of them"


def _attribute(name: str) -> Column:
    return Column(
        f"attr_{slug(name)}",
        "string",
        "not set",
        f"Latest value of the attribute {name}.",
        "hookName of the latest entry with this hookType",
        lambda facts: facts.latest_value(name),
        personal="attribute",
    )
