"""Any of several attribute values: one answer, of what is held for each value by itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.interactions.grains import GRAINS, Grain
from tests.scenarios.grains import KINDS, populate, rows_of
from tests.scenarios.walking import by_cursor, by_links, ids, upstream_ids
from tests.support.clock import HandClock
from tests.support.facade import TENANT, Facade, running_facade
from tests.support.simulator import Simulator, running_simulator

BLUE, RED, NOBODYS = ("attr_any", "blue"), ("attr_any", "red"), ("attr_any", "nobody-has-this")
EITHER = (BLUE, RED)
LISTED = ("limit", "1000")
SETTINGS: dict[str, dict[str, Any]] = {
    "held": {},
    "asked whole": {"holds": False},
    "a policy hides an attribute": {"attribute_policy": "pin=drop"},
}


def colour(simulator: Simulator, count: int, *values: str, minute: int = 0) -> list[str]:
    """So many new interactions with these values, begun so many minutes ago; their ids."""
    start = simulator.state.now() - minute * 60_000
    return simulator.state.world.insert(count, start, [("colour", value) for value in values])


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A tenant where some interactions are blue, some red, some both, all mixed in time."""
    async with running_simulator(TENANT, interactions=60) as running:
        for minute in range(0, 12, 3):
            colour(running, 3, "blue", minute=minute)
            colour(running, 2, "red", minute=minute + 1)
            colour(running, 1, "blue", "red", minute=minute + 2)
        yield running
        assert running.violations == 0


async def union(facade: Facade, *query: tuple[str, str]) -> list[str]:
    """The ids that a client gets who asks for each value by itself and joins the answers, in the order of lists."""
    answers = [await facade.ask(("attr", value), *query, LISTED) for value in ("blue", "red")]
    rows = {row["interaction_id"]: row for answer in answers for row in answer["items"]}
    ordered = sorted(rows.values(), key=lambda row: row["interaction_id"])
    return [row["interaction_id"] for row in sorted(ordered, key=lambda row: row["started_at"], reverse=True)]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_the_rows_are_those_of_each_value_once_whatever_else_is_asked(
    simulator: Simulator, clock: HandClock, settings: dict[str, Any]
) -> None:
    async with running_facade(simulator, clock=clock.clock, **settings) as facade:
        for more in (
            (),
            (("attr", "red"),),
            (("attr_name", "colour"),),
            (("attr.colour", "blue"),),
            (("direction", "inbound"),),
            (("duration_seconds.gte", "1"),),
            (("from", "now/d"), ("to", "now")),
        ):
            answer = await facade.ask(*EITHER, NOBODYS, *more, LISTED)
            found = [row["interaction_id"] for row in answer["items"]]
            assert found == await union(facade, *more)
            assert found
            assert (answer["meta"]["total"], answer["meta"]["truncated"]) == (len(found), False)
            assert "attr_any" in answer["meta"]["query"]
        assert len(await facade.ids(*EITHER)) == 24


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_pages_sorts_and_streams_show_the_same_rows(
    simulator: Simulator, clock: HandClock, settings: dict[str, Any]
) -> None:
    async with running_facade(simulator, clock=clock.clock, **settings) as facade:
        expected = await union(facade)
        colour(simulator, 1)
        assert ids(await by_cursor(facade, *EITHER, ("limit", "7"))) == expected
        assert ids(await by_links(facade, "/interactions?attr_any=blue&attr_any=red&limit=5")) == expected
        assert await facade.ids(*EITHER, ("offset", "20")) == expected[20:]
        oldest = (await facade.ask(*EITHER, ("sort", "started_at")))["items"]
        assert sorted(row["interaction_id"] for row in oldest) == sorted(expected)
        assert [row["started_at"] for row in oldest] == sorted(row["started_at"] for row in oldest)
        streamed = await facade.get("/interactions.ndjson", *EITHER, ("limit", "all"))
        assert [one for line in streamed.text.splitlines() for one in expected if one in line] == expected
        counted = await facade.get("/interactions/summary", *EITHER, ("by", "channel_type"))
        assert counted.json()["meta"]["totals"]["count"] == len(expected)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_a_walk_and_a_stream_reach_the_end_of_a_long_value(
    simulator: Simulator, clock: HandClock, settings: dict[str, Any]
) -> None:
    expected = {*upstream_ids(simulator, value="SIM-2500"), *upstream_ids(simulator, value="blue")}
    query = (BLUE, ("attr_any", "SIM-2500"), ("fields", "interaction_id"))
    async with running_facade(simulator, clock=clock.clock, **settings) as facade:
        pages = await by_cursor(facade, *query, LISTED)
        assert len(ids(pages)) == len(expected)
        assert {*ids(pages)} == expected
        assert not any(page["meta"]["truncated"] for page in pages)
        streamed = await facade.get("/interactions.csv", *query, ("limit", "all"))
        assert streamed.text.split()[1:] == ids(pages)


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
async def test_every_grain_shows_the_parts_of_all_of_them(simulator: Simulator, clock: HandClock, grain: Grain) -> None:
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,notes:read") as facade:
        for value in ("few", "more"):
            populate(simulator, value, len(KINDS))
        each = [await rows_of(facade, grain, ("attr", value)) for value in ("few", "more")]
        both = await rows_of(facade, grain, ("attr_any", "few"), ("attr_any", "more"))
        assert sorted(map(str, both)) == sorted(map(str, [*each[0], *each[1]]))
        assert both


