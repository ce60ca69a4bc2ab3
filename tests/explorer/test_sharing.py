"""The same question elsewhere: files, and text in five languages that works as it is copied."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.explorer.conftest import Explorer, Place, fetched, served
from tests.support.keys import given, write
from tests.support.node import run, with_packages

pytestmark = pytest.mark.timeout(180)

ODD = """O'Brien & "Sons", 100% #1 + ünï\\"""
FIELDS = ["interaction_id", "queue", "started_at", "is_sla_met"]
ASKED = "interaction_id,queue:first_queue_name,started_at,is_sla_met"
QUESTION = [("attr", ODD), ("attr_name", "odd"), ("fields", ASKED)]


@pytest.fixture(scope="module")
def odd() -> Iterator[tuple[Place, set[str]]]:
    """A façade in front of three interactions with an attribute that is hard to quote, and their ids."""
    with served() as place:
        yield place, set(place.control("POST", "/insert", n=3, name="odd", value=ODD)["ids"])


@pytest.fixture
def snippets(odd: tuple[Place, set[str]], explore: Callable[..., Explorer]) -> dict[str, str]:
    """Every text that the page offers for QUESTION."""
    explorer = explore(odd[0]).open(f"?{urlencode(QUESTION, quote_via=quote)}")
    explorer.says("3 interactions")
    return copied_from(explorer)


def copied_from(explorer: Explorer) -> dict[str, str]:
    """Every text that the page offers, as the clipboard has it."""
    explorer.page.get_by_role("button", name="Use elsewhere").click()
    dialog = explorer.page.get_by_role("dialog")
    copied: dict[str, str] = {}
    tabs = dialog.get_by_role("tab")
    tabs.first.wait_for()
    for tab in tabs.all():
        tab.click()
        dialog.get_by_role("button", name="Copy").click()
        dialog.get_by_text("Copied").wait_for()
        copied[tab.inner_text()] = explorer.page.evaluate("navigator.clipboard.readText()")
        assert copied[tab.inner_text()] == dialog.locator("pre").text_content()
    return copied


def ids(text: str) -> set[str]:
    """The ids in a CSV whose header is FIELDS."""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == FIELDS
    return {row["interaction_id"] for row in rows}


def test_every_text_works_as_it_is_copied(
    odd: tuple[Place, set[str]], snippets: dict[str, str], tmp_path: Path, typescript: Path
) -> None:
    place, wanted = odd
    assert set(snippets) == {"curl", "Python", "Power Query", "Grafana", "TypeScript"}
    assert _by_curl(snippets["curl"]) == wanted
    assert _by_python(snippets["Python"], tmp_path) == wanted
    assert _ids(fetched(_asked_by_power_query(snippets["Power Query"], place))) == wanted
    assert ids(fetched(_asked_by_grafana(snippets["Grafana"], place))) == wanted
    assert _by_typescript(snippets["TypeScript"], typescript) == "3 rows"


COLUMNS = [
    "interval_start", "interval_seconds", "queue_name",
    "offered_count", "abandon_rate", "service_level", "average_speed_of_answer_seconds",
]  # fmt: skip


def test_every_text_asks_for_the_summary_too(
    odd: tuple[Place, set[str]], explore: Callable[..., Explorer], tmp_path: Path, typescript: Path
) -> None:
    (place, _), asked = odd, {"attr": f"{ODD} and queued"}
    place.control("POST", "/insert", n=3, name="odd", value=asked["attr"], start="2026-11-01T12:00:00Z")
    explorer = explore(place).open(f"?{urlencode(asked, quote_via=quote)}#overview")
    explorer.page.locator(".tiles").wait_for()
    texts = copied_from(explorer)
    summary = f"{place.url}/queue-entries/summary?{urlencode(asked)}&interval=hour&by=queue_name"
    wanted = json.loads(fetched(f"{summary}&measures={','.join(COLUMNS[3:])}"))["items"]
    assert [*wanted[0]] == COLUMNS
    assert json.loads(_run("sh", "-c", texts["curl"]).stdout)["items"] == wanted
    script = tmp_path / "snippet.py"
    script.write_text(f"{texts['Python']}\nprint(rows.dtypes['interval_start'].kind, len(rows), list(rows))\n")
    assert f"M {len(wanted)} {COLUMNS}" in _run(sys.executable, str(script)).stdout
    base, path, query, columns, types = _of_power_query(texts["Power Query"])
    assert columns == COLUMNS
    assert (base, types[0], len(types)) == (f"{place.url}/", ("interval_start", "type datetimezone"), 6)
    assert json.loads(fetched(f"{base}{path}?{urlencode(query)}"))["items"] == wanted
    panel: dict[str, Any] = json.loads(texts["Grafana"])
    params = urlencode([(one["key"], one["value"]) for one in panel["url_options"]["params"]])
    assert fetched(f"{panel['url']}?{params}").splitlines()[0] == ",".join(COLUMNS)
    assert [one["type"] for one in panel["columns"]] == ["timestamp", "number", "string", *["number"] * 4]
    assert _by_typescript(texts["TypeScript"], typescript) == f"{len(wanted)} rows"
    dialog = explorer.page.get_by_role("dialog")
    expect(dialog.locator(".above")).to_contain_text("One answer, of all groups")
    dialog.get_by_label("As").select_option("Rows")
    expect(dialog.locator("pre")).not_to_contain_text("summary")


