"""Whole answers as examples, of the documented interaction; its values are in `golden.json`, made by the flattener."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.formats import Envelope, Format, Table
from app.interactions.columns import SCHEMA_VERSION, Column

GOLDEN = Path(__file__).parent / "golden.json"
LIST = "attributes"  # the nested list that the example with `include` shows
_META = {
    "count": 1,
    "limit": 100,
    "offset": 0,
    "truncated": False,
    "total": 1,
    "query": {"attr": ["1234567"], "from": None, "to": None},
    "as_of": "2026-11-23T06:40:00.000Z",
    "time_zone": "US/Eastern",
    "source": "live",
    "schema_version": SCHEMA_VERSION,
    "masked": ["customer"],
}
_ENVELOPE = Envelope(None, None, _META)


class Examples:
    """The documented interaction in every form this service gives it, with the columns of this service."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        golden: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
        self.row = {name: golden["interaction"].get(name) for name in columns}
        self.row_with_list = {**self.row, LIST: golden["lists"][LIST]}
        self.timeline: dict[str, Any] = golden["timeline"]
        types = tuple(column.type for column in columns.values())
        self._table = Table(tuple(self.row), [tuple(self.row.values())], types)

    def list_in(self, format_: Format, variant: str) -> object:
        """The list of this one row: JSON as a value, other formats as text."""
        encoded = format_.encode(self._table, _ENVELOPE, variant).decode()
        return json.loads(encoded) if format_.media_type == "application/json" else encoded
