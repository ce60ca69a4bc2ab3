"""A walk through the pages meets every row once, whatever happens upstream meanwhile."""

from itertools import count

import pytest

from tests.scenarios.walking import Between, by_cursor, by_links, ids, upstream_ids
from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import Simulator

SERIES = "SIM-2500"
SLIM = ("fields", "interaction_id")
BY_HUNDREDS = (("attr", SERIES), ("limit", "100"), SLIM)


def arrivals(simulator: Simulator) -> Between:
    """Newer interactions come in before every page but the first, with the value walked through and without."""

    def arrive(page: int) -> None:
        if page:
            simulator.insert(3, value=SERIES)
            simulator.insert(2)
            simulator.insert(1, kind="email")

    return arrive


@pytest.fixture
def series(simulator: Simulator) -> list[str]:
    """The 2,500 ids there are before anything moves."""
    found = upstream_ids(simulator, value=SERIES)
    assert len(found) == 2500
    return found


async def test_a_walk_by_cursor_meets_2500_rows_once_while_others_arrive(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    pages = await by_cursor(facade, *BY_HUNDREDS, before=arrivals(simulator))
    assert ids(pages) == series
    assert [len(page["items"]) for page in pages] == [100] * 25
    assert not any(page["meta"]["truncated"] for page in pages)


async def test_a_walk_whose_first_page_is_preceded_by_arrivals_meets_those_too(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    new = simulator.insert(3, value=SERIES)
    pages = await by_cursor(facade, *BY_HUNDREDS, before=arrivals(simulator))
    assert sorted(ids(pages)) == sorted([*new, *series])
    assert ids(pages)[3:] == series


async def test_a_walk_of_a_thousand_rows_a_page_meets_each_once(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    pages = await by_cursor(facade, ("attr", SERIES), ("limit", "1000"), SLIM, before=arrivals(simulator))
    assert ids(pages) == series
    assert len(pages) == 3


async def test_interactions_that_arrive_within_one_reading_do_no_harm(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    simulator.faults("insert-before-page", None, n=7)
    pages = await by_cursor(facade, *BY_HUNDREDS)
    met = ids(pages)
    assert len(set(met)) == len(met)
    assert [one for one in met if one in set(series)] == series


@pytest.mark.parametrize("limit", ["100", "1000"])
async def test_rows_that_vanish_on_the_way_hide_none_of_those_that_remain(
    facade: Facade, simulator: Simulator, series: list[str], limit: str
) -> None:
    def vanish(page: int) -> None:
        if page:
            simulator.remove(count=4, value=SERIES)

    met = ids(await by_cursor(facade, ("attr", SERIES), ("limit", limit), SLIM, before=vanish))
    remaining = upstream_ids(simulator, value=SERIES)
    assert len(remaining) < 2500
    assert set(remaining) <= set(met) <= set(series)
    assert len(set(met)) == len(met)


async def test_rows_that_vanish_between_the_calls_of_one_reading_hide_none(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    simulator.faults("remove-between-pages", None, n=3)
    pages = await by_cursor(facade, ("attr", SERIES), ("limit", "2500"), SLIM)
    met = ids(pages)
    remaining = set(upstream_ids(simulator, value=SERIES))
    assert len(remaining) < 2500
    assert remaining <= set(met) or pages[-1]["meta"]["truncated"]
    assert len(set(met)) == len(met)


async def test_arrivals_and_removals_at_once_hide_none(facade: Facade, simulator: Simulator, series: list[str]) -> None:
    oldest_read = count(50)

    def move(page: int) -> None:
        if page:
            simulator.insert(4, value=SERIES)
            simulator.remove([series[next(oldest_read)] for _ in range(3)])

    met = ids(await by_cursor(facade, *BY_HUNDREDS, before=move))
    assert set(series) & set(upstream_ids(simulator, value=SERIES)) <= set(met)
    assert len(set(met)) == len(met)


async def test_the_links_as_given_lead_through_all_pages(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    pages = await by_links(facade, f"/interactions?attr={SERIES}&limit=100", before=arrivals(simulator))
    assert ids(pages) == series
    assert pages[-1]["next"] is pages[-1]["next_cursor"] is None


@pytest.mark.parametrize("walk", ["cursor", "links"])
async def test_a_relative_range_stays_where_it_began_while_time_goes_on(
    facade: Facade, simulator: Simulator, clock: HandClock, series: list[str], walk: str
) -> None:
    arrive = arrivals(simulator)

    def pass_time(page: int) -> None:
        clock.advance(20)
        simulator.advance(20)
        arrive(page)

    if walk == "cursor":
        pages = await by_cursor(facade, *BY_HUNDREDS, ("from", "now-30d"), before=pass_time)
    else:
        pages = await by_links(facade, f"/interactions?attr={SERIES}&limit=100&from=now-30d", before=pass_time)
    assert ids(pages) == series
    assert len({(page["meta"]["query"]["from"], page["meta"]["as_of"]) for page in pages}) == 1


async def test_a_filter_of_the_facades_own_neither_hides_nor_repeats(facade: Facade, simulator: Simulator) -> None:
    rows = simulator.state.world.rows(simulator.state.now())
    wanted = [row.id for row in rows if row.at(simulator.now).get("channelType") == "voice"]
    assert 300 < len(wanted) < len(rows)
    pages = await by_cursor(facade, ("channel_type", "voice"), ("limit", "50"), SLIM, before=arrivals(simulator))
    assert ids(pages) == wanted
    assert {len(page["items"]) for page in pages[:-1]} == {50}


async def test_a_filter_that_holds_for_every_row_changes_nothing(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    pages = await by_cursor(facade, *BY_HUNDREDS, ("channel_type", "voice"), before=arrivals(simulator))
    assert ids(pages) == series


@pytest.mark.parametrize("order", ["duration_seconds", "-duration_seconds", "first_queue_name"])
async def test_a_walk_in_another_order_meets_each_row_once_and_in_order(
    facade: Facade, simulator: Simulator, series: list[str], order: str
) -> None:
    shown = ("fields", f"interaction_id,value:{order.removeprefix('-')}")
    pages = await by_cursor(
        facade, ("attr", SERIES), ("limit", "500"), ("sort", order), shown, before=arrivals(simulator)
    )
    assert sorted(ids(pages)) == sorted(series)
    values = [row["value"] for page in pages for row in page["items"]]
    present = [value for value in values if value is not None]
    assert present == sorted(present, reverse=order.startswith("-"))
    assert values[: len(present)] == present


async def test_skipping_by_offset_gives_the_rows_a_walk_gives(facade: Facade, series: list[str]) -> None:
    got = [
        await facade.ids(("attr", SERIES), ("limit", "250"), SLIM, ("offset", str(250 * page))) for page in range(10)
    ]
    assert [one for page in got for one in page] == series


async def test_two_walks_of_one_question_share_what_was_read(
    facade: Facade, simulator: Simulator, series: list[str]
) -> None:
    first = await by_cursor(facade, *BY_HUNDREDS)
    calls = len(simulator.calls("list"))
    assert await by_cursor(facade, *BY_HUNDREDS) == first
    assert len(simulator.calls("list")) == calls == 4


async def test_a_cursor_belongs_to_its_question_and_goes_with_any_way_of_showing_it(
    facade: Facade, series: list[str]
) -> None:
    cursor = (await facade.ask(*BY_HUNDREDS))["next_cursor"]
    other = await facade.get("/interactions", ("attr", "valueOne"), ("cursor", cursor), status=400)
    assert other.json()["code"] == "cursor-mismatch"
    shown = await facade.get(
        "/interactions.csv", ("attr", SERIES), ("limit", "10"), ("fields", "interaction_id"), ("cursor", cursor)
    )
    assert shown.text.split() == ["interaction_id", *series[100:110]]
    unreadable = await facade.get("/interactions", *BY_HUNDREDS, ("cursor", cursor[:-2]), status=400)
    assert unreadable.json()["code"] == "invalid-parameter"
