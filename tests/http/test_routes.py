"""Every path as clients see it: in front of a simulated upstream, over a socket."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from app.formats import FORMATS, FORMATS_BY_NAME, Format
from app.http import conflicts, negotiation
from app.interactions.grains import GRAINS
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"
LIST_PATHS = [*(grain.path for grain in GRAINS.values()), *(f"/interactions.{one.extension}" for one in FORMATS)]
DATA = [*LIST_PATHS, f"/interactions/{KNOWN}", f"/interactions/{KNOWN}/timeline"]
ALONE = ["/schema", "/whoami"]


@pytest.fixture
async def facade(simulator: Simulator) -> AsyncIterator[Facade]:
    """A façade whose anonymous clients may read every list."""
    async with running_facade(simulator, anonymous_scopes="read,notes:read") as facade:
        yield facade


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.name)
async def test_the_extension_chooses_the_format(facade: Facade, known: Format) -> None:
    path = f"/interactions.{known.extension}"
    answer = await facade.get(path, ("limit", "2"), headers={"accept": "application/json"})
    assert answer.headers["content-type"] == known.content_type


@pytest.mark.parametrize("coding", ["gzip", "zstd, identity;q=0", "*"])
async def test_a_packed_format_has_no_coding_whatever_is_asked_for(
    facade: Facade, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    monkeypatch.setitem(FORMATS_BY_NAME, "ndjson", replace(FORMATS_BY_NAME["ndjson"], is_packed=True))
    asked = ("limit", "100")
    for _ in range(2):  # made, and stored
        packed = await facade.get("/interactions.ndjson", asked, headers={"accept-encoding": coding})
        assert "content-encoding" not in packed.headers
        assert packed.headers["content-length"] == str(len(packed.content))
    text = await facade.get("/interactions.csv", asked, headers={"accept-encoding": coding})
    assert text.headers["content-encoding"] in {"gzip", "zstd"}


async def test_a_format_that_is_not_installed_is_told_by_name_and_passed_over_by_accept(
    facade: Facade, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats = [replace(one, requires="not_installed_here") if one.name == "csv" else one for one in FORMATS]
    for module in (negotiation, conflicts):
        monkeypatch.setattr(module, "FORMATS", formats)
    for path in ("/interactions.csv", "/interactions?format=csv"):
        (fault,) = (await facade.get(path, status=400)).json()["errors"]
        assert (fault["parameter"], fault["allowed"]) == ("format", ["json", "ndjson"])
        assert "csv needs not_installed_here" in fault["detail"]
    answer = await facade.get("/interactions", headers={"accept": "text/csv, application/x-ndjson;q=0.5"})
    assert answer.headers["content-type"] == FORMATS_BY_NAME["ndjson"].content_type


@pytest.mark.parametrize("path", DATA)
async def test_head_says_what_get_says_without_a_body(facade: Facade, path: str) -> None:
    whole = await facade.get(path)
    head = await facade.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length", "vary", "last-modified"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize("path", DATA)
async def test_a_hit_asks_nobody_and_an_equal_copy_is_not_sent_again(
    facade: Facade, simulator: Simulator, path: str
) -> None:
    first = await facade.get(path)
    calls = len(simulator.calls())
    again = await facade.get(path)
    assert again.content == first.content
    assert again.headers["cache-status"].startswith("cxfacade; hit; ttl=")
    same = await facade.get(path, status=304, headers={"if-none-match": first.headers["etag"]})
    assert same.content == b""
    assert len(simulator.calls()) == calls


@pytest.mark.parametrize("interactions", [600])
@pytest.mark.parametrize("path", DATA)
async def test_a_list_says_how_whole_it_is_in_every_answer_of_it(facade: Facade, path: str) -> None:
    whole = await facade.get(path, *([("limit", "2")] if path in LIST_PATHS else []))
    url, headers = str(whole.request.url), {"accept-encoding": "identity"}
    responses = {
        "hit": await facade.client.get(url),
        "head": await facade.client.head(url),
        "304": await facade.client.get(url, headers={"if-none-match": whole.headers["etag"]}),
        "part": await facade.client.get(url, headers={**headers, "range": "bytes=0-9"}),
        "other tag": await facade.client.get(url, headers={"if-none-match": '"other", ' + whole.headers["etag"]}),
    }
    assert [answer.status_code for answer in responses.values()] == [200, 200, 304, 206, 304]
    names = ("x-truncated", "x-total-count", "link")
    told = [whole.headers.get(name) for name in names]
    assert [[one.headers.get(name) for name in names] for one in responses.values()] == [told] * len(responses)
    if path in LIST_PATHS:
        is_counted = path.startswith("/interactions")  # upstream counts interactions; their parts once all are read
        assert (told[0], int(told[1] or 0) > 2, bool(told[2])) == ("false", is_counted, True)
    else:
        assert told == [None] * 3


@pytest.mark.parametrize("path", LIST_PATHS)
async def test_a_list_whose_length_is_not_known_does_not_tell_one(facade: Facade, path: str) -> None:
    answer = await facade.get(path, ("queue_name", "Support"), ("limit", "1"))
    assert (answer.headers["x-truncated"], answer.headers.get("x-total-count")) == ("false", None)


@pytest.mark.parametrize("path", DATA)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_data_is_only_read(facade: Facade, simulator: Simulator, path: str, method: str) -> None:
    answer = await facade.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == ("GET, HEAD, QUERY" if path in LIST_PATHS else "GET, HEAD")
    assert simulator.calls() == []


@pytest.mark.parametrize("path", [*DATA, *ALONE])
async def test_a_key_in_the_query_is_refused_everywhere(facade: Facade, simulator: Simulator, path: str) -> None:
    answer = await facade.get(path, ("api_key", "cxf_demo_x"), status=400)
    assert answer.json()["code"] == "key-in-query"
    assert simulator.calls() == []


@pytest.mark.parametrize("path", [*DATA, *ALONE])
async def test_a_name_nobody_knows_is_refused_everywhere(facade: Facade, simulator: Simulator, path: str) -> None:
    answer = await facade.get(path, ("zzz", "1"), status=400)
    assert answer.json()["code"] == "unknown-parameter"
    assert simulator.calls() == []


@pytest.mark.parametrize("text", ["limit=1&limit=9", "limit;=1", "Limit=1", "limit[]=1", "limit%00=1", "attr=%FF"])
async def test_cloaked_parameters_are_refused_before_upstream_is_asked(
    facade: Facade, simulator: Simulator, text: str
) -> None:
    answer = await facade.get(f"/interactions?{text}", status=400)
    assert answer.json()["errors"]
    assert simulator.calls() == []


async def test_nonsense_in_a_time_does_not_ask_for_the_time_zone(facade: Facade, simulator: Simulator) -> None:
    await facade.get("/interactions", ("from", "2026-02-30"), status=400)
    assert simulator.calls() == []


@pytest.mark.parametrize("text", ["1", "c506eb9b", KNOWN + "0", "%2e%2e", KNOWN.replace("c", "g")])
async def test_what_is_no_id_is_not_found_and_nobody_is_asked(facade: Facade, simulator: Simulator, text: str) -> None:
    answer = await facade.get(f"/interactions/{text}", status=None)
    assert answer.status_code in {400, 404}
    assert simulator.calls() == []


@pytest.mark.parametrize(
    "path",
    [
        "/interactions/abc/foo",
        f"/interactions/{KNOWN}/foo",
        "/interactions/summaries",
        "/interactions/abc",
        "/interactions/abc/timeline",
    ],
)
async def test_an_unknown_resource_is_not_found_whatever_its_parameters(
    facade: Facade, simulator: Simulator, path: str
) -> None:
    for query in ("", "?by=queue_name&limit=x&fields=nothing", "?attr=%FF"):
        answer = await facade.get(f"{path}{query}", status=404)
        assert answer.json()["code"] == "not-found"
        assert "parameter" not in answer.text
    assert simulator.calls() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/interactions/summry", "An interaction's id is a UUID. Did you mean /interactions/summary?"),
        ("/interactions/summary.xlsx", "An interaction's id is a UUID. Did you mean /interactions/summary.csv?"),
        ("/interactions/abc", "An interaction's id is a UUID."),
        ("/agent-legs/summry", "There is no such path. Did you mean /agent-legs/summary? /docs lists those there are."),
        ("/interaction", "There is no such path. Did you mean /interactions? /docs lists those there are."),
        ("/nowhere/summry", "There is no such path. /docs lists those there are."),
        (
            f"/interactions/{KNOWN}.csv",
            "One interaction is JSON alone, without an extension; /interactions.csv?interaction_id=<its id> gives it "
            "as CSV.",
        ),
    ],
)
async def test_a_path_that_is_not_found_offers_the_one_that_may_be_meant(facade: Facade, path: str, words: str) -> None:
    assert (await facade.get(path, status=404)).json()["detail"] == words


async def test_an_interaction_is_a_table_where_the_answer_to_its_path_with_an_extension_says(facade: Facade) -> None:
    answer = await facade.get("/interactions.csv", ("interaction_id", KNOWN), ("fields", "interaction_id"))
    assert answer.text == f"interaction_id\r\n{KNOWN}\r\n"


@pytest.mark.parametrize(
    ("method", "path", "allowed", "words"),
    [
        ("GET", "/interactions/search", "POST", "This path takes POST alone."),
        ("HEAD", "/interactions/search", "POST", ""),
        ("GET", "/interactions/summary/search", "POST", "This path takes POST alone."),
        (
            "POST",
            "/interactions",
            "GET, HEAD, QUERY",
            "This path takes GET, HEAD, QUERY alone. A question in a body goes by POST to /interactions/search.",
        ),
        ("POST", f"/interactions/{KNOWN}", "GET, HEAD", "This path takes GET, HEAD alone."),
    ],
)
async def test_a_method_that_is_not_taken_is_told_which_are_and_where_post_asks(
    facade: Facade, method: str, path: str, allowed: str, words: str
) -> None:
    answer = await facade.client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert words in answer.text


SLASHED = [*DATA, *ALONE, "/cache/explain", "/docs", "/openapi.json", "/health/live", "/problems/not-found"]


@pytest.mark.parametrize("path", SLASHED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_slash_at_the_end_leads_to_the_path_without_it(
    facade: Facade, simulator: Simulator, method: str, path: str
) -> None:
    for query in ("", "?attr=a%2Fb&attr=c//d/&x=%C3%A9"):
        answer = await facade.client.request(method, f"{path}/{query}")
        assert (answer.status_code, answer.content) == (308, b"")
        assert answer.next_request is not None
        assert str(answer.next_request.url) == f"{facade.url}{path}{query}"
        assert answer.next_request.method == method
    assert simulator.calls() == []


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "/evil.example/", "/interactions//", "//", "/https://evil.example/", "/%2Fevil.example/"],
)
async def test_a_slash_leads_nowhere_else(facade: Facade, path: str) -> None:
    answer = await facade.client.request("GET", f"{facade.url}{path}")
    assert answer.status_code in {400, 404}
    assert "location" not in answer.headers


async def test_a_slash_leads_to_the_next_path_behind_a_prefix_too(facade: Facade) -> None:
    answer = await facade.client.get(f"/interactions/{KNOWN}/timeline/?a=1")
    assert answer.headers["location"] == "../timeline?a=1"
    assert answer.headers["cache-control"] == "no-store"


async def test_an_id_is_the_same_in_capitals(facade: Facade, simulator: Simulator) -> None:
    one, other = [await facade.get(f"/interactions/{text}") for text in (KNOWN, KNOWN.upper())]
    assert one.content == other.content
    assert len(simulator.calls("one")) == 1


async def test_an_unknown_interaction_is_not_found_and_asked_for_once(facade: Facade, simulator: Simulator) -> None:
    for path in (f"/interactions/{UUID(int=7)}", f"/interactions/{UUID(int=7)}/timeline"):
        answer = await facade.get(path, status=404)
        assert answer.json()["code"] == "not-found"
        assert answer.headers["cache-control"] == "no-store"
    assert len(simulator.calls("one")) == 1


async def test_no_header_that_is_not_in_a_key_shapes_an_answer(facade: Facade, simulator: Simulator) -> None:
    path = "/interactions?limit=2&fields=interaction_id"
    plain = await facade.get(path)
    names = [
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-original-url",
        "x-rewrite-url",
    ]
    names += [
        "x-http-method-override",
        "x-tenant",
        "cookie",
        "origin",
        "referer",
        "user-agent",
        "accept-language",
        "te",
    ]
    names += ["from", "pragma", "via", "x-real-ip", "x-user", "x-scopes", *(f"x-{number}" for number in range(280))]
    for name in names:
        answer = await facade.get(path, headers={name: "canary.example"})
        assert (answer.content, answer.headers["etag"]) == (plain.content, plain.headers["etag"])
    assert len(simulator.calls()) == 1


async def test_a_link_leads_back_to_where_the_client_came_from(facade: Facade) -> None:
    for path in ("/interactions", "/interactions.ndjson"):
        answer = await facade.get(path, ("limit", "1"))
        assert answer.links["next"]["url"].startswith(f"{facade.url}{path}?limit=1&cursor=")


async def test_an_extension_is_no_part_of_another_path(facade: Facade) -> None:
    for path in ("/interactions.xml", "/interactions.json.csv", f"/interactions/{KNOWN}.csv", "/schema.json"):
        await facade.get(path, status=404)
