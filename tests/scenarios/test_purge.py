"""What is purged is gone: from the store, from what is made of it, from replays, and from what is under way."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.http.response_cache import Built
from tests.scenarios.purging import explained, purge
from tests.support.clock import HandClock
from tests.support.facade import Facade, replays_of, running_facade
from tests.support.simulator import Simulator

KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"
QUESTION = (("attr", "1234567"),)
OTHER = (("attr", "SIM-OPEN"),)
LONG = (("attr", "SIM-2500"), ("limit", "20"))
ORDERS: list[dict[str, Any]] = [{"all": True}, {"query": "attr=1234567"}, {"interaction_id": KNOWN}]
ITEM = f"/interactions/{KNOWN}"


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """A façade that lets anybody read and purge."""
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,cache:purge") as running:
        yield running


async def how(facade: Facade, *query: tuple[str, str], path: str = "/interactions") -> str:
    """How the answer was come by, in a word or two."""
    status: str = (await facade.get(path, *query)).headers["cache-status"]
    return status.removeprefix("cxfacade; ").partition(";")[0]


async def held(facade: Facade, simulator: Simulator, *query: tuple[str, str]) -> asyncio.Task[httpx.Response]:
    """A client whose answer upstream holds back."""
    simulator.faults("hold")
    before = len(simulator.journal())
    asking = asyncio.create_task(facade.get("/interactions", *query))
    await simulator.arrived(before + 1)
    return asking


async def completed(facade: Facade) -> None:
    """Wait until nothing is under way."""
    flights = facade.services.queries.flights
    while under_way := {*flights._under_way.values(), *flights._disowned}:
        await asyncio.wait(under_way)


# By each kind.


async def test_all_is_everything(facade: Facade, simulator: Simulator) -> None:
    for query in (QUESTION, OTHER, LONG):
        await facade.ask(*query)
    await facade.get(ITEM)
    assert await purge(facade, all=True) == {"purged": 4, "scope": "all"}
    store = facade.services.queries.snapshots._store
    assert (len(store), store.bytes_held) == (0, 0)
    calls = len(simulator.calls())
    assert [await how(facade, *query) for query in (QUESTION, OTHER)] == ["fwd=uri-miss"] * 2
    assert len(simulator.calls()) == calls + 2


async def test_a_query_takes_its_report_and_every_answer_made_of_it_and_no_other(facade: Facade) -> None:
    shown = [QUESTION, (*QUESTION, ("format", "csv")), (*QUESTION, ("fields", "interaction_id"))]
    for query in (*shown, OTHER):
        await facade.get("/interactions", *query)
    assert await purge(facade, query="format=ndjson&attr=1234567") == {"purged": 1, "scope": "query"}
    told = [await explained(facade, *query) for query in (*shown, OTHER)]
    assert [(one["stored"], one["answer_stored"]) for one in told] == [(False, False)] * 3 + [(True, True)]
    assert await how(facade, *OTHER) == "hit"
    assert await how(facade, *QUESTION) == "fwd=uri-miss"


async def test_a_query_takes_older_snapshots_too_and_a_walk_through_them_asks_upstream_anew(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    older = (await facade.ask(*LONG))["next_cursor"]
    simulator.insert(value="SIM-2500")
    clock.advance(20)
    assert await how(facade, *LONG) == "hit"  # stale, refreshed behind
    await completed(facade)
    newer = (await facade.ask(*LONG))["next_cursor"]
    assert newer != older
    assert (await purge(facade, query="attr=SIM-2500"))["purged"] == 2
    for cursor in (older, newer):
        page = await facade.get("/interactions", *LONG, ("cursor", cursor))
        assert page.headers["cache-status"].startswith("cxfacade; fwd=uri-miss")


async def test_an_interaction_is_purged_with_every_list_that_holds_it(facade: Facade) -> None:
    await facade.get(ITEM)
    await facade.get(f"{ITEM}/timeline")
    for query in (QUESTION, OTHER):
        await facade.ask(*query)
    assert await purge(facade, interaction_id=KNOWN.upper()) == {"purged": 2, "scope": "interaction"}
    assert await how(facade, path=ITEM) == "fwd=uri-miss"
    assert await how(facade, *QUESTION) == "fwd=uri-miss"
    assert await how(facade, *OTHER) == "hit"


async def test_that_an_interaction_is_unknown_is_forgotten_too(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for calls in (1, 1):
        await facade.get(f"/interactions/{unknown}", status=404)
        assert len(simulator.calls("one")) == calls
    assert (await purge(facade, interaction_id=unknown))["purged"] == 1
    await facade.get(f"/interactions/{unknown}", status=404)
    assert len(simulator.calls("one")) == 2


async def test_what_is_not_stored_is_purged_without_a_call(facade: Facade, simulator: Simulator) -> None:
    assert await purge(facade, query="attr=nobody&from=now-7d/d") == {"purged": 0, "scope": "query"}
    assert simulator.calls() == []


async def test_all_is_the_time_zone_too(facade: Facade, simulator: Simulator) -> None:
    since = (*QUESTION, ("from", "2018-10-01"))
    await facade.ask(*since)
    assert len(simulator.calls()) == 2
    await purge(facade, all=True)
    await facade.ask(*since)
    assert len(simulator.calls()) == 4


# What would outlive a purge if it were let.


async def test_replays_of_what_is_purged_end_and_nothing_else(facade: Facade) -> None:
    for query in (QUESTION, OTHER):
        for _ in range(3):
            await facade.get("/interactions", *query)
    assert replays_of(facade.services) == 2
    await purge(facade, query="attr=1234567")
    assert replays_of(facade.services) == 1
    assert await how(facade, *QUESTION) == "fwd=uri-miss"
    assert await how(facade, *OTHER) == "hit"


async def test_all_ends_every_replay(facade: Facade) -> None:
    for query in (QUESTION, OTHER):
        await facade.ask(*query)
    await purge(facade, all=True)
    assert replays_of(facade.services) == 0


async def test_an_answer_that_is_being_made_meanwhile_is_sent_and_not_kept(
    facade: Facade, monkeypatch: pytest.MonkeyPatch
) -> None:
    representations = facade.services.representations
    make = representations.rows

    async def made_while_purging(*asked: Any) -> Built:
        made = await make(*asked)
        assert (await purge(facade, all=True))["purged"] == 1
        return made

    monkeypatch.setattr(representations, "rows", made_while_purging)
    await facade.get("/interactions", *QUESTION, headers={"accept-encoding": "gzip"})
    monkeypatch.undo()
    assert len(facade.services.queries.snapshots._store) == 0
    assert await how(facade, *QUESTION) == "fwd=uri-miss"


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_a_flight_that_is_under_way_lands_for_who_waits_and_stores_nothing(
    facade: Facade, simulator: Simulator, order: dict[str, Any]
) -> None:
    waiting = await held(facade, simulator, *QUESTION)
    assert (await purge(facade, **order))["purged"] == 0
    simulator.release()
    answer = await waiting
    assert answer.json()["meta"]["count"] == 1
    assert answer.headers["cache-status"].startswith("cxfacade; fwd=uri-miss; ttl=")  # and not `stored`
    assert (await explained(facade, *QUESTION))["stored"] is False
    assert len(facade.services.queries.snapshots._store) == 0
    assert await how(facade, *QUESTION) == "fwd=uri-miss"
    assert len(simulator.calls()) == 2


async def test_a_flight_for_another_question_is_stored_all_the_same(facade: Facade, simulator: Simulator) -> None:
    waiting = await held(facade, simulator, *QUESTION)
    await purge(facade, query="attr=SIM-OPEN")
    simulator.release()
    await waiting
    assert await how(facade, *QUESTION) == "hit"


async def test_who_asks_after_a_purge_does_not_join_what_was_asked_before_it(
    facade: Facade, simulator: Simulator
) -> None:
    before = await held(facade, simulator, *QUESTION)
    await purge(facade, query="attr=1234567")
    newer = await facade.get("/interactions", *QUESTION)
    assert newer.headers["cache-status"] == "cxfacade; fwd=uri-miss; stored; ttl=15"
    simulator.release()
    assert (await before).status_code == 200
    told = await facade.get("/interactions", *QUESTION)
    assert (told.headers["cache-status"], told.content) == ("cxfacade; hit; ttl=15", newer.content)
    assert len(simulator.calls()) == 2


async def test_a_refresh_that_is_under_way_does_not_bring_back_what_was_purged(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    await facade.ask(*QUESTION)
    clock.advance(20)
    simulator.faults("hold")
    assert await how(facade, *QUESTION) == "hit"  # stale, refreshed behind
    await simulator.arrived(2)
    await purge(facade, all=True)
    simulator.release()
    await completed(facade)
    assert (await explained(facade, *QUESTION))["stored"] is False


@pytest.mark.parametrize("order", [{"query": "attr=SIM-2500"}, {"interaction_id": KNOWN}, {"all": True}], ids=str)
async def test_reading_on_in_a_report_does_not_bring_back_what_was_purged(
    facade: Facade, simulator: Simulator, order: dict[str, Any]
) -> None:
    """The second block may hold the interaction, though what is stored does not."""
    await facade.ask(*LONG)
    waiting = await held(facade, simulator, ("attr", "SIM-2500"), ("limit", "150"))
    await purge(facade, **order)
    simulator.release()
    assert (await waiting).json()["meta"]["count"] == 150
    told = await explained(facade, *LONG)
    assert told["rows_stored"] == (100 if "interaction_id" in order else None)


async def test_what_is_purged_does_not_cover_a_failure(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    await facade.ask(*QUESTION)
    clock.advance(20)
    await purge(facade, query="attr=1234567")
    simulator.faults("status", None, status=500)
    failed = await facade.get("/interactions", *QUESTION, status=503)
    assert failed.json()["code"] == "upstream-error"


async def test_after_a_purge_a_deleted_interaction_is_seen_no_more(facade: Facade, simulator: Simulator) -> None:
    assert await facade.ids(*QUESTION) == [KNOWN]
    await facade.get(ITEM)
    simulator.remove([KNOWN])
    assert await facade.ids(*QUESTION) == [KNOWN]
    await purge(facade, interaction_id=KNOWN)
    assert await facade.ids(*QUESTION) == []
    await facade.get(ITEM, status=404)
