"""Responses: the error of ours for a status, or the envelope of a body and its raw rows, in every known shape (R6)."""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice

import msgspec
from msgspec import UNSET

from app import errors
from app.interactions.parts import Count
from app.interactions.records import readable, whole_number
from app.upstream.query import MOST_ROWS_PER_CALL

LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 300.0
SECONDS = re.compile(r"[0-9]{1,20}", re.ASCII)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKUP = frozenset({"text/html", "application/xhtml+xml", "text/xml", "application/xml"})
TIME_ZONE = "tenanttimezone"  # in lower case: upstream's own pages spell it in two ways
MOST_ROWS = 5 * MOST_ROWS_PER_CALL  # in one answer; a small row costs thirty times its bytes
ENVELOPE_BYTES = 64 * 1024
BARE_WORDS = (b"NaN", b"Infinity")  # Python's json writes and reads them, RFC 8259 §6 does not know them
HITS = 100

StatusKind = tuple[type[errors.UpstreamError], str]

UNKNOWN_TENANT: StatusKind = errors.UpstreamUnknownTenant, "The upstream does not know the façade's tenant."
UNAVAILABLE: StatusKind = errors.UpstreamUnavailable, "The upstream is not available."
UNSUPPORTED: StatusKind = errors.UpstreamUnsupported, "The upstream failed."

