"""Conditions on any column of any grain find the rows that show what was asked for, and no others."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from app.interactions.grains import GRAINS, Grain
from app.queries.operators import operators_of
from tests.scenarios.grains import KINDS, keys, populate, rows_of
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

SCOPES: dict[str, Any] = {"anonymous_scopes": "read,notes:read,pii:read"}
FEW = (("attr", "few"),)
OF_UPSTREAM = ("contact_id", "hook_id")  # by their bare names upstream's, of the interaction

# By plain Python over the rows as they are shown.
KEEPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "": lambda shown, given: shown == given,
    "ne": lambda shown, given: shown != given,
    "gt": lambda shown, given: shown is not None and shown > given,
    "gte": lambda shown, given: shown is not None and shown >= given,
    "lt": lambda shown, given: shown is not None and shown < given,
    "lte": lambda shown, given: shown is not None and shown <= given,
    "prefix": lambda shown, given: shown is not None and shown.casefold().startswith(given.casefold()),
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A tenant with few rows but those that a test puts in."""
    async with running_simulator(TENANT, interactions=40) as running:
        yield running
        assert running.violations == 0


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    async with running_facade(simulator, clock=clock.clock, **SCOPES) as running:
        yield running


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
async def test_every_operator_on_every_column_agrees_with_the_rows_shown(
    facade: Facade, simulator: Simulator, grain: Grain
) -> None:
    populate(simulator, "few", 2 * len(KINDS))
    query = (*FEW, ("pii", "clear"))
    whole = await rows_of(facade, grain, *query)
    assert whole
    for column in grain.columns.values():
        values = sorted({row[column.name] for row in whole if row[column.name] is not None}, key=str)
        for operator in operators_of(column.type):
            name = f"{column.name}.{operator.suffix}" if operator.suffix else column.name
            if name in OF_UPSTREAM or (operator.suffix != "null" and not values):
                continue
            given: Any = values[len(values) // 2] if values else None
            if operator.suffix == "null":
                for is_null in (True, False):
                    expected = [row for row in whole if (row[column.name] is None) is is_null]
                    assert keys(await rows_of(facade, grain, *query, (name, _text(is_null)))) == keys(expected), name
                continue
            given = given[:3].upper() if operator.suffix == "prefix" else given
            expected = [row for row in whole if KEEPS[operator.suffix](row[column.name], given)]
            assert keys(await rows_of(facade, grain, *query, (name, _text(given)))) == keys(expected), (name, given)
    assert len(simulator.calls("list")) == 1, "all of it was answered from one snapshot"


async def test_conditions_are_told_in_the_answer_and_counted(facade: Facade, simulator: Simulator) -> None:
    populate(simulator, "few", 2 * len(KINDS))
    answer = (await facade.get("/queue-entries", *FEW, ("queue_seconds.gte", "1"), ("queue_name.ne", "x"))).json()
    assert answer["meta"]["query"]["queue_seconds.gte"] == ["1"]
    assert answer["meta"]["total"] == len(answer["items"]) > 0


async def test_a_customer_is_found_by_the_pseudonym_that_rows_show(facade: Facade, simulator: Simulator) -> None:
    populate(simulator, "few", len(KINDS))
    rows = (await facade.ask(*FEW))["items"]
    key = next(row["customer_key"] for row in rows if row["customer_key"])
    expected = [row["interaction_id"] for row in rows if row["customer_key"] == key]
    assert await facade.ids(*FEW, ("customer_key", key)) == expected
    refused = await facade.get("/interactions", *FEW, ("customer", "+15550100"), status=400)
    assert refused.json()["errors"][0]["parameter"] == "customer"


async def test_a_walk_under_a_condition_meets_each_row_once(facade: Facade, simulator: Simulator) -> None:
    populate(simulator, "few", 4 * len(KINDS))
    condition = ("queue_seconds.gt", "0")
    whole = await rows_of(facade, GRAINS["queue_entries"], *FEW, condition)
    walked, more = list[dict[str, Any]](), dict[str, str]()
    while True:
        query = [("attr", "few"), ("limit", "3"), condition, *more.items()]
        answer = (await facade.get("/queue-entries", *query)).json()
        walked += answer["items"]
        if answer["next_cursor"] is None:
            break
        more = {"cursor": answer["next_cursor"]}
    assert walked == whole
