"""`/cache/explain` and `/cache/purge` as clients meet them: their answers and their refusals."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.quota import MinInterval
from app.errors import InvalidParameters, ParameterFault, RateLimited
from app.http.cache_routes import Purge, read
from app.http.search import LONGEST_BODY
from app.interactions.grains import BY_PATH, GRAINS
from tests.http.test_openapi import SCHEMAS, faults
from tests.scenarios.purging import OWN, explained, posted, purge
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"
QUESTION = (("attr", "1234567"),)
EVERYTHING = {"all": True}
FORM = {"content-type": "application/x-www-form-urlencoded", "x-requested-with": "x"}


@pytest.fixture
async def trusting(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """A façade that lets anybody read and purge."""
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,cache:purge") as facade:
        yield facade


def without(name: str) -> dict[str, str]:
    return {own: value for own, value in OWN.items() if own != name}


# Explaining.


async def test_a_question_is_explained_before_it_is_asked_and_after(facade: Facade, simulator: Simulator) -> None:
    before = await explained(facade, *QUESTION)
    assert (before["stored"], before["state"], before["answer_stored"]) == (False, "absent", False)
    assert before["miss_cost"] == {"upstream_calls": 1, "rows_read": 100}
    assert simulator.calls() == []
    envelope = await facade.ask(*QUESTION)
    after = await explained(facade, *QUESTION)
    assert (after["stored"], after["state"], after["answer_stored"]) == (True, "fresh", True)
    assert after["query"] == before["query"] == envelope["meta"]["query"]
    assert after["as_of"] == envelope["meta"]["as_of"]
    assert after["rule"]["name"] == "open"
    assert after["key"] == before["key"]
    assert len(bytes.fromhex(after["key"])) == 32
    assert after["upstream"] == {"parameters": [{"name": "attribute-value", "value": "1234567"}]}
    assert len(simulator.calls()) == 1


async def test_every_property_is_there_before_and_after(facade: Facade) -> None:
    before = await explained(facade, *QUESTION)
    await facade.ask(*QUESTION)
    after = await explained(facade, *QUESTION)
    assert list(before) == list(after) == SCHEMAS["CacheExplanation"]["required"]
    assert faults(SCHEMAS["CacheExplanation"], before) == []
    assert faults(SCHEMAS["CacheExplanation"], after) == []
    assert [name for name, value in after.items() if value is None] == []


async def test_explaining_is_never_stored_and_has_a_head(facade: Facade) -> None:
    answer = await facade.get("/cache/explain")
    assert answer.headers["cache-control"] == "no-store"
    head = await facade.client.head("/cache/explain")
    assert (head.status_code, head.content) == (200, b"")


async def test_a_stale_report_is_explained_and_not_refreshed(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    await facade.ask(*QUESTION)
    clock.advance(20)
    told = await explained(facade, *QUESTION)
    assert (told["state"], told["age_seconds"], told["time_left_seconds"]) == ("stale", 20, -5)
    clock.advance(30)
    told = await explained(facade, *QUESTION)
    assert (told["state"], told["revalidate_for_seconds"]) == ("stale-if-error", 30)
    assert faults(SCHEMAS["CacheExplanation"], told) == []
    assert len(facade.services.queries.flights) == 0
    assert len(simulator.calls()) == 1


async def test_another_representation_shares_the_report_and_has_an_answer_of_its_own(facade: Facade) -> None:
    await facade.ask(*QUESTION)
    csv = await explained(facade, *QUESTION, ("format", "csv"))
    assert (csv["stored"], csv["answer_stored"]) == (True, False)
    await facade.get("/interactions", *QUESTION, ("format", "csv"))
    assert (await explained(facade, *QUESTION, ("format", "csv")))["answer_stored"] is True


async def test_a_cursor_is_explained_by_the_snapshot_it_pins(
    facade: Facade, simulator: Simulator, clock: HandClock
) -> None:
    first = await facade.ask(("limit", "10"))
    cursor = ("cursor", first["next_cursor"])
    clock.advance(1000)
    pinned = await explained(facade, cursor)
    assert (pinned["state"], pinned["miss_cost"]) == ("pinned", {"upstream_calls": 0, "rows_read": 0})
    mismatched = await facade.get("/cache/explain", *QUESTION, cursor, status=400)
    assert mismatched.json()["code"] == "cursor-mismatch"
    assert len(simulator.calls()) == 1


@pytest.mark.parametrize("rows", [(1, 0), (101, 0), (2000, 0), (100, 950)])
async def test_the_calls_told_are_the_calls_made(facade: Facade, simulator: Simulator, rows: tuple[int, int]) -> None:
    limit, offset = rows
    query = (("attr", "SIM-10K"), ("limit", str(limit)), ("offset", str(offset)), ("fields", "interaction_id"))
    cost = (await explained(facade, *query))["miss_cost"]
    await facade.ask(*query)
    assert cost["upstream_calls"] == len(simulator.calls("list"))
    assert cost["rows_read"] == (await explained(facade, *query))["rows_stored"]


async def test_a_time_zone_that_is_not_known_is_not_asked_for(facade: Facade, simulator: Simulator) -> None:
    query = (("attr", "1234567"), ("from", "2018-10-01"))
    unknown = await explained(facade, *query)
    assert (unknown["key"], unknown["query"]["from"], unknown["stored"]) == (None, None, False)
    assert unknown["miss_cost"]["upstream_calls"] == 2
    assert simulator.calls() == []
    await facade.ask(*query)
    assert len(simulator.calls()) == 2
    known = await explained(facade, *query)
    assert (known["query"]["from"], known["stored"]) == ("2018-10-01T04:00:00.000Z", True)


@pytest.mark.parametrize("text", ["attribute-value=1", "limit=0&limit=1", "sort=nothing", "api_key=1", "pii=clear"])
async def test_what_interactions_refuses_explain_refuses_in_the_same_words(
    facade: Facade, simulator: Simulator, text: str
) -> None:
    refusals = [(await facade.get(f"{path}?{text}", status=None)) for path in ("/interactions", "/cache/explain")]
    list_told, explain_told = [answer.json() | {"request_id": "", "instance": ""} for answer in refusals]
    assert list_told == explain_told
    assert list_told["status"] in {400, 403}
    assert simulator.calls() == []


async def test_the_answer_of_any_list_is_explained(simulator: Simulator, clock: HandClock) -> None:
    """By its path and its columns; the snapshot is the same for all."""
    keys = set()
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,notes:read") as facade:
        for path, name in BY_PATH.items():
            query = (*QUESTION, ("fields", GRAINS[name].time_column), ("limit", "7"))
            before = await explained(facade, *query, ("grain", path))
            await facade.get(f"/{path}", *query)
            after = await explained(facade, *query, ("grain", path))
            assert (before["answer_stored"], after["answer_stored"]) == (False, True)
            keys |= {before["key"], after["key"]}
    assert (len(keys), len(simulator.calls())) == (1, 1)


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("grain=agent_legs", "invalid-parameter", "grain must be one of interactions, agent-legs,"),
        ("grain=notes&grain=notes", "duplicate-parameter", "grain may be given once."),
        ("grain=segments&fields=queue_name", "invalid-parameter", "fields names no column of /schema/segments"),
    ],
)
async def test_a_list_that_is_none_is_not_explained(facade: Facade, query: str, code: str, told: str) -> None:
    refused = (await facade.get(f"/cache/explain?{query}", status=400)).json()
    assert (refused["code"], refused["detail"].startswith(told)) == (code, True)


async def test_lists_themselves_know_no_grain(facade: Facade) -> None:
    assert (await facade.get("/segments?grain=notes", status=400)).json()["code"] == "unknown-parameter"


async def test_explaining_needs_the_scope_read(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="metrics:read") as facade:
        assert (await facade.get("/cache/explain", status=403)).json()["code"] == "forbidden"


async def test_no_personal_data_is_in_an_explanation(facade: Facade) -> None:
    (row,) = (await facade.ask(*QUESTION))["items"]
    told = json.dumps(await explained(facade, *QUESTION))
    assert KNOWN not in told
    assert row["customer_key"] not in told


# Whom and what a purge refuses.


async def test_anonymous_readers_may_not_purge_whatever_they_send(facade: Facade) -> None:
    await facade.ask(*QUESTION)
    for body in (b'{"all": true}', b"nonsense"):
        refused = await posted(facade, status=403, headers={}, content=body)
        assert refused.json()["code"] == "forbidden"
    await posted(facade, status=413, headers={}, content=b"x" * (LONGEST_BODY + 1))
    assert (await explained(facade, *QUESTION))["stored"] is True


@pytest.mark.parametrize("path", ["/cache/explain", "/cache/purge"])
async def test_a_key_that_nobody_knows_is_refused(trusting: Facade, path: str) -> None:
    method = "GET" if path == "/cache/explain" else "POST"
    answer = await trusting.client.request(method, path, headers={**OWN, "x-api-key": "cxf_demo_x"})
    assert answer.status_code == 401


@pytest.mark.threat("T16")
@pytest.mark.parametrize(
    ("path", "allowed"), [("/cache/purge", {"POST"}), ("/cache/explain", {"GET", "HEAD"})], ids=["purge", "explain"]
)
async def test_each_takes_its_own_methods_alone(trusting: Facade, path: str, allowed: set[str]) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - allowed:
        answer = await trusting.client.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.threat("T38")
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain", "x-requested-with": "x"},
        {"content-type": "text/plain;application/json", "x-requested-with": "x"},
        {"content-type": "application/jsonp", "x-requested-with": "x"},
        FORM,
        {"x-requested-with": "x"},
    ],
)
async def test_what_a_form_of_another_site_can_send_is_refused(trusting: Facade, headers: dict[str, str]) -> None:
    await trusting.ask(*QUESTION)
    refused = await posted(trusting, status=415, headers=headers, content=b'{"all": true}')
    assert refused.json()["code"] == "unsupported-media-type"
    assert (await explained(trusting, *QUESTION))["stored"] is True


async def test_a_purge_without_its_own_header_is_told_which(trusting: Facade) -> None:
    refused = await posted(trusting, status=400, headers=without("x-requested-with"), json=EVERYTHING)
    assert refused.json()["code"] == "bad-request"
    assert "X-Requested-With" in refused.json()["detail"]


async def test_the_type_may_name_a_charset(trusting: Facade) -> None:
    await posted(trusting, headers={**OWN, "content-type": "Application/JSON; charset=utf-8"}, json=EVERYTHING)


async def test_a_body_is_as_long_as_it_may_be_and_not_a_byte_longer(trusting: Facade) -> None:
    whole = b'{"all": true}'.ljust(LONGEST_BODY)
    await posted(trusting, content=whole)
    assert (await posted(trusting, status=413, content=whole + b" ")).json()["code"] == "body-too-large"


async def test_a_body_that_does_not_say_its_length_is_cut_off_too(trusting: Facade) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b" " * (LONGEST_BODY // 4)

    assert (await posted(trusting, status=413, content=parts())).json()["code"] == "body-too-large"


@pytest.mark.parametrize(
    ("order", "parameter"),
    [
        ({}, "body"),
        ({"all": True, "query": ""}, "body"),
        ({"everything": True}, "everything"),
        ({"all": False}, "all"),
        ({"interaction_id": "7"}, "interaction_id"),
        ({"query": "limit=none"}, "limit"),
    ],
)
async def test_an_order_that_says_not_one_thing_purges_nothing(
    trusting: Facade, order: dict[str, Any], parameter: str
) -> None:
    await trusting.ask(*QUESTION)
    refused = await purge(trusting, status=400, **order)
    assert (refused["code"], refused["errors"][0]["parameter"]) == ("invalid-parameter", parameter)
    assert (await explained(trusting, *QUESTION))["stored"] is True


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("atr=1", "unknown-parameter"),
        ("api_key=1", "key-in-query"),
        ("attr=%FF", "invalid-parameter"),
        ("attr=é", "invalid-parameter"),
    ],
)
async def test_a_query_is_refused_as_interactions_refuses_it(trusting: Facade, query: str, code: str) -> None:
    assert (await purge(trusting, status=400, query=query))["code"] == code


async def test_a_purge_takes_no_parameters(trusting: Facade) -> None:
    refused = await trusting.client.post("/cache/purge?all=true", headers=OWN, json=EVERYTHING)
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown-parameter")


@pytest.mark.threat("T28")
async def test_there_is_one_purge_a_second_and_refused_ones_do_not_count(trusting: Facade, clock: HandClock) -> None:
    await purge(trusting, status=400, al=True)
    await purge(trusting, all=True)
    clock.advance(0.5)
    refused = await posted(trusting, status=429, json=EVERYTHING)
    assert (refused.json()["code"], refused.headers["retry-after"]) == ("rate-limited", "1")
    clock.advance(0.5)
    answer = await posted(trusting, json=EVERYTHING)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.threat("T28")
async def test_of_many_purges_at_once_one_is_done(trusting: Facade) -> None:
    responses = await asyncio.gather(
        *(trusting.client.post("/cache/purge", headers=OWN, json=EVERYTHING) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in responses) == [200, *[429] * 19]


async def test_what_a_purge_answers_is_as_the_document_says(trusting: Facade) -> None:
    await trusting.ask(*QUESTION)
    answer = await purge(trusting, query="attr=1234567")
    assert faults(SCHEMAS["Purged"], answer) == []
    assert answer == {"purged": 1, "scope": "query"}


def faults_of(body: bytes) -> list[ParameterFault]:
    with pytest.raises(InvalidParameters) as refused:
        read(body)
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"all": True}, Purge("all")),
        ({"query": "attr=VIP&from=2026-11-01"}, Purge("query", "attr=VIP&from=2026-11-01")),
        ({"query": ""}, Purge("query", "")),
        ({"interaction_id": KNOWN}, Purge("interaction", KNOWN)),
        ({"interaction_id": KNOWN.upper()}, Purge("interaction", KNOWN)),
        ({"customer_key": "0a" * 16}, Purge("customer", "0a" * 16)),
    ],
)
def test_one_member_says_what_to_forget(body: dict[str, Any], order: Purge) -> None:
    assert read(json.dumps(body).encode()) == order


@pytest.mark.parametrize("body", [b"", b"all", b"[]", b"null", b'"all"', b'{"all": tru', b"\xff", b"[" * 60_000])
def test_what_is_no_object_is_told_what_an_object_would_be(body: bytes) -> None:
    (fault,) = faults_of(body)
    assert (fault.parameter, fault.code) == ("body", "invalid-parameter")
    assert '{"all": true}' in fault.detail


@pytest.mark.parametrize("body", [{}, {"all": True, "query": "attr=VIP"}, {"query": "", "interaction_id": KNOWN}])
def test_none_and_two_members_are_refused(body: dict[str, Any]) -> None:
    (fault,) = faults_of(json.dumps(body).encode())
    assert (fault.parameter, fault.allowed) == ("body", ("all", "query", "interaction_id", "customer_key"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"customer_key": "0A" * 16}, "customer_key"),
        ({"customer_key": "0a" * 15}, "customer_key"),
        ({"customer_key": "+15550100"}, "customer_key"),
        ({"customer_key": 7}, "customer_key"),
        ({"all": False}, "all"),
        ({"all": "true"}, "all"),
        ({"all": 1}, "all"),
        ({"query": None}, "query"),
        ({"query": ["attr=VIP"]}, "query"),
        ({"interaction_id": "7"}, "interaction_id"),
        ({"interaction_id": 7}, "interaction_id"),
    ],
)
def test_a_member_of_another_meaning_is_named(body: dict[str, Any], name: str) -> None:
    assert [fault.parameter for fault in faults_of(json.dumps(body).encode())] == [name]


def test_all_unknown_members_are_named_and_the_nearest_known_is_offered() -> None:
    found = faults_of(json.dumps({"al": True, "interactionid": KNOWN, "all": False}).encode())
    assert [(fault.parameter, fault.did_you_mean) for fault in found] == [
        ("al", "all"),
        ("interactionid", "interaction_id"),
        ("all", None),
    ]


def test_of_thousands_of_unknown_members_the_first_ten_are_told() -> None:
    body = json.dumps({f"m{number}": 0 for number in range(6_000)} | {"all": False}).encode()
    with pytest.raises(InvalidParameters) as refused:
        read(body)
    named = [fault.parameter for fault in refused.value.faults]
    assert named == [f"m{number}" for number in range(10)]
    assert refused.value.detail.endswith(" There are 5991 more faults that are not listed.")
    assert len(refused.value.detail) < 4_000
    assert refused.value.again().more == refused.value.more == 5_991


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_body_is_answered_by_anything_but_an_order_or_faults(body: bytes) -> None:
    assert faults_of(body)


def test_an_act_is_done_once_in_its_time_and_says_how_long_the_next_has_to_wait() -> None:
    clock = HandClock()
    pace = MinInterval(1.0, lambda: clock.monotonic)
    pace.take()
    clock.advance(0.75)
    with pytest.raises(RateLimited) as refused:
        pace.take()
    assert refused.value.retry_after_seconds == 0.25
    clock.advance(0.25)
    pace.take()
