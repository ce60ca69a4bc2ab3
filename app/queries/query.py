"""Queries, canonical and frozen: equal questions are equal values, and every part of them is in a key."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from app.cache.keys import Part, digest
from app.interactions.columns import SCHEMA_VERSION
from app.interactions.grains import INTERACTIONS
from app.interactions.masking import MASKED, Audience
from app.queries.change_token import ChangeToken, token_text
from app.queries.cursor import Cursor, cursor_text
from app.summaries.summary import Summary

ALL_ROWS = 2**63 - 1  # as a limit: however many there are
CHANGED_SINCE = "changed_since"  # the parameter that brings a change token
_IDENTITY_BYTES = 8

Operand = str | int | float | bool | date  # a datetime is a date
T = TypeVar("T", bound=Operand)


@dataclass(frozen=True, slots=True)
class Search:
    """Which interactions are asked for. Times are aware UTC, half-open `[start, end)` on the interaction's start."""

    attr: tuple[str, ...] = ()
    attr_pairs: tuple[tuple[str, str], ...] = ()
    attr_any: tuple[str, ...] = ()
    attr_names: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    contact_id: str | None = None
    hook_type: str | None = None
    hook_subtype: str | None = None
    hook_id: str | None = None

    def values(self) -> tuple[str, ...]:
        """Every attribute value that must occur, by itself or under a name."""
        return distinct((*self.attr, *(value for _, value in self.attr_pairs)))

    def asks_of_hooks(self) -> bool:
        """Whether there is a condition on attributes or CRM links."""
        named = self.hook_type or self.hook_subtype or self.hook_id
        return bool(self.attr or self.attr_pairs or self.attr_any or self.attr_names or named)

    def sent_name(self) -> str | None:
        """The attribute name to send: one, where no value says more and `hookType` is free (R3); the rest is for us."""
        is_free = not (self.values() or self.attr_any or self.hook_type or self.hook_subtype)
        return self.attr_names[0] if self.attr_names and is_free else None

    def is_checked_here(self) -> bool:
        """Whether upstream is not told all of this, so that its total is none of ours."""
        sent = self.sent_name()
        return bool(self.attr_pairs) or self.attr_names != ((sent,) if sent else ())

    def key(self, rules: Part) -> bytes:
        """Where the snapshot is stored under these rules: equal for questions that ask upstream in equal words."""
        return digest(
            "report",
            SCHEMA_VERSION,
            rules,
            self.values(),
            self.attr_any,
            self.sent_name(),
            *(moment.isoformat() if moment else None for moment in (self.start, self.end)),
            self.contact_id,
            self.hook_type,
            self.hook_subtype,
            self.hook_id,
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column, answered here; `operator` is the suffix of its row in OPERATORS."""

    name: str
    values: tuple[Operand, ...]
    operator: str = ""

    def key_parts(self) -> tuple[Part, ...]:
        """All of it; the column says of which type the values are."""
        return self.name, self.operator, tuple(map(str, self.values))


@dataclass(frozen=True, slots=True)
class Order:
    """Order of rows; the default is upstream's own, by the interaction's start."""

    column: str = ""
    descending: bool = True


NEWEST_FIRST = Order()


class PageRange(NamedTuple):
    """Up to `limit` rows that match, looked for from a place in the snapshot on, after `skip` others that match."""

    position: int
    skip: int
    limit: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """How the rows are shown: of which grain, output name and column pairs, nested lists, and the representation.

    `raw`: beside one row, the record it was made of, as upstream sent it.
    """

    columns: tuple[tuple[str, str], ...]
    include: tuple[str, ...] = ()
    format: str = "json"
    variant: str = "envelope"
    audience: Audience = MASKED
    download: bool = False
    raw: bool = False
    grain: str = INTERACTIONS

    @property
    def shows_personal_data(self) -> bool:
        """Whether customers or the texts of notes are shown in clear: nobody may store that (FAULTS 1.4)."""
        return self.raw or self.audience.clear or (self.audience.notes and "notes" in (self.grain, *self.include))

    def key_parts(self) -> tuple[Part, ...]:
        """Everything here: all of it shapes the bytes (FAULTS T12)."""
        shown = _columns_key(self.columns)
        how = (self.include, self.format, self.variant, self.audience.name, self.download, self.raw)
        return (self.grain, shown, *how)


@lru_cache(maxsize=256)
def _columns_key(columns: tuple[tuple[str, str], ...]) -> bytes:
    """A single key part for all columns: with the default ones, taking them apart would cost more than all the rest."""
    return digest("columns", columns)


@dataclass(frozen=True, slots=True)
class InteractionQuery:
    """A request for rows.

    `asked` are the parameters that decide which rows there are, as the client wrote them, sorted: a relative time stays
    relative. `given` are all parameters but cursor and offset, for the link to the next page. With `since`, the changes
    since that token was given are asked for. With a `summary` it is asked of those rows, and `view`, `limit` are of its
    table.
    """

    search: Search
    view: View
    filters: tuple[Filter, ...] = ()
    order: Order = NEWEST_FIRST
    offset: int = 0
    limit: int = 100
    cursor: Cursor | None = None
    since: ChangeToken | None = None
    asked: tuple[tuple[str, str], ...] = ()
    given: tuple[tuple[str, str], ...] = ()
    summary: Summary | None = None

    @property
    def page_range(self) -> PageRange:
        """Where the rows of the page are looked for."""
        if self.cursor:
            return PageRange(self.cursor.position, self.cursor.skip, self.limit, self.cursor.part)
        return PageRange(0, self.offset, self.limit)

    @property
    def reach(self) -> int:
        """How many records of the snapshot the page needs, if each is a row that matches."""
        return sum(self.page_range[:3])

    def is_filtered_here(self) -> bool:
        """Whether some condition is answered by the façade alone, so that upstream's total says nothing."""
        return bool(self.filters) or self.search.is_checked_here()

    def key_parts(self) -> tuple[Part, ...]:
        """Everything that shapes the bytes of an answer, beside the version of the snapshot its rows are from."""
        return (
            *self.view.key_parts(),
            self.search.attr,
            self.search.attr_pairs,
            self.search.attr_any,
            self.search.attr_names,
            self.search.hook_type,
            tuple(one.key_parts() for one in self.filters),
            self.order.column,
            self.order.descending,
            self.offset,
            self.limit,
            cursor_text(self.cursor) if self.cursor and self.cursor.place else None,
            self.page_range if self.cursor else None,
            token_text(self.since) if self.since else None,
            self.asked,
            self.given,
            self.summary.key_parts() if self.summary else None,
        )

    def identity(self) -> bytes:
        """The digest that a cursor is bound to: the question as asked and its order, not how its rows are shown."""
        return digest("identity", self.view.grain, self.asked)[:_IDENTITY_BYTES]

    def question(self) -> bytes:
        """The digest that a change token is bound to: that of the same question without a token."""
        asked = tuple((name, text) for name, text in self.asked if name != CHANGED_SINCE)
        return digest("question", self.view.grain, asked)[:_IDENTITY_BYTES]


def distinct(values: Iterable[T]) -> tuple[T, ...]:
    """Each once, sorted; all are of one type."""
    return tuple(sorted(set(values)))
