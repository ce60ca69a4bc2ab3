"""Facts of a record: the values that its columns show, each worked out once; the dear ones when first asked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from hashlib import sha256
from itertools import chain
from math import isfinite
from operator import attrgetter
from typing import Any, Generic, TypeVar

import msgspec

from app.interactions.cards import mask_cards
from app.interactions.masking import MASKED, Audience, Policy, customer_key, mask_customer, shown
from app.interactions.parts import AgentLeg, Details, Hook, Interaction, QueueEntry, Segment
from app.interactions.service_level import ServiceLevel, SlaOutcome, is_answered
from app.interactions.times import in_order, local, moments, seconds_between, started_at

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_VERSION_DIGITS = 16
_NO_DETAILS = Details()
_NO_QUEUES = QueueEntry(), QueueEntry()
_NO_AGENTS = AgentLeg(), AgentLeg()

_encoder = msgspec.json.Encoder()
_ended = attrgetter("end_timestamp")
_stretches = attrgetter("customer_talk_times", "customer_hold_times", "customer_response_times", "monitors")
_SHOWN_OTHERWISE = {"customer", "contact_point", "segments", "agents", "queues", "hooks", "interaction_attributes"}
_SHOWN_OTHERWISE |= {"notes", "details"}
_root = attrgetter(*(known.name for known in msgspec.structs.fields(Interaction) if known.name not in _SHOWN_OTHERWISE))
_note = attrgetter("note_id", "agent_id", "created", "updated")
_link = attrgetter("hook_type", "hook_sub_type", "hook_by", "hooked_by", "agent_id", "timestamp")
_attribute = attrgetter("hook_type", "hook_name", "hook_by", "hooked_by", "agent_id", "timestamp")


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a row besides its record. `as_of` is when that was received: a row never changes by itself."""

    tenant_id: str
    as_of: datetime
    zone: tzinfo = UTC
    settle: timedelta = timedelta(hours=1)
    service_level: ServiceLevel = ServiceLevel()  # noqa: RUF009 - frozen
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


def total_of(parts: str, field: str) -> property:
    """A fact that adds up one field, in seconds, over all parts."""
    get_field = attrgetter(field)

    def value(facts: "Facts") -> float | None:
        found = getattr(facts, parts)
        if len(found) <= 1:  # most of them, in half the time
            return get_field(found[0]) if found else None
        return total(map(get_field, found))

    return property(value)


