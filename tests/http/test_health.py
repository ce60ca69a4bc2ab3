"""Readiness: the service takes requests whatever upstream does, and says one word about whether it has an answer."""

from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

NOWHERE = "http://127.0.0.1:9"


async def readiness(facade: Facade) -> str:
    """What it says; always with 200."""
    answer = await facade.get("/health/ready")
    assert answer.headers["cache-control"] == "no-store"
    word: str = answer.json()["status"]
    assert answer.json() == {"status": word}
    return word


async def test_it_is_ready_before_anything_was_asked(facade: Facade) -> None:
    assert await readiness(facade) == "ok"
    assert (await facade.get("/health/live")).json() == {"status": "ok"}


async def test_with_nothing_stored_and_upstream_down_it_is_ready_and_degraded(clock: HandClock) -> None:
    async with running_facade(NOWHERE, clock=clock.clock) as facade:
        assert await readiness(facade) == "ok", "nobody has asked upstream yet"
        await facade.get("/interactions", status=503)
        assert await readiness(facade) == "degraded"
        assert (await facade.get("/health/live")).json() == {"status": "ok"}


async def test_while_something_stored_can_be_served_it_is_ready(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    await facade.ask(("attr", "1234567"))
    clock.advance(60)
    simulator.faults("status", None, status=503)
    stale = await facade.get("/interactions", ("attr", "1234567"))
    assert "stale" in stale.headers["cache-status"]
    await facade.get("/interactions", ("attr", "other"), status=503)
    assert facade.services.queries.upstream.is_ill()
    assert await readiness(facade) == "ok"


async def test_it_is_no_longer_degraded_once_upstream_answers(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.faults("status", status=503)
    await facade.get("/interactions", status=503)
    assert await readiness(facade) == "degraded"
    clock.advance(2)
    await facade.get("/interactions")
    assert await readiness(facade) == "ok"
