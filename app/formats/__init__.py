"""The formats of an answer: a new format is a file beside this one and a row in FORMATS."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from app.formats import csv, json
from app.formats.table import Envelope, Table
from app.formats.writer import ByRow, Writer

__all__ = ["FORMATS", "FORMATS_BY_NAME", "ByRow", "Envelope", "Format", "Table"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format and its encoder: a row of FORMATS."""

    name: str  # the value of the parameter `format`
    extension: str  # of the path and of a download, without the dot
    media_type: str  # as clients name it in Accept
    content_type: str  # as answers name it, with its charset where the media type has that parameter
    writers: Mapping[str, Writer]  # by what the variant parameter may say; the first is the default
    variant_parameter: str | None  # the query parameter that chooses a variant
    allows_include: bool  # whether nested lists have a place
    is_binary: bool = False  # no text, so that documents show no example
    is_packed: bool = False  # compressed within: no coding on top
    requires: str | None = None  # the top-level module that it is written by, where that may not be installed

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return self.requires is None or _is_installed(self.requires)

    @property
    def variants(self) -> tuple[str, ...]:
        """The values of the variant parameter; the first is the default."""
        return (*self.writers,)

    @property
    def is_streamed(self) -> bool:
        """Whether the format writes a body piece by piece, of any number of rows."""
        return all(isinstance(one, ByRow) and not one.between for one in self.writers.values())

    def by_row(self, variant: str) -> ByRow | None:
        """The variant's writer, where it writes one row after another."""
        writer = self.writers[variant]
        return writer if isinstance(writer, ByRow) else None

    def parts(self, table: Table, envelope: Envelope, variant: str) -> Iterator[bytes]:
        """The body in parts of at most PART_ROWS rows; what follows the rows is a part of its own."""
        return self.writers[variant].parts(table, envelope)

    def encode(self, table: Table, envelope: Envelope, variant: str) -> bytes:
        """The whole body at once."""
        return b"".join(self.parts(table, envelope, variant))


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


FORMATS = (
    Format(
        name="json",
        extension="json",
        media_type="application/json",
        content_type="application/json",  # RFC 8259 §11 knows no charset
        writers=json.SHAPES,
        variant_parameter="shape",
        allows_include=True,
    ),
    Format(
        name="ndjson",
        extension="ndjson",
        media_type="application/x-ndjson",
        content_type="application/x-ndjson; charset=utf-8",
        writers=json.LINES,
        variant_parameter=None,
        allows_include=True,
    ),
    Format(
        name="csv",
        extension="csv",
        media_type="text/csv",
        content_type="text/csv; charset=utf-8",
        writers=csv.DIALECTS,
        variant_parameter="csv",
        allows_include=False,
    ),
)

FORMATS_BY_NAME = {known.name: known for known in FORMATS}
