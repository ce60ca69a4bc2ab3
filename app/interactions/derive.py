"""The columns that derive: one small function each, from the facts of a record to a value."""

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from math import isfinite
from operator import attrgetter
from typing import Any

import msgspec

from app.interactions.cards import mask_cards
from app.interactions.facts import Facts, is_answered, written_at
from app.interactions.masking import customer_key as pseudonym
from app.interactions.parts import Hook, Interaction
from app.interactions.times import rfc3339 as rfc3339  # noqa: PLC0414 - the other layers import it from here
from app.interactions.times import seconds_between

_VERSION_DIGITS = 16
_encoder = msgspec.json.Encoder()


def time_of(path: str) -> Callable[[Any], str | None]:
    """A column, or a nested field, that shows the time at `path`."""
    get = attrgetter(path)
    return lambda facts: rfc3339(get(facts))


def sum_of(parts: str, field: str) -> Callable[[Facts], float | None]:
    """A column that adds up one field over all parts, in seconds with milliseconds; a single one stays as it is.

    None where there are none, or where they add up to more than a float can be.
    """
    get_parts, get_field = attrgetter(parts), attrgetter(field)

    def value(facts: Facts) -> float | None:
        found = get_parts(facts)
        if len(found) <= 1:
            return get_field(found[0]) if found else None
        present = [seconds for part in found if (seconds := get_field(part)) is not None]
        if len(present) <= 1:
            return present[0] if present else None
        total: float = sum(present)
        return round(total, 3) if isfinite(total) else None

    return value


def tenant_id(facts: Facts) -> str:
    return facts.interaction.tenant_id or facts.context.tenant_id


def contact_id(facts: Facts) -> str | None:
    return facts.interaction.contact_id or facts.details.contact_id


def contact_point(facts: Facts) -> str | None:
    address = facts.interaction.contact_point
    return address and mask_cards(address)


def customer(facts: Facts) -> str | None:
    address = facts.interaction.customer
    return mask_cards(address) if address and facts.context.audience.clear else None


def customer_key(facts: Facts) -> str | None:
    if not facts.interaction.customer:
        return None
    return pseudonym(facts.interaction.customer, facts.context.pseudonym_secret)


def started_on(facts: Facts) -> str:
    return facts.local_start.date().isoformat()


def started_hour(facts: Facts) -> int:
    return facts.local_start.hour


def duration_seconds(facts: Facts) -> float | None:
    if facts.interaction.interaction_time is not None:
        return facts.interaction.interaction_time
    return seconds_between(facts.started_at, facts.ended_at)


def ivr_seconds(facts: Facts) -> float | None:
    if facts.interaction.ivr_time is not None or not facts.queues:
        return facts.interaction.ivr_time
    return seconds_between(facts.started_at, facts.queues[0].start_timestamp)


def time_to_answer_seconds(facts: Facts) -> float | None:
    for queue in facts.queues:
        if is_answered(queue):
            return queue.time_to_answer
    return None


def agent_count(facts: Facts) -> int:
    return len({leg.agent_id for leg in facts.accepted if leg.agent_id})


def rejected_offer_count(facts: Facts) -> int:
    return len(facts.legs) - len(facts.accepted)


def answered_at(facts: Facts) -> str | None:
    starts = [start for leg in facts.legs if (start := leg.conversation_start_timestamp)]
    return rfc3339(min(starts)) if starts else None


def hold_seconds(facts: Facts) -> float | None:
    seconds = facts.interaction.customer_hold_time
    return 0.0 if seconds is None and facts.interaction.customer_holds == 0 else seconds


def abandon_seconds(facts: Facts) -> float | None:
    if not facts.abandoned:
        return None
    if facts.interaction.customer_abandon_time is not None:
        return facts.interaction.customer_abandon_time
    return facts.interaction.ivr_abandon_time


def abandon_stage(facts: Facts) -> str | None:
    if not facts.abandoned:
        return None
    if facts.left_in_ivr:
        return "ivr"
    if facts.interaction.customer_hold_abandoned:
        return "hold"
    return "queue" if facts.queues and not is_answered(facts.queues[-1]) else "other"


def end_type(facts: Facts) -> str | None:
    return facts.segments[-1].segment_end_type if facts.segments and facts.ended_at else None


def csat_score(facts: Facts) -> float | None:
    score = facts.interaction.customer_satisfaction_score
    return facts.details.csat if score is None else score


def disposition_name(facts: Facts) -> str | None:
    name = facts.interaction.disposition_name
    if name is not None or not facts.details.agents:
        return name
    return next((agent.disposition_name for agent in reversed(facts.details.agents) if agent.disposition_name), None)


def attribute_value(name: str) -> Callable[[Facts], str | None]:
    """A column that shows the latest value of the attribute called `name`; names are compared trimmed (R3)."""
    return lambda facts: facts.latest.get(name)


def is_answered_by_agent(facts: Facts) -> bool:
    return any(leg.conversation_start_timestamp for leg in facts.legs) or any(map(is_answered, facts.queues))


_SHOWN_OTHERWISE = {"customer", "contact_point", "segments", "agents", "queues", "hooks", "interaction_attributes"}
_SHOWN_OTHERWISE |= {"notes", "details"}
_root = attrgetter(*(field.name for field in msgspec.structs.fields(Interaction) if field.name not in _SHOWN_OTHERWISE))
_note = attrgetter("note_id", "agent_id", "created", "updated")
_link = attrgetter("hook_type", "hook_sub_type", "hook_by", "hooked_by", "agent_id", "timestamp")
_attribute = attrgetter("hook_type", "hook_name", "hook_by", "hooked_by", "agent_id", "timestamp")


def row_version(facts: Facts) -> str:
    """Hash of what a masked view shows of the record, in an order of its own: equal in every view.

    Of notes the ids and times enter, of CRM links all but the display name: what is hidden could be found by trying
    until the hash fits. Neither key order, unknown fields and nulls change it, nor which array holds an attribute.
    """
    content = (
        _root(facts.interaction),
        (facts.started_at, facts.ended_at, facts.customer_masked, contact_point(facts)),
        (contact_id(facts), csat_score(facts), disposition_name(facts)),
        (facts.segments, facts.legs, facts.queues),
        [*map(_attribute, sorted(facts.attributes_masked, key=_when_and_what))],
        sorted(map(_link, facts.interaction.hooks), key=_encoder.encode),
        sorted(map(_note, facts.interaction.notes), key=_encoder.encode),
    )
    return sha256(_encoder.encode(content)).hexdigest()[:_VERSION_DIGITS]


def _when_and_what(hook: Hook) -> tuple[datetime, str]:
    """Of several writes of one attribute in one millisecond the order counts: the last is the one that columns show."""
    return written_at(hook), (hook.hook_type or "").strip()
