"""Workers of one start: what one of them has learned holds for the others, and they answer as one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import cycle
from typing import Any

import httpx
import pytest

from app.http.responses import content_tag
from app.workers import DEGRADED_SECONDS
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator
from tests.support.workers import workers

LOOK_SECONDS = 1.0  # within which a purge reaches all
PURGE = {"X-Requested-With": "test"}
SCOPES = "read,cache:purge"


@pytest.fixture
async def both(simulator: Simulator, clock: HandClock) -> AsyncIterator[tuple[Facade, Facade]]:
    """Two workers in front of one upstream."""
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                running_facade(simulator, clock=clock.clock, worker=worker, anonymous_scopes=SCOPES)
            )
            for worker in stack.enter_context(workers(2))
        ]
        yield one, two


@pytest.mark.threat("T29")
@pytest.mark.parametrize("order", [{"all": True}, {"query": "attr=valueOne"}, {"customer_key": "0" * 32}])
async def test_a_purge_at_one_is_a_purge_at_all(
    order: dict[str, object], both: tuple[Facade, Facade], clock: HandClock
) -> None:
    one, two = both
    question = ("/interactions?attr=valueOne",)
    for each in both:
        await each.get(*question)
        assert (await each.get(*question)).headers["cache-status"].startswith("cxfacade; hit")
    answer = await one.client.post("/cache/purge", json=order, headers=PURGE)
    assert answer.status_code == 200, answer.text
    clock.advance(LOOK_SECONDS)
    while len(two.services.queries.snapshots):
        await clock.clock.sleep(0)
    assert (await two.get(*question)).headers["cache-status"].startswith("cxfacade; fwd")


@pytest.mark.threat("T28")
async def test_all_together_purge_no_more_often_than_one(both: tuple[Facade, Facade], clock: HandClock) -> None:
    one, _ = both
    statuses = []
    for _ in range(3):
        statuses.append((await one.client.post("/cache/purge", json={"all": True}, headers=PURGE)).status_code)
        clock.advance(1)
    assert statuses == [200, 429, 200]


async def test_a_pause_that_upstream_asks_one_for_is_kept_by_all(
    both: tuple[Facade, Facade], simulator: Simulator, clock: HandClock
) -> None:
    one, two = both
    simulator.faults("status", status=429, retry_after="30")
    assert (await one.get("/interactions?attr=a", status=503)).json()["code"] == "upstream-throttled"
    simulator.clear_journal()
    refused = await two.get("/interactions?attr=b", status=503)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("upstream-throttled", "30")
    assert not simulator.journal()
    clock.advance(31)
    await two.get("/interactions?attr=b")


async def test_ready_is_of_all_workers(both: tuple[Facade, Facade], simulator: Simulator, clock: HandClock) -> None:
    one, two = both
    simulator.faults("status", None, status=500)
    for number in range(5):
        await one.get(f"/interactions?attr={number}", status=503)
    await two.get("/health/ready")
    clock.advance(LOOK_SECONDS)
    while (await two.get("/health/ready")).json()["status"] == "ok":
        await clock.clock.sleep(0)
    clock.advance(60)
    simulator.clear_faults()
    for each in both:
        await each.get("/interactions?attr=valueOne")
    clock.advance(DEGRADED_SECONDS + 1)
    assert [(await each.get("/health/ready")).json()["status"] for each in both] == ["ok", "ok"]


async def walked(both: tuple[Facade, Facade], path: str) -> list[dict[str, Any]]:
    """The pages of a walk, each asked of the other worker than the one before."""
    pages: list[dict[str, Any]] = []
    for each in cycle(both):
        pages.append((await each.get(path)).json())
        if not pages[-1]["next"]:
            break
        path = httpx.URL(pages[-1]["next"]).raw_path.decode()
    return pages


def keys(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["interaction_id"], row.get("position")) for row in rows]


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/interactions?from=2026-11-18", 7),
        ("/interactions?from=2026-11-18&channel_type=voice&offset=5", 9),
        ("/agent-legs?from=2026-11-18&fields=interaction_id,position", 3),
        ("/interactions?attr_name=accountNumber", 80),
        ("/interactions?from=2026-11-18&sort=duration_seconds", 13),
        ("/agent-legs?from=2026-11-18&sort=-talk_seconds&fields=interaction_id,position", 3),
        ("/segments?from=2026-11-18&sort=channel_type&fields=interaction_id,position", 17),
    ],
)
async def test_a_walk_over_any_worker_shows_each_row_once(path: str, limit: int, both: tuple[Facade, Facade]) -> None:
    pages = await walked(both, f"{path}&limit={limit}")
    assert len(pages) > 2
    rows = [row for page in pages for row in page["items"]]
    one, _ = both
    whole = (await one.get(f"{path}&limit=10000")).json()
    assert keys(rows) == keys(whole["items"])
    assert {page["meta"]["total"] for page in pages} == {pages[0]["meta"]["total"]}
    assert {(page["meta"]["query"]["from"], page["meta"]["query"]["to"]) for page in pages} == {
        (whole["meta"]["query"]["from"], whole["meta"]["query"]["to"])
    }


@pytest.mark.parametrize(
    "path",
    [
        "/interactions?attr=valueOne",
        "/interactions?limit=7",
        "/interactions.csv?limit=7",
        "/interactions?limit=7&shape=records",
        "/interactions/summary?by=channel_type&measures=count&from=2026-11-18",
        "/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17",
    ],
)
async def test_equal_rows_have_one_validator(path: str, both: tuple[Facade, Facade], clock: HandClock) -> None:
    """When they were seen first stands beside it: no client is sent again what it holds of the other worker."""
    one, two = both
    first = await one.get(path)
    clock.advance(1)
    second = await two.get(path)
    assert content_tag(first.headers["etag"]) == content_tag(second.headers["etag"])
    unchanged = {"If-None-Match": first.headers["etag"]}
    assert (await two.get(path, status=304, headers=unchanged)).headers["etag"] == first.headers["etag"]
    part = {"Range": "bytes=0-9", "Accept-Encoding": "identity", "If-Range": first.headers["etag"]}
    status = 206 if first.content == second.content else 200
    assert (await two.get(path, status=None, headers=part)).status_code in {status, 200}


async def test_other_rows_have_another_validator(both: tuple[Facade, Facade]) -> None:
    paths = [f"/interactions?limit={rows}" for rows in (7, 8)]
    tags = {content_tag((await each.get(path)).headers["etag"]) for each in both for path in paths}
    assert len(tags) == 2
    page = (await both[0].get(paths[0])).json()
    following = httpx.URL(page["next"]).raw_path.decode()
    found = {content_tag((await each.get(following)).headers["etag"]) for each in both}
    assert len(found) == 1
    assert not found & tags
