"""JSON in three shapes (the envelope, a bare array of rows, an object of columns), and NDJSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import msgspec

from app.formats.table import Envelope, Table
from app.formats.text import texts
from app.formats.writer import ByRow, Writer
from app.interactions.columns import ListType

BOUND_BYTES = 4 * 1024 * 1024  # of all row types kept: clients choose the names, and so how many there are
TYPE_BYTES, COLUMN_BYTES = 2_500, 500  # what a type costs, and each of its columns, with the longest alias (measured)

_ENCODER = msgspec.json.Encoder()
# JSON lets them stand in a text as they are, and many readers of lines end a line there (Unicode UAX #14, class BK).
_LINE_ENDS = {character.encode(): b"\\u%04x" % ord(character) for character in "\u0085\u2028\u2029"}

RowObject = Callable[..., object]  # of a row's values


def row(table: Table) -> Mapping[str, object]:
    """The members of the object that is the table's first row."""
    return {
        name: _written([value], kind)[0]
        for name, value, kind in zip(table.names, table.rows[0], table.types, strict=True)
    }


def _rows(table: Table) -> list[bytes]:
    return [*map(_ENCODER.encode, _row_objects(table))]


def _lines(table: Table) -> list[bytes]:
    rows = [row + b"\n" for row in _rows(table)]
    for character, escaped in _LINE_ENDS.items():
        rows = [row.replace(character, escaped) for row in rows]
    return rows


def _envelope(envelope: Envelope) -> bytes:
    beside = {} if envelope.removed is None else {"removed": envelope.removed}
    around = {**beside, "next": envelope.next, "next_cursor": envelope.next_cursor, "meta": envelope.meta}
    return b"]," + _ENCODER.encode(around)[1:]


class _Columns:
    def parts(self, table: Table, _envelope: Envelope) -> Iterator[bytes]:
        """An object of arrays by column."""
        parts = [*table.parts()]
        for number, name in enumerate(table.names):
            yield (b"," if number else b"{") + _ENCODER.encode(name) + b":["
            for place, part in enumerate(parts):
                values = _written([row[number] for row in part.rows], table.types[number])
                yield (b"," if place else b"") + _ENCODER.encode(values)[1:-1]
            yield b"]"
        yield b"}"


SHAPES: dict[str, Writer] = {
    "envelope": ByRow(_rows, lambda _names: b'{"items":[', b",", _envelope),
    "records": ByRow(_rows, lambda _names: b"[", b",", lambda _envelope: b"]"),
    "columns": _Columns(),
}
"""Only the first carries the envelope's facts."""

LINES: dict[str, Writer] = {"rows": ByRow(_lines)}
"""NDJSON: one row a line, each line ended; no rows, no bytes."""


class RowTypes:
    """An LRU cache of row types by their names, within a bound of bytes."""

    def __init__(self, bound_bytes: int) -> None:
        self._bound = bound_bytes
        self._by_names: dict[tuple[str, ...], RowObject] = {}
        self.bytes_held = 0

    def of(self, names: tuple[str, ...]) -> RowObject:
        """The type whose objects are rows with these names."""
        kept = self._by_names.pop(names, None)
        if kept is None:
            self.bytes_held += _cost(names)
        self._by_names[names] = row_object = kept or _row_object(names)  # last, as the newest used
        while self.bytes_held > self._bound:
            oldest = next(iter(self._by_names))
            del self._by_names[oldest]
            self.bytes_held -= _cost(oldest)
        return row_object


_ROW_TYPES = RowTypes(BOUND_BYTES)


def _row_objects(table: Table) -> Sequence[object]:
    """An object for each row, with the table's names as keys in their order."""
    if not table.rows:
        return []
    columns = map(_written, zip(*table.rows, strict=True), table.types)
    return [*map(_ROW_TYPES.of(table.names), *columns)]


def _written(column: Sequence[Any], kind: str | ListType) -> Sequence[Any]:
    """The values as the encoder takes them: times and dates as text, the rows of nested lists as objects."""
    if isinstance(kind, ListType):
        objects = iter(_row_objects(Table(kind.names, [*chain.from_iterable(column)], kind.types)))
        return [[*islice(objects, len(rows))] for rows in column]
    return texts(column, kind)


def _cost(names: tuple[str, ...]) -> int:
    return TYPE_BYTES + COLUMN_BYTES * len(names)


def _row_object(names: tuple[str, ...]) -> RowObject:
    """The type of a row: a struct, which encodes three times as fast as a dict (1,000 rows × 60 columns).

    A struct refuses keys that JSON must escape; a table's name may be one, and its rows become dicts.
    """
    fields = [f"column_{number}" for number in range(len(names))]
    try:
        struct = msgspec.defstruct("Row", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:
        return lambda *values: dict(zip(names, values, strict=True))
    return struct
