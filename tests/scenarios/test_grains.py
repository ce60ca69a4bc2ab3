"""What holds for interactions holds for every grain: pages, orders and conditions."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.interactions.grains import GRAINS, Grain
from app.queries.operators import FILTERS
from tests.scenarios.grains import KINDS, key_of, keys, parts_of, populate, rows_of
from tests.scenarios.walking import by_links
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

every_grain = pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
SCOPES: dict[str, Any] = {"anonymous_scopes": "read,notes:read,pii:read"}
FEW = (("attr", "few"),)


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


async def test_a_walk_over_many_interactions_meets_each_row_once(facade: Facade, simulator: Simulator) -> None:
    records = populate(simulator, "many", 1_140)
    expected = parts_of(records)
    for grain in GRAINS.values():
        only = key_of(grain)
        pages = await by_links(facade, f"{grain.path}?attr=many&limit=397&fields={only[1]}")
        walked = [row for page in pages for row in page["items"]]
        assert len(set(keys(walked))) == len(walked) == expected.get(grain.name, len(walked)), grain.name
        assert {len(page["items"]) for page in pages[:-1]} <= {397}
        whole = await facade.get(grain.path, ("attr", "many"), ("limit", "10000"), only)
        assert whole.json()["items"] == walked
        assert whole.headers["x-total-count"] == str(len(walked))
        assert (whole.headers["x-truncated"], "link" in whole.headers) == ("false", False)
        totals = [page["meta"]["total"] for page in pages]
        assert totals[-1] == len(walked)
        known = [total for total in totals if total is not None]
        assert known == totals[-len(known) :] == [len(walked)] * len(known), (grain.name, totals)
    assert len(simulator.calls("list")) == 3, "the first walk read them all"


@every_grain
async def test_a_page_may_end_within_a_record(facade: Facade, simulator: Simulator, grain: Grain) -> None:
    populate(simulator, "few", 12)
    whole = await rows_of(facade, grain, *FEW)
    for limit in (1, 2, 7):
        pages = await by_links(facade, f"{grain.path}?attr=few&limit={limit}")
        assert [row for page in pages for row in page["items"]] == whole
        assert {page["meta"]["total"] for page in pages} == {len(whole)}
    for offset in (1, 8, len(whole) - 1, len(whole), len(whole) + 50):
        answer = await facade.get(grain.path, *FEW, ("offset", str(offset)), ("limit", "5"))
        assert answer.json()["items"] == whole[offset : offset + 5]
        assert answer.headers["x-total-count"] == str(len(whole))
        assert ("link" in answer.headers) is (offset + 5 < len(whole))
    assert len(simulator.calls("list")) == 1


async def test_a_cursor_belongs_to_its_grain(facade: Facade, simulator: Simulator) -> None:
    populate(simulator, "few", 12)
    for grain in GRAINS.values():
        cursor = (await facade.get(grain.path, *FEW, ("limit", "1"))).json()["next_cursor"]
        for other in GRAINS.values():
            status = 200 if other is grain else 400
            answer = await facade.get(f"{other.path}.csv", *FEW, ("cursor", cursor), status=status)
            assert other is grain or answer.json()["code"] == "cursor-mismatch"


@every_grain
async def test_rows_of_any_grain_are_ordered_by_any_column(facade: Facade, simulator: Simulator, grain: Grain) -> None:
    populate(simulator, "few", 12)
    whole = sorted(await rows_of(facade, grain, *FEW), key=lambda row: row["interaction_id"])  # by position within
    for column in grain.columns:
        for descending in (False, True):
            present = [row for row in whole if row[column] is not None]
            present.sort(key=lambda row: row[column], reverse=descending)
            expected = [*present, *(row for row in whole if row[column] is None)]
            order = ("sort", f"{'-' if descending else ''}{column}")
            if order == ("sort", f"-{grain.ordered_by}"):
                continue
            assert keys(await rows_of(facade, grain, *FEW, order, key_of(grain))) == keys(expected), order
    pages = await by_links(facade, f"{grain.path}?attr=few&limit=7&sort=-row_version")
    in_order = await rows_of(facade, grain, *FEW, ("sort", "-row_version"))
    assert [row for page in pages for row in page["items"]] == in_order


async def test_an_order_needs_the_whole_result_whatever_the_grain(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, max_rows=100, **SCOPES) as facade:
        populate(simulator, "many", 120)
        for grain in GRAINS.values():
            refused = await facade.get(grain.path, ("attr", "many"), ("sort", "row_version"), status=400)
            assert refused.json()["code"] == "sort-needs-complete-result"


@every_grain
async def test_a_condition_is_on_the_row_where_it_has_the_column_else_on_any_part(
    facade: Facade, simulator: Simulator, grain: Grain
) -> None:
    populate(simulator, "few", 2 * len(KINDS))
    whole = await rows_of(facade, grain, *FEW)
    entries, legs = [await rows_of(facade, GRAINS[name], *FEW) for name in ("queue_entries", "agent_legs")]
    interactions = await rows_of(facade, GRAINS["interactions"], *FEW)
    told = {
        "queue_id": entries,
        "queue_name": entries,
        "agent_id": [leg for leg in legs if leg["is_accepted"]],
        **dict.fromkeys(("channel_type", "direction", "flow_id", "is_abandoned", "is_final"), interactions),
    }
    for name in FILTERS:
        shown = whole if name in grain.columns else told[name]
        for value in sorted({str(row[name]) for row in shown if row[name] is not None})[:3]:
            met = [row for row in shown if str(row[name]) == value]
            ids = {row["interaction_id"] for row in met}
            expected = met if name in grain.columns else [row for row in whole if row["interaction_id"] in ids]
            text = value.lower() if name.startswith("is_") else value
            answer = (await facade.get(grain.path, *FEW, (name, text), ("limit", "1000"), key_of(grain))).json()
            assert keys(answer["items"]) == keys(expected), (name, value)
            assert answer["meta"]["total"] == len(expected)
    assert len(simulator.calls("list")) == 1
