"""Component schemas: of rows from the tables of columns and nested lists, of all else from the messages' Structs.

Every property is required, null is said by `anyOf`, and every closed list of words is an enum by name.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from app.http.messages import MESSAGES
from app.http.problems import PROBLEMS
from app.interactions.columns import Column, ColumnType, PersonalData
from app.interactions.nested import INCLUDES, RAW, Include

Schema = dict[str, object]

STRING: Schema = {"type": "string"}
UUID: Schema = {"type": "string", "format": "uuid"}
TYPES: Mapping[ColumnType, Schema] = {
    "uuid": UUID,
    "string": STRING,
    "enum": STRING,
    "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
}
ELEMENTS = {
    "attributes": "InteractionAttribute",
    "agents": "AgentOffer",
    "queues": "QueueEntry",
    "segments": "Segment",
    "notes": "Note",
    "talk_times": "TalkTime",
}
_COMPONENT = "#/components/schemas/{name}"
_RAW_RECORD: Schema = {
    "type": "object",
    "description": "The record as upstream sent it. Only of one interaction, with `include` and `pii=clear`.",
    "x-personal-data": "customer",
}


def ref(name: str) -> Schema:
    """A reference to the schema of that name."""
    return {"$ref": _COMPONENT.format(name=name)}


def schemas(columns: Iterable[Column]) -> dict[str, Schema]:
    """Every schema by its name."""
    columns = tuple(columns)
    return {
        "InteractionList": _record(
            "A page of rows. Nothing in it changes while the stored answer stays the same.",
            {
                "items": _array(ref("Interaction")),
                "next": _property(
                    {**STRING, "format": "uri"}, "URL of the next page; null on the last one.", nullable=True
                ),
                "next_cursor": _property(STRING, "`cursor` of the next page; null on the last one.", nullable=True),
                "meta": ref("Meta"),
            },
        ),
        "Interaction": _interaction(columns),
        **{ELEMENTS[include.name]: _element(include) for include in INCLUDES},
        **{_enum_name(column): _enum(column) for column in columns if column.allowed},
        **_of_messages(),
    }


def _of_messages() -> dict[str, Schema]:
    _, components = msgspec.json.schema_components(MESSAGES, ref_template=_COMPONENT)
    found: dict[str, Schema] = {}
    _parted(components, found)
    found["ProblemCode"]["enum"] = [row.slug for row in PROBLEMS]
    found["PurgeOrder"] |= {"minProperties": 1, "maxProperties": 1}
    return found


def _parted(node: Any, found: dict[str, Schema]) -> Any:
    """The node with a reference in place of every titled schema in it; each of those is put into `found`."""
    if isinstance(node, list):
        return [_parted(one, found) for one in node]
    if not isinstance(node, dict):
        return node
    schema = {keyword: _parted(value, found) for keyword, value in node.items()}
    if "enum" in schema:
        schema = {**STRING, **schema}
    title = schema.get("title")
    if not isinstance(title, str):  # a property may be called `title`
        return schema
    found[title] = {keyword: value for keyword, value in schema.items() if keyword != "title"}
    return ref(title)


def _interaction(columns: Iterable[Column]) -> Schema:
    properties = {column.name: _column(column) for column in columns}
    more = {
        **{
            one.name: _property(_array(ref(ELEMENTS[one.name])), f"{one.description} Only with `include`.")
            for one in INCLUDES
        },
        RAW: _RAW_RECORD,
    }
    description = (
        "One interaction as one flat row: every column, also when it is null. With `fields` only the columns chosen, "
        "under the names chosen."
    )
    return _record(description, {**properties, **more}, optional=more)


def _column(column: Column) -> Schema:
    schema = ref(_enum_name(column)) if column.allowed else TYPES[column.type]
    words = column.description if column.null_when is None else f"{column.description} Null when: {column.null_when}."
    return _property(schema, words, nullable=column.nullable, unit=column.unit, personal=column.personal)


def _enum_name(column: Column) -> str:
    return "".join(word.capitalize() for word in column.name.split("_"))


def _enum(column: Column) -> Schema:
    return {**STRING, "description": column.description, "enum": list(column.allowed)}


def _element(include: Include) -> Schema:
    fields = {field.name: _field(field) for field in include.fields}
    return _record(f"Of `{include.name}`. {include.description}", fields)


def _field(field: Column) -> Schema:
    return _property(TYPES[field.type], field.description, nullable=field.nullable, personal=field.personal)


def _property(
    schema: Schema, words: str, *, nullable: bool = False, unit: str | None = None, personal: PersonalData | None = None
) -> Schema:
    """The schema, or null; words and units stand outside the `anyOf`, where generators look for them."""
    facts = {"description": words, "x-unit": unit, "x-personal-data": personal}
    told = {name: fact for name, fact in facts.items() if fact is not None}
    return {**({"anyOf": [schema, {"type": "null"}]} if nullable else schema), **told}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _record(description: str, properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """An object of these properties, all required but the optional ones."""
    left_out = set(optional)
    required = [name for name in properties if name not in left_out]
    return {"type": "object", "description": description, "properties": dict(properties), "required": required}
