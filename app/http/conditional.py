"""Preconditions and ranges: from a stored answer and a request's headers to 200, 206, 304 or 416 (RFC 9110 §13, §14).

If-Match and If-Unmodified-Since guard resumed downloads: where one fails the answer is whole and current, never a
part that a client would join to another version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.http.negotiation import list_members
from app.http.problems import rendered
from app.http.responses import Answer, Headers

CONDITIONS = frozenset(
    {b"if-match", b"if-unmodified-since", b"if-none-match", b"if-modified-since", b"range", b"if-range"}
)
KEPT_IN_304 = frozenset(
    {b"etag", b"cache-control", b"vary", b"age", b"cache-status", b"server-timing"}
    | {b"link", b"x-total-count", b"x-truncated"}  # for the client's copy, whose next page may be of a newer snapshot
)  # §15.4.5
_LONGEST_DATE = 64  # characters
_LONGEST_POSITION = 18  # digits; a longer number is past the end of any body


@dataclass(frozen=True, slots=True)
class Prepared:
    """A response that is ready to be sent."""

    status: int
    headers: Headers
    body: bytes | memoryview


def respond(
    method: str,
    request_headers: Iterable[tuple[bytes, bytes]],
    answer: Answer,
    base_headers: Headers,
    *,
    request_id: str,
    instance: str,
    root: str = "",
) -> Prepared:
    """The response to GET or HEAD, whose headers are `base_headers`; the rest names the request in a 416."""
    conditions = _conditions(request_headers)
    if conditions and _is_not_modified(conditions, answer):
        return Prepared(304, [field for field in base_headers if field[0] in KEPT_IN_304], b"")
    if method == "HEAD":  # Range is defined for GET alone (§14.2)
        return Prepared(200, base_headers, b"")
    if "range" in conditions and _is_part_allowed(conditions, answer):
        selected = _selected(conditions["range"], answer.size)
        if selected is not None:
            if selected:
                return _partial(selected, answer, base_headers)
            status, headers, body = rendered(
                "range-not-satisfiable", request_id=request_id, instance=instance, root=root
            )
            return Prepared(status, [*headers, (b"content-range", b"bytes */%d" % answer.size)], body)
    return Prepared(200, base_headers, answer.body)


def _conditions(request_headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The fields that matter here; lines of the same name are one list (§5.3)."""
    found: dict[str, str] = {}
    for name, value in request_headers:
        if name in CONDITIONS:
            key, text = name.decode("ascii"), value.decode("latin-1").strip(" \t")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _is_not_modified(conditions: Mapping[str, str], answer: Answer) -> bool:
    """If-None-Match decides alone where it is present (§13.2.2), also against a date that says otherwise."""
    if "if-none-match" in conditions:
        return _names(conditions["if-none-match"], answer.etag, weakly=True)
    since = _date(conditions.get("if-modified-since"))
    return since is not None and _whole_second(answer.last_modified) <= since


def _is_part_allowed(conditions: Mapping[str, str], answer: Answer) -> bool:
    """Whether a part is of the version meant: If-Match, else If-Unmodified-Since; then If-Range (§13.2.2)."""
    if "if-match" in conditions:
        if not _names(conditions["if-match"], answer.etag, weakly=False):
            return False
    else:
        unmodified_since = _date(conditions.get("if-unmodified-since"))
        if unmodified_since is not None and _whole_second(answer.last_modified) > unmodified_since:
            return False
    validator = conditions.get("if-range")
    return (
        validator is None
        or validator == answer.etag  # strong comparison: a weak tag is never equal
        or _date(validator) == _whole_second(answer.last_modified)
    )


def _names(tags: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags, or `*`, names `etag`, which is strong (§8.8.3.2)."""
    if tags == "*":
        return True
    return any((tag.removeprefix("W/") if weakly else tag) == etag for tag in list_members(tags))


def _date(value: str | None) -> datetime | None:
    """An HTTP-date (§5.6.7) as aware UTC; None where there is none, or none that can be read."""
    if value is None or len(value) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _selected(value: str, size: int) -> range | None:
    """The positions a single byte range selects, none at all where it cannot be satisfied (§14.1.2).

    None where the field is to be ignored: malformed, of another unit, of several ranges, or a suffix of an empty body,
    which is satisfiable but has no Content-Range.
    """
    unit, _, positions = value.partition("=")
    first, dash, last = (text.strip(" \t") for text in positions.partition("-"))
    if unit.strip(" \t").lower() != "bytes" or not dash or not _is_position(first or last):
        return None
    if not first:
        return range(max(0, size - _position(last)), size) if size else None
    if last and (not _is_position(last) or _position(last) < _position(first)):
        return None
    return range(_position(first), min(_position(last) + 1, size) if last else size)


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _position(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _LONGEST_POSITION else 10**_LONGEST_POSITION


def _partial(selected: range, answer: Answer, base_headers: Headers) -> Prepared:
    headers = [field for field in base_headers if field[0] != b"content-length"]
    headers.append((b"content-length", b"%d" % len(selected)))
    headers.append((b"content-range", b"bytes %d-%d/%d" % (selected.start, selected.stop - 1, answer.size)))
    return Prepared(206, headers, memoryview(answer.body)[selected.start : selected.stop])
