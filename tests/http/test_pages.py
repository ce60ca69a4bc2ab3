"""Pages: files of ours alone, under a strict policy, nothing inline or from another host, behind any path prefix."""

import gzip
import json
import re
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from fastapi import Request
from playwright.sync_api import Browser, Page

from app.errors import NotFound
from app.http import openapi
from app.http.pages import CONTENT_TYPES, EXPLORER, EXPLORER_ASSETS, REFERENCE, REFERENCE_ASSETS, problem_page
from app.http.problems import PROBLEMS, ProblemType
from app.http.routing import Services
from app.interactions.grains import GRAINS
from app.main import create_app
from app.simulator import create_simulator
from tests.support.browser import behind, running_browser
from tests.support.facade import TENANT, Facade, facade_settings
from tests.support.serving import serve_in_thread

FOLDER = EXPLORER.path.parent
VENDORED = [FOLDER / "vendor" / name for name in ("preact", "htm")]
DOCUMENT = openapi.text(GRAINS, 10_000)
MOST_BYTES = 100 * 1024  # compressed, all that `/` loads (the bound)


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_the_vendored_files_are_the_ones_written_down(folder: Path) -> None:
    words = (folder / "VENDORED.md").read_text(encoding="utf-8")
    written = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", words, re.M))
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    del found["VENDORED.md"]
    assert found == written
    assert "LICENSE" in written
    assert re.search(r"version \d+\.\d+\.\d+", words)


def test_the_one_changed_import_is_all_that_was_changed() -> None:
    folder = FOLDER / "vendor/preact"
    hooks = (folder / "hooks.mjs").read_bytes()
    assert hooks.count(b'from"./preact.mjs"') == 1
    published = sha256(hooks.replace(b'from"./preact.mjs"', b'from"preact"')).hexdigest()
    assert f"as published is `{published}`" in (folder / "VENDORED.md").read_text(encoding="utf-8")


def test_all_that_the_page_loads_is_small() -> None:
    compressed = {name: len(gzip.compress(asset.path.read_bytes(), 6)) for name, asset in EXPLORER_ASSETS.items()}
    assert sum(compressed.values()) + len(gzip.compress(EXPLORER.path.read_bytes(), 6)) < MOST_BYTES, compressed


def test_the_page_holds_nothing_inline_and_names_all_its_parts_relatively() -> None:
    page = EXPLORER.path.read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named == {f"explorer/{name}" for name in EXPLORER_ASSETS} | {".", "interactions", "docs"}


def test_modules_import_each_other_by_relative_names_that_exist() -> None:
    importing = re.compile(r"""(?:^|\n|;)(?:im|ex)port[^'";]*?from\s*["']([^"']+)["']""")
    for name, asset in EXPLORER_ASSETS.items():
        for imported in importing.findall(asset.path.read_text(encoding="utf-8")):
            assert imported.startswith("./"), (name, imported)
            assert (asset.path.parent / imported).resolve().relative_to(FOLDER).as_posix() in EXPLORER_ASSETS


def test_nothing_of_ours_makes_markup_of_text() -> None:
    ours = [asset.path for name, asset in EXPLORER_ASSETS.items() if not name.startswith("vendor/")]
    unsafe = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|dangerouslySet")
    assert [path.name for path in ours if unsafe.search(path.read_text(encoding="utf-8"))] == []


async def test_the_page_is_served_under_the_strict_policy(facade: Facade) -> None:
    answer = await facade.get("/")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == EXPLORER.path.read_bytes()


async def test_a_page_keeps_its_policy_when_it_is_revalidated(facade: Facade) -> None:
    for path in ("/", "/docs"):
        first = await facade.get(path)
        again = await facade.get(path, headers={"If-None-Match": first.headers["etag"]}, status=304)
        assert "content-security-policy" in first.headers
        assert "content-security-policy" not in again.headers, "what a 304 names replaces what is stored"


