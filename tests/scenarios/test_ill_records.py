"""What is ill in upstream's answer costs what is ill: a value or a record, never the page, and it is told."""

import json
from typing import Any

from app.upstream.rows import MOST_RECORD_BYTES
from tests.support.counted import value_of
from tests.support.facade import TENANT, Facade
from tests.support.simulator import Simulator

START, END = "2026-03-02T15:00:00.000Z", "2026-03-02T15:10:00.000Z"


def interaction(number: int, **fields: Any) -> dict[str, Any]:
    known = f"00000000-0000-4000-8000-{number:012d}"
    return {"interactionId": known, "startTimestamp": START, "endTimestamp": END, **fields}


def upstream_sends(simulator: Simulator, *rows: Any) -> None:
    answer = {"total": len(rows), "tenantId": TENANT.tenant_id, "results": rows}
    simulator.faults("body", None, endpoint="list", text=json.dumps(answer))


async def test_a_record_that_is_too_large_is_missed_and_the_answer_says_so(
    facade: Facade, simulator: Simulator
) -> None:
    large = interaction(2, fieldFromTheFuture="x" * MOST_RECORD_BYTES)
    upstream_sends(simulator, interaction(1), large, interaction(3))
    answer = await facade.ask(("fields", "interaction_id"))
    assert [row["interaction_id"][-1] for row in answer["items"]] == ["1", "3"]
    assert (answer["meta"]["truncated"], answer["meta"]["total"]) == (True, None)
    assert value_of(facade.services.metrics, "upstream_rows_dropped", reason="too-large") == 1


async def test_a_row_that_is_no_object_is_missed_and_the_answer_says_so(facade: Facade, simulator: Simulator) -> None:
    upstream_sends(simulator, None, interaction(1), 5)
    answer = await facade.ask(("fields", "interaction_id"))
    assert [row["interaction_id"][-1] for row in answer["items"]] == ["1"]
    assert (answer["meta"]["truncated"], answer["meta"]["total"]) == (True, None)
    assert value_of(facade.services.metrics, "upstream_rows_dropped", reason="unreadable") == 2


async def test_values_that_cannot_be_read_are_null_and_counted_and_nothing_is_missed(
    facade: Facade, simulator: Simulator
) -> None:
    upstream_sends(simulator, interaction(1, customerHolds=2**63, interactionTime=-5, fieldFromTheFuture=2**63 - 1))
    answer = await facade.ask(("fields", "hold_count,duration_seconds"))
    assert answer["items"] == [{"hold_count": None, "duration_seconds": 600.0}]
    assert (answer["meta"]["truncated"], answer["meta"]["total"]) == (False, 1)
    assert value_of(facade.services.metrics, "upstream_values_repaired") == 2


async def test_a_start_that_cannot_be_read_is_filtered_by_the_value_that_is_shown(
    facade: Facade, simulator: Simulator
) -> None:
    upstream_sends(simulator, interaction(1, startTimestamp="soon", updated="2026-03-02T16:00:00Z"))
    fields, beginning = ("fields", "started_at"), ("from", "2026-03-02T00:00:00Z")
    shown = await facade.ask(fields, ("from", END), ("to", "2026-03-02T15:10:00.001Z"))
    assert shown["items"] == [{"started_at": END}]
    assert (await facade.ask(fields, beginning, ("to", END)))["items"] == []


async def test_the_midnight_that_ends_a_day_begins_the_next(facade: Facade, simulator: Simulator) -> None:
    upstream_sends(simulator, interaction(1, startTimestamp="2026-03-01T24:00:00.000Z"))
    day = ("from", "2026-03-02T00:00:00Z"), ("to", "2026-03-03T00:00:00Z")
    answer = await facade.ask(("fields", "started_at"), *day)
    assert answer["items"] == [{"started_at": "2026-03-02T00:00:00.000Z"}]
