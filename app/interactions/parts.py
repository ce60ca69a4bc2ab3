"""The parts of upstream's records, just the fields we use (UPSTREAM §6): unknown ones are passed over (R16).

Absent, null and `[]` read alike (R9): an absent array is empty. Times are aware; fields named `…_time` are seconds.
Texts hold no card number from the moment they are read, and of children that share a key the later copy alone is kept
(R8). Custom attributes are the exception: a pseudonym is made of the whole value, so theirs are masked where shown.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from app.interactions.cards import LENGTHS, mask_cards

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
LARGEST_COUNT = 2**53  # beyond, JavaScript's numbers are no longer exact
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]

_Any = TypeVar("_Any", bound="Part")


class Part(msgspec.Struct, frozen=True, rename="camel", gc=False, omit_defaults=True):
    """What all parts have in common; `gc=False` is safe, as no record can hold itself."""

    def _mask(self, *names: str) -> None:
        """Mask card numbers in the texts called so."""
        for name in names:
            text = getattr(self, name)
            if text is not None and len(text) >= LENGTHS.start:
                msgspec.structs.force_setattr(self, name, mask_cards(text))

    def _keep_once(self, name: str, key: str) -> None:
        """Of the children called `name` that share a key, keep the later copy."""
        children = getattr(self, name)
        if len(children) > 1:
            msgspec.structs.force_setattr(self, name, distinct(children, lambda child: getattr(child, key)))


def distinct(children: Sequence[_Any], key: Any) -> tuple[_Any, ...]:
    """The children, each key once, in the place of its first copy and as its last one says; those without one stay."""
    return tuple({key(child) or place: child for place, child in enumerate(children)}.values())


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

    def __post_init__(self) -> None:
        """Mask its texts."""
        self._mask("segment_start_type", "segment_end_type")


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
    interaction_segment_id: str | None = None
    queue_id: str | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    conversation_start_timestamp: Time | None = None
    conversation_end_timestamp: Time | None = None
    agent_work_accepted: bool | None = None
    agent_work_offer_time: Seconds | None = None
    agent_conversation_time: Seconds | None = None
    agent_talk_time: Seconds | None = None
    agent_handle_time: Seconds | None = None
    agent_focus_time: Seconds | None = None
    agent_wrap_up_time: Seconds | None = None
    talk_times: tuple[TalkTime, ...] = ()

    def __post_init__(self) -> None:
        """Mask its texts, keep its children once."""
        self._mask("agent_name")
        self._keep_once("talk_times", "interaction_agent_talk_time_id")


class QueueEntry(Part, frozen=True):
    """One stay in a queue (UPSTREAM §6.4)."""

    interaction_queue_id: str | None = None
    queue_id: str | None = None
    queue_name: str | None = None
    queue_entry_type: str | None = None
    queue_exit_type: str | None = None
    queue_entry_length: Count | None = None
    queue_exit_length: Count | None = None
    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    queue_time: Seconds | None = None
    time_to_answer: Seconds | None = None
    agent_id: str | None = None

    def __post_init__(self) -> None:
        """Mask its texts."""
        self._mask("queue_name", "queue_entry_type", "queue_exit_type")


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

    def __post_init__(self) -> None:
        """Mask its texts."""
        self._mask("title", "body")


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

    def __post_init__(self) -> None:
        """Mask its texts."""
        self._mask("disposition_name")


class Details(Part, frozen=True):
    """What only the single GET carries (UPSTREAM §6.7)."""

    start_timestamp: Time | None = None
    end_timestamp: Time | None = None
    contact_id: str | None = None
    csat: float | None = None
    agents: tuple[DetailsAgent, ...] = ()
