"""Facts of a record that several columns need, each worked out once; the dear ones when first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from operator import attrgetter
from typing import Any, Generic, TypeVar

from app.interactions.masking import MASKED, Audience, Policy, mask_customer, shown
from app.interactions.parts import AgentLeg, Details, Hook, Interaction, QueueEntry
from app.interactions.times import in_order, local, moments, seconds_between, started_at

_ended = attrgetter("end_timestamp")
_stretches = attrgetter("customer_talk_times", "customer_hold_times", "customer_response_times", "monitors")

EARLIEST = datetime.min.replace(tzinfo=UTC)
_NO_DETAILS = Details()
_NO_QUEUES = QueueEntry(), QueueEntry()
_NO_AGENTS = AgentLeg(), AgentLeg()


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a row besides its record. `as_of` is when that was received: a row never changes by itself."""

    tenant_id: str
    as_of: datetime
    zone: tzinfo = UTC
    settle: timedelta = timedelta(hours=1)
    sla_seconds: float = 20.0
    sla_by_queue: Mapping[str, float] = field(default_factory=dict)
    pseudonym_secret: bytes = b""
    attribute_policy: Policy = field(default_factory=dict)
    audience: Audience = MASKED


_Fact = TypeVar("_Fact")


class once(Generic[_Fact]):  # noqa: N801 - a decorator, read like `property`
    """A fact kept after its first use; `functools.cached_property` takes a lock for that before Python 3.12."""

    def __init__(self, find: Callable[[Any], _Fact]) -> None:
        self._find = find
        self._name = find.__name__

    def __get__(self, facts: object, _owner: type) -> _Fact:
        found = self._find(facts)
        setattr(facts, self._name, found)
        return found


class Facts:
    """One record with its parts in order and the values that many columns share.

    `accepted` are the legs whose agents took the offer. `started_at` is the earliest time in the record where upstream
    names none, `ended_at` None while open. `abandoned`: the customer left before being served, or on hold, by any of
    the marks upstream sets. A first queue, agent or details that are not there are parts that name nothing.
    """

    def __init__(self, interaction: Interaction, context: Context) -> None:
        self.interaction = interaction
        self.context = context
        self.details = details = interaction.details or _NO_DETAILS
        self.segments = in_order(interaction.segments)
        self.legs = in_order(interaction.agents)
        self.queues = in_order(interaction.queues)
        self.accepted = accepted = [leg for leg in self.legs if is_accepted(leg)]
        self.first_queue, self.last_queue = (self.queues[0], self.queues[-1]) if self.queues else _NO_QUEUES
        self.first_agent, self.last_agent = (accepted[0], accepted[-1]) if accepted else _NO_AGENTS
        self.started_at = started_at(interaction)
        self.ended_at = interaction.end_timestamp or details.end_timestamp
        self.left_in_ivr = _left_in_ivr(interaction)
        self.abandoned = self.left_in_ivr or _left_later(interaction)

    @once
    def last_event_at(self) -> datetime:
        """The latest time anywhere in the record."""
        latest = max(moments(self.interaction), default=self.started_at)
        return max(latest, self.started_at, self.ended_at or latest)

    @once
    def is_final(self) -> bool:
        """Ended with all its children and conversations, no event for `CXF_SETTLE_SECONDS` before it was received."""
        if self.ended_at is None:
            return False
        talk_times = [talk for leg in self.legs for talk in leg.talk_times]
        children = chain(self.segments, self.legs, self.queues, talk_times, *_stretches(self.interaction))
        if not all(map(_ended, children)):
            return False
        if any(leg.conversation_start_timestamp and leg.conversation_end_timestamp is None for leg in self.legs):
            return False
        return self.context.as_of - self.last_event_at >= self.context.settle

    @once
    def local_start(self) -> datetime:
        """The start in the time zone."""
        return local(self.started_at, self.context.zone)

    @once
    def customer_masked(self) -> str | None:
        """The customer as everyone may see it."""
        return mask_customer(self.interaction.customer) if self.interaction.customer else None

    @once
    def attributes(self) -> list[Hook]:
        """The custom attributes, each once, as the audience may see them; no view shows a card number."""
        return self._shown(clear=self.context.audience.clear)

    @once
    def attributes_masked(self) -> list[Hook]:
        """Likewise, as everyone may see them."""
        return self._shown(clear=False) if self.context.attribute_policy else self.attributes

    def _shown(self, *, clear: bool) -> list[Hook]:
        context = self.context
        found = self.interaction.interaction_attributes
        return list(shown(found, context.attribute_policy, context.pseudonym_secret, clear=clear))

    @once
    def latest(self) -> dict[str, str | None]:
        """By trimmed name the value written last, as the audience may see it; None where that wrote none (R8).

        Later is by time, then by place in the list.
        """
        in_time = sorted(self.attributes, key=written_at)
        return {hook.hook_type.strip(): hook.hook_name for hook in in_time if hook.hook_type is not None}

    @once
    def transfer_count(self) -> int:
        """Transfers as upstream counts them, else the segments that start by one."""
        if self.interaction.customer_transfers is not None:
            return self.interaction.customer_transfers
        return [segment.segment_start_type for segment in self.segments].count("transfer")

    @once
    def sla_outcome(self) -> str:
        """Of the first queue entry: answered within the threshold is met, abandoned within it excluded, else missed.

        Not applicable without a queue, and while the customer still waits in the first one.
        """
        if not self.queues:
            return "not_applicable"
        first = self.queues[0]
        answered, waited = is_answered(first), wait(first)
        if not answered and self.ended_at is None and first.end_timestamp is None:
            return "not_applicable"
        threshold = self.context.sla_by_queue.get(first.queue_name or "", self.context.sla_seconds)
        if waited is None or waited > threshold:
            return "missed"
        if answered:
            return "met"
        return "excluded" if self.abandoned and len(self.queues) == 1 else "missed"


def written_at(hook: Hook) -> datetime:
    """When a hook was written, to the millisecond: finer digits are upstream's clock, not an order."""
    moment = hook.timestamp or EARLIEST
    finer = moment.microsecond % 1000
    return moment - timedelta(microseconds=finer) if finer else moment


def _left_in_ivr(interaction: Interaction) -> bool:
    """Where upstream does not say, a time of leaving says it."""
    if interaction.ivr_abandoned is None:
        return interaction.ivr_abandon_time is not None
    return interaction.ivr_abandoned


def _left_later(interaction: Interaction) -> bool:
    return interaction.customer_abandon_time is not None or interaction.customer_hold_abandoned is True


def is_accepted(leg: AgentLeg) -> bool:
    """Whether the agent took the offer; where upstream does not say, a conversation says it."""
    if leg.agent_work_accepted is None:
        return leg.conversation_start_timestamp is not None
    return leg.agent_work_accepted


def is_answered(queue: QueueEntry) -> bool:
    """Whether this stay in a queue ended with an agent."""
    return queue.time_to_answer is not None or queue.queue_exit_type == "success"


def wait(queue: QueueEntry) -> float | None:
    """How long this stay in a queue was, in seconds."""
    for seconds in (queue.time_to_answer, queue.queue_time):
        if seconds is not None:
            return seconds
    return seconds_between(queue.start_timestamp, queue.end_timestamp)
