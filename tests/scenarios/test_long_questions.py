"""Questions too long for a URL: QUERY and POST with a form ask as GET does, and share what is stored with it."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from app.http.search import FORM, LONGEST_BODY
from app.interactions.grains import GRAINS, Grain
from tests.scenarios.walking import upstream_ids
from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.keys import given, write
from tests.support.simulator import Simulator

Pair = tuple[str, str]
SENT = {"content-type": FORM}
BY: dict[str, tuple[str, str]] = {"QUERY": ("QUERY", ""), "POST": ("POST", "/search")}
LIST = (("attr", "SIM-2500"), ("limit", "5"))
MANY = [("attr_any", f"nobody-has-{number}") for number in range(60)]


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """A façade whose anonymous clients may read every list."""
    async with running_facade(simulator, clock=clock.clock, anonymous_scopes="read,notes:read") as running:
        yield running


@pytest.fixture(params=BY)
def by(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The method, and the end of the path that takes it."""
    return BY[request.param]


async def ask(
    facade: Facade, by: tuple[str, str], path: str, pairs: Iterable[Pair], *, status: int = 200, **headers: str
) -> httpx.Response:
    sent = {**SENT, **{name.replace("_", "-"): value for name, value in headers.items()}}
    method, end = by
    answer = await facade.client.request(method, path + end, content=urlencode([*pairs]), headers=sent)
    assert answer.status_code == status, answer.text
    return answer


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
async def test_every_list_and_summary_answers_as_get_does_from_what_is_stored_for_it(
    facade: Facade, simulator: Simulator, by: tuple[str, str], grain: Grain
) -> None:
    for path, pairs in ((grain.path, LIST), (grain.summary_path, (("attr", "SIM-ABANDON"), ("by", "direction")))):
        asked = await ask(facade, by, path, pairs)
        calls = len(simulator.calls())
        plain = await facade.get(path, *pairs)
        assert plain.content == asked.content
        assert plain.headers["etag"] == asked.headers["etag"]
        assert "hit" in plain.headers["cache-status"]
        assert len(simulator.calls()) == calls
        same = await ask(facade, by, path, pairs, status=304, if_none_match=asked.headers["etag"])
        assert same.headers["cache-control"] == plain.headers["cache-control"]


async def test_formats_streams_and_codings_are_those_of_get(facade: Facade, by: tuple[str, str]) -> None:
    for more in ((("format", "csv"),), (("format", "ndjson"), ("limit", "all")), (("shape", "columns"),)):
        pairs = (LIST[0], *more)
        plain = await facade.get("/interactions", *pairs)
        for coding in ("identity", "gzip", "zstd"):
            asked = await ask(facade, by, "/interactions", pairs, accept_encoding=coding)
            assert asked.content == plain.content
            assert asked.headers["content-type"] == plain.headers["content-type"]
    accepted = await ask(facade, by, "/interactions", LIST, accept="text/csv")
    assert accepted.headers["content-type"].startswith("text/csv")


async def test_a_walk_goes_on_by_the_link_where_a_url_is_long_enough(facade: Facade, by: tuple[str, str]) -> None:
    first = await ask(facade, by, "/interactions", LIST)
    assert first.links["next"]["url"] == first.json()["next"]
    following = await facade.get(first.json()["next"])
    again = await ask(facade, by, "/interactions", [*LIST, ("cursor", first.json()["next_cursor"])])
    assert again.json() == following.json()
    assert not {*map(str, first.json()["items"])} & {*map(str, again.json()["items"])}


