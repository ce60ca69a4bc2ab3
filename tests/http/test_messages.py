"""The messages: the schema of rows tells of each column and list."""

import json
from dataclasses import replace

import pytest
from msgspec.json import encode

from app.formats import FORMATS
from app.http import messages
from app.http.messages import row_schema
from app.interactions.columns import SCHEMA_VERSION
from app.interactions.grains import GRAINS, INCLUDES, Grain, grains
from app.interactions.service_level import ServiceLevel


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_the_schema_tells_of_every_column_what_the_table_says(grain: Grain) -> None:
    document = json.loads(encode(row_schema(grain, 10_000, ServiceLevel())))
    assert (document["schema_version"], document["max_rows"]) == (SCHEMA_VERSION, 10_000)
    assert (document["grain"], document["time_column"] in grain.columns) == (grain.name, True)
    assert [column["name"] for column in document["columns"]] == list(grain.columns)
    for shown, column in zip(document["columns"], grain.columns.values(), strict=True):
        assert (shown["type"], shown["unit"], shown["nullable"]) == (column.type, column.unit, column.nullable)
        assert (shown["null_when"] is None) is not column.nullable
        assert (shown["personal_data"], shown["source"]) == (column.personal, column.source)
        assert shown["description"]
        assert shown["allowed"] == (list(column.allowed) or None)


def test_the_schema_tells_of_every_nested_list_and_its_fields() -> None:
    document = json.loads(encode(row_schema(GRAINS["interactions"], 10_000, ServiceLevel())))
    lists = {one["name"]: one["fields"] for one in document["include"]}
    assert list(lists) == [include.name for include in INCLUDES]
    for include in INCLUDES:
        assert [one["name"] for one in lists[include.name]] == [one.name for one in include.columns]
        assert all({"type", "nullable", "description", "personal_data"} < set(one) for one in lists[include.name])


def test_the_schema_tells_of_every_format_also_of_one_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "FORMATS", (*FORMATS[:-1], replace(FORMATS[-1], requires="not_installed_here")))
    formats = json.loads(encode(row_schema(GRAINS["interactions"], 10_000, ServiceLevel())))["formats"]
    *others, last = [(one.name, one.media_type, one.extension, True) for one in FORMATS]
    assert [tuple(one.values()) for one in formats] == [*others, (*last[:3], False)]


def test_configured_attributes_are_in_the_schema() -> None:
    assert "attr_accountnumber" in str(row_schema(grains(["accountNumber"])["interactions"], 10_000, ServiceLevel()))


def test_nested_lists_are_of_interactions_alone() -> None:
    assert row_schema(GRAINS["agent_legs"], 10_000, ServiceLevel()).include == []
