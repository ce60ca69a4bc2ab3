"""Bytes of an answer → the records in it, in every shape upstream has been seen to send (R6)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from app.errors import UpstreamBadAnswer, UpstreamErrorAnswer, UpstreamShape, UpstreamWrongTenant
from app.interactions.mending import readable
from app.upstream.oddities import holds_bare_word, unreadable

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARKUP = frozenset({"text/html", "application/xhtml+xml", "text/xml", "application/xml"})
ERROR_KEYS = frozenset({"error", "errors", "message"})
TIME_ZONE_KEYS = ("tenantTimezone", "tenantTimeZone")

Members = dict[str, msgspec.Raw]

_members = msgspec.json.Decoder(Members)
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_count = msgspec.json.Decoder(int)
_text = msgspec.json.Decoder(str | None)


class _Usual(msgspec.Struct):
    """The envelope as it nearly always is, read in one go; whatever does not fit it is looked at member by member."""

    results: list[msgspec.Raw]
    total: Annotated[int, msgspec.Meta(ge=0)]
    tenant_id: str | None = msgspec.field(default=None, name="tenantId")
    time_zone: str | None = msgspec.field(default=None, name=TIME_ZONE_KEYS[0])
    other_time_zone: str | None = msgspec.field(default=None, name=TIME_ZONE_KEYS[1])


_usual = msgspec.json.Decoder(_Usual)


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
    return Page(tuple(usual.results), usual.total, usual.tenant_id, usual.time_zone or usual.other_time_zone)


async def _read_unusual(body: bytes) -> Page:
    plain, members = split(body)
    await asyncio.sleep(0)
    if "results" not in members and "interactionId" in members:
        return Page(rows=(msgspec.Raw(plain.strip()),), total=1, repaired=plain is not body)
    if "total" not in members and not ERROR_KEYS.isdisjoint(members):
        raise UpstreamErrorAnswer("The upstream answered with an error under a success status.")
    rows = _results(members)
    return Page(rows, _total(members), _label(members, "tenantId"), _time_zone(members), repaired=plain is not body)


def split(body: bytes) -> tuple[bytes, Members]:
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
        return not ERROR_KEYS.isdisjoint(_members.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _results(members: Members) -> tuple[msgspec.Raw, ...]:
    """`results` as a list, as null or missing beside a total, or as an object that holds `interactions`."""
    results = members.get("results")
    if results is None and "total" in members:
        return ()
    try:
        if results is not None and bytes(results).lstrip()[:1] == b"{":
            results = _members.decode(results)["interactions"]
        if results is not None:
            return () if bytes(results).strip() == b"null" else tuple(_rows.decode(results))
    except (msgspec.DecodeError, KeyError):
        pass
    raise UpstreamShape("The upstream's answer holds no list of interactions.")


def _total(members: Members) -> int:
    try:
        total = _count.decode(members["total"])
    except (msgspec.DecodeError, KeyError):
        total = -1
    if total < 0:
        raise UpstreamShape("The upstream's answer names no total.")
    return total


def _label(members: Members, key: str) -> str | None:
    """A text of the envelope; one of another type reads as absent (R14)."""
    try:
        return _text.decode(members[key]) if key in members else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _time_zone(members: Members) -> str | None:
    return next((zone for key in TIME_ZONE_KEYS if (zone := _label(members, key))), None)


def refuse_other_tenant(page: Page, tenant_id: str) -> None:
    """Raises UpstreamWrongTenant where the envelope names a tenant other than the one asked, case aside (R10)."""
    if page.tenant_id is not None and page.tenant_id.lower() != tenant_id.lower():
        raise UpstreamWrongTenant("The upstream answered for another tenant.")
