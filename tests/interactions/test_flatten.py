"""Rows hold what their columns say, whichever columns are asked for."""

import pytest

from app.interactions.columns import COLUMNS, Column, with_attributes
from app.interactions.flatten import flatten, reader
from app.simulator.kinds import example
from tests.interactions.expected import KINDS
from tests.interactions.records import CONTEXT, facts

BY_NAME = {column.name: column for column in COLUMNS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_holds_the_value_of_each_column_in_their_order(kind: str) -> None:
    columns = with_attributes(["accountNumber", "VIP"])[::-1]
    found = facts(example(kind))
    assert reader(columns)(found) == tuple(column.value(found) for column in columns)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_one_column_alone_gives_a_row_of_one_value(column: Column) -> None:
    found = facts(example("voice-transfer"))
    assert reader([column])(found) == (column.value(found),)


def test_columns_may_repeat_and_there_may_be_none() -> None:
    found = facts(example("voice-transfer"))
    columns = [BY_NAME[name] for name in ("direction", "tenant_id", "direction", "tenant_id")]
    assert reader(columns)(found) == ("inbound", found.interaction.tenant_id) * 2
    assert reader([])(found) == ()


def test_each_record_has_its_row_in_the_order_of_the_records() -> None:
    interactions = [facts(example(kind)).interaction for kind in KINDS]
    rows = flatten(interactions, [BY_NAME["duration_seconds"]], CONTEXT)
    assert rows == [(row.get("duration_seconds"),) for row in KINDS.values()]
