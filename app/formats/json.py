"""JSON in three shapes: the envelope, a bare array of rows, or an object of columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from app.formats.rows import row_objects
from app.formats.table import Envelope, Table

_ENCODER = msgspec.json.Encoder()


def parts(table: Table, envelope: Envelope, shape: str) -> Iterator[bytes]:
    """The table as UTF-8 JSON; `shape` is a key of SHAPES. Only the shape `envelope` carries the envelope's facts."""
    return SHAPES[shape](table, envelope)


def _envelope(table: Table, envelope: Envelope) -> Iterator[bytes]:
    around = {"next": envelope.next, "next_cursor": envelope.next_cursor, "meta": envelope.meta}
    yield b'{"items":'
    yield from _records(table, envelope)
    yield b"," + _ENCODER.encode(around)[1:]


def _records(table: Table, _envelope: Envelope) -> Iterator[bytes]:
    yield b"["
    yield from _listed(row_objects(part) for part in table.parts())
    yield b"]"


def _columns(table: Table, _envelope: Envelope) -> Iterator[bytes]:
    for number, name in enumerate(table.names):
        yield (b"," if number else b"{") + _ENCODER.encode(name) + b":["
        yield from _listed([row[number] for row in part.rows] for part in table.parts())
        yield b"]"
    yield b"}"


def _listed(elements: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """The contents of a JSON array, without its brackets, from parts that are never empty."""
    for number, part in enumerate(elements):
        yield (b"," if number else b"") + _ENCODER.encode(part)[1:-1]


SHAPES: dict[str, Callable[[Table, Envelope], Iterator[bytes]]] = {
    "envelope": _envelope,
    "records": _records,
    "columns": _columns,
}
