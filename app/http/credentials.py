"""Where a request carries its key: `Authorization: Bearer`, `X-API-Key`, or Basic with the key as user name.

Bytes all the way: nothing a client sends here can fail to be decoded (FAULTS T31).
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable
from urllib.parse import unquote_plus

from app.clients.key import holds_key
from app.errors import BadRequest, KeyInQuery
from app.http.pairs import KEY_NAMES

_AUTHORIZATION = b"authorization"
_FIELDS = frozenset({_AUTHORIZATION, b"x-api-key"})


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request presents, empty where it makes no sense; None where it presents none.

    Raises BadRequest where there are two credentials, also where they are the same.
    """
    credentials = [(name, value) for name, value in headers if name in _FIELDS]
    if len(credentials) > 1:
        raise BadRequest("Two credentials in one request; send one.")
    if not credentials:
        return None
    name, value = credentials[0]
    return _authorized(value) if name == _AUTHORIZATION else value.strip(b" \t")


def _authorized(value: bytes) -> bytes:
    """The key in an Authorization field (RFC 6750 §2.1, RFC 7617 §2); schemes have no case (RFC 9110 §11.1)."""
    scheme, _, rest = value.strip(b" \t").partition(b" ")
    match scheme.lower():
        case b"bearer":
            return rest.strip(b" ")
        case b"basic":
            return _user_name(rest.strip(b" "))
    return b""


def _user_name(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded, validate=True).partition(b":")[0]
    except binascii.Error:
        return b""


def refuse_key_in_query(query_string: bytes) -> None:
    """Raise KeyInQuery where a name says that a key follows, or something that looks like one stands anywhere.

    Lenient in decoding: it comes before anything else is known to be well-formed (FAULTS T32).
    """
    if not query_string:
        return
    text = unquote_plus(query_string.decode("latin-1"))
    names = {unquote_plus(part.partition("=")[0]).lower() for part in query_string.decode("latin-1").split("&")}
    if not names.isdisjoint(KEY_NAMES) or holds_key(text):
        raise KeyInQuery(
            "A credential stands in the query string. Send it in a header, and replace it: logs keep URLs."
        )
