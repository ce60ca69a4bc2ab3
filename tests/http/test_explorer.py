"""The explorer's files: served as they are under a strict policy, small, and others' as written down."""

import gzip
import re
from hashlib import sha256
from pathlib import Path

import pytest

from app.http.explorer import ASSETS, PAGE
from tests.support.facade import Facade

FOLDER = PAGE.path.parent
VENDORED = [FOLDER / "vendor" / name for name in ("preact", "htm", "uplot")]
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
    compressed = {name: len(gzip.compress(asset.path.read_bytes(), 6)) for name, asset in ASSETS.items()}
    assert sum(compressed.values()) + len(gzip.compress(PAGE.path.read_bytes(), 6)) < MOST_BYTES, compressed


def test_the_page_holds_nothing_inline_and_names_all_its_parts_relatively() -> None:
    page = PAGE.path.read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == []
    named = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert named == {f"explorer/{name}" for name in ASSETS} | {".", "interactions", "docs"}


def test_modules_import_each_other_by_relative_names_that_exist() -> None:
    importing = re.compile(r"""(?:^|\n|;)(?:im|ex)port[^'";]*?from\s*["']([^"']+)["']""")
    for name, asset in ASSETS.items():
        for imported in importing.findall(asset.path.read_text(encoding="utf-8")):
            assert imported.startswith("./"), (name, imported)
            assert (asset.path.parent / imported).resolve().relative_to(FOLDER).as_posix() in ASSETS


def test_nothing_of_ours_makes_markup_of_text() -> None:
    ours = [asset.path for name, asset in ASSETS.items() if not name.startswith("vendor/")]
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
    assert answer.content == PAGE.path.read_bytes()


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
    assert whole.content == ASSETS[name].path.read_bytes()
    assert whole.headers["content-type"] == ASSETS[name].content_type
    assert whole.headers["cache-control"] == "no-cache"
    again = {**headers, "If-None-Match": whole.headers["etag"]}
    assert (await facade.get(f"/explorer/{name}", headers=again, status=304)).content == b""


@pytest.mark.parametrize("path", ["/", "/explorer/main.js"])
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
