"""What the tests of this part share: a context, records as bytes, and rows by name."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app import cooperative
from app.formats import FORMATS_BY_NAME, Envelope, Table
from app.interactions.columns import COLUMNS, Column, ListType, Value, reader
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS, Grain, Include
from app.interactions.masking import Audience
from app.interactions.records import decode, without_cards
from app.interactions.timeline import Span, timeline
from tests.interactions.expected import SECRET

SAMPLES = Path(__file__).parents[1] / "samples"
CONTEXT = Context(
    tenant_id="2f6d4c1e-0000-4000-8000-0123456789ab",
    as_of=datetime(2026, 3, 2, 18, tzinfo=UTC),
    zone=ZoneInfo("US/Eastern"),
    pseudonym_secret=SECRET,
)
CLEAR = replace(CONTEXT, audience=Audience(clear=True, notes=True))


def sample(name: str) -> dict[str, Any]:
    """The interaction of a documented payload, out of its envelope if it has one."""
    found: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_bytes())
    return found["results"][0] if "results" in found else found


def facts(record: object, context: Context = CONTEXT) -> Facts:
    """The facts of a record given as JSON bytes or as what they say."""
    decoded = decode(record if isinstance(record, bytes) else json.dumps(record).encode())
    assert decoded is not None
    return Facts(decoded.interaction, context)


def spans_of(found: Facts) -> list[Span]:
    """The timeline, made in one turn."""
    return asyncio.run(cooperative.run(timeline(found)))


def shown_raw(raw: bytes) -> bytes:
    """The record without card numbers, made in one turn."""
    return bytes(asyncio.run(cooperative.run(without_cards(raw))))


def typed_row(record: object, context: Context = CONTEXT, columns: Iterable[Column] = COLUMNS) -> dict[str, Value]:
    """Its row, by column."""
    columns = tuple(columns)
    values = reader(columns)(facts(record, context))
    return dict(zip((column.name for column in columns), values, strict=True))


def row(record: object, context: Context = CONTEXT, columns: Iterable[Column] = COLUMNS) -> dict[str, Any]:
    """Its row, by column, as JSON has it."""
    columns = tuple(columns)
    found = typed_row(record, context, columns)
    (shown,) = as_json(ListType(tuple(found), tuple(column.type for column in columns)), [tuple(found.values())])
    return shown


def elements(include: Include, found: Facts) -> list[dict[str, Any]]:
    """The elements of a nested list, as JSON has them."""
    return as_json(include.type, include.elements(found))


def as_json(kind: ListType, rows: list[tuple[Value, ...]]) -> list[dict[str, Any]]:
    """Rows of these names and types, as JSON has them."""
    body = FORMATS_BY_NAME["json"].encode(Table(kind.names, rows, kind.types), Envelope(None, None, None), "records")
    shown: list[dict[str, Any]] = json.loads(body)
    return shown


def parts(record: object, context: Context = CONTEXT) -> dict[str, list[dict[str, Any]]]:
    """The rows of its parts by grain, each by column as JSON has it; without `row_version`, as no hand makes a hash."""
    found = facts(record, context)
    return {grain.name: _rows_of(grain, found) for grain in GRAINS.values() if grain.is_of_parts}


def _rows_of(grain: Grain, found: Facts) -> list[dict[str, Any]]:
    columns = [column for name, column in grain.columns.items() if name != "row_version"]
    kind = ListType(tuple(column.name for column in columns), tuple(column.type for column in columns))
    return as_json(kind, [*map(reader(columns), grain.rows(found))])


def made(**fields: object) -> dict[str, object]:
    """A record of just these fields, and an id."""
    return {"interactionId": "00000000-0000-4000-8000-000000000001", **fields}
