"""The component schemas: every property required, nullable by `anyOf`, every closed list of words an enum by name."""

from collections.abc import Iterable, Mapping

from app.http.openapi.building import (
    BOOLEAN,
    INTEGER,
    STRING,
    TIME,
    UUID,
    Schema,
    array,
    enum,
    nullable,
    record,
    ref,
    said,
)
from app.http.openapi.caching import CACHING
from app.http.openapi.fixed import FIXED
from app.interactions.columns import Column, ColumnType, PersonalData
from app.interactions.nested import INCLUDES, Field, Include
from app.interactions.raw import RAW

TYPES: Mapping[ColumnType, Schema] = {
    "uuid": UUID,
    "string": STRING,
    "enum": STRING,
    "time": TIME,
    "date": {"type": "string", "format": "date"},
    "int": INTEGER,
    "float": {"type": "number"},
    "bool": BOOLEAN,
}
ELEMENTS = {
    "attributes": "InteractionAttribute",
    "agents": "AgentOffer",
    "queues": "QueueEntry",
    "segments": "Segment",
    "notes": "Note",
    "talk_times": "TalkTime",
}
_RAW_RECORD: Schema = {
    "type": "object",
    "description": "The record as upstream sent it. Only of one interaction, with `include` and `pii=clear`.",
    "x-personal-data": "customer",
}


def schemas(columns: Iterable[Column]) -> dict[str, Schema]:
    """Every schema by its name."""
    columns = tuple(columns)
    return {
        "InteractionList": record(
            "A page of rows. Nothing in it changes while the stored answer stays the same.",
            {
                "items": array(ref("Interaction")),
                "next": nullable(said({**STRING, "format": "uri"}, "URL of the next page; null on the last one.")),
                "next_cursor": nullable(said(STRING, "`cursor` of the next page; null on the last one.")),
                "meta": ref("Meta"),
            },
        ),
        "Interaction": _interaction(columns),
        **{ELEMENTS[include.name]: _element(include) for include in INCLUDES},
        **{_enum_name(column): enum(column.allowed, column.description) for column in columns if column.allowed},
        **FIXED,
        **CACHING,
    }


def _interaction(columns: Iterable[Column]) -> Schema:
    properties = {column.name: _column(column) for column in columns}
    lists = {
        one.name: said(array(ref(ELEMENTS[one.name])), f"{one.description} Only with `include`.") for one in INCLUDES
    }
    description = (
        "One interaction as one flat row: every column, also when it is null. With `fields` only the columns chosen, "
        "under the names chosen."
    )
    more = {**lists, RAW: _RAW_RECORD}
    return record(description, {**properties, **more}, optional=more)


def _column(column: Column) -> Schema:
    schema = ref(_enum_name(column)) if column.allowed else TYPES[column.type]
    words = column.description if column.null_when is None else f"{column.description} Null when: {column.null_when}."
    return _property(schema, words, nullable_=column.nullable, unit=column.unit, personal=column.personal)


def _enum_name(column: Column) -> str:
    return "".join(word.capitalize() for word in column.name.split("_"))


def _element(include: Include) -> Schema:
    return record(
        f"Of `{include.name}`. {include.description}", {field.name: _field(field) for field in include.fields}
    )


def _field(field: Field) -> Schema:
    return _property(TYPES[field.type], field.description, nullable_=field.nullable, personal=field.personal)


def _property(
    schema: Schema, words: str, *, nullable_: bool, unit: str | None = None, personal: PersonalData | None = None
) -> Schema:
    facts = {"description": words, "x-unit": unit, "x-personal-data": personal}
    whole = {**schema, **{name: fact for name, fact in facts.items() if fact is not None}}
    return nullable(whole) if nullable_ else whole
