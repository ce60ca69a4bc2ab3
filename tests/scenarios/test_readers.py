"""Everyday readers get the same rows from every format, through URLs and downloaded files."""

import csv
import io
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.simulator.arrivals import STRANGE_VALUES
from tests.scenarios.reading import READERS, TOLD, Row, Source, Types, plain, told
from tests.support.facade import facade_in_thread

EXTENSIONS = ("json", "ndjson", "csv")
QUERY = "attr_name=reference&limit=1000"


def curl(*arguments: str) -> bytes:
    """What curl prints; it must succeed."""
    command = ["curl", "--silent", "--show-error", "--fail", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=20).stdout


def fetched(url: str) -> Any:
    """The JSON at a URL."""
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A façade whose rows have attributes with all the values of S8."""
    with facade_in_thread(attributes=("reference", "accountNumber", "orderNumber")) as address:
        yield address


@pytest.fixture(scope="module")
def types(url: str) -> Types:
    """The columns and their types, as /schema declares them."""
    return {column["name"]: column["type"] for column in fetched(f"{url}/schema")["columns"]}


@pytest.fixture(scope="module")
def source(url: str, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """The same rows under every extension, by URL and as files that curl downloaded."""
    folder = tmp_path_factory.mktemp("downloads")

    def address(extension: str) -> str:
        shape = "&shape=records" if extension == "json" else ""
        return f"{url}/interactions.{extension}?{QUERY}{shape}"

    for extension in EXTENSIONS:
        curl("--output", str(folder / f"rows.{extension}"), address(extension))
    return Source(address, lambda extension: folder / f"rows.{extension}")


@pytest.fixture(scope="module")
def rows(source: Source) -> list[Row]:
    """The rows as JSON holds them."""
    found: list[Row] = fetched(source.address("json"))
    return found


def test_the_rows_hold_nulls_and_every_strange_value(rows: list[Row], types: Types) -> None:
    assert {row["attr_reference"] for row in rows} >= set(STRANGE_VALUES)
    nulls = {name for row in rows for name, value in row.items() if value is None}
    assert nulls >= {"first_queue_name", "disposition_name", "csat_score", "customer"}
    assert [list(row) for row in rows] == [list(types)] * len(rows)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_gets_the_values_of_the_json(reader: str, source: Source, rows: list[Row], types: Types) -> None:
    assert plain(READERS[reader](source, types)) == rows


@pytest.mark.parametrize("extension", ["csv", "ndjson"])
def test_a_reader_that_is_told_nothing_finds_the_declared_types(
    extension: str, source: Source, rows: list[Row], types: Types
) -> None:
    """Types that text cannot show, as of digits that are a name, are the schema's to tell."""
    url = source.address(extension)
    guess = pl.read_csv if extension == "csv" else pl.read_ndjson
    guessed = guess(url, infer_schema_length=None).schema
    filled = {name for name in types if any(row[name] is not None for row in rows)}
    numeric = {name for name in filled if types[name] in ("int", "float", "bool")}
    assert {name: guessed[name] for name in numeric} == {name: TOLD[types[name]].polars for name in numeric}
    texts = filled - numeric - {"attr_accountnumber", "attr_ordernumber"}
    assert {guessed[name] for name in texts} == {pl.String()}


def test_json_values_have_the_declared_types(rows: list[Row], types: Types) -> None:
    wanted = {"int": int, "float": float, "bool": bool}
    wrong = {
        name: value
        for row in rows
        for name, value in row.items()
        if value is not None and type(value) is not wanted.get(types[name], str)
    }
    assert wrong == {}


def test_the_shapes_of_json_hold_the_same_values(url: str, rows: list[Row], types: Types) -> None:
    envelope = fetched(f"{url}/interactions?{QUERY}")
    assert envelope["items"] == rows
    assert envelope["meta"]["count"] == envelope["meta"]["total"] == len(rows)
    assert fetched(f"{url}/interactions?{QUERY}&shape=columns") == {name: [row[name] for row in rows] for name in types}


def test_csv_for_spreadsheets_differs_by_its_mark_and_the_guard_of_formulas_alone(
    source: Source, rows: list[Row]
) -> None:
    text = curl(source.address("csv") + "&csv=excel").decode()
    assert text[0] == "\ufeff"
    starts = ("=", "+", "-", "@")
    values = [row["attr_reference"] or "" for row in rows]
    guarded = ["'" + value if value.startswith(starts) else value for value in values]
    assert guarded != values
    assert [row["attr_reference"] for row in csv.DictReader(io.StringIO(text[1:], newline=""))] == guarded


def test_a_scan_reads_one_column_and_some_rows(source: Source, types: Types, rows: list[Row]) -> None:
    scan = pl.scan_csv(source.address("csv"), schema_overrides=told(types, "polars"))
    picked = scan.filter(pl.col("is_abandoned")).select("interaction_id").collect().to_series().to_list()
    assert picked == [row["interaction_id"] for row in rows if row["is_abandoned"]]


def test_curl_gets_the_same_bytes_whole_compressed_and_resumed(source: Source, tmp_path: Path) -> None:
    whole = source.files("csv").read_bytes()
    assert curl("--compressed", source.address("csv")) == whole
    part = tmp_path / "part.csv"
    part.write_bytes(whole[:1000])
    curl("--continue-at", "-", "--output", str(part), source.address("csv"))
    assert part.read_bytes() == whole
    head = curl("--head", source.address("csv")).decode().lower()
    assert f"content-length: {len(whole)}\r\n" in head
    assert "accept-ranges: bytes\r\n" in head


def test_curl_saves_a_download_under_a_telling_name(source: Source, tmp_path: Path) -> None:
    url = source.address("csv") + "&download=1"
    curl("--remote-name", "--remote-header-name", "--output-dir", str(tmp_path), url)
    (saved,) = tmp_path.iterdir()
    assert saved.name.startswith("interactions-")
    assert saved.suffix == ".csv"
    assert saved.read_bytes() == source.files("csv").read_bytes()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_no_rows_are_still_a_table(extension: str, url: str, types: Types) -> None:
    got = curl(f"{url}/interactions.{extension}?attr=SIM-EMPTY").decode()
    expected = {"json": '{"items":[],', "ndjson": "", "csv": ",".join(types) + "\r\n"}[extension]
    assert got[: len(expected) or None] == expected
