"""How old an answer is, how long fresh and where it came from, on a clock turned by hand (INTERFACE §5, DESIGN §5)."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import httpx
import pytest

from tests.scenarios.behind import completed
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import ANCHOR, Simulator

Query = tuple[tuple[str, str], ...]

OPEN: Query = (("attr", "1234567"),)
NOBODY = UUID(int=0x0BAD0000_0000_4000_8000_000000000001)


def at(hours: float) -> str:
    """A moment so many hours before the simulator's now."""
    return (ANCHOR - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def told(answer: httpx.Response) -> tuple[str, str, str]:
    """What an answer says of itself."""
    return answer.headers["cache-status"], answer.headers["age"], answer.headers["cache-control"]


async def lifetime(facade: Facade, clock: HandClock, query: Query) -> float:
    """The freshness lifetime in seconds, as told and as found by waiting: fresh nearly to its end, then stale."""
    seconds = float((await facade.get("/interactions", *query)).headers["cache-status"].rpartition("ttl=")[2])
    for passed, expected in (
        (seconds - 0.001, "cxfacade; hit; ttl=0"),
        (0.002, "cxfacade; hit; ttl=-1; detail=stale-while-revalidate"),
    ):
        clock.advance(passed)
        assert (await facade.get("/interactions", *query)).headers["cache-status"] == expected
    await completed(facade)
    refreshed = (await facade.get("/interactions", *query)).headers["cache-status"]
    assert refreshed.startswith("cxfacade; hit; ttl=")
    assert not refreshed.startswith("cxfacade; hit; ttl=-")
    return seconds


async def test_miss_hit_and_age_are_told_while_the_clock_goes_on(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    for passed, expected in (
        (
            0,
            (
                "cxfacade; fwd=uri-miss; stored; ttl=15",
                "0",
                "private, max-age=15, stale-while-revalidate=30, stale-if-error=300",
            ),
        ),
        (0, ("cxfacade; hit; ttl=15", "0", "private, max-age=15, stale-while-revalidate=30, stale-if-error=300")),
        (10.5, ("cxfacade; hit; ttl=4", "10", "private, max-age=14, stale-while-revalidate=30, stale-if-error=300")),
        (4.4, ("cxfacade; hit; ttl=0", "14", "private, max-age=14, stale-while-revalidate=30, stale-if-error=300")),
    ):
        clock.advance(passed)
        assert told(await facade.get("/interactions", *OPEN)) == expected
    assert len(simulator.journal()) == 1


async def test_a_hit_says_no_more_than_is_left_to_a_client_that_subtracts_age(facade: Facade, clock: HandClock) -> None:
    await facade.get("/interactions", *OPEN)
    for _ in range(4):
        clock.advance(3.3)
        answer = await facade.get("/interactions", *OPEN)
        ttl = int(answer.headers["cache-status"].rpartition("ttl=")[2])
        max_age = int(answer.headers["cache-control"].partition("max-age=")[2].partition(",")[0])
        assert max_age - int(answer.headers["age"]) == ttl


async def test_nothing_was_modified_after_it_was_sent(facade: Facade, clock: HandClock) -> None:
    """Neither the ordinary way nor in a replay, also where the clock is set back meanwhile."""
    for step in (0, -60, 30, 60):
        clock.step(wall=step)
        clock.advance(1)
        for _ in range(3):
            modified = (await facade.get("/interactions", *OPEN)).headers["last-modified"]
            assert parsedate_to_datetime(modified) <= clock.wall
    assert parsedate_to_datetime(modified) == ANCHOR.replace(microsecond=0) + timedelta(seconds=1)


async def test_a_wall_clock_that_is_set_changes_neither_age_nor_lifetime(facade: Facade, clock: HandClock) -> None:
    await facade.get("/interactions", *OPEN)
    clock.advance(5)
    clock.step(wall=-86_400)
    assert told(await facade.get("/interactions", *OPEN))[:2] == ("cxfacade; hit; ttl=10", "5")


async def test_an_answer_that_can_still_change_is_fresh_for_fifteen_seconds(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.insert(2, value="closed-long-ago", start=at(30))
    queries: list[Query] = [
        (("attr", "SIM-OPEN"),),
        (("attr", "closed-long-ago"),),  # the range has no end
        (("attr", "closed-long-ago"), ("to", at(0.5))),  # its end has not settled
    ]
    for query in queries:
        clock.advance(100)  # what the question before has brought is of no use any more
        assert await lifetime(facade, clock, query) == 15


async def test_an_open_record_does_not_make_a_settled_range_young(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.insert(1, value="open", start=at(30), kind="work-item-open")
    assert await lifetime(facade, clock, (("attr", "open"), ("to", at(20)))) == 7200


async def test_a_settled_answer_is_fresh_for_a_tenth_of_its_age(
    simulator: Simulator, clock: HandClock, facade: Facade
) -> None:
    simulator.insert(2, value="settled", start=at(30))
    ten_hours = (await facade.get("/interactions", ("attr", "settled"), ("to", at(10)))).headers["cache-status"]
    assert ten_hours == "cxfacade; fwd=uri-miss; stored; ttl=3600"
    twenty_hours = (await facade.get("/interactions", ("attr", "settled"), ("to", at(20)))).headers["cache-status"]
    assert twenty_hours == "cxfacade; hit; ttl=7200"
    years = (await facade.get("/interactions", ("to", "2018-12-01T00:00:00Z"))).headers["cache-status"]
    assert years == "cxfacade; fwd=uri-miss; stored; ttl=86400"
    assert await lifetime(facade, clock, (("attr", "settled"), ("to", at(9)))) == 3240


async def test_a_settled_answer_is_fresh_for_a_minute_at_least_and_the_bound_at_most(
    simulator: Simulator, clock: HandClock
) -> None:
    simulator.insert(1, value="settled", start=at(1))
    async with running_facade(simulator, clock=clock.clock, settle_seconds=60, fresh_max_seconds=1000) as facade:
        just = await facade.get("/interactions", ("attr", "settled"), ("to", at(0.1)))
        assert just.headers["cache-status"].endswith("; ttl=60")
        long = await facade.get("/interactions", ("attr", "1234567"), ("to", at(100)))
        assert long.headers["cache-status"].endswith("; ttl=1000")


async def test_an_empty_answer_is_fresh_for_a_minute_at_most_while_it_may_fill(
    simulator: Simulator, clock: HandClock, facade: Facade
) -> None:
    assert await lifetime(facade, clock, (("attr", "SIM-EMPTY"), ("to", at(10)))) == 3600
    assert await lifetime(facade, clock, (("attr", "SIM-EMPTY"),)) == 15
    async with running_facade(simulator, clock=clock.clock, fresh_open_seconds=600) as patient:
        assert await lifetime(patient, clock, (("attr", "SIM-EMPTY"),)) == 60
        assert await lifetime(patient, clock, OPEN) == 600


async def test_that_an_interaction_is_unknown_is_remembered_for_a_minute(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    for passed, calls in ((0, 1), (59.999, 1), (0.002, 2)):
        clock.advance(passed)
        answer = await facade.get(f"/interactions/{NOBODY}", status=404)
        assert answer.json()["code"] == "not-found"
        await completed(facade)
        assert len(simulator.calls("one")) == calls


async def test_one_interaction_and_its_timeline_share_one_fetch(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    (settled,) = simulator.insert(1, start=at(11))
    row = await facade.get(f"/interactions/{settled}")
    ended = row.json()["last_event_at"]
    spans = await facade.get(f"/interactions/{settled}/timeline")
    assert spans.headers["cache-status"].startswith("cxfacade; hit; ttl=39")
    assert row.headers["cache-status"].startswith(
        "cxfacade; fwd=uri-miss; stored; ttl=39"
    )  # a tenth of nearly 11 hours
    assert ended < at(10.5)
    assert len(simulator.calls("one")) == 1


async def test_pollers_with_relative_times_share_an_answer_within_a_step_of_the_grid(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    query = (("from", "now-2h"), ("limit", "1"))
    first = await facade.get("/interactions", *query)
    clock.advance(14)
    assert (await facade.get("/interactions", *query)).content == first.content
    assert len(simulator.journal()) == 1
    clock.advance(1)
    assert (await facade.get("/interactions", *query)).headers["cache-status"].startswith("cxfacade; fwd=uri-miss")
    assert len(simulator.journal()) == 2


async def test_equal_questions_share_an_answer_however_they_are_written(facade: Facade, simulator: Simulator) -> None:
    ways = (
        "attr=valueOne&attr=valueTwo&from=2018-10-30T00:00:00Z",
        "attr=valueTwo&attr=valueOne&from=2018-10-30T00:00:00Z",
        "from=2018-10-30T02:00:00%2B02:00&attr=valueOne&attr=valueTwo&attr=valueOne",
        "_=1234&from=1540857600000&attr=value%4Fne&attr=valueTwo&limit=7",
    )
    rows = [(await facade.get(f"/interactions?{way}")).json()["items"] for way in ways]
    assert rows == [rows[0]] * len(ways)
    assert len(simulator.journal()) == 1


@pytest.mark.threat("T28")
@pytest.mark.parametrize("demand", ["no-cache", "max-age=0", "min-fresh=86400"])
async def test_a_storm_of_demands_for_something_newer_is_one_call_in_five_seconds(
    facade: Facade, simulator: Simulator, clock: HandClock, demand: str
) -> None:
    for _ in range(40):
        await facade.get("/interactions", *OPEN, headers={"cache-control": demand})
        clock.advance(0.25)
    assert len(simulator.journal()) == 2


@pytest.mark.parametrize("header", ["no-cache", "no-store"])
async def test_a_client_cannot_make_the_facade_ask_again_at_once(
    header: str, facade: Facade, simulator: Simulator
) -> None:
    for _ in range(3):
        await facade.get("/interactions", *OPEN, headers={"cache-control": header, "pragma": "no-cache"})
    assert len(simulator.journal()) == 1
