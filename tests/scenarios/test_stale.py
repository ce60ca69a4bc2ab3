"""Past freshness, over the wire: stale at once, refreshed behind, and what a client may say of it (FAULTS 1.1)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from tests.scenarios.behind import completed
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import Facade, running_facade
from tests.support.simulator import ANCHOR, Simulator

VALUE = "watched"
QUESTION = (("attr", VALUE), ("limit", "2"), ("fields", "interaction_id"))
FRESH, BEHIND, STALE = 15, 30, 86_400  # seconds, the defaults
AN_HOUR_AGO = (ANCHOR - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
NOBODY = UUID(int=0x0BAD0000_0000_4000_8000_000000000002)
HIT = "cxfacade; hit; ttl="


def ids(answer: httpx.Response) -> list[str]:
    return [row["interaction_id"] for row in answer.json()["items"]]


def told(answer: httpx.Response) -> str:
    status: str = answer.headers["cache-status"]
    return status


async def ask(facade: Facade, directives: str = "", *more: tuple[str, str], status: int = 200) -> httpx.Response:
    headers = {"cache-control": directives} if directives else {}
    return await facade.get("/interactions", *QUESTION, *more, status=status, headers=headers)


def outcomes(facade: Facade) -> dict[str, float]:
    names = ("fresh", "stale", "fetched", "collapsed", "none")
    counted = {name: value_of(facade.services.metrics, "answers", outcome=name) for name in names}
    return {name: count for name, count in counted.items() if count}


@pytest.fixture
async def first(facade: Facade, simulator: Simulator) -> list[str]:
    """The rows of an answer that was fetched just now; nothing is refreshed early by chance."""
    facade.services.queries.random = lambda: 1.0
    known = simulator.insert(5, value=VALUE, start=AN_HOUR_AGO)
    rows = ids(await ask(facade))
    assert set(rows) < set(known)
    simulator.clear_journal()
    return rows


async def test_stale_is_served_at_once_to_everybody_while_one_refresh_waits_for_upstream(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    (new,) = simulator.insert(1, value=VALUE)
    simulator.faults("hold")
    clock.advance(FRESH + 5)
    crowd = await asyncio.gather(*(ask(facade) for _ in range(50)))
    assert {told(answer) for answer in crowd} == {f"{HIT}-5; detail=stale-while-revalidate"}
    assert {answer.headers["age"] for answer in crowd} == {"20"}
    assert {answer.headers["cache-control"] for answer in crowd} == {
        "private, max-age=20, stale-while-revalidate=25, stale-if-error=300"
    }
    assert [ids(answer) for answer in crowd] == [first] * 50
    await simulator.arrived(1)
    for age in (25, 30):
        clock.advance(5)
        late = await ask(facade)
        assert (late.headers["age"], ids(late)) == (str(age), first)
    simulator.release()
    await completed(facade)
    refreshed = await ask(facade)
    assert (ids(refreshed)[0], refreshed.headers["age"]) == (new, "10"), "as old as its fetch, which began then"
    assert told(refreshed) == f"{HIT}5"
    assert len(simulator.journal()) == 1
    assert outcomes(facade) == {"fetched": 1, "fresh": 1, "stale": 52}


@pytest.mark.parametrize("path", ["/interactions/{id}", "/interactions/{id}/timeline", "/interactions.csv"])
async def test_every_resource_is_served_stale_and_refreshed_behind(
    path: str, facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    (known,) = simulator.insert(1, kind="work-item-open")
    whole = await facade.get(path.format(id=known))
    calls = len(simulator.journal())
    clock.advance(FRESH + 1)
    stale = await facade.get(path.format(id=known))
    assert (told(stale), stale.content) == (f"{HIT}-1; detail=stale-while-revalidate", whole.content)
    await completed(facade)
    assert told(await facade.get(path.format(id=known))) == f"{HIT}15"
    assert len(simulator.journal()) == calls + 1


async def test_a_client_who_leaves_does_not_stop_the_refresh_it_waits_for(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    (new,) = simulator.insert(1, value=VALUE)
    simulator.faults("hold")
    clock.advance(FRESH + 1)
    leaving = asyncio.create_task(ask(facade, "max-age=5"))
    await simulator.arrived(1)
    leaving.cancel()
    await asyncio.wait({leaving})
    simulator.release()
    await completed(facade)
    assert ids(await ask(facade))[0] == new
    assert len(simulator.journal()) == 1


async def test_the_service_stops_promptly_with_a_refresh_under_way(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        await ask(facade)
        simulator.faults("hold", None)
        clock.advance(FRESH + 1)
        assert told(await ask(facade)).endswith("; detail=stale-while-revalidate")
        await simulator.arrived(2)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    simulator.clear_faults()


async def test_stale_goes_on_while_refreshes_fail_and_says_which_of_the_two_it_is(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.faults("status", None, status=500)
    clock.advance(FRESH + 1)
    for second in range(3):
        age = FRESH + 1 + second
        answers = [await ask(facade)]
        await completed(facade)
        answers += [await ask(facade) for _ in range(3)]
        late = ["stale-while-revalidate", *["stale-if-error"] * 3]
        assert [told(answer) for answer in answers] == [f"{HIT}{FRESH - age}; detail={detail}" for detail in late]
        assert {answer.headers["age"] for answer in answers} == {str(age)}
        assert {answer.content for answer in answers} == {answers[0].content}
        assert len(simulator.journal()) == second + 1
        clock.advance(1)
    simulator.clear_faults()
    await ask(facade)
    await completed(facade)
    assert told(await ask(facade)) == f"{HIT}15"


async def test_an_answer_that_is_asked_for_seldom_is_as_new_as_upstream(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    """Every hour a dashboard asks for the last hour; and a case that was not there yet is there."""
    assert ids(await ask(facade)) == []
    for count in range(1, 4):
        known = simulator.insert(1, value=VALUE, start=AN_HOUR_AGO)
        clock.advance(100 if count == 1 else 3600)
        answer = await ask(facade)
        assert (told(answer), answer.headers["age"]) == ("cxfacade; fwd=stale; stored; ttl=15", "0")
        assert set(known) <= set(ids(answer)) or count > 2


async def test_past_the_window_nobody_is_answered_before_the_refresh_or_the_end_of_its_wait(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.faults("hold")
    clock.advance(FRESH + BEHIND + 1)
    waiting = [asyncio.create_task(ask(facade)) for _ in range(3)]
    await simulator.arrived(1)
    await clock.asleep(4)  # the clients' waits, and the sweeper
    clock.advance(9.9)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    clock.advance(0.1)
    for answer in await asyncio.gather(*waiting):
        assert (told(answer), ids(answer)) == (f"{HIT}-41; detail=stale-if-error", first)
        assert answer.headers["age"] == "56"
    simulator.release()
    await completed(facade)
    assert len(simulator.journal()) == 1
    assert outcomes(facade) == {"fetched": 1, "stale": 3}


async def test_an_outage_costs_a_client_one_attempt_and_then_nothing_while_it_is_remembered(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.faults("status", None, status=500)
    clock.advance(FRESH + BEHIND + 1)
    for _ in range(3):
        answer = await ask(facade)
        assert (told(answer), ids(answer)) == (f"{HIT}-31; detail=stale-if-error", first)
    assert len(simulator.journal()) == 1
    simulator.clear_faults()
    clock.advance(1)
    assert told(await ask(facade)) == "cxfacade; fwd=stale; stored; ttl=15"


async def test_a_window_of_nothing_serves_nothing_stale_to_a_healthy_upstreams_clients(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, stale_while_revalidate_seconds=0) as facade:
        fetched = await ask(facade)
        assert "stale-while-revalidate=0, stale-if-error=300" in fetched.headers["cache-control"]
        clock.advance(FRESH + 0.1)
        assert told(await ask(facade)) == "cxfacade; fwd=stale; stored; ttl=15"


async def test_past_its_bound_stale_covers_no_failure(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, stale_seconds=100) as facade:
        await ask(facade)
        simulator.faults("status", None, status=500)
        clock.advance(FRESH + 100)
        covered = await ask(facade)
        assert told(covered) == f"{HIT}-100; detail=stale-if-error"
        assert covered.headers["cache-control"] == "private, max-age=115, stale-while-revalidate=0, stale-if-error=0"
        clock.advance(1.1)
        assert (await ask(facade, status=503)).json()["code"] == "upstream-error"
        simulator.clear_faults()
        clock.advance(1)
        assert told(await ask(facade)) == "cxfacade; fwd=uri-miss; stored; ttl=15"


async def test_what_upstream_denies_is_served_by_the_request_that_learns_of_it_and_by_no_later_one(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    second_page = (await ask(facade)).json()["next"]
    assert (await facade.get("/interactions", ("attr", "1234567"))).json()["items"]
    simulator.faults("status", None, status=403)
    clock.advance(FRESH + 1)
    assert told(await ask(facade)).endswith("; detail=stale-while-revalidate")
    await completed(facade)
    for _ in range(2):
        for question in (QUESTION, (("attr", "1234567"),)):
            denied = await facade.get("/interactions", *question, status=502)
            assert denied.json()["code"] == "upstream-forbidden"
        assert (await facade.get(second_page, status=502)).json()["code"] == "upstream-forbidden"
        clock.advance(61)  # the memo of a denial is a minute
    simulator.clear_faults()
    assert told(await ask(facade)) == "cxfacade; fwd=uri-miss; stored; ttl=15"


# What clients say.


AS_STALE = "detail=stale-while-revalidate"
DIRECTED = [
    ("max-age=10", 10, f"{HIT}5"),
    ("max-age=9", 10, "cxfacade; fwd=request; stored; ttl=15"),
    ("max-age=100", 16, "cxfacade; fwd=stale; stored; ttl=15"),
    ("max-age=0", 5, f"{HIT}10"),
    ("max-age=0", 6, "cxfacade; fwd=request; stored; ttl=15"),
    ("no-cache", 5, f"{HIT}10"),
    ("no-cache", 6, "cxfacade; fwd=request; stored; ttl=15"),
    ("no-store", 10, f"{HIT}5"),
    ("min-fresh=5", 10, f"{HIT}5"),
    ("min-fresh=6", 10, "cxfacade; fwd=request; stored; ttl=15"),
    ("min-fresh=1", 16, "cxfacade; fwd=stale; stored; ttl=15"),
    ("max-stale=1", 16, f"{HIT}-1; {AS_STALE}"),
    ("max-stale=0", 16, "cxfacade; fwd=stale; stored; ttl=15"),
    ("max-stale", 1000, f"{HIT}-985; {AS_STALE}"),
    ("only-if-cached", 10, f"{HIT}5"),
    ("", 45, f"{HIT}-30; {AS_STALE}"),
    ("", 46, "cxfacade; fwd=stale; stored; ttl=15"),
    ("", 80_000, "cxfacade; fwd=stale; stored; ttl=15"),
    ("max-stale=1000", 1000, f"{HIT}-985; {AS_STALE}"),
    ("max-stale=900", 1000, "cxfacade; fwd=stale; stored; ttl=15"),
    ("only-if-cached", 45, f"{HIT}-30; {AS_STALE}"),
    ("only-if-cached, max-stale", 1000, f"{HIT}-985; {AS_STALE}"),
    ("only-if-cached, max-age=20, max-stale", 20, f"{HIT}-5; {AS_STALE}"),
    ("gibberish, max-age=soon", 10, f"{HIT}5"),
]


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize(("directives", "age", "expected"), DIRECTED)
async def test_age_and_directives_decide_what_is_served(
    facade: Facade, simulator: Simulator, clock: HandClock, *, directives: str, age: int, expected: str
) -> None:
    (new,) = simulator.insert(1, value=VALUE)
    clock.advance(age)
    answer = await ask(facade, directives)
    is_new = "fwd" in expected
    assert (told(answer), new in ids(answer)) == (expected, is_new)
    assert answer.headers["age"] == ("0" if is_new else str(age))
    await completed(facade)
    assert (len(simulator.journal()) > 0) == (is_new or AS_STALE in expected)


async def test_a_client_who_wants_it_newer_has_what_is_stored_when_upstream_fails_and_is_told(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.faults("status", None, status=500)
    clock.advance(10)
    for _ in range(2):
        answer = await ask(facade, "max-age=5")
        assert (told(answer), ids(answer)) == (f"{HIT}5; detail=stale-if-error", first)
        assert answer.headers["age"] == "10"
    assert len(simulator.journal()) == 1
    assert told(await ask(facade)) == f"{HIT}5"


async def test_a_client_who_wants_it_newer_has_what_is_stored_when_upstream_is_too_slow(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.faults("hold")
    clock.advance(FRESH + 1)
    waiting = asyncio.create_task(ask(facade, "max-age=5"))
    await simulator.arrived(1)
    await clock.asleep(2)  # the client's wait, and the sweeper
    clock.advance(10)
    answer = await waiting
    assert (told(answer), ids(answer)) == (f"{HIT}-11; detail=stale-if-error", first)
    simulator.release()
    await completed(facade)


async def test_only_if_cached_never_waits_for_upstream(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    cached = {"cache-control": "only-if-cached"}
    for path in ("/interactions?attr=another", f"/interactions/{NOBODY}", f"/interactions/{NOBODY}/timeline"):
        answer = await facade.get(path, status=504, headers=cached)
        assert (answer.json()["code"], answer.json()["retryable"]) == ("not-stored", False)
        assert "retry-after" not in answer.headers
    assert told(await ask(facade, "only-if-cached")) == f"{HIT}15"
    clock.advance(FRESH + 5)
    assert (await ask(facade, "only-if-cached, max-age=19", status=504)).json()["code"] == "not-stored"
    assert simulator.journal() == []


async def test_a_walk_is_answered_from_its_snapshot_whatever_a_client_says(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    second_page = (await ask(facade)).json()["next"]
    known = ids(await facade.get(second_page))
    simulator.insert(3, value=VALUE)
    clock.advance(FRESH + 10)
    for directives in ("no-cache", "max-age=0", "min-fresh=1000", "max-stale=0", "only-if-cached"):
        answer = await facade.get(second_page, headers={"cache-control": directives})
        assert (told(answer), ids(answer)) == (f"{HIT}-10; detail=stale-snapshot", known)
    await completed(facade)
    assert simulator.journal() == []


async def test_the_second_page_of_a_stale_report_is_read_from_upstream_and_says_how_old_the_walk_is(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    first = await facade.get("/interactions", ("attr", "SIM-2500"), ("limit", "100"), ("fields", "interaction_id"))
    clock.advance(FRESH + 10)
    second = await facade.get(first.json()["next"])
    assert told(second) == "cxfacade; fwd=partial; stored; ttl=-10; detail=stale-snapshot"
    assert second.headers["age"] == "25"
    assert set(ids(first)).isdisjoint(ids(second))
    again = await facade.get(first.json()["next"])
    assert (told(again), again.content) == (f"{HIT}-10; detail=stale-snapshot", second.content)


# Early.


@pytest.mark.parametrize(("dice", "early"), [(0.001, True), (0.9, False)])
async def test_an_answer_near_its_end_is_refreshed_before_it_ends_by_chance(
    dice: float, early: bool, facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    """Fetching took two seconds: dice of a thousandth reach nearly fourteen seconds before the end."""
    simulator.faults("hold")
    asking = asyncio.create_task(ask(facade))
    await simulator.arrived(1)
    clock.advance(2)
    simulator.release()
    assert told(await asking) == "cxfacade; fwd=uri-miss; stored; ttl=13"
    facade.services.queries.random = lambda: dice
    (new,) = simulator.insert(1, value=VALUE)
    clock.advance(8)
    assert told(await ask(facade)) == f"{HIT}5"
    await completed(facade)
    assert len(simulator.journal()) == (2 if early else 1)
    answer = await ask(facade)
    assert (told(answer), new in ids(answer)) == ((f"{HIT}15", True) if early else (f"{HIT}5", False))


# One interaction.


async def test_an_interaction_that_was_unknown_is_shown_once_the_minute_is_over(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    (coming,) = simulator.insert(1, start=(ANCHOR + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ"))
    await facade.get(f"/interactions/{coming}", status=404)
    simulator.advance(61)
    clock.advance(61)
    assert (await facade.get(f"/interactions/{coming}")).json()["interaction_id"] == coming
    assert len(simulator.calls("one")) == 2


async def test_an_interaction_that_goes_is_told_as_gone_by_all_its_resources(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    (going,) = simulator.insert(1, kind="work-item-open")
    paths = [f"/interactions/{going}", f"/interactions/{going}/timeline"]
    for path in paths:
        await facade.get(path)
    simulator.remove([going])
    clock.advance(FRESH + 1)
    assert told(await facade.get(paths[0])).endswith("; detail=stale-while-revalidate")
    await completed(facade)
    for path in paths:
        assert (await facade.get(path, status=404)).json()["code"] == "not-found"
    assert len(simulator.calls("one")) == 2


# One record of facts.


async def test_headers_and_metric_are_written_from_one_record(
    facade: Facade, simulator: Simulator, clock: HandClock, first: list[str]
) -> None:
    simulator.insert(1, value=VALUE)
    timings = []
    for aged, directives in ((0, ""), (0, "max-age=100"), (10, "max-age=5"), (FRESH + 1, "")):
        clock.advance(aged)
        answer = await ask(facade, directives)
        timings.append([part.partition(";")[0] for part in answer.headers["server-timing"].split(", ")])
    await completed(facade)
    assert timings == [["cache"], ["cache"], ["upstream", "flatten", "encode"], ["cache"]]
    assert outcomes(facade) == {"fetched": 2, "fresh": 2, "stale": 1}
    assert 'cxfacade_answers_total{outcome="stale"} 1.0' in facade.services.metrics.exposition().decode()
