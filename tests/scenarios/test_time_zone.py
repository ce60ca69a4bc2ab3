"""Whose midnight a date means: the tenant's, learned by one cheap call, unless CXF_TIME_ZONE names another."""

import asyncio
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.listener import replay
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

EASTERN = "US/Eastern"


def ranges(simulator: Simulator) -> list[tuple[str | None, str | None]]:
    """Start and end of every call for rows, as upstream was asked."""
    queries = [dict(call.query) for call in simulator.calls("list") if ("limit", "0") not in call.query]
    return [(query.get("start"), query.get("end")) for query in queries]


def cheap_calls(simulator: Simulator) -> int:
    return sum(("limit", "0") in call.query for call in simulator.calls("list"))


@pytest.mark.parametrize(
    ("start", "end", "sent"),
    [
        ("2026-11-17", "2026-11-18", ("2026-11-17T05:00:00.000Z", "2026-11-18T05:00:00.000Z")),
        ("2026-11-01", "2026-11-02", ("2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z")),  # 25 hours
        ("2026-03-08", "2026-03-09", ("2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z")),  # 23 hours
        ("now-2d/d", "now/d", ("2026-11-16T05:00:00.000Z", "2026-11-18T05:00:00.000Z")),
        ("now/w", "now", ("2026-11-16T05:00:00.000Z", "2026-11-18T15:00:00.000Z")),
        ("now-1M/M", "now/M", ("2026-10-01T04:00:00.000Z", "2026-11-01T04:00:00.000Z")),
        ("now-1M", "now", ("2026-10-18T14:00:00.000Z", "2026-11-18T15:00:00.000Z")),  # the same local time
    ],
)
async def test_dates_are_midnights_of_the_tenants_zone(
    facade: Facade, simulator: Simulator, start: str, end: str, sent: tuple[str, str]
) -> None:
    answer = await facade.ask(("from", start), ("to", end))
    assert set(ranges(simulator)) == {sent}
    assert (answer["meta"]["query"]["from"], answer["meta"]["query"]["to"]) == sent
    assert answer["meta"]["time_zone"] == EASTERN


async def test_the_zone_is_learned_by_one_cheap_call_however_many_ask(facade: Facade, simulator: Simulator) -> None:
    for day in range(10, 15):
        await facade.ask(("attr", f"day {day}"), ("from", f"2026-11-{day}"))
    await facade.get("/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17")
    assert cheap_calls(simulator) == 1
    assert simulator.calls("list")[0].query == [("offset", "0"), ("limit", "0")]


@pytest.mark.parametrize(
    "query",
    ["", "from=2026-11-17T00:00:00Z", "from=2026-11-17T00:00:00-05:00", "from=now-48h&to=now", "from=1794873600000"],
)
async def test_no_call_is_spent_on_the_zone_where_no_date_needs_it(
    facade: Facade, simulator: Simulator, query: str
) -> None:
    await facade.get(f"/interactions?{query}")
    assert cheap_calls(simulator) == 0


async def test_a_day_holds_the_interactions_that_started_on_it(facade: Facade) -> None:
    rows = (await facade.ask(("from", "2026-11-17"), ("to", "2026-11-18"), ("limit", "1000")))["items"]
    assert len(rows) > 100
    assert {row["started_on"] for row in rows} == {"2026-11-17"}
    assert {row["started_hour"] for row in rows} >= set(range(8, 18))
    everything = (await facade.ask(("limit", "1000")))["items"]
    assert [row for row in everything if row["started_on"] == "2026-11-17"] == rows


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata", "Europe/Berlin", "UTC"])
async def test_local_dates_and_hours_follow_the_zone(simulator: Simulator, clock: HandClock, zone: str | None) -> None:
    changes: dict[str, Any] = {"time_zone": zone} if zone else {}
    async with running_facade(simulator, clock=clock.clock, **changes) as facade:
        rows = (await facade.ask(("limit", "1000")))["items"]
        one = (await facade.get(f"/interactions/{rows[0]['interaction_id']}")).json()
    for row in [*rows, one]:
        local = datetime.fromisoformat(row["started_at"]).astimezone(ZoneInfo(zone or EASTERN))
        assert (row["started_on"], row["started_hour"]) == (local.date().isoformat(), local.hour)


async def test_the_configured_zone_wins_and_upstream_is_not_asked_for_its_own(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, time_zone="Europe/Berlin") as facade:
        answer = await facade.ask(("from", "2026-11-17"), ("to", "2026-11-18"))
        await facade.get("/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17")
    assert ranges(simulator) == [("2026-11-16T23:00:00.000Z", "2026-11-17T23:00:00.000Z")] * len(ranges(simulator))
    assert answer["meta"]["time_zone"] == "Europe/Berlin"
    assert cheap_calls(simulator) == 0


async def test_a_zone_nobody_knows_is_utc(clock: HandClock) -> None:
    async with (
        running_simulator(TENANT, time_zone="UTC") as simulator,
        running_facade(simulator, clock=clock.clock) as facade,
    ):
        simulator.faults("body", 1, text='{"results": null, "total": 5, "tenantTimezone": "Mars/Olympus"}')
        await facade.ask(("from", "2026-11-17"))
        assert ranges(simulator)[0][0] == "2026-11-17T00:00:00.000Z"


async def test_who_has_waited_for_the_zone_waits_for_the_rows_only_for_the_rest(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.faults("hold", 2)
    asking = asyncio.create_task(facade.get("/interactions", ("from", "2026-11-17"), status=None))
    await simulator.arrived(1)
    await clock.asleep(2)  # the client's wait, and the sweeper
    clock.advance(6)
    simulator.release()
    await simulator.arrived(2)
    await clock.asleep(2)
    clock.advance(4)
    answer = await asking
    simulator.release()
    assert (answer.status_code, answer.json()["code"]) == (504, "still-fetching")


async def test_an_answer_that_had_to_wait_for_the_zone_first_is_dated_after_its_rows(
    facade: Facade, simulator: Simulator, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "time", lambda: clock.clock.wall().timestamp())
    simulator.faults("hold")
    asking = asyncio.create_task(facade.get("/interactions", ("from", "2026-11-17")))
    await simulator.arrived(1)
    clock.advance(6)
    simulator.release()
    headers = (await asking).headers
    assert headers["last-modified"] == headers["date"] == format_datetime(clock.wall, usegmt=True)
