"""Negotiation: the format, coding and freshness that a request's fields ask for, its preconditions and its ranges.

Nothing a client sends makes these functions fail, and Cache-Control (RFC 9111 §5.2.1) cannot be used against
upstream: unless the key has the scope `cache:refresh`, `no-cache` and each smaller `max-age` count as `max-age=5`.
`no-store`, unknown directives and values that are no number are passed over. If-Match and If-Unmodified-Since guard
resumed downloads: where one fails the answer is whole and current, never a part to be joined to another version.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from operator import attrgetter

from starlette.types import Scope

from app.cache.reuse import JUST_RECEIVED_SECONDS, UNDIRECTED, Directives
from app.formats import FORMATS, Format
from app.http.problems import problem_of
from app.http.responses import Answer, content_tag
from app.http.sending import Headers, Pieces, Prepared

PREFERENCE = ("zstd", "gzip", "identity")  # at equal weight
SMALLEST_CODED_BYTES = 1000  # below it a coding saves nothing worth its time
_CODING_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
CACHE_FIELDS = frozenset({b"cache-control", b"pragma"})
LARGEST = 2**31  # RFC 9111 §1.2.2: the value of a number that is too large
_NUMBER = re.compile(r'("?)([0-9]+)\1')
_DIGITS = len(str(LARGEST)) + 1
CONDITIONS = frozenset(
    {b"if-match", b"if-unmodified-since", b"if-none-match", b"if-modified-since", b"range", b"if-range"}
)
KEPT_IN_304 = frozenset(
    {b"cache-control", b"vary", b"age", b"cache-status", b"server-timing"}
    # For the client's copy, whose next page may be of a newer snapshot.
    | {b"link", b"x-total-count", b"x-truncated", b"x-change-token", b"x-hint"}
)  # §15.4.5
_RANGE = re.compile(r"[ \t]*bytes[ \t]*=[ \t]*([0-9]*)[ \t]*-[ \t]*([0-9]*)[ \t]*", re.IGNORECASE)
_LONGEST_DATE = 64  # characters
_LONGEST_POSITION = 18  # digits; a longer number is past the end of any body


def joined(headers: Headers, names: Collection[bytes]) -> dict[bytes, str]:
    """The named fields of a request; lines of the same name are one list (RFC 9110 §5.3)."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in names:
            text = value.decode("latin-1").strip(" \t")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def sole(headers: Headers, name: bytes) -> bytes | None:
    """The value of a field that is there exactly once."""
    values = [value for field, value in headers if field == name]
    return values[0] if len(values) == 1 else None


def choose_format(path_extension: str | None, format_parameter: str | None, accept: str | None) -> Format:
    """The format named by the path's extension (no dot), else by the parameter, else by Accept, else JSON."""
    named = [known for known in FORMATS if known.extension == path_extension]
    named += [known for known in FORMATS if known.name == format_parameter]
    return named[0] if named else _accepted_format(accept or "") or FORMATS[0]


def choose_coding(accept_encoding: str | None, size: int, *, is_packed: bool = False) -> str:
    """The coding for a body of `size` bytes: the heaviest in Accept-Encoding (RFC 9110 §12.5.3), or identity.

    Identity is acceptable unless refused, but only a weight of its own puts it above a coding that is asked for. A body
    that is packed has no coding, whatever is asked for.
    """
    if is_packed:
        return "identity"
    chosen, is_identity_refused = _preferred(accept_encoding or "")
    return "identity" if size < SMALLEST_CODED_BYTES and not is_identity_refused else chosen


@lru_cache(maxsize=64)
def cache_directives(cache_control: str | None, pragma: str | None, *, may_refresh: bool) -> Directives:
    """The directives of a request, from its header lines joined by commas; of repeated values the smallest counts."""
    if cache_control is None and pragma is None:
        return UNDIRECTED  # as most requests are
    said = _said(cache_control if cache_control is not None else pragma or "")
    if cache_control is None:  # Pragma is for those who know no Cache-Control, and says one thing (RFC 9111 §5.4)
        said = {name: values for name, values in said.items() if name == "no-cache"}
    ages = [0.0] if "no-cache" in said else _seconds(said, "max-age")
    least_age = 0.0 if may_refresh else JUST_RECEIVED_SECONDS
    return Directives(
        max_age=max(min(ages), least_age) if ages else None,
        max_stale=min(_seconds(said, "max-stale", unsaid=math.inf), default=None),
        min_fresh=min(_seconds(said, "min-fresh"), default=None),
        only_if_cached="only-if-cached" in said,
    )


