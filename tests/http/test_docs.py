"""The API reference works from our own files alone: nothing inline, nothing from another host, also behind a prefix."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from app.http.docs import ASSETS, PAGE
from app.interactions.columns import COLUMNS
from app.main import create_app
from app.simulator import create_simulator
from tests.support.browser import behind, running_browser
from tests.support.facade import TENANT, Facade, facade_settings
from tests.support.serving import serve_in_thread

VENDORED = Path(__file__).parents[2] / "app/explorer/vendor/swagger-ui"
HOST = "reference.test"  # a name, not loopback: Swagger UI holds some of its calls to other hosts back on loopback


def test_the_vendored_files_are_the_ones_written_down() -> None:
    written = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (VENDORED / "VENDORED.md").read_text(), re.M))
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in VENDORED.iterdir()}
    del found["VENDORED.md"]
    assert found == written


def test_the_page_holds_nothing_inline_and_names_only_its_own_parts() -> None:
    page = PAGE.path.read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named == {f"docs/assets/{name}" for name in ASSETS} | {"openapi.json"}


async def test_the_page_is_served_under_the_strict_policy(facade: Facade) -> None:
    answer = await facade.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.content == PAGE.path.read_bytes()


@pytest.mark.parametrize("name", ASSETS)
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_a_part_is_the_file_in_each_coding_and_revalidates(facade: Facade, name: str, coding: str) -> None:
    headers = {"Accept-Encoding": coding}
    whole = await facade.get(f"/docs/assets/{name}", headers=headers)
    assert whole.content == ASSETS[name].path.read_bytes()
    assert whole.headers["content-type"] == ASSETS[name].content_type
    assert "max-age" in whole.headers["cache-control"]
    assert whole.headers["vary"] == "Accept-Encoding"
    again = {**headers, "If-None-Match": whole.headers["etag"]}
    assert (await facade.get(f"/docs/assets/{name}", headers=again, status=304)).content == b""


async def test_each_coding_of_a_part_has_its_own_tag(facade: Facade) -> None:
    responses = [
        await facade.get("/docs/assets/swagger-ui.css", headers={"Accept-Encoding": coding})
        for coding in ("identity", "gzip", "zstd")
    ]
    assert len({answer.headers["etag"] for answer in responses}) == 3
    assert [answer.headers.get("content-encoding") for answer in responses] == [None, "gzip", "zstd"]


@pytest.mark.parametrize("path", ["/docs", "/docs/assets/docs.js"])
async def test_only_get_and_head_are_taken(facade: Facade, path: str) -> None:
    head = await facade.client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] != "0"
    refused = await facade.client.post(path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("name", ["LICENSE", "docs.html", "__init__.py", "%2e%2e", "vendor/swagger-ui/NOTICE"])
async def test_no_other_file_is_served(facade: Facade, name: str) -> None:
    answer = await facade.get(f"/docs/assets/{name}", status=None)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium that reaches this machine alone."""
    with running_browser("the reference is not looked at", HOST) as running:
        yield running


@pytest.fixture(params=["", "/call-centre"], ids=["at the root", "behind a prefix"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a façade is served, by a name, with and without a path prefix; it blocks no loop of the test's."""
    prefix: str = request.param
    with serve_in_thread(create_simulator(TENANT)) as upstream:
        app = create_app(facade_settings(upstream, allowed_hosts=HOST))
        with serve_in_thread(behind(prefix, app) if prefix else app) as url:
            yield f"http://{HOST}:{urlsplit(url).port}{prefix}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page that remembers nothing of the others."""
    context = browser.new_context()
    context.set_default_timeout(60_000)  # milliseconds; rendering takes its time on a busy machine
    yield context.new_page()
    context.close()


@pytest.mark.timeout(180)
def test_the_reference_renders_every_operation_and_asks_no_other_host(page: Page, address: str) -> None:
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with page.expect_response("**/openapi.json") as told:
        page.goto(f"{address}/docs")
    document = told.value.json()
    page.locator(".opblock").nth(len(document["paths"]) - 1).wait_for()
    shown = page.locator(".opblock-summary-path").evaluate_all("all => all.map(one => one.dataset.path)")
    assert sorted(shown) == sorted(document["paths"])
    assert complaints == []
    assert [url for url in requests if not url.startswith(f"{address}/")] == []


@pytest.mark.timeout(180)
def test_the_first_try_answers_with_the_documented_interaction(page: Page, address: str) -> None:
    page.goto(f"{address}/docs#/interactions/listInteractions")
    operation = page.locator("#operations-interactions-listInteractions")
    with page.expect_response(f"{address}/interactions?*") as answered:
        operation.locator("button.execute").click()
    assert answered.value.status == 200
    rows = answered.value.json()["items"]
    assert [row["interaction_id"] for row in rows] == ["c506eb9b-f523-4616-8839-fbce3fd89c17"]
    assert [column.name for column in COLUMNS if column.name not in rows[0]] == []
    operation.locator(".live-responses-table").wait_for()
