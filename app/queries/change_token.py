"""Change tokens: a state of the answer to a question, as text opaque to clients and checked on the way in."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hashlib import sha256
from typing import Annotated, NamedTuple

import msgspec

from app.holdings.changes import Mark

_CHECK_BYTES = 4

_Moment = Annotated[datetime, msgspec.Meta(tz=True)] | None
_encoder = msgspec.msgpack.Encoder()


class ChangeToken(NamedTuple):
    """A state of an answer, by the marks of what is held of it.

    `question` is the digest of the question; `start` and `end` are the range that its relative times meant.
    """

    marks: tuple[Mark, ...]
    question: bytes
    start: _Moment
    end: _Moment


_decoder = msgspec.msgpack.Decoder(ChangeToken)


class NotAChangeToken(ValueError):
    """The text is not one that `token_text` gave."""


def token_text(token: ChangeToken) -> str:
    """The token as URL-safe text."""
    packed = _encoder.encode(token)
    return urlsafe_b64encode(_check(packed) + packed).rstrip(b"=").decode()


def token_of(text: str) -> ChangeToken:
    """The token that `token_text` made this text from. Raises NotAChangeToken for any other text.

    A forged one gains nothing: the rows are found by the question that it is sent with.
    """
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"==")  # more padding than is needed is passed over
        token = _decoder.decode(sealed[_CHECK_BYTES:])
    except (ValueError, msgspec.DecodeError) as error:
        raise NotAChangeToken from error
    if token_text(token) != text or any(mark.low.tzinfo is None for mark in token.marks):
        raise NotAChangeToken
    return token


def _check(packed: bytes) -> bytes:
    return sha256(b"cxfacade change token" + packed).digest()[:_CHECK_BYTES]
