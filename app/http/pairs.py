"""Query string → names and values, decoded strictly; a credential in it is refused before anything else."""

from collections.abc import Sequence
from string import hexdigits
from urllib.parse import parse_qsl

from app.errors import InvalidParameters, KeyInQuery, ParameterFault

Pairs = Sequence[tuple[str, str]]

IGNORED_PREFIX = "_"
ARRAY_SUFFIX = "[]"  # what axios and PHP put behind the name of a list
MOST_PARAMETERS = 100
KEY_NAMES = frozenset({"authorization", "key", "password", "secret", "token"}) | {
    f"{first}{joint}{second}"
    for first, second in (("api", "key"), ("access", "token"), ("client", "key"), ("x-api", "key"), ("x_api", "key"))
    for joint in ("", "-", "_")
}


def pairs_of(query_string: bytes) -> Pairs:
    """Names and values; only `&` separates. Raises InvalidParameters, or KeyInQuery for a credential (FAULTS T32)."""
    if query_string.count(b"&") >= MOST_PARAMETERS:
        words = f"The query string has more than {MOST_PARAMETERS} parameters; send fewer."
        raise InvalidParameters([ParameterFault("", words)])
    try:
        text = query_string.decode("ascii")
        if not _is_percent_encoded(text):
            raise ValueError("a % that encodes nothing")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        words = "The query string is not percent-encoded UTF-8: é is %C3%A9, a percent sign %25."
        raise InvalidParameters([ParameterFault("", words)]) from None
    if any(name.lower().removesuffix(ARRAY_SUFFIX) in KEY_NAMES for name, _ in pairs):
        raise KeyInQuery(
            "A credential stands in the query string. Send it in a header, and replace it: logs keep URLs."
        )
    return [(name, value) for name, value in pairs if not name.startswith(IGNORED_PREFIX)]


def _is_percent_encoded(text: str) -> bool:
    """Whether two hexadecimal digits follow every `%` (RFC 3986 §2.1); Python lets others stand as they are."""
    return all(len(after) > 1 and set(after[:2]) <= set(hexdigits) for after in text.split("%")[1:])
