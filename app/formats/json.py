"""JSON in three shapes: the envelope, a bare array of rows, or an object of columns."""

from collections.abc import Callable

import msgspec

from app.formats.rows import row_objects
from app.formats.table import Envelope, Table

_ENCODER = msgspec.json.Encoder()


def encode(table: Table, envelope: Envelope, shape: str) -> bytes:
    """The table as UTF-8 JSON; `shape` is a key of SHAPES. Only the shape `envelope` carries the envelope's facts."""
    return _ENCODER.encode(SHAPES[shape](table, envelope))


def _envelope(table: Table, envelope: Envelope) -> object:
    return {
        "items": row_objects(table),
        "next": envelope.next,
        "next_cursor": envelope.next_cursor,
        "meta": dict(envelope.meta),
    }


def _records(table: Table, _envelope: Envelope) -> object:
    return row_objects(table)


def _columns(table: Table, _envelope: Envelope) -> object:
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.names)
    return dict(zip(table.names, columns, strict=True))


SHAPES: dict[str, Callable[[Table, Envelope], object]] = {
    "envelope": _envelope,
    "records": _records,
    "columns": _columns,
}
