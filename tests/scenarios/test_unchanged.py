"""A poll of what has not changed: 304 in every format, for one call to upstream; the times of content and check."""

from email.utils import format_datetime

import httpx
import pytest

from app.formats import FORMATS
from tests.support.clock import HandClock
from tests.support.facade import Facade
from tests.support.simulator import ANCHOR, Simulator

PAST = 120  # seconds; past freshness, and past what is served while it is refreshed
LIST = (("attr", "1234567"),)
PATHS = [*(f"/interactions.{one.extension}" for one in FORMATS), "/interactions.json?shape=columns"]


async def polled(facade: Facade, clock: HandClock, path: str, etag: str) -> httpx.Response:
    """A poll past freshness by a client that holds the answer with this tag."""
    clock.advance(PAST)
    return await facade.get(path, *LIST, status=None, headers={"if-none-match": etag})


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_refresh_that_finds_nothing_changed_is_a_304_in_every_format(
    facade: Facade, simulator: Simulator, clock: HandClock, path: str, coding: str
) -> None:
    path, _, shape = path.partition("?")
    query = (*LIST, *([("shape", "columns")] if shape else ()))
    headers = {"accept-encoding": coding}
    first = await facade.get(path, *query, headers=headers)
    clock.advance(PAST)
    again = await facade.get(path, *query, status=304, headers={**headers, "if-none-match": first.headers["etag"]})
    whole = await facade.get(path, *query, headers=headers)
    assert (again.headers["age"], whole.headers["age"]) == ("0", "0")
    assert again.headers["cache-status"].startswith("cxfacade; fwd=stale; stored; ttl=")
    assert whole.content == first.content
    assert whole.headers["last-modified"] == first.headers["last-modified"] == format_datetime(ANCHOR, usegmt=True)
    assert len(simulator.calls("list")) == 2


async def test_where_the_time_went_is_told_where_nothing_was_made(facade: Facade, clock: HandClock) -> None:
    await facade.get("/interactions", *LIST)
    clock.advance(PAST)
    again = await facade.get("/interactions", *LIST)
    assert again.headers["server-timing"].partition(";")[0] == "upstream"
    assert "," not in again.headers["server-timing"]


async def test_the_content_s_time_is_when_it_was_first_seen_and_age_tells_when_it_was_checked(
    facade: Facade, clock: HandClock
) -> None:
    first = await facade.ask(*LIST)
    clock.advance(PAST)
    await facade.ask(*LIST)
    clock.advance(7)
    again = await facade.get("/interactions", *LIST)
    assert again.json() == first
    assert again.headers["age"] == "7"


async def test_who_asks_by_date_is_told_that_nothing_changed_too(facade: Facade, clock: HandClock) -> None:
    first = await facade.get("/interactions", *LIST)
    clock.advance(PAST)
    await facade.get("/interactions", *LIST, status=304, headers={"if-modified-since": first.headers["last-modified"]})


async def test_one_row_more_makes_all_of_it_new(facade: Facade, simulator: Simulator, clock: HandClock) -> None:
    first = await facade.get("/interactions", *LIST)
    simulator.insert(value="1234567", start="2026-11-17T10:00:00.000Z")
    changed = await polled(facade, clock, "/interactions", first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert changed.json()["meta"]["as_of"] == "2026-11-18T15:02:00.000Z"
    assert changed.json()["meta"]["count"] == first.json()["meta"]["count"] + 1
    again = await polled(facade, clock, "/interactions", changed.headers["etag"])
    assert again.status_code == 304


@pytest.mark.parametrize("coding", ["identity", "zstd"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_window_that_moves_over_the_same_rows_is_a_304(
    facade: Facade, clock: HandClock, path: str, coding: str
) -> None:
    path, _, shape = path.partition("?")
    query = (*LIST, ("from", "now-20y"), *([("shape", "columns")] if shape else ()))
    headers = {"accept-encoding": coding}
    first = await facade.get(path, *query, headers=headers)
    clock.advance(PAST)
    whole = await facade.get(path, *query, headers=headers)
    tells = path == "/interactions.json" and not shape
    assert (whole.content != first.content) == tells, "the envelope tells from when on the window is"
    again = await facade.get(path, *query, status=304, headers={**headers, "if-none-match": first.headers["etag"]})
    assert again.headers["etag"] == first.headers["etag"], "a cache renews what it holds (RFC 9111 §4.3.4)"


@pytest.mark.parametrize("path", ["/interactions/{}", "/interactions/{}/timeline"])
async def test_a_single_interaction_that_has_not_changed_is_a_304(facade: Facade, clock: HandClock, path: str) -> None:
    path = path.format((await facade.ids(*LIST))[0])
    first = await facade.get(path)
    clock.advance(2 * 86_400)
    again = await facade.get(path, status=304, headers={"if-none-match": first.headers["etag"]})
    assert again.headers["age"] == "0"
