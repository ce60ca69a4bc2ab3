"""Change tokens: a state of the answer to a question, as text opaque to clients and checked on the way in."""

from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from app.holdings.changes import Mark
from app.queries.opaque import opaque, packed_in

_PURPOSE = b"change token"

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
    return opaque(_PURPOSE, _encoder.encode(token))


def token_of(text: str) -> ChangeToken:
    """The token that `token_text` made this text from. Raises NotAChangeToken for any other text."""
    try:
        token = _decoder.decode(packed_in(_PURPOSE, text))
    except (ValueError, msgspec.DecodeError) as error:
        raise NotAChangeToken from error
    if any(mark.low.tzinfo is None for mark in token.marks):
        raise NotAChangeToken
    return token
