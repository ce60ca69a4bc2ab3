"""No linter warns of any answer, or calls it bad, but for the exceptions listed here with their reasons."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Match, Route

from app.formats import FORMATS
from app.http.routes import SEARCHES
from app.interactions.grains import GRAINS
from app.main import create_app
from tests.proof.linting import Findings, Linter, Red, httplint, running_red
from tests.proof.rows import ROWS, Row, Scene
from tests.support.clock import HandClock
from tests.support.facade import facade_settings, replays_of, running_facade
from tests.support.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Excepted:
    """Why a note may stand, and a row that has it."""

    reason: str
    row: str


EXCEPTIONS = {
    "VARY_COMPLEX": Excepted(
        "An answer does depend on four fields: format, coding and either way of sending a key.", "json"
    ),
    "CC_CONFLICTING": Excepted(
        "Both `private` and `no-store` on personal data in clear: who overlooks one heeds the other.",
        "in clear",
    ),
    "STATUS_BAD_REQUEST": Excepted("That is what 400 says; the problem tells what to mend.", "400 invalid parameter"),
}


@pytest.fixture(scope="module")
def red() -> Iterator[Red]:
    with running_red() as running:
        yield running


@pytest.fixture(params=["httplint", "redbot"])
def linter(request: pytest.FixtureRequest) -> Linter:
    linters: dict[str, Linter] = {"httplint": httplint, "redbot": request.getfixturevalue("red")}
    return linters[request.param]


@pytest.fixture
def clock() -> HandClock:
    """The façade's time is near the linters', which look for dates in the future."""
    return HandClock(wall=datetime.now(UTC) - timedelta(days=1))


@pytest.fixture
async def row(request: pytest.FixtureRequest) -> Row:
    row: Row = request.param
    return row


@pytest.fixture
async def scene(row: Row, simulator: Simulator, clock: HandClock) -> AsyncIterator[Scene]:
    async with running_facade(simulator, clock=clock.clock, **row.settings) as facade:
        yield Scene(facade, simulator, clock)


async def findings(row: Row, scene: Scene, linter: Linter) -> Findings:
    asked = replace(row.asked, target=await row.before(scene, row.asked.target))
    if row.again:
        await asyncio.to_thread(linter, scene.facade.url, asked)
        assert replays_of(scene.facade.services) > 0, "nothing is kept for replays"
    return await asyncio.to_thread(linter, scene.facade.url, asked)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS, indirect=True)
async def test_a_linter_finds_nothing_but_the_exceptions(row: Row, scene: Scene, linter: Linter) -> None:
    found = await findings(row, scene, linter)
    assert found.status == row.status
    assert {name: found.fields.get(name) for name in row.shows} == dict(row.shows)
    assert {name: words for name, words in found.notes.items() if name not in EXCEPTIONS} == {}


@pytest.mark.parametrize(
    ("row", "name"), [(ROWS[one.row], name) for name, one in EXCEPTIONS.items()], ids=EXCEPTIONS, indirect=["row"]
)
async def test_an_exception_still_occurs(row: Row, name: str, scene: Scene, linter: Linter) -> None:
    assert name in (await findings(row, scene, linter)).notes


@pytest.mark.parametrize("row", [ROWS["csv"]], indirect=True)
async def test_redbot_finds_ranges_validation_and_codings_in_order(row: Row, scene: Scene, red: Red) -> None:
    found = await findings(row, scene, red)
    assert found.praised >= {"RANGE_CORRECT", "INM_304", "IMS_304", "CONNEG_GZIP_GOOD", "CL_CORRECT"}


def test_the_documentation_shows_the_exceptions() -> None:
    words = (Path(__file__).parents[2] / "docs" / "http-caching.md").read_text("utf-8")
    for name, one in EXCEPTIONS.items():
        assert f"| `{name}` | {one.reason} |" in words


def test_every_route_has_a_row() -> None:
    app = create_app(facade_settings("http://127.0.0.1:9"))
    routes = [route for included in app.routes for route in _routes(included)]
    asked = [(row.asked.method, row.asked.target.partition("?")[0]) for row in ROWS.values()]
    scopes = [{"type": "http", "method": method, "path": path, "headers": []} for method, path in asked]
    lacking = [route.path for route in routes if not any(route.matches(one)[0] is Match.FULL for one in scopes)]
    alike = [grain.path for grain in GRAINS.values() if grain.is_of_parts]
    alike += ["/questions/{name}", *(grain.summary_path for grain in GRAINS.values())]
    formats = {f"{path}.{one.extension}" for path in alike for one in FORMATS}
    assert routes
    asked_by_post = {"/interactions/search", "/queue-entries/summary/search"}
    searches = {one.path for one in SEARCHES} - asked_by_post
    assert set(lacking) == formats | searches, "which the rows of interactions in each format show"


def _routes(included: BaseRoute) -> list[Route]:
    """A route, or those of a router that the framework keeps whole."""
    router = getattr(included, "original_router", None)
    return [route for route in (router.routes if router else [included]) if isinstance(route, Route)]