@pytest.mark.parametrize("name", ["main.js", "styles/base.css", "favicon.svg", "vendor/preact/preact.mjs"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_a_part_is_the_file_in_each_coding_and_revalidates(facade: Facade, name: str, coding: str) -> None:
    headers = {"Accept-Encoding": coding}
    whole = await facade.get(f"/explorer/{name}", headers=headers)
    assert whole.content == EXPLORER_ASSETS[name].path.read_bytes()
    assert whole.headers["content-type"] == CONTENT_TYPES[EXPLORER_ASSETS[name].path.suffix]
    assert whole.headers["cache-control"] == "no-cache"
    again = {**headers, "If-None-Match": whole.headers["etag"]}
    assert (await facade.get(f"/explorer/{name}", headers=again, status=304)).content == b""


def test_the_document_that_the_explorer_reads_is_small() -> None:
    assert len(gzip.compress(DOCUMENT.encode(), 6)) < MOST_BYTES * 0.40, "it describes seven lists and their summaries"


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_the_document_is_sent_in_each_coding_and_revalidates(facade: Facade, coding: str) -> None:
    headers = {"Accept-Encoding": coding}
    whole = await facade.get("/openapi.json", headers=headers)
    assert whole.text == DOCUMENT
    assert whole.headers.get("content-encoding", "identity") == coding
    assert whole.headers["content-type"] == "application/json"
    assert whole.headers["cache-control"] == "max-age=300"
    assert "last-modified" not in whole.headers
    again = {**headers, "If-None-Match": whole.headers["etag"]}
    assert (await facade.get("/openapi.json", headers=again, status=304)).content == b""


@pytest.mark.parametrize("path", ["/", "/explorer/main.js", "/openapi.json"])
async def test_only_get_and_head_are_taken(facade: Facade, path: str) -> None:
    head = await facade.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    refused = await facade.client.post(path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "index.html",
        "docs.js",
        "__init__.py",
        "vendor/htm/LICENSE",
        "vendor/swagger-ui/swagger-ui.css",
        "%2e%2e/main.py",
    ],
)
async def test_no_other_file_is_served(facade: Facade, name: str) -> None:
    answer = await facade.get(f"/explorer/{name}", status=None)
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


class Markup(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.opened: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


async def explained(slug: str, accept: bytes) -> bytes:
    scope = {"type": "http", "path_params": {"slug": slug}, "headers": [(b"accept", accept)]}
    return bytes((await problem_page(Request(scope), cast("Services", None))).body)


@pytest.mark.parametrize("row", PROBLEMS, ids=lambda row: row.slug)
async def test_every_problem_is_explained_as_a_page_and_as_json(row: ProblemType) -> None:
    markup = Markup()
    markup.feed((await explained(row.slug, b"text/html")).decode())
    assert row.title in markup.text
    assert row.explanation in markup.text
    assert not {"script", "style"} & set(markup.opened)
    assert not any(name == "style" or name.startswith("on") for name in markup.attributes)
    described = json.loads(await explained(row.slug, b"*/*"))
    assert (described["type"], described["status"]) == (f"/problems/{row.slug}", row.status)
    assert (described["explanation"], described["retryable"]) == (row.explanation, row.retryable)


@pytest.mark.parametrize("accept", [b"text/html", b"*/*"])
async def test_an_unknown_problem_is_not_found(accept: bytes) -> None:
    with pytest.raises(NotFound):
        await explained("<b>", accept)


SWAGGER_UI = FOLDER / "vendor" / "swagger-ui"
HOST = "reference.test"  # a name, not loopback: Swagger UI holds some of its calls to other hosts back on loopback


def test_the_files_of_the_reference_are_the_ones_written_down() -> None:
    written = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (SWAGGER_UI / "VENDORED.md").read_text(), re.M))
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in SWAGGER_UI.iterdir()}
    del found["VENDORED.md"]
    assert found == written


def test_the_reference_holds_nothing_inline_and_names_only_its_own_parts() -> None:
    page = REFERENCE.path.read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named == {f"docs/assets/{name}" for name in REFERENCE_ASSETS} | {"openapi.json"}


async def test_the_reference_is_served_under_the_strict_policy(facade: Facade) -> None:
    answer = await facade.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.content == REFERENCE.path.read_bytes()


@pytest.mark.parametrize("name", REFERENCE_ASSETS)
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_a_part_of_the_reference_is_the_file_in_each_coding_and_revalidates(
    facade: Facade, name: str, coding: str
) -> None:
    headers = {"Accept-Encoding": coding}
    whole = await facade.get(f"/docs/assets/{name}", headers=headers)
    assert whole.content == REFERENCE_ASSETS[name].path.read_bytes()
    assert whole.headers["content-type"] == CONTENT_TYPES[REFERENCE_ASSETS[name].path.suffix]
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
async def test_the_reference_takes_get_and_head_only(facade: Facade, path: str) -> None:
    head = await facade.client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] != "0"
    refused = await facade.client.post(path)
    assert refused.status_code == 405
    assert refused.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("name", ["LICENSE", "docs.html", "__init__.py", "%2e%2e", "vendor/swagger-ui/NOTICE"])
async def test_no_other_file_is_served_beside_the_reference(facade: Facade, name: str) -> None:
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
def tab(browser: Browser) -> Iterator[Page]:
    """A fresh page that remembers nothing of the others."""
    context = browser.new_context()
    context.set_default_timeout(60_000)  # milliseconds; rendering takes its time on a busy machine
    yield context.new_page()
    context.close()


@pytest.mark.timeout(180)
def test_the_reference_renders_every_operation_and_asks_no_other_host(tab: Page, address: str) -> None:
    requests, complaints = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    with tab.expect_response("**/openapi.json") as told:
        tab.goto(f"{address}/docs")
    document = told.value.json()
    tab.locator(".opblock").nth(len(document["paths"]) - 1).wait_for()
    shown = tab.locator(".opblock-summary-path").evaluate_all("all => all.map(one => one.dataset.path)")
    assert sorted(shown) == sorted(document["paths"])
    assert complaints == []
    assert [url for url in requests if not url.startswith(f"{address}/")] == []


@pytest.mark.timeout(180)
def test_the_reference_is_dark_where_that_is_preferred_and_follows_a_change(browser: Browser, address: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{address}/docs")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(28, 32, 34)"
    page.emulate_media(color_scheme="light")
    page.locator("html:not(.dark-mode)").wait_for(state="attached")
    assert page.evaluate(background) == "rgba(0, 0, 0, 0)"
    page.close()


@pytest.mark.timeout(180)
def test_the_first_try_answers_with_the_documented_interaction(tab: Page, address: str) -> None:
    tab.goto(f"{address}/docs#/interactions/listInteractions")
    operation = tab.locator("#operations-interactions-listInteractions")
    with tab.expect_response(f"{address}/interactions?*") as answered:
        operation.locator("button.execute").press("Enter")
    assert answered.value.status == 200
    rows = answered.value.json()["items"]
    assert [row["interaction_id"] for row in rows] == ["c506eb9b-f523-4616-8839-fbce3fd89c17"]
    assert [name for name in GRAINS["interactions"].columns if name not in rows[0]] == []
    operation.locator(".live-responses-table").wait_for()