class Facts:
    """One record with its parts in order, and the values that its columns show.

    `accepted` are the legs whose agents took the offer. `started_at` is the earliest time in the record where upstream
    names none, `ended_at` None while open. `abandoned`: the customer left before being served, or on hold, by any of
    the marks upstream sets. A first queue, agent or details that are not there are parts that name nothing.
    """

    queue_seconds = total_of("queues", "queue_time")
    conversation_seconds = total_of("legs", "agent_conversation_time")
    talk_seconds = total_of("legs", "agent_talk_time")
    wrap_up_seconds = total_of("legs", "agent_wrap_up_time")
    handle_seconds = total_of("legs", "agent_handle_time")

    def __init__(self, interaction: Interaction, context: Context) -> None:
        self.interaction = interaction
        self.context = context
        self.tenant_id = interaction.tenant_id or context.tenant_id
        self.details = details = interaction.details or _NO_DETAILS
        self.started_at = started_at(interaction)
        self.ended_at = interaction.end_timestamp or details.end_timestamp
        self.contact_id = interaction.contact_id or details.contact_id
        score = interaction.customer_satisfaction_score
        self.csat_score = details.csat if score is None else score
        self.note_count = len(interaction.notes)
        self._set_legs(interaction)
        self._set_queues(interaction)
        self._set_abandonment(interaction)

    def _set_legs(self, interaction: Interaction) -> None:
        self.legs = legs = in_order(interaction.agents)
        self.accepted = accepted = list[AgentLeg]()
        answered_at = None
        for leg in legs:
            start = leg.conversation_start_timestamp
            if start and (answered_at is None or start < answered_at):
                answered_at = start
            if is_accepted(leg):
                accepted.append(leg)
        self.answered_at = answered_at
        self.first_agent, self.last_agent = (accepted[0], accepted[-1]) if accepted else _NO_AGENTS
        self.offer_count = len(legs)
        self.rejected_offer_count = len(legs) - len(accepted)

    def _set_queues(self, interaction: Interaction) -> None:
        self.queues = queues = in_order(interaction.queues)
        self.first_queue, self.last_queue = (queues[0], queues[-1]) if queues else _NO_QUEUES
        self.queue_entry_count = len(queues)
        self.is_queued = bool(queues)
        answered = next(filter(is_answered, queues), None)
        self.time_to_answer_seconds = answered.time_to_answer if answered else None
        self.is_answered = answered is not None or self.answered_at is not None

    def _set_abandonment(self, interaction: Interaction) -> None:
        """Where upstream does not say whether the customer left in the IVR, a time of leaving says it."""
        said, seconds = interaction.ivr_abandoned, interaction.ivr_abandon_time
        self.left_in_ivr = seconds is not None if said is None else said
        left_later = interaction.customer_abandon_time is not None or interaction.customer_hold_abandoned is True
        self.abandoned = self.left_in_ivr or left_later

    @once
    def segments(self) -> tuple[Segment, ...]:
        """By their start."""
        return in_order(self.interaction.segments)

    @property
    def segment_count(self) -> int:
        """The number of segments."""
        return len(self.segments)

    @property
    def end_type(self) -> str | None:
        """How the last segment ended; None while the interaction has not."""
        return self.segments[-1].segment_end_type if self.segments and self.ended_at else None

    @once
    def transfer_count(self) -> int:
        """Upstream's, else the segments that start by a transfer."""
        known = self.interaction.customer_transfers
        if known is not None:
            return known
        return [segment.segment_start_type for segment in self.segments].count("transfer")

    @property
    def is_transferred(self) -> bool:
        """Transferred at least once."""
        return self.transfer_count > 0

    @property
    def agent_count(self) -> int:
        """Of the agents who took it."""
        return len({leg.agent_id for leg in self.accepted if leg.agent_id})

    @property
    def duration_seconds(self) -> float | None:
        """Upstream's, else from start to end."""
        known = self.interaction.interaction_time
        return seconds_between(self.started_at, self.ended_at) if known is None else known

    @property
    def ivr_seconds(self) -> float | None:
        """Upstream's, else until the first queue."""
        known = self.interaction.ivr_time
        return seconds_between(self.started_at, self.first_queue.start_timestamp) if known is None else known

    @property
    def hold_seconds(self) -> float | None:
        """Upstream's; 0 where it counts no hold."""
        known = self.interaction.customer_hold_time
        return 0.0 if known is None and self.interaction.customer_holds == 0 else known

    @property
    def abandon_seconds(self) -> float | None:
        """Until the customer left, wherever that was."""
        in_ivr, later = self.interaction.ivr_abandon_time, self.interaction.customer_abandon_time
        return (in_ivr if later is None else later) if self.abandoned else None

    @property
    def abandon_stage(self) -> str | None:
        """Where the customer left."""
        if not self.abandoned:
            return None
        if self.left_in_ivr:
            return "ivr"
        if self.interaction.customer_hold_abandoned:
            return "hold"
        return "queue" if self.queues and not is_answered(self.last_queue) else "other"

    def is_waiting_in(self, entry: QueueEntry) -> bool:
        """Whether the customer waits in this queue still."""
        return not is_answered(entry) and self.ended_at is None and entry.end_timestamp is None

    def is_abandoned_in(self, entry: QueueEntry) -> bool:
        """Whether the customer left this queue for good."""
        return self.abandoned and entry is self.last_queue and self.abandon_stage == "queue"

    def is_short_abandon_in(self, entry: QueueEntry) -> bool:
        """Whether the customer left this queue for good, within the abandon threshold."""
        return self.is_abandoned_in(entry) and self.context.service_level.is_short(entry)

    def sla_outcome_of(self, entry: QueueEntry) -> SlaOutcome:
        """The outcome of one queue entry: not applicable while the customer waits there."""
        if is_answered(entry):  # most are
            return self.context.service_level.of_answered(entry)
        if self.is_abandoned_in(entry):
            return self.context.service_level.of_abandoned(entry)
        return "not_applicable" if self.is_waiting_in(entry) else "missed"

    @once
    def sla_outcome(self) -> SlaOutcome:
        """Of the first queue entry; not applicable without one."""
        return self.sla_outcome_of(self.first_queue) if self.queues else "not_applicable"

    @property
    def is_short_abandon(self) -> bool:
        """Whether the customer left the first queue entry for good, within the abandon threshold."""
        return self.is_short_abandon_in(self.first_queue)

    @property
    def is_sla_met(self) -> bool:
        """Whether it counts as met."""
        return self.sla_outcome == "met"

    @property
    def is_sla_eligible(self) -> bool:
        """Whether it counts in the service level."""
        return self.sla_outcome in ("met", "missed")

    @once
    def queue_names(self) -> dict[str, str]:
        """By the id of a queue the name that its first entry with one tells."""
        told = ((entry.queue_id, entry.queue_name) for entry in reversed(self.queues))
        return {queue_id: name for queue_id, name in told if queue_id and name}

    @once
    def first_taken_at(self) -> datetime | None:
        """When the first offer that an agent took was made."""
        offers = (leg.start_timestamp or leg.conversation_start_timestamp for leg in self.accepted)
        return min(filter(None, offers), default=None)

    @property
    def talk_hold_wrap_seconds(self) -> float | None:
        """Talk, hold and wrap-up, of the first two what is known; None unless wrap-up is."""
        wrap_up = self.wrap_up_seconds
        return None if wrap_up is None else total((self.talk_seconds, self.hold_seconds, wrap_up))

    @property
    def disposition_name(self) -> str | None:
        """Upstream's, else the last one that an agent chose."""
        name, agents = self.interaction.disposition_name, self.details.agents
        if name is not None or not agents:
            return name
        return next((agent.disposition_name for agent in reversed(agents) if agent.disposition_name), None)

    @property
    def contact_point(self) -> str | None:
        """The business side's number or address, without card numbers."""
        address = self.interaction.contact_point
        return address and mask_cards(address)

    @once
    def customer_masked(self) -> str | None:
        """The customer as everyone may see it."""
        return mask_customer(self.interaction.customer) if self.interaction.customer else None

    @property
    def customer(self) -> str | None:
        """The customer in clear, for those who may see it, without card numbers."""
        address = self.interaction.customer
        return mask_cards(address) if address and self.context.audience.clear else None

    @property
    def customer_key(self) -> str | None:
        """The customer's pseudonym."""
        customer = self.interaction.customer
        return customer_key(customer, self.context.pseudonym_secret) if customer else None

    @once
    def last_event_at(self) -> datetime:
        """The latest time anywhere in the record."""
        latest = max(moments(self.interaction), default=self.started_at)
        return max(latest, self.started_at, self.ended_at or latest)

    @once
    def is_closed(self) -> bool:
        """Ended with all its children and conversations."""
        if self.ended_at is None:
            return False
        talk_times = [talk for leg in self.legs for talk in leg.talk_times]
        children = chain(self.segments, self.legs, self.queues, talk_times, *_stretches(self.interaction))
        if not all(map(_ended, children)):
            return False
        return not any(leg.conversation_start_timestamp and leg.conversation_end_timestamp is None for leg in self.legs)

    @once
    def is_final(self) -> bool:
        """Closed, with no event for `CXF_SETTLE_SECONDS` before it was received."""
        return self.is_closed and self.context.as_of - self.last_event_at >= self.context.settle

    @once
    def local_start(self) -> datetime:
        """The start in the time zone."""
        return local(self.started_at, self.context.zone)

    @property
    def started_on(self) -> date:
        """The date of the start in the time zone."""
        return self.local_start.date()

    @property
    def attribute_count(self) -> int:
        """Of the custom attributes."""
        return len(self.attributes)

    @once
    def attributes(self) -> list[Hook]:
        """The custom attributes, each once, as the audience may see them; no view shows a card number."""
        return self._shown(clear=self.context.audience.clear)

    @property
    def attributes_masked(self) -> list[Hook]:
        """Likewise, as everyone may see them."""
        return self._shown(clear=False) if self.context.audience.clear else self.attributes

    def _shown(self, *, clear: bool) -> list[Hook]:
        policy, secret = self.context.attribute_policy, self.context.pseudonym_secret
        return [*shown(self.interaction.interaction_attributes, policy, secret, clear=clear)]

    @once
    def latest(self) -> dict[str, Hook]:
        """By trimmed name the attribute written last, as the audience may see it (R8).

        Later is by time, then by place in the list.
        """
        in_time = sorted(self.attributes, key=_written_at)
        return {hook.hook_type.strip(): hook for hook in in_time if hook.hook_type is not None}

    def latest_value(self, name: str) -> str | None:
        """The value of an attribute that was written last; None where that wrote none."""
        hook = self.latest.get(name)
        return hook.hook_name if hook else None

    @once
    def row_version(self) -> str:
        """Hash of what a masked view shows of the record, in an order of its own: equal in every view.

        Of notes the ids and times enter, of CRM links all but the display name: what is hidden could be found by trying
        until the hash fits. Neither key order, unknown fields and nulls change it, nor which array holds an attribute.
        """
        content = (
            _root(self.interaction),
            (self.started_at, self.ended_at, self.customer_masked, self.contact_point),
            (self.contact_id, self.csat_score, self.disposition_name),
            (self.segments, self.legs, self.queues),
            [*map(_attribute, _sorted(self.attributes_masked, _when_and_what))],
            _sorted([*map(_link, self.interaction.hooks)], _encoder.encode),
            _sorted([*map(_note, self.interaction.notes)], _encoder.encode),
        )
        return sha256(_encoder.encode(content)).hexdigest()[:_VERSION_DIGITS]


