"""NDJSON: one row a line, each line ended; no rows, no bytes."""

from collections.abc import Iterator

import msgspec

from app.formats.rows import row_objects
from app.formats.table import Envelope, Table

VARIANTS = ("rows",)

_ENCODER = msgspec.json.Encoder()
# JSON lets them stand in a text as they are, and many readers of lines end a line there (Unicode UAX #14, class BK).
_LINE_ENDS = {character.encode(): b"\\u%04x" % ord(character) for character in "\u0085\u2028\u2029"}


def parts(table: Table, _envelope: Envelope, _variant: str) -> Iterator[bytes]:
    """The table as UTF-8 lines of JSON objects; there is one variant, and the envelope's facts have no place here."""
    for part in table.parts():
        lines = _ENCODER.encode_lines(row_objects(part))
        for character, escaped in _LINE_ENDS.items():
            lines = lines.replace(character, escaped)
        yield lines
