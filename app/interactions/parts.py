"""Upstream's records and their parts, just the fields we use (UPSTREAM §6): unknown ones are passed over (R16).

Absent, null and `[]` read alike (R9): an absent array is empty. Times are aware; fields named `…_time` are seconds.
"""

from datetime import datetime
from typing import Annotated

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
LARGEST_COUNT = 2**53  # beyond, JavaScript's numbers are no longer exact
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
ShortId = Annotated[int, msgspec.Meta(ge=0, lt=10**12)]  # fewer digits than a card number has


class Part(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """The base of all parts of a record; `gc=False` is safe, as no record can hold itself."""


class Segment(Part, frozen=True):
    """One stretch of an interaction (UPSTREAM §6.2)."""

    interaction_segment_id: str | None = None
    segment_number: Count | None = None
    segment_start_type: str | None = None
    segment_end_type: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    segment_time: Seconds | None = None
    segment_to_agent_id: str | None = None
    segment_cancelled: bool | None = None
    segment_cancel_time: Seconds | None = None
    transfer_time: Seconds | None = None
    segment_consult_time: Seconds | None = None


class TalkTime(Part, frozen=True):
    """One stretch of an agent's talk (UPSTREAM §6.3)."""

    interaction_agent_talk_time_id: str | None = None
    agent_id: str | None = None
    queue_id: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    agent_talk_time: Seconds | None = None


class AgentLeg(Part, frozen=True):
    """One offer of work to one agent (UPSTREAM §6.3). `agent_wrap_up_time` is by name only: no sample shows it."""

    interaction_agent_id: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    tenant_agent_id: ShortId | None = None
    session_id: str | None = None
    interaction_segment_id: str | None = None
    queue_id: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    conversation_start_timestamp: Time | None = None
    conversation_end_timestamp: Time | None = None
    agent_work_accepted: bool | None = None
    agent_work_offer_time: Seconds | None = None
    agent_work_accepted_time: Seconds | None = None
    agent_conversation_time: Seconds | None = None
    agent_talk_time: Seconds | None = None
    agent_handle_time: Seconds | None = None
    agent_focus_time: Seconds | None = None
    agent_wrap_up_time: Seconds | None = None
    talk_times: tuple[TalkTime, ...] = ()


class QueueEntry(Part, frozen=True):
    """One stay in a queue (UPSTREAM §6.4)."""

    interaction_queue_id: str | None = None
    interaction_segment_id: str | None = None
    queue_id: str | None = None
    queue_name: str | None = None
    queue_type: str | None = None
    queue_entry_type: str | None = None
    queue_exit_type: str | None = None
    queue_entry_length: Count | None = None
    queue_exit_length: Count | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    queue_time: Seconds | None = None
    sla_time: Seconds | None = None
    time_to_answer: Seconds | None = None
    agent_id: str | None = None


class Hook(Part, frozen=True):
    """A custom attribute or a CRM link (UPSTREAM §6.5): `hook_type` holds its name, `hook_name` its value."""

    interaction_hook_id: str | None = None
    hook_type: str | None = None
    hook_name: str | None = None
    hook_sub_type: str | None = None
    hook_id: str | None = None
    hook_by: str | None = None
    hooked_by: str | None = None
    agent_id: str | None = None
    timestamp: Time | None = None


class Note(Part, frozen=True):
    """A note: free text, personal data (UPSTREAM §6.6)."""

    note_id: str | None = None
    agent_id: str | None = None
    title: str | None = None
    body: str | None = None
    created: Time | None = None
    updated: Time | None = None


class Stretch(Part, frozen=True):
    """A dated stretch: of talk, hold or waiting for a response, or of a supervisor's listening (UPSTREAM §6.6)."""

    start_timestamp: Time | None = None
    end_timestamp: Time | None = None


class CustomerTalkTime(Stretch, frozen=True):
    """A stretch of the customer's talk."""

    interaction_customer_talk_time_id: str | None = None


class CustomerHoldTime(Stretch, frozen=True):
    """A stretch of the customer on hold."""

    interaction_customer_hold_time_id: str | None = None


class CustomerResponseTime(Stretch, frozen=True):
    """A stretch of waiting for the customer's response."""

    interaction_customer_response_time_id: str | None = None


class DetailsAgent(Part, frozen=True):
    """An agent as `details` repeats it (UPSTREAM §6.7)."""

    disposition_name: str | None = None


class Details(Part, frozen=True):
    """The part of a record that only the single GET carries (UPSTREAM §6.7)."""

    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    contact_id: str | None = None
    csat: float | None = None
    agents: tuple[DetailsAgent, ...] = ()


class Interaction(Part, frozen=True):
    """One interaction as upstream records it (UPSTREAM §6.1)."""

    interaction_id: Annotated[str, msgspec.Meta(min_length=1)]
    tenant_id: str | None = None
    channel_type: str | None = None
    direction: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    customer: str | None = None
    contact_point: str | None = None
    contact_id: str | None = None
    flow_id: str | None = None
    flow_name: str | None = None
    interaction_time: Seconds | None = None
    ivr_time: Seconds | None = None
    ivr_abandoned: bool | None = None
    ivr_abandon_time: Seconds | None = None
    customer_abandon_time: Seconds | None = None
    customer_hold_abandoned: bool | None = None
    customer_conversation_time: Seconds | None = None
    customer_talk_time: Seconds | None = None
    customer_holds: Count | None = None
    customer_hold_time: Seconds | None = None
    customer_transfers: Count | None = None
    customer_satisfaction_score: float | None = None
    disposition_name: str | None = None
    flag_timestamp: Time | None = None
    updated: Time | None = None
    segments: tuple[Segment, ...] = ()
    agents: tuple[AgentLeg, ...] = ()
    queues: tuple[QueueEntry, ...] = ()
    hooks: tuple[Hook, ...] = ()
    interaction_attributes: tuple[Hook, ...] = ()
    notes: tuple[Note, ...] = ()
    customer_talk_times: tuple[CustomerTalkTime, ...] = ()
    customer_hold_times: tuple[CustomerHoldTime, ...] = ()
    customer_response_times: tuple[CustomerResponseTime, ...] = ()
    monitors: tuple[Stretch, ...] = ()
    details: Details | None = None
