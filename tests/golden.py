"""`make golden` writes what the flattener makes of the documented interaction: the examples of the OpenAPI document.

Rows that a test holds against the flattener are worked out by hand, in tests/interactions; nothing rewrites them.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import to_builtins

from app.http.openapi import GOLDEN
from app.interactions.columns import ListType, reader
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS, INCLUDES, Grain
from app.interactions.masking import Audience
from app.interactions.records import decode
from app.interactions.times import rfc3339
from tests.interactions.records import as_json, elements, spans_of

SAMPLE = Path(__file__).parent / "samples/interaction-voice-answered.json"


def golden() -> dict[str, object]:
    """The documented interaction as a row, with every nested list and its timeline."""
    as_of = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
    context = Context("unused", as_of, ZoneInfo("US/Eastern"), pseudonym_secret=b"an invented secret")
    decoded = decode(SAMPLE.read_bytes())
    assert decoded is not None
    facts, reading = Facts(decoded.interaction, context), replace(context, audience=Audience(notes=True))
    return {
        "rows": {grain.name: _rows(grain, Facts(decoded.interaction, reading)) for grain in GRAINS.values()},
        "lists": {include.name: elements(include, facts) for include in INCLUDES},
        "timeline": {
            "interaction_id": decoded.interaction.interaction_id,
            "started_at": rfc3339(facts.started_at),
            "ended_at": rfc3339(facts.ended_at),
            "spans": to_builtins(spans_of(facts)),
        },
    }


def _rows(grain: Grain, facts: Facts) -> list[dict[str, object]]:
    columns = [*grain.columns.values()]
    kind = ListType(tuple(grain.columns), tuple(column.type for column in columns))
    return as_json(kind, [*map(reader(columns), grain.rows(facts))])


def golden_text() -> str:
    """The golden file as it is written."""
    return json.dumps(golden(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
