"""Parts of a record as rows: what their columns read beside the part itself."""

from typing import Any

from app.interactions.facts import Facts, once
from app.interactions.parts import AgentLeg, TalkTime
from app.interactions.service_level import SlaOutcome, is_answered
from app.interactions.settling import ATTRIBUTE


class Child:
    """A part of a record as a row: `position` counts the parts of its grain in the record, from 0."""

    __slots__ = ("facts", "part", "position")

    def __init__(self, facts: Facts, position: int, part: Any) -> None:
        self.facts = facts
        self.position = position
        self.part = part


class AgentLegRow(Child):
    """An offer of work to an agent."""

    __slots__ = ()

    @property
    def queue_name(self) -> str | None:
        """The name of its queue, which the record's queue entries tell."""
        return self.facts.queue_names.get(self.part.queue_id)


class QueueEntryRow(Child):
    """A stay in a queue."""

    @once
    def is_abandoned(self) -> bool:
        """Whether the customer left there."""
        return self.facts.is_abandoned_in(self.part)

    @property
    def sla_threshold_seconds(self) -> float:
        """The threshold of its queue."""
        return self.facts.context.service_level.threshold(self.part)

    @once
    def sla_outcome(self) -> SlaOutcome:
        """Its outcome for the service level."""
        return self.facts.sla_outcome_of(self.part)

    @property
    def is_short_abandon(self) -> bool:
        """Whether the customer left there within the abandon threshold."""
        return self.is_abandoned and self.facts.context.service_level.is_short(self.part)

    @property
    def is_flow_out(self) -> bool:
        """Whether it was left, neither answered nor abandoned."""
        return not (is_answered(self.part) or self.is_abandoned or self.facts.is_waiting_in(self.part))

    @property
    def is_requeue(self) -> bool:
        """Whether it goes on with the wait of the entry before: no agent took the interaction in between."""
        if self.position == 0:
            return False
        entered, taken = self.part.start_timestamp, self.facts.first_taken_at
        is_taken = bool(self.facts.accepted) if entered is None else taken is not None and taken < entered
        return not is_taken


class AttributeRow(Child):
    """A custom attribute as it was written once."""

    __slots__ = ()

    @property
    def name(self) -> str | None:
        """Its name, trimmed (R3)."""
        name: str | None = self.part.hook_type
        return None if name is None else name.strip()

    @property
    def value(self) -> str | None:
        """Its value, as the audience may see it."""
        value: str | None = self.part.hook_name
        return value

    @property
    def is_latest(self) -> bool:
        """Whether no later write has its name."""
        return self.facts.latest.get(self.name or "") is self.part

    @property
    def kind(self) -> str | None:
        """Its word for what it is."""
        return ATTRIBUTE


class LinkRow(AttributeRow):
    """A CRM link, which the nested list shows after the attributes."""

    __slots__ = ()

    @property
    def value(self) -> str | None:
        """The record's display name, in clear views only: it is a customer's in all samples."""
        return self.part.hook_name if self.facts.context.audience.clear else None

    @property
    def kind(self) -> str | None:
        """The kind of the CRM's record."""
        kind: str | None = self.part.hook_sub_type
        return kind


class NoteRow(Child):
    """A note."""

    __slots__ = ()

    @property
    def title(self) -> str | None:
        """Its title, for those who may read notes."""
        return self.part.title if self.facts.context.audience.notes else None

    @property
    def body(self) -> str | None:
        """Its text, likewise."""
        return self.part.body if self.facts.context.audience.notes else None


class TalkTimeRow(Child):
    """A stretch of an agent's talk, with the leg it is of."""

    __slots__ = ("leg",)

    def __init__(self, facts: Facts, position: int, of_leg: tuple[AgentLeg, TalkTime]) -> None:
        self.leg, talk = of_leg
        super().__init__(facts, position, talk)

    @property
    def agent_id(self) -> str | None:
        """The agent, else the leg's."""
        agent_id: str | None = self.part.agent_id or self.leg.agent_id
        return agent_id

    @property
    def queue_id(self) -> str | None:
        """The queue, else the leg's."""
        queue_id: str | None = self.part.queue_id or self.leg.queue_id
        return queue_id