def _by_curl(text: str, **variables: str) -> set[str]:
    return _ids(_run("sh", "-c", text, **variables).stdout)


def _ids(answer: str) -> set[str]:
    return {row["interaction_id"] for row in json.loads(answer)["items"]}


def _run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)


def _by_python(text: str, folder: Path, **variables: str) -> set[str]:
    script = folder / "snippet.py"
    checked = "assert str(rows['started_at'].dtype).startswith('datetime64')\nprint(rows.to_csv(index=False))"
    script.write_text(f"{text}\n{checked}\n")
    done = _run(sys.executable, str(script), **variables)
    return ids(done.stdout[done.stdout.index(",".join(FIELDS)) :])


def _asked_by_power_query(text: str, place: Place) -> str:
    """The URL that the M expression asks, read from its literals; the columns it types are those of the answer."""
    base, path, pairs, columns, types = _of_power_query(text)
    assert pairs[: len(QUESTION)] == QUESTION
    assert columns == FIELDS
    assert types == [("started_at", "type datetimezone"), ("is_sla_met", "type logical")]
    assert base == f"{place.url}/"
    return f"{base}{path}?{urlencode(pairs)}"


class MExpression(NamedTuple):
    base: str
    path: str
    query: list[tuple[str, str]]
    columns: list[str]
    types: list[tuple[str, str]]


def _of_power_query(text: str) -> MExpression:
    base, path, query = (
        re.search(pattern, text)[1]  # type: ignore[index]  # a missing part fails the test
        for pattern in (r'Web\.Contents\("([^"]*)"', r'RelativePath = "([^"]*)"', r"Query = \[(.*)\]")
    )
    literal = r'"((?:[^"]|"")*)"'
    return MExpression(
        base,
        path,
        [(_of_m(name), _of_m(value)) for name, value in re.findall(rf"#{literal} = {literal}", query)],
        re.findall(literal, text.partition("FromRecords")[2].partition("}")[0]),
        re.findall(rf"\{{{literal}, ([\w. ]+)\}}", text),
    )


def _of_m(text: str) -> str:
    return text.replace('""', '"').replace("#(#)", "#")


