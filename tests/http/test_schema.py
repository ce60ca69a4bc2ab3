"""The schema of rows tells of each column and list, of conditions, measures and the settings in force."""

import json
from dataclasses import replace

import pytest
from msgspec.json import encode

from app.formats import FORMATS
from app.http import schema
from app.http.parameters import condition
from app.http.schema import row_schema
from app.interactions.columns import SCHEMA_VERSION
from app.interactions.grains import GRAINS, INCLUDES, Grain, grains
from app.interactions.service_level import ServiceLevel
from app.summaries.terms import measure_of


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
    monkeypatch.setattr(schema, "FORMATS", (*FORMATS[:-1], replace(FORMATS[-1], requires="not_installed_here")))
    formats = json.loads(encode(row_schema(GRAINS["interactions"], 10_000, ServiceLevel())))["formats"]
    *others, last = [(one.name, one.media_type, one.extension, True) for one in FORMATS]
    assert [tuple(one.values()) for one in formats] == [*others, (*last[:3], False)]


def test_configured_attributes_are_in_the_schema() -> None:
    assert "attr_accountnumber" in str(row_schema(grains(["accountNumber"])["interactions"], 10_000, ServiceLevel()))


def test_nested_lists_are_of_interactions_alone() -> None:
    assert row_schema(GRAINS["agent_legs"], 10_000, ServiceLevel()).include == []


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_the_schema_tells_the_conditions_of_every_column(grain: Grain) -> None:
    document = json.loads(encode(row_schema(grain, 10_000, ServiceLevel())))
    for column in document["columns"]:
        for ending in column["operators"]:
            assert condition(f"{column['name']}{ending}", grain) is not None
        assert {".ne", ".null"} <= set(column["operators"])
    assert all(field["operators"] == [] for one in document["include"] for field in one["fields"])


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_the_schema_tells_every_measure_with_its_formula(grain: Grain) -> None:
    document = json.loads(encode(row_schema(grain, 10_000, ServiceLevel(30, {"Support": 15}, None, "count"))))
    assert all(one["formula"] for one in document["measures"])
    for one in document["measures"]:
        if "<column>" not in one["name"]:
            found = measure_of(one["name"], grain)
            assert found is not None
            assert (found.type, found.unit, found.formula) == (one["type"], one["unit"], one["formula"])
    assert document["settings"] == {
        "sla_seconds": 30.0,
        "sla_by_queue": {"Support": 15.0},
        "abandon_seconds": None,
        "sla_abandons": "count",
    }
