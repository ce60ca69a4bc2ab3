"""Workers of one start: what one of them has learned holds for the others, and they answer as one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

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