def _asked_by_grafana(text: str, place: Place) -> str:
    query: dict[str, Any] = json.loads(text)
    assert (query["type"], query["source"], query["url"]) == ("csv", "url", f"{place.url}/interactions.csv")
    assert [column["selector"] for column in query["columns"]] == FIELDS
    assert [column["type"] for column in query["columns"]] == ["string", "string", "timestamp", "boolean"]
    return f"{query['url']}?{urlencode([(one['key'], one['value']) for one in query['url_options']['params']])}"


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the compiler that tests/typescript pins."""
    project = with_packages(tmp_path_factory.mktemp("snippet"), "the TypeScript offered is not tried")
    (project / "example.ts").unlink()
    return project


def _by_typescript(text: str, project: Path) -> str:
    (project / "snippet.ts").write_text(f"{text}\nexport {{}};\n")
    compiled = run(project, "node_modules/.bin/tsc")
    assert (compiled.returncode, compiled.stdout) == (0, "")
    done = run(project, "node", "out/snippet.js")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def cramped() -> Iterator[tuple[Place, set[str]]]:
    """A façade of whose three interactions one answer holds two, and their ids."""
    with served(max_rows=2) as place:
        yield place, set(place.control("POST", "/insert", n=3, name="odd", value=ODD)["ids"])


def test_where_one_answer_cannot_hold_all_the_texts_read_on_or_say_so(
    cramped: tuple[Place, set[str]], explore: Callable[..., Explorer], tmp_path: Path, typescript: Path
) -> None:
    place, wanted = cramped
    explorer = explore(place).open(f"?{urlencode(QUESTION, quote_via=quote)}")
    explorer.says("3 interactions")
    copied = copied_from(explorer)
    assert _by_python(copied["Python"], tmp_path) == wanted
    assert _by_typescript(copied["TypeScript"], typescript) == "3 rows"
    assert "if Answer[next_cursor] = null and not Answer[meta][truncated]" in copied["Power Query"]
    answer = json.loads(fetched(_asked_by_power_query(copied["Power Query"], place)))
    assert answer["next_cursor"], "it would be an error there"
    assert len(ids(fetched(_asked_by_grafana(copied["Grafana"], place)))) == 2
    dialog = explorer.page.get_by_role("dialog")
    for name, words in (
        ("curl", "The first 2 rows; next in the answer leads on."),
        ("Python", "It follows every page of one snapshot."),
        (
            "Power Query",
            "One answer, of 2 rows at most; 3 match: narrow from and to. Where rows are left it is an error.",
        ),
        ("Grafana", "One answer, of 2 rows at most; 3 match: narrow from and to. It is whole where no Link header"),
        ("TypeScript", "It follows every page of one snapshot."),
    ):
        dialog.get_by_role("tab", name=name).click()
        expect(dialog.locator(".above")).to_contain_text(words)
        expect(dialog.locator(".above")).to_contain_text("from (included) to (excluded)")
    explorer.page.keyboard.press("Escape")
    explorer.page.get_by_text("Download", exact=True).click()
    expect(explorer.page.locator(".menu .bound")).to_have_text("CSV and NDJSON hold all 3 rows; JSON 2 at most.")
    with explorer.page.expect_download() as loading:
        explorer.page.get_by_role("link", name="NDJSON").click()
    assert len(loading.value.path().read_text(encoding="utf-8").splitlines()) == 3


def test_files_bring_the_whole_question(
    odd: tuple[Place, set[str]], explore: Callable[..., Explorer], tmp_path: Path
) -> None:
    explorer = explore(odd[0]).open(f"?{urlencode(QUESTION, quote_via=quote)}")
    explorer.says("3 interactions")
    files: dict[str, str] = {}
    for words in ("CSV RFC", "CSV for Excel", "NDJSON", "JSON with"):
        explorer.page.get_by_text("Download", exact=True).click()
        with explorer.page.expect_download() as loading:
            explorer.page.get_by_role("link", name=words).click()
        saved = tmp_path / loading.value.suggested_filename
        loading.value.save_as(saved)
        files[words] = saved.read_text(encoding="utf-8")
        assert re.fullmatch(r"interactions-\d{8}T\d{6}Z.*\.(csv|ndjson|json)", saved.name)
        explorer.page.get_by_text("Download", exact=True).click()
    assert ids(files["CSV RFC"]) == odd[1]
    assert files["CSV for Excel"].startswith("\ufeff")
    assert {json.loads(line)["interaction_id"] for line in files["NDJSON"].splitlines()} == odd[1]
    assert {row["interaction_id"] for row in json.loads(files["JSON with"])["items"]} == odd[1]


def test_texts_name_the_place_they_were_copied_at_and_no_other(
    snippets: dict[str, str], odd: tuple[Place, set[str]]
) -> None:
    for text in snippets.values():
        named = {urlsplit(url).netloc for url in re.findall(r"https?://[^\s\"'/]+", text)}
        assert named == {urlsplit(odd[0].url).netloc}
    assert not any("CXF_KEY" in text for text in snippets.values())


def test_with_a_key_files_and_texts_work_and_none_holds_it(
    explore: Callable[..., Explorer], tmp_path: Path, typescript: Path
) -> None:
    reader = given("reader", "read")
    with served(client_keys_file=str(write(tmp_path / "keys.json", reader))) as place:
        wanted = set(place.control("POST", "/insert", n=3, name="odd", value=ODD)["ids"])
        explorer = explore(place).open(f"?{urlencode(QUESTION, quote_via=quote)}")
        explorer.page.get_by_role("button", name="Enter a key").click()
        explorer.page.get_by_role("dialog").get_by_label("Key").fill(reader.secret)
        explorer.page.get_by_role("button", name="Use this key").click()
        explorer.says("3 interactions")
        explorer.page.get_by_text("Download", exact=True).click()
        with explorer.page.expect_download() as loading:
            explorer.page.get_by_role("link", name="CSV RFC").click()
        assert ids(loading.value.path().read_text(encoding="utf-8")) == wanted
        assert loading.value.suggested_filename.endswith(".csv")
        texts = copied_from(explorer)
        assert not any(reader.secret in text for text in texts.values())
        assert _by_curl(texts["curl"], CXF_KEY=reader.secret) == wanted
        assert _by_python(texts["Python"], tmp_path, CXF_KEY=reader.secret) == wanted
        filled = texts["TypeScript"].replace('const key = ""', f'const key = "{reader.secret}"')
        assert _by_typescript(filled, typescript) == "3 rows"
        assert 'Headers = [#"X-API-Key" = CXF_KEY]' in texts["Power Query"]
        assert json.loads(texts["Grafana"])["url_options"]["headers"] == [{"key": "X-API-Key", "value": "${CXF_KEY}"}]
