"""The change feed: a question is loaded once, then asked for its changes; together they are a fresh load."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from app.interactions.grains import GRAINS
from app.queries.change_token import token_of, token_text
from app.queries.cursor import cursor_of, cursor_text
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

PAST = 120  # seconds; past freshness, and past what is served while it is refreshed
WEEK = ("from", "2026-11-11T15:00:00Z")
Row = dict[str, Any]


@dataclass
class Loader:
    """A client that keeps the rows of a question by interaction, as it was told to."""

    facade: Facade
    path: str
    query: tuple[tuple[str, str], ...]
    rows: dict[str, list[Row]] = field(default_factory=dict)
    token: str = ""

    async def load(self) -> None:
        """All pages; the token is that of the last one."""
        self.rows = {}
        for answer in await self._pages():
            for row in answer["items"]:
                self.rows.setdefault(row["interaction_id"], []).append(row)

    async def follow(self) -> list[dict[str, Any]]:
        """Ask for the changes, and apply them; the pages that told them."""
        pages = await self._pages(("changed_since", self.token))
        for name in {row["interaction_id"] for page in pages for row in page["items"]}:
            self.rows[name] = []
        for page in pages:
            for row in page["items"]:
                self.rows[row["interaction_id"]].append(row)
            for name in page["removed"]:
                self.rows.pop(name, None)
        return pages

    async def _pages(self, *more: tuple[str, str]) -> list[dict[str, Any]]:
        pages = [(await self.facade.get(self.path, *self.query, *more)).json()]
        while url := pages[-1]["next"]:
            pages.append((await self.facade.get(url)).json())
        self.token = pages[-1]["meta"]["change_token"]
        return pages


def turned(clock: HandClock, simulator: Simulator, seconds: float = PAST) -> None:
    clock.advance(seconds)
    simulator.advance(seconds)


@pytest.mark.parametrize("path", [grain.path for grain in GRAINS.values() if grain.scope == "read"])
@pytest.mark.parametrize(
    "condition", [(), (("attr", "1234567"),), (("is_final", "true"),), (("channel_type", "voice"),)]
)
async def test_changes_replayed_over_a_load_are_a_fresh_load(
    facade: Facade, simulator: Simulator, clock: HandClock, path: str, condition: tuple[tuple[str, str], ...]
) -> None:
    query = (WEEK, *condition, ("limit", "70"))
    loader = Loader(facade, path, query)
    await loader.load()
    for start in ("2026-11-18T14:00:00.000Z", None, "2026-11-12T15:00:00.000Z", None):
        turned(clock, simulator, 700)
        inserted = simulator.insert(3, value="1234567", start=start)
        await loader.follow()
        turned(clock, simulator, 4_000)
        simulator.remove(inserted[:1])
        await loader.follow()
    assert loader.rows
    fresh = Loader(facade, path, query)
    await fresh.load()
    assert loader.rows == fresh.rows


async def test_only_changes_come_and_without_any_a_poll_is_a_304(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    query = (WEEK, ("to", "2026-11-17"), ("attr", "1234567"))
    (gone,) = simulator.insert(value="1234567", start="2026-11-16T15:00:00.000Z")
    loader = Loader(facade, "/interactions", query)
    await loader.load()
    simulator.remove([gone])
    turned(clock, simulator, 86_400)
    await loader.follow()
    assert gone not in loader.rows
    (new,) = simulator.insert(value="1234567", start="2026-11-13T15:00:00.000Z")
    turned(clock, simulator, 86_400)
    first = loader.token
    (page,) = await loader.follow()
    assert [row["interaction_id"] for row in page["items"]] == [new]
    assert (page["removed"], page["meta"]["total"]) == ([], 1)
    since = (*query, ("changed_since", loader.token))
    empty = await facade.get("/interactions", *since)
    assert (empty.json()["items"], empty.json()["removed"]) == ([], [])
    assert empty.headers["x-change-token"] == empty.json()["meta"]["change_token"] == loader.token != first
    turned(clock, simulator)
    await facade.get("/interactions", *since, status=304, headers={"if-none-match": empty.headers["etag"]})


async def test_a_change_column_stands_where_there_is_no_envelope(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    query = (("attr", "1234567"), ("fields", "started_at,id:interaction_id"))
    loaded = await facade.get("/interactions.csv", *query)
    gone = simulator.remove(count=1, value="1234567")[0]
    new = simulator.insert(value="1234567", start="2026-11-13T15:00:00.000Z")[0]
    turned(clock, simulator)
    since = (*query, ("changed_since", loaded.headers["x-change-token"]))
    lines = (await facade.get("/interactions.csv", *since)).text.splitlines()
    assert lines == ["change,started_at,id", f"upsert,2026-11-13T15:00:00.000Z,{new}", f"remove,,{gone}"]
    records = (await facade.get("/interactions", *since, ("shape", "records"))).json()
    assert records[1] == {"change": "remove", "started_at": None, "id": gone}
    nested = await facade.get("/interactions.ndjson", *since, ("include", "attributes"))
    assert nested.text.splitlines()[1] == f'{{"change":"remove","started_at":null,"id":"{gone}","attributes":[]}}'
    columns = (await facade.get("/interactions", *since, ("shape", "columns"))).json()
    assert columns["change"] == ["upsert", "remove"]


async def test_a_long_list_of_changes_is_walked_by_a_cursor_and_stands_still(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    query = (WEEK, ("to", "2026-11-17"), ("limit", "2"))
    old = simulator.insert(4, start="2026-11-16T15:00:00.000Z")
    loader = Loader(facade, "/interactions", query)
    await loader.load()
    token = loader.token
    new = simulator.insert(3, start="2026-11-13T15:00:00.000Z")
    turned(clock, simulator, 86_400)
    await loader.follow()
    gone = simulator.remove(old)
    loader.token = token
    turned(clock, simulator, 86_400)
    first = (await facade.get("/interactions", *loader.query, ("changed_since", loader.token))).json()
    simulator.insert(5, start="2026-11-14T15:00:00.000Z")
    turned(clock, simulator, 100)
    pages = [first]
    while url := pages[-1]["next"]:
        pages.append((await facade.get(url)).json())
    assert {row["interaction_id"] for page in pages for row in page["items"]} == set(new)
    assert sorted(name for page in pages for name in page["removed"]) == sorted(gone)
    assert [page["meta"]["count"] + len(page["removed"]) for page in pages] == [2, 2, 2, 1]


async def begun(
    facade: Facade, simulator: Simulator, clock: HandClock, path: str = "/interactions"
) -> tuple[list[dict[str, Any]], list[str]]:
    """The first page of a walk through changes, and the ids of all that has changed."""
    query = (WEEK, ("to", "2026-11-17"), ("limit", "2"))
    loader = Loader(facade, path, query)
    await loader.load()
    starts = [f"2026-11-13T15:00:00.{second}" for second in ("000Z", "001Z", "000Z", "002Z", "000Z", "001Z")]
    new = [name for start in starts for name in simulator.insert(start=start, kind="voice-queue-abandon")]
    turned(clock, simulator, 86_400)
    return [(await facade.get(path, *query, ("changed_since", loader.token))).json()], new


@pytest.mark.parametrize(("path", "is_without_rows"), [("/interactions", False), ("/talk-times", True)])
async def test_a_long_list_of_changes_is_walked_to_its_end_though_it_is_let_go_of(
    facade: Facade, simulator: Simulator, clock: HandClock, path: str, *, is_without_rows: bool
) -> None:
    pages, new = await begun(facade, simulator, clock, path)
    while url := pages[-1]["next"]:
        facade.services.queries.snapshots.purge(lambda _key, _snapshot: True)
        pages.append((await facade.get(url)).json())
    rows = [row["interaction_id"] for page in pages for row in page["items"]]
    removed = [name for page in pages for name in page["removed"]]
    assert (sorted(rows), sorted(removed)) == (([], sorted(new)) if is_without_rows else (sorted(new), []))
    assert len({page["meta"]["change_token"] for page in pages}) == 1


@pytest.mark.parametrize("change", [{"epoch": b"another."}, {"number": 2**40}])
async def test_a_walk_through_changes_that_nobody_began_ends(
    facade: Facade, simulator: Simulator, clock: HandClock, change: dict[str, Any]
) -> None:
    (page,), _ = await begun(facade, simulator, clock)
    cursor = cursor_of(page["next_cursor"])
    assert cursor.place
    marks = tuple(mark._replace(**change) for mark in cursor.place.reached)
    forged = cursor_text(replace(cursor, version="another", place=replace(cursor.place, reached=marks)))
    url = page["next"].replace(page["next_cursor"], forged)
    assert (await facade.get(url, status=410)).json()["code"] == "cursor-expired"


@pytest.mark.parametrize("how", ["purged", "restarted"])
async def test_a_token_whose_content_is_let_go_of_is_gone_and_a_new_load_gives_one_that_is_good(
    facade: Facade, simulator: Simulator, clock: HandClock, how: str
) -> None:
    loader = Loader(facade, "/interactions", (WEEK,))
    await loader.load()
    holdings = facade.services.queries.holdings
    if how == "purged":
        holdings.purge()
    else:
        for collection in holdings.collections():
            for one in [*collection._spans]:
                collection.store.delete(collection._key_of(one))
    for _ in range(2):
        gone = await facade.get("/interactions", WEEK, ("changed_since", loader.token), status=410)
        assert gone.json()["code"] == "change-token-expired"
        assert gone.json()["retryable"] is False
    await loader.load()
    (page,) = await loader.follow()
    assert (page["items"], page["removed"]) == ([], [])


async def test_a_token_of_another_question_is_gone_and_a_text_that_is_none_is_a_fault(facade: Facade) -> None:
    token = (await facade.ask(WEEK))["meta"]["change_token"]
    await facade.get("/interactions", ("from", "2026-11-12"), ("changed_since", token), status=410)
    await facade.get("/segments", WEEK, ("changed_since", token), status=410)
    await facade.get("/interactions", WEEK, ("changed_since", token), ("fields", "interaction_id"))
    refused = await facade.get("/interactions", WEEK, ("changed_since", "2026-11-12"), status=400)
    assert "meta.change_token" in refused.json()["detail"]
    known = token_of(token)
    naive = known._replace(marks=tuple(mark._replace(low=datetime(2026, 11, 12)) for mark in known.marks * 2))  # noqa: DTZ001
    await facade.get("/interactions", WEEK, ("changed_since", token_text(naive)), status=400)


@pytest.mark.parametrize(
    "more", [("sort", "ended_at"), ("fields", "started_at"), ("fields", "interaction_id,change:direction")]
)
async def test_a_list_of_changes_has_its_own_order_and_needs_its_key(facade: Facade, more: tuple[str, str]) -> None:
    token = (await facade.ask(WEEK))["meta"]["change_token"]
    refused = await facade.get("/interactions", WEEK, ("changed_since", token), more, status=400)
    assert [fault["parameter"] for fault in refused.json()["errors"]] == [more[0]]


async def test_what_moves_with_time_enters_as_an_upsert_and_leaves_without_a_word(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    loader = Loader(facade, "/interactions", (("from", "now-1d"), ("to", "now-1h"), ("limit", "1000")))
    await loader.load()
    before = set(loader.rows)
    turned(clock, simulator, 6 * 3_600)
    pages = await loader.follow()
    fresh = Loader(facade, "/interactions", loader.query)
    await fresh.load()
    start = pages[-1]["meta"]["query"]["from"]
    kept = {name: rows for name, rows in loader.rows.items() if rows[0]["started_at"] >= start}
    assert kept == fresh.rows
    assert set(fresh.rows) - before
    assert set(loader.rows) - set(kept)


async def test_a_purge_of_the_question_reaches_its_changes(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,cache:purge") as facade:
        token = (await facade.ask(WEEK))["meta"]["change_token"]
        await facade.ask(WEEK, ("changed_since", token))
        order = {"query": f"{WEEK[0]}={WEEK[1]}"}
        purged = await facade.client.post("/cache/purge", json=order, headers={"x-requested-with": "tests"})
        assert purged.json()["purged"] == 2
        await facade.get("/interactions", WEEK, ("changed_since", token), status=410)


async def test_what_is_not_held_has_no_token_and_cannot_be_followed(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock) as facade:
        token = (await facade.ask(WEEK))["meta"]["change_token"]
    async with running_facade(simulator, clock=clock.clock, holds=False) as facade:
        answer = await facade.get("/interactions", WEEK)
        assert (answer.json()["meta"]["change_token"], answer.json()["meta"]["content_as_of"]) == (None, None)
        assert "x-change-token" not in answer.headers
        await facade.get("/interactions", WEEK, ("changed_since", token), status=400)


async def test_where_a_policy_hides_something_no_question_of_attributes_has_a_token(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, clock=clock.clock, attribute_policy="pin=drop") as facade:
        token = (await facade.ask(WEEK))["meta"]["change_token"]
        assert token
        for condition in (("attr", "1234567"), ("attr_name", "tier"), ("hook_type", "pin"), ("hook_type", "pim")):
            meta = (await facade.ask(WEEK, condition))["meta"]
            assert (meta["change_token"], meta["content_as_of"]) == (None, None)
            await facade.get("/interactions", WEEK, condition, ("changed_since", token), status=400)


async def test_the_newest_part_of_a_condition_may_come_from_the_whole_tenant(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    board = Loader(facade, "/interactions", (("from", "2026-11-17T15:00:00Z"), ("limit", "1000")))
    await board.load()
    loader = Loader(facade, "/interactions", (WEEK, ("attr", "1234567"), ("limit", "1000")))
    await loader.load()
    assert len(token_of(loader.token).marks) == 2
    inserted = simulator.insert(3, value="1234567", start="2026-11-18T14:00:00.000Z")
    turned(clock, simulator)
    await loader.follow()
    assert loader.rows.keys() >= {*inserted}
    simulator.remove(inserted[:1])
    turned(clock, simulator)
    await loader.follow()
    assert inserted[0] not in loader.rows
    older = simulator.insert(3, value="1234567", start="2026-11-12T15:00:00.000Z")
    turned(clock, simulator, 86_400)
    await loader.follow()
    assert loader.rows.keys() >= {*inserted[1:], *older}


async def test_a_stream_is_a_load_too_and_changes_are_not_streamed(simulator: Simulator, clock: HandClock) -> None:
    for minute in range(25):
        simulator.insert(100, start=f"2026-11-13T15:{minute:02}:00.000Z")
    async with running_facade(simulator, clock=clock.clock) as facade:
        streamed = await facade.get("/interactions.csv", WEEK, ("limit", "all"), ("fields", "interaction_id"))
        token = streamed.headers["x-change-token"]
        since = ("changed_since", token)
        assert (await facade.ask(WEEK, since))["items"] == []
        (new,) = simulator.insert(start="2026-11-17T15:00:00.000Z")
        turned(clock, simulator)
        assert new in await facade.ids(WEEK, since)
        refused = await facade.get("/interactions.csv", WEEK, since, ("limit", "all"), status=400)
        assert [fault["parameter"] for fault in refused.json()["errors"]] == ["limit"]