def list_members(value: str, *, escapes: bool = False) -> Iterator[str]:
    """The members of a comma-separated field, trimmed, empty ones left out; commas between quotes do not separate.

    `escapes`: a backslash between quotes takes the next character with it, as in quoted strings (RFC 9110 §5.6.4); in
    an entity tag it is a character like others (§8.8.3).
    """
    start, quoted, escaped = 0, False, False
    for position, character in enumerate(value):
        if escaped:
            escaped = False
        elif escapes and quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            if member := value[start:position].strip(" \t"):
                yield member
            start = position + 1
    if member := value[start:].strip(" \t"):
        yield member


def _accepted_format(accept: str) -> Format | None:
    """The format of the highest weight; at equal weight the one named more precisely, then the first in FORMATS."""
    ranges = list(_weighted(accept))
    best, best_rank = None, (0.0, -1)
    for known in filter(attrgetter("is_available"), FORMATS):
        specificity, weight = max(
            ((_specificity(media_range, known.media_type), weight) for media_range, weight in ranges), default=(-1, 0.0)
        )
        if specificity >= 0 and weight > 0 and (weight, specificity) > best_rank:
            best, best_rank = known, (weight, specificity)
    return best


def _specificity(media_range: str, media_type: str) -> int:
    """How precisely a range names a type (RFC 9110 §12.5.1): 2 by name, 1 by its first half, 0 by `*/*`, -1 not."""
    if media_range == media_type:
        return 2
    if media_range == media_type.partition("/")[0] + "/*":
        return 1
    return 0 if media_range == "*/*" else -1


@lru_cache(maxsize=256)
def _preferred(accept_encoding: str) -> tuple[str, bool]:
    """The heaviest coding, and whether identity is refused."""
    weights: dict[str, float] = {}
    for name, weight in _weighted(accept_encoding):
        coding = _CODING_ALIASES.get(name, name)
        weights[coding] = max(weight, weights.get(coding, 0.0))
    everything_else = weights.get("*", 0.0)
    chosen = max(PREFERENCE, key=lambda coding: weights.get(coding, everything_else))
    is_wanted = weights.get(chosen, everything_else) > 0
    return chosen if is_wanted else "identity", weights.get("identity", weights.get("*", 1.0)) == 0


def _weighted(value: str) -> Iterator[tuple[str, float]]:
    """Each member's name in lower case with its weight (RFC 9110 §12.4.2); those with a malformed one are left out."""
    for member in list_members(value):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        weight = next((text.strip(" \t") for key, _, text in pairs if key.strip(" \t") in {"q", "Q"}), "1")
        if _WEIGHT.fullmatch(weight):
            yield name.lower(), float(weight)


def _said(field: str) -> Mapping[str, list[str | None]]:
    """The values of each directive, None where it has none."""
    said = defaultdict(list)
    for member in list_members(field, escapes=True):
        name, equals, value = member.partition("=")
        said[name.strip().lower()].append(value.strip() if equals else None)
    return said


def _seconds(said: Mapping[str, list[str | None]], name: str, unsaid: float | None = None) -> list[float]:
    """The numbers given for a directive; `unsaid` where it has no value."""
    numbers = (unsaid if value is None else _number(value) for value in said.get(name, ()))
    return [number for number in numbers if number is not None]


def _number(value: str) -> float | None:
    number = _NUMBER.fullmatch(value)
    return float(min(int(number[2].lstrip("0")[:_DIGITS] or "0"), LARGEST)) if number else None


