"""Rows as objects that msgspec encodes fastest."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from app.formats.table import Table


def row_objects(table: Table) -> Sequence[object]:
    """One object a row, with the table's names as keys in their order."""
    row_object = _row_type(table.names)
    return [row_object(row) for row in table.rows]


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> Callable[[tuple[object, ...]], object]:
    """What makes one row's object: a struct, which encodes three times as fast as a dict (1,000 rows × 60 columns).

    A struct refuses keys that JSON must escape; a renamed column may have one, and its rows become dicts.
    """
    fields = [f"column_{number}" for number in range(len(names))]
    try:
        struct = msgspec.defstruct("Row", fields, rename=dict(zip(fields, names, strict=True)), gc=False)
    except ValueError:
        return lambda row: dict(zip(names, row, strict=True))
    return lambda row: struct(*row)
