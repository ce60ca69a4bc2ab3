"""What is made of a report: bytes, validators, and the envelope around the rows (INTERFACE §5)."""

import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.errors import InvalidParameters, ParameterFault
from app.formats import FORMATS, Format
from app.http import representations
from app.http.representations import TOO_LARGE, Representations
from app.http.response_cache import Built
from app.interactions.masking import MASKED, Audience
from app.queries import admission
from app.queries.cursor import cursor_of
from app.queries.page import FetchResult
from app.queries.query import NEWEST_FIRST, Filter, InteractionQuery, Order, Search, View
from tests.http.scene import asked as parsed
from tests.http.scene import encoded
from tests.queries.support import (
    COLUMN_BY_NAME,
    NOW,
    Desk,
    desk,
    identity,
    interaction,
    interactions,
    query,
    with_attribute,
)

MASKED_COLUMNS = {"interactions": ("customer",)}
URL = "http://localhost:8080/interactions"
META = [
    "count",
    "limit",
    "offset",
    "truncated",
    "total",
    "query",
    "as_of",
    "content_as_of",
    "change_token",
    "time_zone",
    "source",
    "schema_version",
    "masked",
    "hints",
]


async def made(at: Desk, asked: InteractionQuery | None = None) -> Built:
    asked = asked or query()
    lookup = at.look(asked)
    found = await at.queries.find(asked, lookup)
    return await Representations(at.queries, at.clock.clock, MASKED_COLUMNS).rows(asked, lookup, URL, found)


async def found_one(at: Desk) -> FetchResult:
    return await at.queries.find_one(at.queries.look(at.queries.planner.plan_of_one(identity(0))))


async def envelope(at: Desk, asked: InteractionQuery | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bytes((await made(at, asked)).answer.body))
    return found


async def test_the_envelope_has_the_published_keys_in_their_order() -> None:
    whole = await envelope(desk(interactions(3)))
    assert list(whole) == ["items", "next", "next_cursor", "meta"]
    assert list(whole["meta"]) == META
    assert [row["interaction_id"] for row in whole["items"]] == [identity(number) for number in range(3)]


async def test_meta_says_what_was_asked_and_what_was_found() -> None:
    asked = query(
        limit=2,
        offset=1,
        search=Search(attr=(), start=NOW - timedelta(days=60), end=NOW),
        asked=(("from", "now-60d"), ("hook_id", "7"), ("queue_id", "a"), ("queue_id", "b"), ("sort", "-started_at")),
    )
    meta = (await envelope(desk(interactions(5)), asked))["meta"]
    assert meta == {
        "count": 2,
        "limit": 2,
        "offset": 1,
        "truncated": False,
        "total": 5,
        "query": {
            "attr": [],
            "from": "2026-09-24T06:40:00.000Z",
            "to": "2026-11-23T06:40:00.000Z",
            "hook_id": ["7"],
            "queue_id": ["a", "b"],
        },
        "as_of": "2026-11-23T06:40:00.000Z",
        "content_as_of": None,
        "change_token": None,
        "time_zone": "US/Eastern",
        "source": "live",
        "schema_version": 1,
        "masked": ["customer"],
        "hints": [],
    }