STATUSES: dict[int, StatusKind] = {
    401: (errors.UpstreamAuth, "The upstream refuses the façade's credentials."),
    403: (errors.UpstreamForbidden, "The upstream denies the façade these records."),
    404: UNKNOWN_TENANT,
    410: UNKNOWN_TENANT,
    429: (errors.UpstreamThrottled, "The upstream asks for a pause."),
    501: UNSUPPORTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: (errors.UpstreamShortTimeout, "The upstream ran out of time."),
    505: UNSUPPORTED,
}
HUNDREDS: dict[int, StatusKind] = {
    2: (errors.UpstreamShape, "The upstream answered with a success without records."),
    3: (errors.UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    4: (errors.UpstreamRefusedQuery, "The upstream refused the query."),
    5: (errors.UpstreamServerError, "The upstream failed."),
}
NO_STATUS: StatusKind = errors.UpstreamBadAnswer, "The upstream's answer has no usable status."

PAUSING = frozenset({errors.UpstreamThrottled, errors.UpstreamUnavailable, errors.UpstreamShortTimeout})  # Retry-After
LOGIN_REFUSED = frozenset({400, 401, 403})

_BARE = re.compile(rb"(?:^|[\[:,\s])-?(?:NaN|Infinity)(?:$|[\s,\]}])")

_Absent = msgspec.Raw | msgspec.UnsetType
_ROWS = msgspec.defstruct(
    "_ROWS", [(f"row_{place}", msgspec.Raw, UNSET) for place in range(MOST_ROWS + 1)], array_like=True
)
"""An array as a struct: its decoder skips the elements past the last field, and builds nothing of them.

Its fields are not typed as possibly UNSET, which a default need not be: msgspec takes 35 ms for so many unions.
"""


class _Usual(msgspec.Struct):
    """The usual envelope, decoded in one go; any other is looked at member by member."""

    results: _ROWS  # type: ignore[valid-type]  # made above
    total: Count
    tenant_id: str | None = msgspec.field(default=None, name="tenantId")
    time_zone: str | None = msgspec.field(default=None, name="tenantTimezone")


class _Members(msgspec.Struct, rename="camel"):
    """The members that count, of any object, not yet decoded: a decoder for all members would keep unknown ones."""

    results: _Absent = UNSET
    result: _Absent = UNSET
    total: _Absent = UNSET
    tenant_id: _Absent = UNSET
    interaction_id: _Absent = UNSET
    interactions: _Absent = UNSET
    error: _Absent = UNSET
    errors: _Absent = UNSET
    message: _Absent = UNSET

    @property
    def says_error(self) -> bool:
        """Whether the object tells of an error."""
        return any(member is not UNSET for member in (self.error, self.errors, self.message))


_usual = msgspec.json.Decoder(_Usual)
_members = msgspec.json.Decoder(_Members)
_every_member = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(_ROWS)
_text = msgspec.json.Decoder(str | None)


@dataclass(frozen=True, slots=True)
class UpstreamPage:
    """The rows of one response as bytes, in upstream's order, and its envelope; `total` counts all matching rows.

    `repaired`: its text had a byte order mark or lone surrogates.
    """

    rows: tuple[msgspec.Raw, ...]
    total: int
    tenant_id: str | None = None
    time_zone: str | None = None
    repaired: bool = False


async def read_page(body: bytes, headers: Mapping[str, str]) -> UpstreamPage:
    """The page in the body of a response with status 200; `headers` in lower case.

    Raises UpstreamBadAnswer where it is no JSON or an error in disguise, UpstreamShape where its shape is unknown.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() in MARKUP:
        raise errors.UpstreamBadAnswer("The upstream answered with a web page.")
    try:
        usual = _usual.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return await _read_unusual(body)
    await asyncio.sleep(0)
    rows = _in_array(usual.results)
    return UpstreamPage(rows, usual.total, usual.tenant_id, usual.time_zone or _time_zone(body, rows))


async def _read_unusual(body: bytes) -> UpstreamPage:
    plain, members = split(body)
    await asyncio.sleep(0)
    if members.results is UNSET and members.interaction_id is not UNSET:
        return UpstreamPage(rows=(msgspec.Raw(plain.strip()),), total=1, repaired=plain is not body)
    if members.total is UNSET and members.says_error:
        raise errors.UpstreamErrorAnswer("The upstream answered with an error under a success status.")
    rows = _results(members)
    return UpstreamPage(
        rows, _total(members), _label(members.tenant_id), _time_zone(plain, rows), repaired=plain is not body
    )


def split(body: bytes) -> tuple[bytes, _Members]:
    """A JSON object's text and members; a byte order mark goes, lone surrogates become U+FFFD (RFC 8259 §8)."""
    plain = body.removeprefix(BYTE_ORDER_MARK)
    try:
        return plain, _members.decode(plain)
    except msgspec.ValidationError:
        if _holds_bare_word(plain):
            raise unreadable(plain) from None
        raise errors.UpstreamShape("The upstream's answer is no object.") from None
    except RecursionError:
        raise errors.UpstreamShape("The upstream's answer is nested beyond measure.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired = readable(plain)
        if repaired == plain:
            raise unreadable(plain) from None
        return split(repaired)


def says_error(body: bytes) -> bool:
    """Whether a body is a JSON object that tells of an error."""
    try:
        return _members.decode(body).says_error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _results(members: _Members) -> tuple[msgspec.Raw, ...]:
    """The rows of `results`: a list; null, or missing beside a total; or an object that holds `interactions`."""
    results = members.results
    if results is UNSET and members.total is not UNSET and members.result is UNSET:
        return ()
    try:
        if results is not UNSET and bytes(results).lstrip()[:1] == b"{":
            results = _members.decode(results).interactions
        if results is not UNSET:
            return () if bytes(results).strip() == b"null" else _in_array(_rows.decode(results))
    except msgspec.DecodeError:
        pass
    raise errors.UpstreamShape("The upstream's answer holds no list of interactions.")


def _in_array(rows: msgspec.Struct) -> tuple[msgspec.Raw, ...]:
    """The rows of an array. Raises UpstreamTooLarge for more rows than any call asks for."""
    found = msgspec.structs.astuple(rows)
    if found[-1] is not UNSET:
        raise errors.UpstreamTooLarge("The upstream's answer holds more rows than are ever asked for.")
    return found[: found.index(UNSET)]


def _total(members: _Members) -> int:
    """The number of matching rows; `1.0` is a whole number (R14)."""
    if members.total is not UNSET:
        with contextlib.suppress(msgspec.ValidationError):
            return whole_number(members.total)
    raise errors.UpstreamShape("The upstream's answer names no total.")


def _label(member: _Absent) -> str | None:
    """A text of the envelope; a value of another type reads as absent (R14)."""
    try:
        return None if member is UNSET else _text.decode(member)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _time_zone(body: bytes, rows: Sequence[msgspec.Raw]) -> str | None:
    """The tenant's time zone, whatever the case of its name; looked for where the text around the rows is short."""
    if len(body) - sum(memoryview(raw).nbytes + 1 for raw in rows) > ENVELOPE_BYTES:
        return None
    found = [_label(member) for name, member in _every_member.decode(body).items() if name.lower() == TIME_ZONE]
    return next(filter(None, found), None)


def refuse_other_tenant(page: UpstreamPage, tenant_id: str) -> None:
    """Raises UpstreamWrongTenant where the envelope names another tenant, case aside (R10)."""
    if page.tenant_id is not None and page.tenant_id.lower() != tenant_id.lower():
        raise errors.UpstreamWrongTenant("The upstream answered for another tenant.")


def unreadable(text: bytes) -> errors.UpstreamError:
    """The error for a text that is no JSON: by its encoding, by NaN or Infinity, or by neither (FAULTS §2.1)."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return errors.UpstreamBadEncoding("The upstream's answer is not UTF-8.")
    if _holds_bare_word(text):
        return errors.UpstreamBadNumber("The upstream's answer holds a number that JSON does not know.")
    return errors.UpstreamBadAnswer("The upstream's answer is not JSON.")


def _holds_bare_word(text: bytes) -> bool:
    """Whether NaN or Infinity stands in place of a value, by its first HITS occurrences."""
    return any(
        _BARE.search(text[max(0, hit.start() - 2) : hit.start() + 9])
        for word in BARE_WORDS
        for hit in islice(re.finditer(word, text), HITS)
    )


def status_fault(status: int, headers: Mapping[str, str], now: datetime) -> errors.UpstreamError:
    """The error for a status other than 200; `headers` in lower case, `now` by the wall clock."""
    error, detail = STATUSES.get(status) or HUNDREDS.get(status // 100, NO_STATUS)
    pause = pause_seconds(headers, now) if error in PAUSING else None
    return error(detail, retry_after_seconds=pause)


def login_fault(status: int, headers: Mapping[str, str], now: datetime) -> errors.UpstreamError:
    """The error for a refused login: 400, 401 and 403 mean the credentials (FAULTS §2.1, row 24)."""
    return status_fault(401 if status in LOGIN_REFUSED else status, headers, now)


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Retry-After (RFC 9110 §10.2.3) within 1 to 300 seconds, None where absent or unreadable.

    A date is compared with upstream's own Date header, as its clock may differ from ours.
    """
    value = headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(value):
        return min(max(float(value), LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS)
    until = _date(value)
    if until is None:
        return None
    pause = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(pause, LEAST_PAUSE_SECONDS), MOST_PAUSE_SECONDS)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
