"""Cursor ⇄ text: opaque to clients, checked on the way in."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple
from datetime import datetime
from hashlib import sha256
from typing import Annotated

import msgspec

from app.queries.query import Cursor

_CHECK_BYTES = 4

_Moment = Annotated[datetime, msgspec.Meta(tz=True)] | None
_Position = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, _Position, bytes, _Moment, _Moment, _Position])


class NotACursor(ValueError):
    """The text is not one that `to_text` gave."""


def to_text(cursor: Cursor) -> str:
    """The cursor as URL-safe text."""
    packed = _encoder.encode(astuple(cursor))
    return urlsafe_b64encode(_check(packed) + packed).rstrip(b"=").decode()


def from_text(text: str) -> Cursor:
    """The cursor that `to_text` made this text from. Raises NotACursor for any other text.

    The check finds cut and mistyped texts. A forged one gains nothing: a query it does not belong to is refused, and
    rows are found by its whole question, tenant included.
    """
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        cursor = Cursor(*_decoder.decode(sealed[_CHECK_BYTES:]))
    except (ValueError, msgspec.DecodeError) as error:
        raise NotACursor from error
    if to_text(cursor) != text:  # the decoders pass over some stray characters and bits
        raise NotACursor
    return cursor


def _check(packed: bytes) -> bytes:
    return sha256(b"cxfacade cursor" + packed).digest()[:_CHECK_BYTES]
