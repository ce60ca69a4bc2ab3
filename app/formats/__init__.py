"""The formats of an answer: a new format is a file beside this one and a row in FORMATS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from app.formats import csv, json
from app.formats.table import Envelope, Table

__all__ = ["FORMATS", "FORMATS_BY_NAME", "Envelope", "Format", "Table"]

Parts = Callable[[Table, Envelope, str], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Format:
    """A format and its encoder: a row of FORMATS."""

    name: str  # the value of the parameter `format`
    extension: str  # of the path and of a download, without the dot
    media_type: str  # as clients name it in Accept
    content_type: str  # as answers name it, with its charset where the media type has that parameter
    parts: Parts  # table, envelope and variant to bytes, in parts of at most PART_ROWS rows
    variant_parameter: str | None  # the query parameter that chooses a variant
    variants: tuple[str, ...]  # what it may say; the first is the default
    allows_include: bool  # whether nested lists have a place
    is_binary: bool = False  # no text, so that documents show no example
    is_packed: bool = False  # compressed within: no coding on top
    requires: str | None = None  # the top-level module that it is written by, where that may not be installed
    further: Parts | None = None  # the rows after those of `parts`, where a body can be written piece by piece

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return self.requires is None or _is_installed(self.requires)

    @property
    def is_streamed(self) -> bool:
        """Whether the format writes a body piece by piece, of any number of rows."""
        return self.further is not None

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
        parts=json.parts,
        variant_parameter="shape",
        variants=tuple(json.SHAPES),
        allows_include=True,
    ),
    Format(
        name="ndjson",
        extension="ndjson",
        media_type="application/x-ndjson",
        content_type="application/x-ndjson; charset=utf-8",
        parts=json.lines,
        variant_parameter=None,
        variants=("rows",),
        allows_include=True,
        further=json.lines,
    ),
    Format(
        name="csv",
        extension="csv",
        media_type="text/csv",
        content_type="text/csv; charset=utf-8",
        parts=csv.parts,
        variant_parameter="csv",
        variants=tuple(csv.DIALECTS),
        allows_include=False,
        further=csv.further,
    ),
)

FORMATS_BY_NAME = {known.name: known for known in FORMATS}
