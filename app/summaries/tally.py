"""Tallies: the groups of some rows, packed in a few bytes, so that the rows need not be counted again."""

from collections.abc import Mapping
from datetime import date, datetime
from types import GenericAlias
from typing import Any, NamedTuple

import msgspec

from app.interactions.columns import ColumnType
from app.summaries.atoms import KINDS
from app.summaries.grouping import Grouping, Key
from app.summaries.intervals import Interval

_VALUES: Mapping[ColumnType, type] = {
    "uuid": str,
    "string": str,
    "enum": str,
    "time": datetime,
    "date": date,
    "int": int,
    "float": float,
    "bool": bool,
}
"""The type of a column's values, null aside."""

_encoder = msgspec.msgpack.Encoder()


class Tally(NamedTuple):
    """The number of rows that were counted, and their groups."""

    counted: int
    groups: list[tuple[Key, list[Any]]]


class Packing:
    """Packs the tallies of one kind of grouping, and takes them out again as they were."""

    def __init__(self, grouping: Grouping) -> None:
        keys: list[Any] = [Interval | None] if grouping.has_interval else []
        keys += [_VALUES[column.type] | None for column in grouping.by]
        figures = [KINDS[atom.kind].figure(_VALUES[grouping.type_of(atom)]) for atom in grouping.atoms]
        group = _tuple_of(_tuple_of(*keys), _tuple_of(*figures))
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            _tuple_of(int, GenericAlias(list, (group,)))
        )

    def pack(self, tally: Tally) -> bytes | None:
        """The tally in bytes; None where it holds a number, or a text, that has no form there."""
        try:
            return _encoder.encode(tally)
        except (OverflowError, UnicodeEncodeError):
            return None

    def unpack(self, packed: bytes) -> Tally:
        """The tally of these bytes, which may be used up."""
        return Tally(*self._decoder.decode(packed))


def _tuple_of(*types: Any) -> GenericAlias:
    return GenericAlias(tuple, types)
