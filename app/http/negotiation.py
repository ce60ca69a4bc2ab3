"""The format, the content coding and the freshness that a request asks for, from its header fields.

Nothing a client sends makes these functions fail, and Cache-Control (RFC 9111 §5.2.1) cannot be used against
upstream: unless the key has the scope `cache:refresh`, `no-cache` and each smaller `max-age` count as `max-age=5`.
`no-store`, unknown directives and values that are no number are passed over.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from app.cache.reuse import JUST_RECEIVED_SECONDS, UNDIRECTED, Directives
from app.formats import FORMATS, Format

PREFERENCE = ("zstd", "gzip", "identity")  # at equal weight
SMALLEST_CODED_BYTES = 1000  # below it a coding saves nothing worth its time
_CODING_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3
_FULL_WEIGHT_DIGITS = 3  # RFC 9110 §12.4.2
CACHE_FIELDS = (b"cache-control", b"pragma")
LARGEST = 2**31  # RFC 9111 §1.2.2: the value of a number that is too large
_DIGITS = len(str(LARGEST)) + 1


def choose_format(path_extension: str | None, format_parameter: str | None, accept: str | None) -> Format:
    """The format named by the path's extension (no dot), else by the parameter, else by Accept, else JSON."""
    for known in FORMATS:
        if known.extension == path_extension:
            return known
    for known in FORMATS:
        if known.name == format_parameter:
            return known
    return _accepted_format(accept or "") or FORMATS[0]


def choose_coding(accept_encoding: str | None, size: int) -> str:
    """The coding for a body of `size` bytes: the heaviest in Accept-Encoding (RFC 9110 §12.5.3), or identity.

    Identity is acceptable unless refused, but only a weight of its own puts it above a coding that is asked for.
    """
    weights = _coding_weights(accept_encoding or "")
    everything_else = weights.get("*", 0.0)
    identity_refused = weights.get("identity", weights.get("*", 1.0)) == 0
    if size < SMALLEST_CODED_BYTES and not identity_refused:
        return "identity"
    chosen = max(PREFERENCE, key=lambda coding: weights.get(coding, everything_else))
    return chosen if weights.get(chosen, everything_else) > 0 else "identity"


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
    for known in FORMATS:
        specificity, weight = max(
            ((_specificity(media_range, known.media_type), weight) for media_range, weight in ranges), default=(-1, 0.0)
        )
        if specificity >= 0 and weight > 0 and (weight, specificity) > best_rank:
            best, best_rank = known, (weight, specificity)
    return best


def _specificity(media_range: str, media_type: str) -> int:
    """How precisely a range names a type (RFC 9110 §12.5.1): 2 by name, 1 by its first half, 0 by `*/*`, -1 not.

    Parameters are left aside: clients send `charset` and the like where our types have none.
    """
    if media_range == media_type:
        return 2
    if media_range == media_type.partition("/")[0] + "/*":
        return 1
    return 0 if media_range == "*/*" else -1


@lru_cache(maxsize=256)
def _coding_weights(accept_encoding: str) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for name, weight in _weighted(accept_encoding):
        coding = _CODING_ALIASES.get(name, name)
        weights[coding] = max(weight, weights.get(coding, 0.0))
    return weights


def _weighted(value: str) -> Iterator[tuple[str, float]]:
    """Each member's name in lower case with its weight; members with a malformed weight are left out."""
    for member in list_members(value):
        name, *parameters = member.split(";")
        weight = _weight(parameters)
        if weight is not None:
            yield name.strip(" \t").lower(), weight


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip(" \t") in {"q", "Q"}:
            return _quality(value.strip(" \t"))
    return 1.0


def _quality(text: str) -> float | None:
    """A qvalue (RFC 9110 §12.4.2) as a number, None where it is malformed; `float` alone would take `inf` and `1e9`."""
    whole, _, digits = text.partition(".")
    if whole not in {"0", "1"} or len(digits) > _FULL_WEIGHT_DIGITS or not (digits or "0").isdecimal():
        return None
    weight = float(f"{whole}.{digits or '0'}") if digits.isascii() else None
    return weight if weight is not None and weight <= 1 else None


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
    digits = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not (digits.isascii() and digits.isdigit()):
        return None
    return float(min(int(digits.lstrip("0")[:_DIGITS] or "0"), LARGEST))
