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
from app.interactions.columns import COLUMNS, Column, Value, reader
from app.interactions.facts import Context, Facts
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


def row(record: object, context: Context = CONTEXT, columns: Iterable[Column] = COLUMNS) -> dict[str, Value]:
    """Its row, by column."""
    columns = tuple(columns)
    values = reader(columns)(facts(record, context))
    return dict(zip((column.name for column in columns), values, strict=True))


def made(**fields: object) -> dict[str, object]:
    """A record of just these fields, and an id."""
    return {"interactionId": "00000000-0000-4000-8000-000000000001", **fields}
