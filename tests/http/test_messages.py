"""The messages: the schema of rows tells of each column and list."""

import json

from msgspec.json import encode

from app.http.messages import row_schema
from app.interactions.columns import COLUMNS, SCHEMA_VERSION, with_attributes
from app.interactions.nested import INCLUDES


def test_the_schema_tells_of_every_column_what_the_table_says() -> None:
    document = json.loads(encode(row_schema({column.name: column for column in COLUMNS}, 10_000)))
    assert (document["schema_version"], document["max_rows"]) == (SCHEMA_VERSION, 10_000)
    assert [column["name"] for column in document["columns"]] == [column.name for column in COLUMNS]
    for shown, column in zip(document["columns"], COLUMNS, strict=True):
        assert (shown["type"], shown["unit"], shown["nullable"]) == (column.type, column.unit, column.nullable)
        assert (shown["null_when"] is None) is not column.nullable
        assert (shown["personal_data"], shown["source"]) == (column.personal, column.source)
        assert shown["description"]
        assert shown["allowed"] == (list(column.allowed) or None)


def test_the_schema_tells_of_every_nested_list_and_its_fields() -> None:
    lists = {one["name"]: one["fields"] for one in json.loads(encode(row_schema({}, 10_000)))["include"]}
    assert list(lists) == [include.name for include in INCLUDES]
    for include in INCLUDES:
        assert [one["name"] for one in lists[include.name]] == [one.name for one in include.fields]
        assert all({"type", "nullable", "description", "personal_data"} < set(one) for one in lists[include.name])


def test_configured_attributes_are_in_the_schema() -> None:
    columns = {column.name: column for column in with_attributes(["accountNumber"])}
    assert "attr_accountnumber" in str(row_schema(columns, 10_000))
