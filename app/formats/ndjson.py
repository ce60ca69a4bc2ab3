"""NDJSON: one row a line, each line ended; no rows, no bytes."""

from collections.abc import Iterator

import msgspec

from app.formats.rows import row_objects
from app.formats.table import Envelope, Table

VARIANTS = ("rows",)

_ENCODER = msgspec.json.Encoder()


def parts(table: Table, _envelope: Envelope, _variant: str) -> Iterator[bytes]:
    """The table as UTF-8 lines of JSON objects; there is one variant, and the envelope's facts have no place here."""
    return (_ENCODER.encode_lines(row_objects(part)) for part in table.parts())
