"""Whether a record is what was asked for: every row is checked again, since upstream may ignore a filter (R5, R7)."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from app.interactions.records import ATTRIBUTE, Hook, Interaction, attributes
from app.interactions.times import started_at
from app.upstream.query import UpstreamQuery


def has_value(hooks: Iterable[Hook], value: str) -> bool:
    """Whether some hook has exactly this value, case and spaces included."""
    return any(hook.hook_name == value for hook in hooks)


def has_name(hooks: Iterable[Hook], name: str) -> bool:
    """Whether some hook has this name, compared trimmed on both sides (R3)."""
    return any(_same_name(hook.hook_type, name) for hook in hooks)


def has_pair(hooks: Iterable[Hook], name: str, value: str) -> bool:
    """Whether one and the same hook has this name, trimmed, and exactly this value."""
    return any(_same_name(hook.hook_type, name) and hook.hook_name == value for hook in hooks)


def _same_name(raw: str | None, name: str) -> bool:
    return raw is not None and raw.strip() == name.strip()


def _hooks(interaction: Interaction) -> tuple[Hook, ...]:
    return (*interaction.hooks, *interaction.interaction_attributes)


def _has_hook_type(interaction: Interaction, query: UpstreamQuery) -> bool:
    """An attribute's name is a hook type, hence the trimmed comparison; no CRM system's name has spaces at its ends."""
    asked = query.hook_type
    return asked is None or has_name(_hooks(interaction), asked)


def _has_hook_sub_type(interaction: Interaction, query: UpstreamQuery) -> bool:
    asked = query.hook_sub_type
    if asked is None or any(hook.hook_sub_type == asked for hook in _hooks(interaction)):
        return True
    return asked == ATTRIBUTE and bool(attributes(interaction))


def _has_hook_id(interaction: Interaction, query: UpstreamQuery) -> bool:
    return query.hook_id is None or any(hook.hook_id == query.hook_id for hook in _hooks(interaction))


def _has_contact(interaction: Interaction, query: UpstreamQuery) -> bool:
    if query.contact_id is None:
        return True
    contact = interaction.contact_id or (interaction.details.contact_id if interaction.details else None)
    return contact is not None and contact.lower() == query.contact_id.lower()


def _not_before(interaction: Interaction, query: UpstreamQuery) -> bool:
    return query.start is None or started_at(interaction) >= query.start


def _before(interaction: Interaction, query: UpstreamQuery) -> bool:
    return query.end is None or started_at(interaction) < query.end


def _has_values(interaction: Interaction, query: UpstreamQuery) -> bool:
    held = attributes(interaction) if query.attribute_values else ()
    return all(has_value(held, value) for value in query.attribute_values)


class Condition(NamedTuple):
    """One condition under the name it is sent by."""

    name: str
    holds: Callable[[Interaction, UpstreamQuery], bool]


CONDITIONS = (
    Condition("attribute-value", _has_values),
    Condition("hookType", _has_hook_type),
    Condition("hookSubType", _has_hook_sub_type),
    Condition("hookId", _has_hook_id),
    Condition("contactId", _has_contact),
    Condition("start", _not_before),
    Condition("end", _before),
)


def mismatch(interaction: Interaction, query: UpstreamQuery) -> str | None:
    """The name of the first condition that fails, else None; each hook condition may be met by another hook (R7)."""
    for name, holds in CONDITIONS:
        if not holds(interaction, query):
            return name
    return None
