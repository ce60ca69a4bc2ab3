"""The input of every encoder: a table of rows, and the facts of its envelope."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from app.interactions.columns import ListType

PART_ROWS = 100  # about 1 ms of encoding, the elements of lists among them
NUMERIC_TYPES = frozenset({"int", "float", "bool"})


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in output order; every row has a value, perhaps None, for each name."""

    names: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]  # str, int, float, bool, datetime, date, None, or a list of rows
    types: tuple[str | ListType, ...]  # "uuid", "string", "time", "date", "int", "float", "bool" or "enum"

    def parts(self) -> Iterator["Table"]:
        """The same table in parts of PART_ROWS rows at most, elements of lists counted in; none without rows."""
        start = 0
        for end in self._ends():
            yield Table(self.names, self.rows[start:end], self.types)
            start = end

    def _ends(self) -> Iterator[int]:
        lists = [place for place, kind in enumerate(self.types) if isinstance(kind, ListType)]
        if not lists:
            yield from range(PART_ROWS, len(self.rows) + PART_ROWS, PART_ROWS)
            return
        held = 0
        for end, row in enumerate(self.rows, 1):
            held += 1 + sum(len(cast("Sequence[object]", row[place])) for place in lists)
            if held >= PART_ROWS or end == len(self.rows):
                yield end
                held = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """The facts of the JSON envelope beside the rows; `meta` is encoded as it is, a list of changes has `removed`."""

    next: str | None
    next_cursor: str | None
    meta: object
    removed: Sequence[str] | None = None
