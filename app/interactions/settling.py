"""A record as it is decoded, before anybody reads it: each child once, attributes apart from links, no card numbers.

Values of custom attributes are the exception: a pseudonym is made of the whole value, so they are masked where shown.
"""

import itertools
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

from msgspec.structs import force_setattr

from app.interactions.cards import LENGTHS, UUID, masker, may_hold_card
from app.interactions.parts import Hook, Interaction, Part

ATTRIBUTE = "interaction-attribute"

_CHILDREN = (
    ("segments", attrgetter("interaction_segment_id")),
    ("agents", attrgetter("interaction_agent_id")),
    ("queues", attrgetter("interaction_queue_id")),
    ("notes", attrgetter("note_id")),
    ("customer_talk_times", attrgetter("interaction_customer_talk_time_id")),
    ("customer_hold_times", attrgetter("interaction_customer_hold_time_id")),
    ("customer_response_times", attrgetter("interaction_customer_response_time_id")),
)
_talk_time_id = attrgetter("interaction_agent_talk_time_id")
_children = attrgetter(*(name for name, _ in _CHILDREN))

UUID_LENGTH = 36
_APART = "x"  # no card number reaches across

# By the parts they belong to, the texts that may hold a card number, then the ids that views show.
_SHOWN = {
    "segments": (("segment_start_type", "segment_end_type"), ("interaction_segment_id", "segment_to_agent_id")),
    "queues": (
        ("queue_name", "queue_type", "queue_entry_type", "queue_exit_type"),
        ("interaction_queue_id", "interaction_segment_id", "queue_id", "agent_id"),
    ),
    "notes": (("title", "body"), ("note_id", "agent_id")),
    "interaction_attributes": (("hook_type", "hook_by", "hooked_by"), ("interaction_hook_id", "hook_id", "agent_id")),
    "hooks": (
        ("hook_type", "hook_by", "hooked_by", "hook_name", "hook_sub_type"),
        ("interaction_hook_id", "agent_id"),
    ),
    "agents": (
        ("agent_name",),
        ("interaction_agent_id", "agent_id", "session_id", "interaction_segment_id", "queue_id"),
    ),
}
_OWN_TEXTS = ("channel_type", "direction", "flow_name", "disposition_name")
_OWN_IDS = ("tenant_id", "contact_id", "flow_id")  # the interaction's own is the key of its row, and stays
_TALK_TIME_IDS = ("agent_id", "queue_id")

_own = attrgetter(*_OWN_TEXTS, *_OWN_IDS)
_parts = attrgetter(*_SHOWN)
_shown_of = [attrgetter(*texts, *ids) for texts, ids in _SHOWN.values()]
_talk_time_ids = attrgetter(*_TALK_TIME_IDS)


def settled(record: Interaction) -> Interaction:
    """The record itself, settled in place: it has just been made, and nobody else has seen it."""
    for (name, key), children in zip(_CHILDREN, _children(record)):  # noqa: B905 - made of one table
        if len(children) > 1:
            force_setattr(record, name, _each_once(children, key))
    for leg in record.agents:
        if len(leg.talk_times) > 1:
            force_setattr(leg, "talk_times", _each_once(leg.talk_times, _talk_time_id))
    if record.hooks or record.interaction_attributes:
        _part_hooks(record)
    _mask_cards(record)
    return record


def _each_once(children: Iterable[Any], key: Any) -> tuple[Any, ...]:
    """The children, each key once: in the place of its first copy, and as its last one says (R8)."""
    return tuple({key(child) or place: child for place, child in enumerate(children)}.values())


def _part_hooks(record: Interaction) -> None:
    """Attributes into their own array, where they need no subtype, and CRM links into the other, each once (R8)."""
    attributes: dict[object, Hook] = {}
    links: dict[object, Hook] = {}
    for hook in record.hooks:
        where = attributes if hook.hook_sub_type == ATTRIBUTE else links
        where[hook.interaction_hook_id or _described(hook)] = hook
    for hook in record.interaction_attributes:
        where = attributes if hook.hook_sub_type in (ATTRIBUTE, None) else links
        where[hook.interaction_hook_id or _described(hook)] = hook
    force_setattr(record, "interaction_attributes", tuple(attributes.values()))
    force_setattr(record, "hooks", tuple(links.values()))


def _described(hook: Hook) -> object:
    """Among attributes, one without subtype is the same as one that has it; among links there is no such subtype."""
    return (hook.hook_type, hook.hook_sub_type or ATTRIBUTE, hook.hook_id, hook.hook_name, hook.timestamp)


def _mask_cards(record: Interaction) -> None:
    """All that is shown is looked through at once, as hardly any record holds a card number."""
    shown = [*filter(None, _shown(record))]
    if not may_hold_card(_APART.join(shown)) or not may_hold_card(_APART.join(itertools.filterfalse(_is_uuid, shown))):
        return
    mask_cards = masker()
    for part, texts, _ in _masked_parts(record):
        for name in texts:
            text = getattr(part, name)
            if text and (masked := mask_cards(text)) is not text:
                force_setattr(part, name, masked)
    mask_cards = masker()
    for part, _, ids in _masked_parts(record):
        for name in ids:
            written = getattr(part, name)
            if written and len(written) >= LENGTHS.start and not UUID.fullmatch(written):
                force_setattr(part, name, mask_cards(written))


def _is_uuid(text: str) -> bool:
    return len(text) == UUID_LENGTH and UUID.fullmatch(text) is not None


def _shown(record: Interaction) -> list[str | None]:
    """The texts and ids that views show, in no order."""
    shown = [*_own(record)]
    for parts, shown_of in zip(_parts(record), _shown_of):  # noqa: B905 - made of one table
        for part in parts:
            shown += shown_of(part)
    for leg in record.agents:
        for talk in leg.talk_times:
            shown += _talk_time_ids(talk)
    if record.details:
        shown += (record.details.contact_id, *[agent.disposition_name for agent in record.details.agents])
    return shown


def _masked_parts(record: Interaction) -> Iterator[tuple[Part, tuple[str, ...], tuple[str, ...]]]:
    """The record and its parts, each with the names of its texts and ids."""
    yield record, _OWN_TEXTS, _OWN_IDS
    for parts, names in zip(_parts(record), _SHOWN.values(), strict=True):
        yield from ((part, *names) for part in parts)
    yield from ((talk, (), _TALK_TIME_IDS) for leg in record.agents for talk in leg.talk_times)
    if record.details:
        yield record.details, (), ("contact_id",)
        yield from ((agent, ("disposition_name",), ()) for agent in record.details.agents)
