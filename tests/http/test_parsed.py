"""What is kept of lists that were asked for before."""

from typing import cast

from app.http.response_cache import ParsedList, ParsedLists
from app.queries.fetch_plan import FetchPlan
from app.queries.query import InteractionQuery
from tests.scenarios.repeating import LIST, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.simulator import Simulator


def parsed(changes_at: float | None = None) -> ParsedList:
    return ParsedList(cast("InteractionQuery", None), cast("FetchPlan", None), b"", changes_at)


def test_it_is_found_until_the_same_query_string_asks_another_question() -> None:
    lists = ParsedLists()
    lasting, passing = lists.keep("lasting", parsed()), lists.keep("passing", parsed(10.0))
    assert lists.find("lasting", 1e9) is lasting
    assert lists.find("passing", 9.9) is passing
    assert lists.find("passing", 10.0) is None
    assert lists.find("other", 0.0) is None


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    lists = ParsedLists(most=3)
    for number in range(10):
        lists.keep(number, parsed())
    assert [number for number in range(10) if lists.find(number, 0.0)] == [7, 8, 9]
    assert len(lists) == 3


async def test_viewers_of_other_scopes_and_other_formats_are_parsed_for_themselves(
    simulator: Simulator, clock: HandClock
) -> None:
    async with repeating(simulator, clock.clock) as facade:
        await asked_in_every_way(facade)
        assert len(facade.services.parsed) == 4
        await asked_in_every_way(facade)
        assert len(facade.services.parsed) == 4


async def asked_in_every_way(facade: Repeating) -> None:
    ordinary = (b"cache-control", b"max-age=9")
    rows = await facade.ask(LIST, ordinary)
    assert rows.headers[b"content-type"] == b"application/json"
    assert (await facade.ask(LIST, ordinary, (b"accept", b"text/csv"))).headers[b"content-type"].startswith(b"text/csv")
    assert (await facade.ask(LIST.replace("?", ".ndjson?"), ordinary)).headers[b"content-type"] != b"application/json"
    assert (await facade.ask(f"{LIST}&limit=1", ordinary)).body != rows.body


async def test_a_relative_time_is_read_anew_with_each_step_of_its_grid(simulator: Simulator, clock: HandClock) -> None:
    target = "/interactions?from=now-1h&limit=1"
    async with repeating(simulator, clock.clock) as facade:
        before = (await facade.ask(target)).body
        clock.advance(3600)
        assert (await facade.ask(target)).body != before
