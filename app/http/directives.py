"""What a request's Cache-Control says (RFC 9111 §5.2.1), read so that no client can use it against upstream.

`no-cache` counts as `max-age=5`, and no smaller `max-age` counts, unless the key has the scope `cache:refresh`.
`no-store` and whatever else is unknown are passed over, like values that are no number.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from app.cache.reuse import JUST_RECEIVED_SECONDS, UNDIRECTED, Directives

FIELDS = (b"cache-control", b"pragma")
LARGEST = 2**31  # RFC 9111 §1.2.2: what a number too large counts as
_DIGITS = len(str(LARGEST)) + 1


@lru_cache(maxsize=64)
def read(cache_control: str | None, pragma: str | None, *, may_refresh: bool) -> Directives:
    """The directives of a request, from its header lines joined by commas. Of one said twice the smallest counts."""
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


def _said(field: str) -> Mapping[str, list[str | None]]:
    """The values of each directive, None where it has none."""
    said = defaultdict(list)
    for member in _members(field):
        name, equals, value = member.partition("=")
        said[name.strip().lower()].append(value.strip() if equals else None)
    return said


def _members(field: str) -> Iterator[str]:
    """What stands between the commas, those in quoted strings aside (RFC 9110 §5.6.4)."""
    start, quoted, escaped = 0, False, False
    for place, character in enumerate(field):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            yield field[start:place]
            start = place + 1
    yield field[start:]


def _seconds(said: Mapping[str, list[str | None]], name: str, unsaid: float | None = None) -> list[float]:
    """What is said of `name` in numbers, `unsaid` standing for a directive without a value."""
    numbers = (unsaid if value is None else _number(value) for value in said.get(name, ()))
    return [number for number in numbers if number is not None]


def _number(value: str) -> float | None:
    digits = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not (digits.isascii() and digits.isdigit()):
        return None
    return float(min(int(digits.lstrip("0")[:_DIGITS] or "0"), LARGEST))
