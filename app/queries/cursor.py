"""Cursors: a place in the answer to a query, as text opaque to clients and checked on the way in."""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from app.holdings.changes import Mark
from app.queries.opaque import opaque, packed_in

MOST_PASSED, MOST_MARKS = 100, 2  # ids and marks in a cursor
_PURPOSE = b"cursor"

_Moment = Annotated[datetime, msgspec.Meta(tz=True)] | None
_Position = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_encoder = msgspec.msgpack.Encoder()
_Parts = tuple[str, _Position, bytes, _Moment, _Moment, _Position, _Position]
_Ids = Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_PASSED)]
_Place = tuple[_Moment, _Ids, str, _Position | None, _Moment]
_Mark = tuple[bytes, int, Annotated[datetime, msgspec.Meta(tz=True)]]
_More = tuple[str, Annotated[tuple[_Mark, ...], msgspec.Meta(max_length=MOST_MARKS)]]
_DECODERS = {
    b"\x97": msgspec.msgpack.Decoder(_Parts),
    b"\x98": msgspec.msgpack.Decoder(tuple[str, _Position, bytes, _Moment, _Moment, _Position, _Position, _Place]),
    b"\x99": msgspec.msgpack.Decoder(
        tuple[str, _Position, bytes, _Moment, _Moment, _Position, _Position, _Place, _More]
    ),
}
"""By their first byte, which says how many parts there are."""
_PLACE_PARTS = 5  # the others of a place are one more part of the cursor, where it has any


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a walk by what is there, for a worker that has not the snapshot.

    Of the records that start `before` the end of a millisecond, those `passed` are in that millisecond, and over; so is
    all that started later. Where they are too many to be named, all with ids `up_to` one are over. `at` is the id of
    the record that some rows were shown of, or whose row comes next in another order, or of the interaction that comes
    next among those that are gone. `total` is what the walk has told. The snapshot is only of what starts before the
    end `within`, where the walk has begun at another worker. A walk through changes tells all up to the marks `reached`
    when it began.
    """

    before: datetime | None
    passed: tuple[str, ...] = ()
    at: str = ""
    total: int | None = None
    within: datetime | None = None
    up_to: str = ""
    reached: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a snapshot. `position` counts its records, or its rows in another order, before any filter.

    `part` is the place of the row in that record. `identity` is that of the query it belongs to; `start` and `end` are
    the range its relative times meant. `skip` rows that match are still to be passed over: those of an offset that a
    request had not the calls to reach.
    """

    version: str
    position: int
    identity: bytes
    start: datetime | None
    end: datetime | None
    skip: int = 0
    part: int = 0
    place: Place | None = None


class NotACursor(ValueError):
    """The text is not one that `cursor_text` gave."""


def cursor_text(cursor: Cursor) -> str:
    """The cursor as URL-safe text."""
    *parts, place = astuple(cursor)
    if place:
        more = place[_PLACE_PARTS:]
        parts += [place[:_PLACE_PARTS], more] if any(more) else [place[:_PLACE_PARTS]]
    return opaque(_PURPOSE, _encoder.encode(parts))


def cursor_of(text: str) -> Cursor:
    """The cursor that `cursor_text` made this text from. Raises NotACursor for any other text.

    A query it does not belong to is refused.
    """
    try:
        packed = packed_in(_PURPOSE, text)
        parts = _DECODERS[packed[:1]].decode(packed)
        return Cursor(*parts[:7], *(_place_of(*placed) for placed in [parts[7:]] if placed))
    except (ValueError, KeyError, msgspec.DecodeError) as error:
        raise NotACursor from error


def _place_of(common: _Place, more: _More = ("", ())) -> Place:
    up_to, marks = more
    return Place(*common, up_to, tuple(Mark(*one) for one in marks))