def _sorted(many: list[Any], key: Callable[[Any], Any]) -> list[Any]:
    return sorted(many, key=key) if len(many) > 1 else many


def _written_at(hook: Hook) -> datetime:
    """When a hook was written, to the millisecond: finer digits are upstream's clock, not an order."""
    moment = hook.timestamp or _EARLIEST
    finer = moment.microsecond % 1000
    return moment - timedelta(microseconds=finer) if finer else moment


def _when_and_what(hook: Hook) -> tuple[datetime, str]:
    """Of several writes of one attribute in one millisecond the order counts: the last is the one that columns show."""
    return _written_at(hook), (hook.hook_type or "").strip()


def is_accepted(leg: AgentLeg) -> bool:
    """Whether the agent took the offer; where upstream does not say, a conversation says it."""
    if leg.agent_work_accepted is None:
        return leg.conversation_start_timestamp is not None
    return leg.agent_work_accepted


def total(seconds: Iterable[float | None]) -> float | None:
    """The sum of those that are known, to the millisecond; a single one stays as it is.

    None where there are none, or where they add up to more than a float can be.
    """
    known = [one for one in seconds if one is not None]
    if len(known) <= 1:
        return known[0] if known else None
    added = sum(known)
    return round(added, 3) if isfinite(added) else None
