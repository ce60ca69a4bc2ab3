"""Rows as objects that msgspec encodes fastest."""

from collections.abc import Callable, Sequence

import msgspec

from app.formats.table import Table

BOUND_BYTES = 4 * 1024 * 1024  # of all row types kept: clients choose the names, and so how many there are
TYPE_BYTES, COLUMN_BYTES = 2_500, 500  # what a type costs, and each of its columns, with the longest alias (measured)

RowObject = Callable[[tuple[object, ...]], object]


def row_objects(table: Table) -> Sequence[object]:
    """An object for each row, with the table's names as keys in their order."""
    row_object = _ROW_TYPES.of(table.names)
    return [row_object(row) for row in table.rows]


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
        return lambda row: dict(zip(names, row, strict=True))
    return lambda row: struct(*row)
