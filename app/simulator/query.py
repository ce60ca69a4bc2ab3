"""Upstream's reading of a query string: every spelling, nothing refused but a bad number, unknown names ignored."""

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from app.simulator.clock import parse_time, stamp
from app.simulator.interaction import Interaction
from app.simulator.scene import ATTRIBUTE

SPELLINGS: dict[str, str] = {
    "start": "start", "startTimeRange": "start",
    "end": "end", "endTimeRange": "end",
    "contactId": "contact", "contactID": "contact",
    "attribute-value": "attribute-value", "attributeValue": "attribute-value",
    "hook-name": "hook-name", "hookName": "hook-name",
    "hookType": "hookType", "type": "hookType",
    "hookSubType": "hookSubType",
    "hookId": "hookId",
    "limit": "limit", "offset": "offset", "page": "page",
}  # fmt: skip
"""UPSTREAM §3, column "Simulator accepts": a name as sent, and the filter it means."""

DEFAULT_LIMIT = 10
MOST_ROWS = 1000
_AT_LAST = "9999"
HOOK_CONDITIONS = ("hookType", "hookSubType", "hookId")


class BadQueryError(ValueError):
    """A query that upstream answers with 400; the message names the parameter."""


Test = Callable[[Interaction, str], bool]
Tests = Mapping[str, Callable[[str], Test]]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as upstream understands it. ``filters`` are (filter, value) in the order sent; all must hold (S14).

    ``tests`` take the place of the usual tests of these filters; ``ended`` leaves out what is still open.
    """

    filters: tuple[tuple[str, str], ...] = ()
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    page: int | None = None
    nulls: bool = False
    hooks_per_entry: bool = False
    ended: bool = False
    tests: Tests = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        return [value for filter_name, value in self.filters if filter_name == name]

    @property
    def is_plain(self) -> bool:
        """Whether all its tests are the usual ones."""
        return not (self.tests or self.ended or self.hooks_per_entry)

    @property
    def size(self) -> int:
        """Rows on a page after the silent cap."""
        return min(self.limit, MOST_ROWS)

    @property
    def skip(self) -> int:
        return self.offset + (self.page or 0) * self.size


def parse(parameters: Iterable[tuple[str, str]]) -> Query:
    """Read decoded (name, value) in the order sent; a blank value filters nothing (R2). Raises BadQueryError."""
    filters: list[tuple[str, str]] = []
    numbers: dict[str, int] = {}
    nulls = False
    for name, value in parameters:
        nulls = nulls or (name.lower(), value.lower()) in {("green", "false"), ("includenulls", "true")}
        meaning = SPELLINGS.get(name)
        if meaning is None or not value:
            continue
        try:
            if meaning in ("limit", "offset", "page"):
                numbers[meaning] = _number(value)
            else:
                filters.append((meaning, stamp(parse_time(value)) if meaning in ("start", "end") else value))
        except (ValueError, OverflowError) as error:
            raise BadQueryError(name) from error
    limit, offset = numbers.get("limit", DEFAULT_LIMIT), numbers.get("offset", 0)
    return Query(tuple(filters), limit, offset, numbers.get("page"), nulls)


def select(rows: Iterable[Interaction], query: Query, now: str) -> list[Interaction]:
    """The rows that meet every filter, in the order given; the range is half-open on ``startTimestamp``."""
    known = {**_TESTS, **query.tests}
    tests = [known[name](value) for name, value in query.filters if name in known]
    conditions = [(name, value) for name, value in query.filters if name in HOOK_CONDITIONS and name not in known]
    if query.ended:
        tests.append(lambda row, now: ended_at(row, now) is not None)
    if conditions:
        tests.append(_hook_test(conditions, query.hooks_per_entry))
    found = [row for row in rows if row.start <= now]
    for test in tests:
        found = [row for row in found if test(row, now)]
    return found


_TESTS: Tests = {
    "start": lambda value: lambda row, _: row.start >= value,
    "end": lambda value: lambda row, _: row.start < value,
    "contact": lambda value: lambda row, _: (row.record.get("contactId") or "").lower() == value.lower(),
    "attribute-value": lambda value: (
        lambda row, now: (
            row.may_name(value)
            and any(hook["hookSubType"] == ATTRIBUTE and hook.get("hookName") == value for hook in row.hooks(now))
        )
    ),
    "hook-name": lambda value: (
        lambda row, now: row.may_name(value) and any(hook.get("hookName") == value for hook in row.hooks(now))
    ),
}


def ended_at(row: Interaction, now: str) -> str | None:
    """When a row ended, None while it is open."""
    end: str | None = row.at(now).get("endTimestamp")
    return end


CASE_IGNORED: Tests = {
    "attribute-value": lambda value: (
        lambda row, now: any(
            hook["hookSubType"] == ATTRIBUTE and hook.get("hookName", "").lower() == value.lower()
            for hook in row.hooks(now)
        )
    ),
}
NAMES_TRIMMED: Tests = {
    "hookType": lambda value: (
        lambda row, now: any(hook["hookType"].strip() == value.strip() for hook in row.hooks(now))
    ),
}
FROM_ENDS: dict[str, Callable[[str, str], bool]] = {"[": operator.ge, "(": operator.gt}
TO_ENDS: dict[str, Callable[[str, str], bool]] = {"]": operator.le, ")": operator.lt}
RANGES = {"start": ("start", "start"), "end": ("end", "end"), "overlap": ("end", "start"), "both": ("start", "end")}
"""By what the range tests: the times that its start and its end are compared with. What is open ends at last."""


def range_tests(tests: str, ends: str) -> Tests:
    """The tests of a range on the times that RANGES names, its ``ends`` included as brackets say: ``[)``."""
    low, high = RANGES[tests]
    return {"start": _time_test(low, FROM_ENDS[ends[:1]]), "end": _time_test(high, TO_ENDS[ends[1:]])}


def _time_test(time: str, holds: Callable[[str, str], bool]) -> Callable[[str], Test]:
    return lambda value: lambda row, now: holds(row.start if time == "start" else ended_at(row, now) or _AT_LAST, value)


def _hook_test(conditions: list[tuple[str, str]], per_entry: bool) -> Test:
    """Each condition may be met by another hook of the interaction (R7); all by the same hook when ``per_entry``."""
    if per_entry:
        return lambda row, now: any(
            all(hook.get(name) == value for name, value in conditions) for hook in row.hooks(now)
        )
    return lambda row, now: all(any(hook.get(name) == value for hook in row.hooks(now)) for name, value in conditions)


def _number(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError(value)
    return int(value)
