"""Bytes of an answer → the records in it, in every shape upstream has been seen to send (R6)."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from app.errors import UpstreamBadAnswer, UpstreamErrorAnswer, UpstreamShape, UpstreamTooLarge, UpstreamWrongTenant
from app.interactions.mending import readable, whole_number
from app.interactions.parts import Count
from app.upstream.oddities import holds_bare_word, unreadable
from app.upstream.query import MOST_ROWS_PER_CALL

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKUP = frozenset({"text/html", "application/xhtml+xml", "text/xml", "application/xml"})
TIME_ZONE = "tenanttimezone"  # in lower case: upstream's own pages spell it in two ways
MOST_ROWS = 5 * MOST_ROWS_PER_CALL  # in one answer; a small row costs thirty times its bytes
ENVELOPE_BYTES = 64 * 1024

_Absent = msgspec.Raw | msgspec.UnsetType
_ROWS = msgspec.defstruct(
    "_ROWS", [(f"row_{place}", msgspec.Raw, UNSET) for place in range(MOST_ROWS + 1)], array_like=True
)
"""An array as a struct, as its decoder passes over what comes past the last field, and makes nothing of it.

No field says that it may be UNSET, as a default need not be of its field's type: so many unions take 35 ms to read.
"""


class _Usual(msgspec.Struct):
    """The envelope as it nearly always is, read in one go; whatever does not fit it is looked at member by member."""

    results: _ROWS  # type: ignore[valid-type]  # made above
    total: Count
    tenant_id: str | None = msgspec.field(default=None, name="tenantId")
    time_zone: str | None = msgspec.field(default=None, name="tenantTimezone")


class _Members(msgspec.Struct, rename="camel"):
    """The members that count, of any object, unread: a decoder for all of them would keep what it does not know."""

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
        """Whether it speaks of an error."""
        return any(member is not UNSET for member in (self.error, self.errors, self.message))


_usual = msgspec.json.Decoder(_Usual)
_members = msgspec.json.Decoder(_Members)
_every_member = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(_ROWS)
_text = msgspec.json.Decoder(str | None)


@dataclass(frozen=True, slots=True)
class Page:
    """The records of one answer as bytes, in upstream's order, and its envelope; `total` counts matching rows.

    `repaired`: its text had a byte order mark, or lone surrogates.
    """

    rows: tuple[msgspec.Raw, ...]
    total: int
    tenant_id: str | None = None
    time_zone: str | None = None
    repaired: bool = False


async def read_page(body: bytes, headers: Mapping[str, str]) -> Page:
    """Split an answer with status 200 into records.

    Raises UpstreamBadAnswer where it is no JSON or an error in disguise, UpstreamShape where it is of an unknown form.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() in MARKUP:
        raise UpstreamBadAnswer("The upstream answered with a web page.")
    try:
        usual = _usual.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return await _read_unusual(body)
    await asyncio.sleep(0)
    rows = _in_array(usual.results)
    return Page(rows, usual.total, usual.tenant_id, usual.time_zone or _time_zone(body, rows))


async def _read_unusual(body: bytes) -> Page:
    plain, members = split(body)
    await asyncio.sleep(0)
    if members.results is UNSET and members.interaction_id is not UNSET:
        return Page(rows=(msgspec.Raw(plain.strip()),), total=1, repaired=plain is not body)
    if members.total is UNSET and members.says_error:
        raise UpstreamErrorAnswer("The upstream answered with an error under a success status.")
    rows = _results(members)
    return Page(rows, _total(members), _label(members.tenant_id), _time_zone(plain, rows), repaired=plain is not body)


def split(body: bytes) -> tuple[bytes, _Members]:
    """A JSON object's text and members, unread; a byte order mark goes, lone surrogates become U+FFFD (RFC 8259 §8)."""
    plain = body.removeprefix(BYTE_ORDER_MARK)
    try:
        return plain, _members.decode(plain)
    except msgspec.ValidationError:
        if holds_bare_word(plain):
            raise unreadable(plain) from None
        raise UpstreamShape("The upstream's answer is no object.") from None
    except RecursionError:
        raise UpstreamShape("The upstream's answer is nested beyond measure.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        repaired = readable(plain)
        if repaired == plain:
            raise unreadable(plain) from None
        return split(repaired)


def says_error(body: bytes) -> bool:
    """Whether it is an object that speaks of an error."""
    try:
        return _members.decode(body).says_error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _results(members: _Members) -> tuple[msgspec.Raw, ...]:
    """`results` as a list, as null or missing beside a total, or as an object that holds `interactions`."""
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
    raise UpstreamShape("The upstream's answer holds no list of interactions.")


def _in_array(rows: msgspec.Struct) -> tuple[msgspec.Raw, ...]:
    """The rows of an array. Raises UpstreamTooLarge where they are more than any call asks for."""
    found = msgspec.structs.astuple(rows)
    if found[-1] is not UNSET:
        raise UpstreamTooLarge("The upstream's answer holds more rows than are ever asked for.")
    return found[: found.index(UNSET)]


def _total(members: _Members) -> int:
    """How many rows match; `1.0` is a whole number (R14)."""
    if members.total is not UNSET:
        with contextlib.suppress(msgspec.ValidationError):
            return whole_number(members.total)
    raise UpstreamShape("The upstream's answer names no total.")


def _label(member: _Absent) -> str | None:
    """A text of the envelope; one of another type reads as absent (R14)."""
    try:
        return None if member is UNSET else _text.decode(member)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _time_zone(body: bytes, rows: Sequence[msgspec.Raw]) -> str | None:
    """The tenant's, whatever the case of its name. What stands beside the rows is looked through where it is short."""
    if len(body) - sum(memoryview(raw).nbytes + 1 for raw in rows) > ENVELOPE_BYTES:
        return None
    found = [_label(member) for name, member in _every_member.decode(body).items() if name.lower() == TIME_ZONE]
    return next(filter(None, found), None)


def refuse_other_tenant(page: Page, tenant_id: str) -> None:
    """Raises UpstreamWrongTenant where the envelope names a tenant other than the one asked, case aside (R10)."""
    if page.tenant_id is not None and page.tenant_id.lower() != tenant_id.lower():
        raise UpstreamWrongTenant("The upstream answered for another tenant.")
