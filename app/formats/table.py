"""The input of every encoder: a table of rows, and the facts of its envelope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.interactions.columns import ListType

PART_ROWS = 100  # about 1 ms of encoding
PART_LISTS = 10  # rows that hold lists, of any length
NUMERIC_TYPES = frozenset({"int", "float", "bool"})


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in output order; every row has a value, perhaps None, for each name."""

    names: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]  # str, int, float, bool, datetime, date, None, or a list of rows
    types: tuple[str | ListType, ...]  # "uuid", "string", "time", "date", "int", "float", "bool" or "enum"

    def parts(self) -> Iterator["Table"]:
        """The same table in parts of at most PART_ROWS rows, fewer with lists; none where there are no rows."""
        part = PART_LISTS if any(isinstance(kind, ListType) for kind in self.types) else PART_ROWS
        for start in range(0, len(self.rows), part):
            yield Table(self.names, self.rows[start : start + part], self.types)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The facts of the JSON envelope beside the rows; `meta` is encoded as it is."""

    next: str | None
    next_cursor: str | None
    meta: object