@pytest.mark.threat("T47")
@pytest.mark.parametrize("order", [NEWEST_FIRST, Order("duration_seconds")], ids=["as it came", "another order"])
async def test_the_collector_is_held_back_by_what_is_worked_on(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    """To order rows takes all of them, however few are shown."""
    taken: list[int] = []

    def held_back(rows: int) -> nullcontext[None]:
        taken.append(rows)
        return nullcontext()

    monkeypatch.setattr(representations, "held_back", held_back)
    at = desk(interactions(3))
    await made(at, query(limit=1, order=order))
    assert taken == [1 if order == NEWEST_FIRST else at.queries.rules.max_rows]


async def test_the_rows_of_a_grain_are_what_an_answer_is_admitted_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """One interaction may have more of them than there are interactions, and to order rows takes all of them."""
    at = desk([interaction(0, agents=[{"agentId": "a"}, {"agentId": "b"}, {"agentId": "c"}])])
    taken: list[int] = []

    def cells(_view: View, rows: int) -> int:
        taken.append(rows)
        return 0

    monkeypatch.setattr(admission, "_cells", cells)
    view = View((("agent_id", "agent_id"),), grain="agent_legs")
    for limit, order, worked_on in ((2, NEWEST_FIRST, 2), (10, NEWEST_FIRST, 3), (1, Order("agent_id"), 3)):
        taken.clear()
        await made(at, query(limit=limit, view=view, order=order))
        assert taken == [worked_on, min(limit, 3)], "to select them, then to encode them"


@pytest.mark.parametrize("chosen", FORMATS, ids=lambda one: str(one.name))
async def test_an_answer_beyond_the_bound_of_bytes_is_refused_in_words_that_say_what_to_ask_for(
    monkeypatch: pytest.MonkeyPatch, chosen: Format
) -> None:
    at, asked = desk(interactions(200)), query(limit=200, view=replace(query().view, format=chosen.name))
    asked = replace(asked, view=replace(asked.view, variant=chosen.variants[0]))
    size = (await made(at, asked)).answer.size
    monkeypatch.setattr(representations, "MOST_BYTES", size)
    assert (await made(at, asked)).answer.size == size
    monkeypatch.setattr(representations, "MOST_BYTES", size - 1)
    with pytest.raises(InvalidParameters) as refused:
        await made(at, asked)
    assert refused.value.faults == (ParameterFault("limit", TOO_LARGE),)
    assert all(name in TOO_LARGE for name in ("64 MiB", "`fields`", "`limit`"))


async def test_of_an_answer_nothing_is_kept_but_its_bytes_and_the_packed_report() -> None:
    assert (await made(desk(interactions(3)))).found.opened.at_hand == {}


async def test_the_attributes_asked_for_are_shown() -> None:
    meta = (await envelope(desk(), query(search=Search(attr=("a", "b")), asked=(("attr", "a"), ("attr", "b")))))["meta"]
    assert meta["query"] == {"attr": ["a", "b"], "from": None, "to": None}


async def test_the_next_page_is_a_link_a_cursor_and_a_header_that_say_the_same() -> None:
    at = desk(interactions(30, **with_attribute("n", "a&b")))
    asked = parsed("limit=10&fields=interaction_id,a%20b:direction&attr_pair[]=n=a%26b")
    answer = (await made(at, asked)).answer
    whole = json.loads(bytes(answer.body))
    assert answer.link_next == whole["next"]
    split = urlsplit(whole["next"])
    assert f"{split.scheme}://{split.netloc}{split.path}" == URL
    pairs = parse_qsl(split.query)
    first = [("attr_pair", "n=a&b"), ("fields", "interaction_id,a b:direction"), ("limit", "10")]
    assert pairs == [*first, ("cursor", whole["next_cursor"])]
    following = await envelope(at, parsed(encoded(*pairs)))
    assert [row["interaction_id"] for row in following["items"]] == [identity(number) for number in range(10, 20)]
    assert list(following["items"][0]) == ["interaction_id", "a b"]


async def test_a_walk_by_links_ends_with_null() -> None:
    at = desk(interactions(25))
    asked, ids = parsed("limit=10&fields=interaction_id"), []
    for _ in range(3):
        whole = await envelope(at, asked)
        ids += [row["interaction_id"] for row in whole["items"]]
        asked = parsed(urlsplit(whole["next"] or "").query)
    assert ids == [identity(number) for number in range(25)]
    assert (whole["next"], whole["next_cursor"]) == (None, None)
    assert (await made(at, query(limit=25))).answer.link_next is None


async def test_a_page_by_cursor_shows_the_range_that_its_first_page_meant() -> None:
    at = desk(interactions(30))
    first = query(search=Search(start=NOW - timedelta(days=60)))
    whole = await envelope(at, first)
    later = replace(first, search=Search(start=NOW), cursor=cursor_of(whole["next_cursor"]))
    assert (await envelope(at, later))["meta"]["query"]["from"] == whole["meta"]["query"]["from"]


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
@pytest.mark.parametrize("rows", [0, 3])
async def test_every_format_and_variant_is_made_with_its_type_and_a_validator_of_its_own(known: Any, rows: int) -> None:
    at, tags = desk(interactions(rows)), set()
    for variant in known.variants:
        view = replace(query().view, format=known.name, variant=variant)
        answer = (await made(at, query(view=view))).answer
        assert (answer.content_type, answer.coding, answer.last_modified) == (known.content_type, "identity", NOW)
        assert answer.file_name is None
        assert answer.masked
        tags.add(answer.etag)
    assert len(tags) == len(known.variants)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
async def test_every_format_tells_how_whole_it_is(known: Any) -> None:
    shown = replace(query().view, format=known.name)
    for variant in known.variants:
        view = replace(shown, variant=variant)
        filtered = query(view=view, filters=(Filter("channel_type", ("voice",)),))
        assert _told(await made(desk(interactions(12)), query(view=view))) == (False, 12)
        assert _told(await made(desk(interactions(12)), filtered)) == (False, None)
        assert _told(await made(desk(interactions(12), most_rows=11), query(view=view))) == (True, 12)


def _told(of: Built) -> tuple[bool | None, int | None]:
    return of.answer.truncated, of.answer.total


async def test_equal_bytes_of_a_list_that_is_not_as_whole_have_another_validator() -> None:
    view = replace(query().view, format="csv", variant="rfc4180")
    responses = [(await made(desk(interactions(rows)), query(view=view, limit=10))).answer for rows in (12, 13, 12)]
    assert len({answer.body for answer in responses}) == 1
    assert responses[0].etag == responses[2].etag != responses[1].etag


async def test_one_interaction_is_no_list() -> None:
    at = desk(interactions(1))
    representations = Representations(at.queries, at.clock.clock, MASKED_COLUMNS)
    one = await representations.interaction(query().view, await found_one(at))
    assert _told(one) == (None, None)


async def test_a_download_has_a_telling_name() -> None:
    view = replace(query().view, format="csv", variant="rfc4180", download=True)
    answer = (await made(desk(interactions(1)), query(view=view))).answer
    assert answer.file_name == "interactions-20261123T064000Z.csv"


async def test_many_rows_are_the_same_bytes_whether_made_in_a_thread_or_not() -> None:
    few, many = desk(interactions(5)), desk(interactions(900))
    rows = (await envelope(many, query(limit=900)))["items"]
    assert rows[:5] == (await envelope(few, query(limit=5)))["items"]
    assert len(rows) == 900


async def test_clear_and_masked_views_differ_in_bytes_validator_and_what_clients_may_store() -> None:
    at = desk([interaction(0, customer="+15550100")])
    columns = (("customer", "customer"), ("customer_masked", "customer_masked"))
    masked = (await made(at, query(view=View(columns)))).answer
    clear = (await made(at, query(view=View(columns, audience=Audience(clear=True))))).answer
    assert b"+15550100" not in masked.body
    assert b"+15550100" in clear.body
    assert (masked.masked, clear.masked) == (True, False)
    assert json.loads(bytes(clear.body))["meta"]["masked"] == []
    bare = View((("interaction_id", "interaction_id"),), format="csv", variant="rfc4180")
    tags = [
        (await made(at, query(view=replace(bare, audience=audience)))).answer.etag
        for audience in (MASKED, Audience(clear=True), Audience(notes=True))
    ]
    assert len(set(tags)) == 3, "equal bytes for other audiences have other validators"


async def test_equal_content_has_an_equal_validator_in_another_process() -> None:
    one, other = desk(interactions(3)), desk(interactions(3))
    assert (await made(one)).answer == (await made(other)).answer


async def test_it_is_told_where_the_time_went() -> None:
    answer = await made(desk(interactions(3)))
    assert answer.seconds["upstream"] == 0.5
    assert set(answer.seconds) == {"upstream", "flatten", "encode"}


async def test_a_filtered_page_tells_no_total_it_does_not_know() -> None:
    rows = [interaction(number, direction="inbound") for number in range(20)]
    meta = (await envelope(desk(rows), query(filters=(Filter("direction", ("inbound",)),))))["meta"]
    assert (meta["total"], meta["truncated"]) == (None, False)


async def test_one_interaction_is_one_object_with_every_column_asked() -> None:
    at = desk(interactions(1))
    view = View(tuple((name, name) for name in COLUMN_BY_NAME), include=("notes",))
    representations = Representations(at.queries, at.clock.clock, MASKED_COLUMNS)
    answer = (await representations.interaction(view, await found_one(at))).answer
    assert list(json.loads(bytes(answer.body))) == [*COLUMN_BY_NAME, "notes"]
    assert answer.content_type == "application/json"


async def test_the_timeline_of_an_interaction_stands_under_its_id_and_times() -> None:
    at = desk([interaction(0, queues=[{"queueName": "Support", "startTimestamp": "2026-10-12T14:40:10.000Z"}])])
    representations = Representations(at.queries, at.clock.clock, MASKED_COLUMNS)
    made_of_one = await representations.timeline(MASKED, await found_one(at))
    document = json.loads(bytes(made_of_one.answer.body))
    assert list(document) == ["interaction_id", "started_at", "ended_at", "spans"]
    assert (document["interaction_id"], document["started_at"]) == (identity(0), "2026-10-12T14:40:00.000Z")
    assert "queue" in {span["kind"] for span in document["spans"]}


async def test_a_crowd_that_waited_for_one_fetch_has_its_answer_encoded_once_for_each_way_of_showing_it() -> None:
    at = desk(interactions(3))
    as_csv = query(view=replace(query().view, format="csv", variant="rfc4180"))
    crowd = await asyncio.gather(*(made(at, asked) for asked in [query(), as_csv] * 10))
    assert len({id(one.answer) for one in crowd}) == 2
    assert crowd[0].answer.content_type != crowd[1].answer.content_type
