"""The applicable cases of http-tests/cache-tests hold as docs/http-caching.md says."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.proof.suite.case import CASES, Case, World
from tests.proof.suite.table import table
from tests.support.clock import HandClock
from tests.support.facade import running_facade
from tests.support.simulator import Simulator

WORDS = (Path(__file__).parents[2] / "docs" / "http-caching.md").read_text("utf-8")
SIZE = 370  # tests of the suite


@pytest.fixture
async def case(request: pytest.FixtureRequest) -> Case:
    case: Case = request.param
    return case


@pytest.fixture
async def world(case: Case, simulator: Simulator, clock: HandClock) -> AsyncIterator[World]:
    async with running_facade(simulator, clock=clock.clock, **case.settings) as facade:
        yield World(facade, simulator, clock)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES, indirect=True)
async def test_a_case_is_as_the_table_says(case: Case, world: World) -> None:
    await case.run(world)


def test_the_documentation_shows_the_table() -> None:
    assert WORDS.endswith(f"\n\n{table()}\n")


def test_the_documentation_counts_each_family_and_says_why_the_rest_is_left_out() -> None:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in WORDS.splitlines()]
    rows = [cells for cells in lines if len(cells) == 4 and cells[1].isdecimal()]
    assert {family: int(here) for family, _, here, _ in rows if here != "0"} == Counter(
        case.family for case in CASES.values()
    )
    assert sum(int(there) for _, there, _, _ in rows) == SIZE
    for _, there, here, reason in rows:
        assert (int(here) < int(there)) is bool(reason)


@pytest.mark.parametrize(
    "name", ["stale-while-revalidate", "stale-while-revalidate-window", "stale-sie-close", "stale-sie-503"]
)
def test_both_families_of_serving_stale_hold(name: str) -> None:
    assert CASES[name].holds
