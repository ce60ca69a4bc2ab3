"""Which format and which content coding a request gets: total functions, nothing a client sends makes them fail."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from app.formats import FORMATS, Format

PREFERENCE = ("zstd", "gzip", "identity")  # at equal weight
SMALLEST_CODED_BYTES = 1000  # below it a coding saves nothing worth its time
_CODING_ALIASES = {"x-gzip": "gzip"}  # RFC 9110 §8.4.1.3
_FULL_WEIGHT_DIGITS = 3  # RFC 9110 §12.4.2


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


def list_members(value: str) -> Iterator[str]:
    """The members of a comma-separated field, trimmed, empty ones left out; commas between quotes do not separate."""
    start, quoted = 0, False
    for position, character in enumerate(value):
        if character == '"':
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