async def test_a_value_that_was_asked_alone_costs_no_call_and_the_rest_one_each(
    facade: Facade, simulator: Simulator
) -> None:
    await facade.ids(("attr", "blue"))
    simulator.clear_journal()
    await facade.ids(*EITHER, NOBODYS)
    asked = [dict(call.query)["attribute-value"] for call in simulator.calls("list")]
    assert sorted(asked) == ["nobody-has-this", "red"]
    for query in ((RED, BLUE), (("attr", "red"),), EITHER):
        await facade.ids(*query)
    assert len(simulator.calls("list")) == 2


async def test_where_one_value_fails_the_answer_fails_as_for_that_value_alone(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    simulator.faults("status", None, attribute_value="red", status=500)
    alone = (await facade.get("/interactions", ("attr", "red"), status=None)).json()
    both = (await facade.get("/interactions", *EITHER, status=None)).json()
    assert both["code"] == alone["code"] == "upstream-error"
    simulator.clear_faults()
    clock.advance(60)
    assert len(await facade.ids(*EITHER)) == 24


async def test_a_long_value_is_read_no_further_than_the_page_needs(facade: Facade, simulator: Simulator) -> None:
    """Older rows of other values come where they belong in the walk, not on its first page."""
    middle = upstream_ids(simulator, value="SIM-2500")[1500]
    old = simulator.insert(3, value="blue", start=(await facade.get(f"/interactions/{middle}")).json()["started_at"])
    simulator.clear_journal()
    answer = await facade.ask(BLUE, ("attr_any", "SIM-2500"))
    assert answer["meta"]["total"] is None
    assert len(simulator.calls("list")) == 2
    pages = await by_cursor(facade, BLUE, ("attr_any", "SIM-2500"), LISTED)
    expected = {*await facade.ids(("attr", "blue")), *ids(await by_cursor(facade, ("attr", "SIM-2500"), LISTED))}
    assert len(ids(pages)) == len(expected)
    assert 1500 <= min(map(ids(pages).index, old)) < 1530
    assert {*ids(pages)} == expected
    assert pages[-1]["meta"]["total"] == len(expected)


async def test_an_unchanged_poll_is_a_304_and_a_new_row_of_any_value_is_shown(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    first = await facade.get("/interactions", *EITHER)
    clock.advance(120)
    again = await facade.get("/interactions", *EITHER, status=304, headers={"if-none-match": first.headers["etag"]})
    assert again.headers["age"] == "0"
    assert "x-change-token" not in first.headers
    (new,) = simulator.insert(1, value="red")
    clock.advance(120)
    simulator.advance(240)
    assert new in await facade.ids(*EITHER)


async def test_the_answer_is_as_old_as_the_value_that_was_asked_longest_ago(facade: Facade, clock: HandClock) -> None:
    await facade.get("/interactions", ("attr", "blue"))
    clock.advance(9)
    answer = await facade.get("/interactions", *EITHER)
    assert (answer.headers["age"], answer.headers["cache-control"][:19]) == ("9", "private, max-age=15")


async def test_where_the_whole_tenant_is_held_no_value_is_read(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    for _ in range(2):
        await facade.ids(LISTED)
        clock.advance(1)
    simulator.clear_journal()
    found = await facade.ids(*EITHER, NOBODYS)
    assert len(found) == 24
    (count,) = simulator.calls("list")
    assert dict(count.query)["limit"] == "0"
    explained = (await facade.get("/cache/explain", *EITHER, NOBODYS)).json()
    assert (explained["held"]["collection"], explained["held"]["collections"]) == ("whole-tenant", 1)


async def test_explain_tells_the_collections_and_the_cost_of_a_miss(facade: Facade) -> None:
    (empty,) = [(await facade.get("/cache/explain", *EITHER, NOBODYS)).json()]
    assert empty["miss_cost"]["upstream_calls"] == 3
    assert (empty["held"]["collection"], empty["held"]["collections"], empty["held"]["covered"]) == ("own", 3, False)
    assert [one["value"] for one in empty["upstream"]["parameters"]] == ["blue", "nobody-has-this", "red"]
    await facade.ids(*EITHER, NOBODYS)
    full = (await facade.get("/cache/explain", *EITHER, NOBODYS)).json()
    assert (full["held"]["covered"], full["rows_stored"], full["total"]) == (True, 24, 24)


async def test_changes_of_it_are_not_told(facade: Facade) -> None:
    token = (await facade.get("/interactions", ("attr", "blue"))).headers["x-change-token"]
    refused = (await facade.get("/interactions", *EITHER, ("changed_since", token), status=400)).json()
    assert refused["errors"][0]["parameter"] == "attr_any"


async def test_a_purge_reaches_what_is_held_of_each_value(simulator: Simulator, clock: HandClock) -> None:
    scopes = "read,cache:purge"
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes=scopes) as facade:
        await facade.ids(*EITHER)
        order = {"query": "attr_any=blue&attr_any=red"}
        purged = await facade.client.post("/cache/purge", json=order, headers={"x-requested-with": "test"})
        assert purged.json()["purged"] == 1
        simulator.clear_journal()
        await facade.ids(("attr", "blue"))
        assert len(simulator.calls("list")) == 1


async def test_a_summary_of_values_as_they_are_shown_shares_no_tally_with_another(
    simulator: Simulator, clock: HandClock
) -> None:
    """Which values are asked for is checked here where they are masked: upstream is asked the same for all of them."""
    colour(simulator, 3, "midnight-blue")
    colour(simulator, 5, "cardinal-red")
    async with running_facade(simulator, clock=clock.clock, attribute_policy="*=mask", attributes="colour") as facade:
        rows = (await facade.ask(("fields", "interaction_id,attr_colour"), LISTED))["items"]
        shown = [*{row["attr_colour"] for row in rows if row["attr_colour"]}]
        assert len(shown) >= 2
        questions: list[tuple[tuple[str, str], ...]] = [(), *((("attr_any", value),) for value in shown), ()]
        for question in questions:
            listed = (await facade.ask(*question, LISTED))["items"]
            summary = await facade.get("/interactions/summary", *question, ("measures", "count"))
            assert summary.json()["items"] == [{"count": len(listed)}], question