async def test_a_long_question_finds_what_any_of_its_values_finds_page_by_page(
    facade: Facade, simulator: Simulator, by: tuple[str, str]
) -> None:
    pairs, found, cursor = [*MANY, ("attr_any", "SIM-2500"), ("limit", "1000")], list[str](), None
    assert (await facade.get("/interactions", *pairs, status=400)).json()["errors"][0]["parameter"] == "attr_any"
    while True:
        page = await ask(facade, by, "/interactions", [*pairs, *([("cursor", cursor)] if cursor else [])])
        found += [row["interaction_id"] for row in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        assert page.json()["next"] is None
        assert "next" not in page.links
        assert page.headers["x-truncated"] == "false"
        if cursor is None:
            break
    assert found == upstream_ids(simulator, value="SIM-2500")
    assert len(found) == 2500
    cut = await ask(facade, by, "/interactions", [*pairs, ("format", "csv")])
    assert cut.headers["x-truncated"] == "true", "no link tells where it goes on"


@pytest.mark.parametrize(
    ("pairs", "parameter"),
    [
        ([("attr_any", str(number)) for number in range(1001)], ""),
        ([("attr", str(number)) for number in range(21)], "attr"),
        ([("attribute-value", "1")], "attribute-value"),
    ],
)
async def test_faults_are_told_as_for_get(
    facade: Facade, simulator: Simulator, by: tuple[str, str], pairs: list[Pair], parameter: str
) -> None:
    answer = await ask(facade, by, "/interactions", pairs, status=400)
    assert answer.json()["errors"][0]["parameter"] == parameter
    assert simulator.calls() == []


@pytest.mark.parametrize(
    "case",
    [
        (b'{"attr": "1"}', {"content-type": "application/json"}, "", 415, "unsupported-media-type"),
        (b"attr=1", {"content-type": "text/plain"}, "", 415, "unsupported-media-type"),
        (b"attr=1", {}, "", 415, "unsupported-media-type"),
        (b"attr=1", {**SENT, "content-encoding": "gzip"}, "", 415, "unsupported-media-type"),
        (b"attr=1", SENT, "?limit=5", 400, "bad-request"),
        (b"attr=%ff", SENT, "", 400, "invalid-parameter"),
        (b"attr=%", SENT, "", 400, "invalid-parameter"),
        (b"attr=\xc3\xa9", SENT, "", 400, "invalid-parameter"),
        (b"api_key=x", SENT, "", 400, "key-in-query"),
        (b"attr=" + LONGEST_BODY * b"x", SENT, "", 413, "body-too-large"),
    ],
)
async def test_a_body_that_is_no_question_is_refused(
    facade: Facade, simulator: Simulator, by: tuple[str, str], case: tuple[bytes, dict[str, str], str, int, str]
) -> None:
    (method, end), (body, headers, query, status, code) = by, case
    answer = await facade.client.request(method, f"/interactions{end}{query}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "query string" not in answer.json()["detail"] or query
    assert answer.headers.get("accept-query") == (FORM if status == 415 else None)
    assert simulator.calls() == []


async def test_each_path_takes_its_methods_alone(facade: Facade) -> None:
    for method, path, allowed in (
        ("POST", "/interactions", "GET, HEAD, QUERY"),
        ("QUERY", "/agent-legs/search", "POST"),
        ("QUERY", "/schema", "GET, HEAD"),
        ("QUERY", "/cache/purge", "POST"),
    ):
        answer = await facade.client.request(method, path, content="", headers=SENT)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_a_part_may_be_asked_for_by_query_and_not_by_post(facade: Facade) -> None:
    pairs, plain, first = [*LIST, ("format", "csv")], "identity", "bytes=0-9"
    part = await ask(facade, BY["QUERY"], "/interactions", pairs, status=206, accept_encoding=plain, range=first)
    whole = await ask(facade, BY["POST"], "/interactions", pairs, accept_encoding=plain, range=first)
    assert part.content == whole.content[:10]
    assert whole.headers["accept-ranges"] == "none"


async def test_it_is_counted_logged_and_charged_as_get_and_nothing_tells_its_body(
    simulator: Simulator,
    clock: HandClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    by: tuple[str, str],
) -> None:
    key = given("asker", "read", quota=6)
    keys = write(tmp_path / "keys.json", key)
    async with running_facade(simulator, clock=clock.clock, client_keys_file=keys) as facade:
        asked = [await ask(facade, by, "/interactions", LIST, x_api_key=key.secret) for _ in range(6)]
        left = [answer.headers["ratelimit"] for answer in asked]
        assert [one.partition(";t=")[0] for one in left] == [f'"key";r={number}' for number in range(5, -1, -1)]
        await ask(facade, by, "/interactions", LIST, status=429, x_api_key=key.secret)
        told = facade.services.metrics.exposition().decode()
    route = f"/interactions{by[1]}"
    assert f'cxfacade_requests_total{{route="{route}",status="200"}} 6.0' in told
    lines = [one.getMessage() for one in caplog.records if one.name == "cxfacade.access"]
    assert any(f"{by[0]} {route} 200" in line for line in lines)
    assert "SIM-2500" not in told + "".join(lines)
