"""What upstream is asked, and the one spelling of each parameter that is ever sent (UPSTREAM §3, R12)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MOST_ROWS_PER_CALL = 1000
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class UpstreamQuery:
    """The conditions that are sent. Values are literal; times are aware, `[start, end)` on `startTimestamp` (R4)."""

    attribute_values: tuple[str, ...] = ()
    hook_type: str | None = None
    hook_sub_type: str | None = None
    hook_id: str | None = None
    contact_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None


EVERYTHING = UpstreamQuery()


def timestamp(moment: datetime) -> str:
    """`moment` as `YYYY-MM-DDTHH:MM:SS.mmmZ`, finer parts cut off. Raises ValueError where it has no zone."""
    if moment.tzinfo is None:
        raise ValueError("A time without zone cannot be sent.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _start(query: UpstreamQuery) -> tuple[str, ...]:
    return () if query.start is None else (timestamp(query.start),)


def _end(query: UpstreamQuery) -> tuple[str, ...]:
    """Rounded up: what lies between is sent too, and dropped by the check of each row (R5)."""
    return () if query.end is None else (timestamp(query.end + MILLISECOND - timedelta(microseconds=1)),)


def _once(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


SPELLINGS: dict[str, Callable[[UpstreamQuery], Iterable[str]]] = {
    "attribute-value": lambda query: dict.fromkeys(query.attribute_values),
    "hookType": lambda query: _once(query.hook_type),
    "hookSubType": lambda query: _once(query.hook_sub_type),
    "hookId": lambda query: _once(query.hook_id),
    "contactId": lambda query: _once(query.contact_id),
    "start": _start,
    "end": _end,
}


def parameters(query: UpstreamQuery, offset: int, limit: int) -> tuple[tuple[str, str], ...]:
    """Names and values to send, `offset` and `limit` in rows.

    Raises ValueError for an empty value, which may match everything (R2), for text that UTF-8 cannot carry, and for
    numbers out of range.
    """
    if offset < 0 or not 0 <= limit <= MOST_ROWS_PER_CALL:
        raise ValueError("offset or limit is out of range.")
    conditions = tuple((name, value) for name, values in SPELLINGS.items() for value in values(query))
    for name, value in conditions:
        if not value:
            raise ValueError(f"{name} is empty.")
        value.encode()
    return (*conditions, ("offset", str(offset)), ("limit", str(limit)))