def respond(scope: Scope, answer: Answer, base_headers: Headers) -> Prepared:
    """The response to GET, HEAD or a question in a body, whose headers are `base_headers`."""
    conditions = joined(scope["headers"], CONDITIONS)
    if conditions and (etag := _unmodified(conditions, answer)):
        kept = [field for field in base_headers if field[0] in KEPT_IN_304]
        return Prepared(304, [(b"etag", etag.encode("latin-1")), *kept], b"")
    if scope["method"] == "HEAD":
        return Prepared(200, base_headers, b"")
    if scope["method"] == "POST":  # Range is defined for GET (§14.2) and QUERY (RFC 10008) alone
        headers = [(name, b"none" if name == b"accept-ranges" else value) for name, value in base_headers]
        return Prepared(200, headers, answer.body)
    if b"range" in conditions and _is_part_allowed(conditions, answer):
        selected = _selected(conditions[b"range"], answer.size)
        if selected:
            headers = [field for field in base_headers if field[0] != b"content-length"]
            headers.append((b"content-length", b"%d" % len(selected)))
            headers.append((b"content-range", b"bytes %d-%d/%d" % (selected.start, selected.stop - 1, answer.size)))
            return Prepared(206, headers, _part(answer.body, selected))
        if selected is not None:
            status, headers, body = problem_of(scope, "range-not-satisfiable")
            return Prepared(status, [*headers, (b"content-range", b"bytes */%d" % answer.size)], body)
    return Prepared(200, base_headers, answer.body)


def _part(body: bytes | Pieces, selected: range) -> memoryview | Pieces:
    return body.part(selected) if isinstance(body, Pieces) else memoryview(body)[selected.start : selected.stop]


def _unmodified(conditions: Mapping[bytes, str], answer: Answer) -> str | None:
    """The validator of the representation that the client holds, where that has the content of the answer.

    If-None-Match decides alone where it is present (§13.2.2), also against a date that says otherwise. A weak
    comparison (§13.1.2) asks for equal content, whenever that was first seen and wherever its next page begins.
    """
    if b"if-none-match" in conditions:
        tags, content = conditions[b"if-none-match"], content_tag(answer.etag)
        held = (tag.removeprefix("W/") for tag in list_members(tags))
        return answer.etag if tags == "*" else next((tag for tag in held if content_tag(tag) == content), None)
    since = _date(conditions.get(b"if-modified-since"))
    is_held = since is not None and answer.last_modified.replace(microsecond=0) <= since
    return answer.etag if is_held else None


def _is_part_allowed(conditions: Mapping[bytes, str], answer: Answer) -> bool:
    """Whether the client means this version: If-Match, else If-Unmodified-Since; then If-Range (§13.2.2)."""
    last_modified = answer.last_modified.replace(microsecond=0)
    if b"if-match" in conditions:
        tags = conditions[b"if-match"]
        if tags != "*" and answer.etag not in list_members(tags):
            return False
    else:
        unmodified_since = _date(conditions.get(b"if-unmodified-since"))
        if unmodified_since is not None and last_modified > unmodified_since:
            return False
    validator = conditions.get(b"if-range")
    return (
        validator is None
        or validator == answer.etag  # strong comparison: a weak tag is never equal
        or _date(validator) == last_modified
    )


def _date(value: str | None) -> datetime | None:
    """An HTTP-date (§5.6.7) as aware UTC; None where there is none, or none that can be read."""
    if value is None or len(value) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _selected(value: str, size: int) -> range | None:
    """The positions a single byte range selects, none at all where it cannot be satisfied (§14.1.2).

    None where the field is to be ignored: malformed, of another unit, of several ranges, or a suffix of an empty body,
    which is satisfiable but has no Content-Range.
    """
    positions = _RANGE.fullmatch(value)
    if positions is None or not any(positions.groups()):
        return None
    first, last = positions.groups()
    if not first:
        return range(max(0, size - _position(last)), size) if size else None
    if last and _position(last) < _position(first):
        return None
    return range(_position(first), min(_position(last) + 1, size) if last else size)


def _position(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return int(significant) if len(significant) <= _LONGEST_POSITION else 10**_LONGEST_POSITION
