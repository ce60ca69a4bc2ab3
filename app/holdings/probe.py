"""The probe: open questions of UPSTREAM §12, asked of a tenant by reading alone, in fewer than thirty calls.

Findings hold counts, and no value of the tenant.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any, NamedTuple, TypeGuard

from app.errors import UpstreamError, UpstreamRefusedQuery
from app.holdings.tenant import BEFORE_ALL, LEAST_DURATION, MILLISECOND, NotKnownError, Tenant, first
from app.interactions.parts import Interaction
from app.interactions.times import started_at
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING

OFFSETS = (1_000, 10_000, 100_000, 1_000_000)
LONGEST_TEXT = 64
SECOND = timedelta(seconds=1)
NOT_KNOWN, REFUSED = "not-known", "refused"

Answer = tuple[str, str]  # a finding, and the counts that show it


def _values(record: Interaction) -> set[str]:
    return {hook.hook_name for hook in record.interaction_attributes if _is_askable(hook.hook_name)}


def _names(record: Interaction) -> set[str]:
    return {hook.hook_type for hook in record.interaction_attributes if _is_askable(hook.hook_type)}


def _is_askable(text: str | None) -> TypeGuard[str]:
    return text is not None and 0 < len(text) <= LONGEST_TEXT


async def _share(tenant: Tenant, has: Callable[[Interaction], bool]) -> Answer:
    rows = (tenant.newest.records | tenant.older.records).values()
    first(rows, "at all")
    count = sum(map(has, rows))
    return "always" if count == len(rows) else "sometimes" if count else "never", f"{count} of {len(rows)} rows"


async def _open_listed(tenant: Tenant) -> Answer:
    finding, seen = await _share(tenant, lambda record: record.end_timestamp is None)
    if finding == "never":
        raise NotKnownError("no record without an end among the newest")
    return "yes", seen


async def _repeated_value(tenant: Tenant) -> Answer:
    """Two values of one record are asked in both orders, where another record has only the first of them."""
    valued = [(record, _values(record)) for record in tenant.records]
    both, one, values = first(
        (
            (both, one, pair)
            for both, owned in valued
            for pair in permutations(sorted(owned), 2)
            for one, others in valued
            if pair[0] in others and pair[1] not in others
        ),
        "with two attribute values of which another has only one",
    )
    pages = [await tenant.matching(attribute_values=order) for order in (values, values[::-1])]
    if not all(page.shows(both) for page in pages):
        return "none", ""
    found = pages[0].shows(one), pages[1].shows(one)
    return {(False, False): "all", (True, False): "first", (False, True): "last"}.get(found, "any"), ""


async def _spelling(
    tenant: Tenant,
    texts: Callable[[Interaction], set[str]],
    respell: Callable[[str], str],
    conditions: Callable[[str], dict[str, Any]],
    words: str,
) -> Answer:
    """Whether a record is found by another spelling of a text of its own, which some other record has in neither."""
    respelled = [{respell(text) for text in texts(record)} for record in tenant.records]
    record, text = first(
        (
            (record, text)
            for record in tenant.records
            for text in sorted(texts(record))
            if respell(text) not in {"", *texts(record)}
            if not all(respell(text) in others for others in respelled)
        ),
        words,
    )
    if not (await tenant.matching(**conditions(text))).shows(record):
        raise NotKnownError("a record is not found by its own spelling")
    page = await tenant.matching(**conditions(respell(text)))
    if not page.shows(record):
        return "exact", ""
    return "loose" if page.total < tenant.older.total else "ignored", ""


async def _range_time(tenant: Tenant) -> Answer:
    record, start, end = tenant.span()
    earlier = [row for row in tenant.records if started_at(row) <= start]
    after = await tenant.at(end + LEAST_DURATION)
    if all(map(after.shows, earlier)) or (await tenant.at(BEFORE_ALL)).total:
        return "ignored", ""
    found = (await tenant.at(start)).shows(record), (await tenant.at(end)).shows(record)
    tested = {(True, False): "start", (False, True): "end", (True, True): "overlap"}.get(found, "both")
    if tested == "both" and not (await tenant.between(start - MILLISECOND, end + 2 * MILLISECOND)).shows(record):
        raise NotKnownError("a record is not found by its own times")
    tenant.tested = tested
    return tested, ""


async def _range_ends(tenant: Tenant) -> Answer:
    if tenant.tested is None:
        raise NotKnownError("the time that the range tests is not known")
    record, start, end = tenant.span()
    tested = {"start": (start, start), "end": (end, end), "overlap": (end, start), "both": (start, end)}
    low, high = tested[tenant.tested]  # the times that `from` and `to` are compared with
    from_it = (await tenant.between(low, max(low, high) + SECOND)).shows(record)
    to_it = (await tenant.between(min(low, high) - SECOND, high)).shows(record)
    return {(True, False): "from", (True, True): "both", (False, True): "to"}.get((from_it, to_it), "neither"), ""


async def _limit_zero(tenant: Tenant) -> Answer:
    first(tenant.newest.records, "at all")
    page = await tenant.page(EVERYTHING, rows=0)
    finding = "rows-as-well" if page.rows else "total-alone" if page.total else "no-total"
    return finding, f"{page.rows} rows, total {page.total}"


async def _deepest_offset(tenant: Tenant) -> Answer:
    first(tenant.newest.records, "at all")
    last = tenant.newest.total - 1
    for offset in (*(offset for offset in OFFSETS if offset < last), last):
        try:
            page = await tenant.page(EVERYTHING, 1, offset)
        except UpstreamError:
            await tenant.page(EVERYTHING, 1)  # raises where upstream answers nothing any more
            return "fails", f"at offset {offset}"
        if not page.rows and offset < page.total:
            return "no-rows", f"at offset {offset} of {page.total}"
    return "every-row", f"up to offset {last}"


class Question(NamedTuple):
    """A question in words, how it is asked, and what the service does about each finding."""

    name: str
    words: str
    ask: Callable[[Tenant], Awaitable[Answer]]
    service: dict[str, str]


_CHECKED = "Rows are checked here again: others are dropped and counted, and totals are an upper bound."
_ALIKE = "Rows are checked in the same way here."
_LATE = "Interactions that end after `to` are missing from a range: report this."
_MISSED = "An interaction at the very millisecond of `from` may be missing: report this."
_UPDATED = "Nothing relies on it: it is a time among others in last_event_at."

# fmt: off
QUESTIONS = (
    Question("open-listed", "Are open interactions listed?", _open_listed, {
        "yes": "They are shown as far as they have come, with is_final false.",
    }),
    Question("updated", "Do rows say when they were updated?",
             partial(_share, has=lambda record: record.updated is not None),
             {"always": _UPDATED, "sometimes": _UPDATED, "never": _UPDATED}),
    Question("repeated-value", "Which copies of a repeated attribute-value must match?", _repeated_value, {
        "all": _ALIKE, "first": _CHECKED, "last": _CHECKED, "any": _CHECKED,
        "none": "A search for several values finds nothing: report this.",
    }),
    Question("value-case", "Is an attribute's value matched with its case?", partial(
        _spelling, texts=_values, respell=str.upper, conditions=lambda value: {"attribute_values": (value,)},
        words="with an attribute value in small letters that others lack",
    ), {"exact": _ALIKE, "loose": _CHECKED, "ignored": _CHECKED}),
    Question("name-spaces", "Is an attribute's name matched with the spaces at its ends?", partial(
        _spelling, texts=_names, respell=str.strip, conditions=lambda name: {"hook_type": name},
        words="with an attribute whose name begins or ends with a space, and that others lack",
    ), {
        "exact": "A name is asked with its spaces once it was seen; before, a search by name alone may miss rows.",
        "loose": _ALIKE, "ignored": _CHECKED,
    }),
    Question("range-time", "Which time of an interaction must lie in the range?", _range_time, {
        "start": _ALIKE, "end": _LATE, "both": _LATE, "ignored": _CHECKED,
        "overlap": "Interactions that start before `from` are left out, and not counted; none is missing.",
    }),
    Question("range-ends", "Which ends of the range are included?", _range_ends, {
        "from": _ALIKE, "to": _MISSED, "neither": _MISSED,
        "both": "An interaction at the very millisecond of `to` is dropped; none is missing.",
    }),
    Question("limit-zero", "Does limit=0 bring the total alone?", _limit_zero, {
        "total-alone": "Counts cost no rows.",
        "rows-as-well": "Counts cost a page of rows.",
        "no-total": "Counts are wrong: report this.",
    }),
    Question("deepest-offset", "How deep may the offset be?", _deepest_offset, {
        "every-row": "A list is walked as far as CXF_MAX_ROWS allows.",
        "fails": "A walk that goes deeper ends with upstream's fault: narrow it by `from` and `to`.",
        "no-rows": "A walk that goes deeper ends early, with X-Truncated: narrow it by `from` and `to`.",
    }),
)
# fmt: on

UNANSWERED = {
    NOT_KNOWN: "It stays open: ask again once there is such a record.",
    REFUSED: "Requests that need it fail with upstream-refused-query: report this.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to a question, the counts that show it, and what the service does about it."""

    name: str
    question: str
    finding: str
    seen: str
    service: str


async def findings(client: UpstreamClient) -> AsyncGenerator[Finding, None]:
    """The finding of each question, as soon as it is known. Raises UpstreamError where upstream does not answer."""
    tenant = Tenant(client)
    await tenant.sample()
    for name, words, ask, service in QUESTIONS:
        try:
            finding, seen = await ask(tenant)
        except NotKnownError as lacking:
            finding, seen = NOT_KNOWN, str(lacking)
        except UpstreamRefusedQuery:
            finding, seen = REFUSED, "with a status 4xx"
        yield Finding(name, words, finding, seen, (service | UNANSWERED)[finding])
