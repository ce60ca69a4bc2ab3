"""The service level by each value of its settings: what is a short abandon, and whether it counts."""

from typing import Any

import pytest

from app.simulator.people import QUEUES
from tests.support.clock import HandClock
from tests.support.facade import running_facade
from tests.support.simulator import Simulator

COLUMNS = ("sla_outcome", "is_short_abandon", "is_sla_met", "is_sla_eligible")
ASKED = ("attr", "a short one"), ("fields", ",".join(COLUMNS))
IGNORED = ("excluded", True, False, False)
COUNTED = ("missed", True, False, True)
LONG = ("missed", False, False, True)
BY_QUEUE = {queue.name: 0.001 for queue in QUEUES}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, IGNORED),
        ({"sla_abandons": "ignore"}, IGNORED),
        ({"sla_abandons": "count"}, COUNTED),
        ({"abandon_seconds": 0.001}, LONG),
        ({"sla_seconds": 0.001}, LONG),
        ({"sla_seconds": 0.001, "abandon_seconds": 20}, IGNORED),
        ({"sla_seconds": 0.001, "abandon_seconds": 20, "sla_abandons": "count"}, COUNTED),
        ({"sla_by_queue": BY_QUEUE}, LONG),
        ({"sla_by_queue": BY_QUEUE, "abandon_seconds": 20}, IGNORED),
    ],
)
async def test_a_short_abandon_counts_as_the_settings_say(
    simulator: Simulator, clock: HandClock, settings: dict[str, Any], expected: tuple[object, ...]
) -> None:
    simulator.insert(kind="voice-short-abandon", value="a short one", start="2026-11-17T12:00:00.000Z")
    async with running_facade(simulator, clock=clock.clock, **settings) as facade:
        (row,) = (await facade.ask(*ASKED))["items"]
        (again,) = (await facade.ask(*ASKED))["items"]
        schema = (await facade.get("/schema")).json()
    assert tuple(row.values()) == tuple(again.values()) == expected
    (described,) = (column for column in schema["columns"] if column["name"] == "handle_seconds")
    assert "upstream's own figure" in described["description"]
