"""The question that upstream is asked: conditions, each sent in one spelling and checked on every row, and blocks.

Upstream may ignore a filter, so each row is checked again (UPSTREAM §3, R5, R7, R12).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.interactions.parts import Hook, Interaction
from app.interactions.settling import ATTRIBUTE
from app.interactions.times import started_at, written

FIRST_BOUNDARY = 100
MOST_ROWS_PER_CALL = 1000
ALMOST_A_MILLISECOND = timedelta(microseconds=999)


@dataclass(frozen=True, slots=True)
class UpstreamQuery:
    """Conditions on interactions, all of which must hold. Values are literal; times are aware, `[start, end)` (R4).

    Some one of `any_values` must occur, where there are any: upstream is asked each of the `alternatives` instead.
    """

    attribute_values: tuple[str, ...] = ()
    hook_type: str | None = None
    hook_sub_type: str | None = None
    hook_id: str | None = None
    contact_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    any_values: tuple[str, ...] = ()


EVERYTHING = UpstreamQuery()


def alternatives(query: UpstreamQuery) -> tuple[UpstreamQuery, ...]:
    """The questions whose rows, each once, are those of the query: one for each of its `any_values`, else itself."""
    if not query.any_values:
        return (query,)
    values = (tuple(dict.fromkeys((*query.attribute_values, one))) for one in query.any_values)
    return tuple(replace(query, attribute_values=asked, any_values=()) for asked in values)


def timestamp(moment: datetime) -> str:
    """`moment` as `YYYY-MM-DDTHH:MM:SS.mmmZ`, finer parts cut off. Raises ValueError where it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("A time without zone cannot be sent.")
    return written(moment)


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


def hooks_of(interaction: Interaction) -> tuple[Hook, ...]:
    """Its hooks and its attributes."""
    return (*interaction.hooks, *interaction.interaction_attributes)


def _has_hook_sub_type(interaction: Interaction, asked: str) -> bool:
    is_attribute = asked == ATTRIBUTE and bool(interaction.interaction_attributes)
    return is_attribute or any(hook.hook_sub_type == asked for hook in hooks_of(interaction))


def contact_of(interaction: Interaction) -> str | None:
    """The id of its contact; case does not count."""
    return interaction.contact_id or (interaction.details.contact_id if interaction.details else None)


def _has_contact(interaction: Interaction, asked: str) -> bool:
    contact = contact_of(interaction)
    return contact is not None and contact.lower() == asked.lower()


def _has_values(interaction: Interaction, asked: tuple[str, ...]) -> bool:
    return all(has_value(interaction.interaction_attributes, value) for value in asked)


def _has_any_value(interaction: Interaction, asked: frozenset[str]) -> bool:
    return any(hook.hook_name in asked for hook in interaction.interaction_attributes)


class Condition(NamedTuple):
    """The field of a query, whether a row meets its value, and the values to send for it."""

    field: str
    holds: Callable[[Interaction, Any], bool]
    sent: Callable[[Any], Iterable[str]] = lambda value: (value,)


CONDITIONS = {
    "attribute-value": Condition("attribute_values", _has_values, dict.fromkeys),
    "hookType": Condition("hook_type", lambda row, name: has_name(hooks_of(row), name)),
    "hookSubType": Condition("hook_sub_type", _has_hook_sub_type),
    "hookId": Condition("hook_id", lambda row, value: any(hook.hook_id == value for hook in hooks_of(row))),
    "contactId": Condition("contact_id", _has_contact),
    "start": Condition("start", lambda row, start: started_at(row) >= start, lambda start: (timestamp(start),)),
    "end": Condition(  # sent rounded up: rows in between are sent as well, and dropped by the check of each row (R5)
        "end", lambda row, end: started_at(row) < end, lambda end: (timestamp(end + ALMOST_A_MILLISECOND),)
    ),
}
"""Conditions by the name of their parameter, in the order in which they are sent.

An attribute's name is a hook type, hence the trimmed comparison; no CRM system's name has spaces at its ends.
"""


def parameters(query: UpstreamQuery, offset: int, limit: int) -> tuple[tuple[str, str], ...]:
    """The query parameters of a call; `offset` and `limit` in rows.

    Raises ValueError for an empty value, which may match everything (R2), for text that UTF-8 cannot carry, for
    numbers out of range, and for a query that has alternatives.
    """
    if query.any_values:
        raise ValueError("Upstream knows no OR.")
    if offset < 0 or not 0 <= limit <= MOST_ROWS_PER_CALL:
        raise ValueError("offset or limit is out of range.")
    asked = ((name, sent, getattr(query, field)) for name, (field, _, sent) in CONDITIONS.items())
    conditions = tuple((name, value) for name, sent, given in asked if given is not None for value in sent(given))
    for name, value in conditions:
        if not value:
            raise ValueError(f"{name} is empty.")
        value.encode()
    return (*conditions, ("offset", str(offset)), ("limit", str(limit)))


def mismatch(interaction: Interaction, query: UpstreamQuery) -> str | None:
    """The name of the first condition that fails, else None; each hook condition may be met by another hook (R7)."""
    return checker(query)(interaction)


Check = Callable[[Interaction], str | None]


def checker(query: UpstreamQuery) -> Check:
    """`mismatch` of one query, for many interactions."""
    given = [(name, holds, getattr(query, field)) for name, (field, holds, _) in CONDITIONS.items()]
    checks = [(name, holds, asked) for name, holds, asked in given if asked is not None]
    checks += [("attribute-value", _has_any_value, frozenset(query.any_values))] if query.any_values else []

    def check(interaction: Interaction) -> str | None:
        for name, holds, asked in checks:
            if not holds(interaction, asked):
                return name
        return None

    return check


class RowRange(NamedTuple):
    """Rows `[offset, offset + limit)` of upstream's list."""

    offset: int
    limit: int

    @property
    def end(self) -> int:
        """The first row behind it."""
        return self.offset + self.limit


def blocks(offset: int, goal: int, most: int) -> list[RowRange]:
    """The whole blocks from `offset` until `goal` rows are covered; none reaches past `most`.

    They end at fixed boundaries: 1000, 2000, 3000 …, or 100 where no more rows are wanted.
    """
    ranges = []
    while offset < min(goal, most):
        is_small = offset < FIRST_BOUNDARY and goal <= FIRST_BOUNDARY
        boundary = FIRST_BOUNDARY if is_small else (offset // MOST_ROWS_PER_CALL + 1) * MOST_ROWS_PER_CALL
        end = min(boundary, most)
        ranges.append(RowRange(offset, end - offset))
        offset = end
    return ranges
