"""Component schemas: of rows from the tables of columns and nested lists, of all else from the messages' Structs.

Every property is required, null is said by `anyOf`, and every closed list of words is an enum by name.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from app.errors import InvalidParameters
from app.formats import Format
from app.http.messages import MESSAGES
from app.http.parameters import BY_NAME
from app.http.parse import unknown_parameter
from app.http.problems import PROBLEMS, rendered
from app.http.schema import RowSchema
from app.interactions.columns import Column, ColumnType, PersonalData
from app.interactions.grains import GRAINS, INCLUDES, INTERACTIONS, RAW, Grain, Include

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
_COMPONENT = "#/components/schemas/{name}"
_RAW_RECORD: Schema = {
    "type": "object",
    "description": "The record as upstream sent it. Only of one interaction, with `include` and `pii=clear`.",
    "x-personal-data": "customer",
}


def ref(name: str) -> Schema:
    """A reference to the schema of that name."""
    return {"$ref": _COMPONENT.format(name=name)}


def row_name(grain: Grain) -> str:
    """The name of the schema of a grain's row."""
    return grain.noun.title().replace(" ", "")


def schemas(grains: Iterable[Grain]) -> dict[str, Schema]:
    """Every schema by its name."""
    grains = tuple(grains)
    columns = [column for grain in grains for column in grain.columns.values()]
    return {
        **{f"{row_name(grain)}List": _page(grain) for grain in grains},
        **{row_name(grain): _row(grain) for grain in grains},
        "Summary": _SUMMARY,
        "SummaryRow": _SUMMARY_ROW,
        **{_nested_name(include): _nested(include) for include in INCLUDES},
        **{
            _enum_name(column): {**STRING, "description": column.description, "enum": list(column.allowed)}
            for column in columns
            if column.allowed
        },
        **_of_messages(),
    }


_SUMMARY_ROW: Schema = {
    "type": "object",
    "description": "Interval, group and measures by the names of the columns asked for: texts, numbers, flags, nulls.",
    "properties": {},
    "required": [],
    "additionalProperties": True,
}
_SUMMARY: Schema = {
    "type": "object",
    "description": "A summary. With `shape=records` a bare array of `SummaryRow`, with `shape=columns` arrays.",
    "properties": {
        "items": {"type": "array", "items": ref("SummaryRow")},
        "next": {"type": "null"},
        "next_cursor": {"type": "null"},
        "meta": ref("SummaryMeta"),
    },
    "required": ["items", "next", "next_cursor", "meta"],
}


def _page(grain: Grain) -> Schema:
    return _record(
        "A page of rows. Nothing in it changes while the stored answer stays the same.",
        {
            "items": {"type": "array", "items": ref(row_name(grain))},
            "next": _property(
                {**STRING, "format": "uri"}, "URL of the next page; null on the last one.", nullable=True
            ),
            "next_cursor": _property(STRING, "`cursor` of the next page; null on the last one.", nullable=True),
            "meta": ref("Meta"),
            "removed": _property(
                {"type": "array", "items": UUID},
                "Interactions that were erased or match no longer. Only with `changed_since`.",
            ),
        },
        optional=("removed",),
    )


def _row(grain: Grain) -> Schema:
    article = "an" if grain.noun[0] in "aeiou" else "a"
    words = (
        f"One flat row of {article} {grain.noun}: every column, also when it is null. With `fields` only the columns "
        "chosen, under the names chosen."
    )
    lists = {} if grain.is_of_parts else {**{one.name: _list(one) for one in INCLUDES}, RAW: _RAW_RECORD}
    columns = {column.name: _column(column) for column in grain.columns.values()}
    return _record(words, {**columns, **lists}, optional=lists)


def _list(include: Include) -> Schema:
    array: Schema = {"type": "array", "items": ref(_nested_name(include))}
    return _property(array, f"{include.description} Only with `include`.")


def _nested_name(include: Include) -> str:
    return f"Nested{include.noun.title().replace(' ', '')}"


def _of_messages() -> dict[str, Schema]:
    _, components = msgspec.json.schema_components((*MESSAGES, RowSchema), ref_template=_COMPONENT)
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


def _column(column: Column) -> Schema:
    schema = ref(_enum_name(column)) if column.allowed else TYPES[column.type]
    words = column.description if column.null_when is None else f"{column.description} Null when: {column.null_when}."
    return _property(schema, words, nullable=column.nullable, unit=column.unit, personal=column.personal)


def _enum_name(column: Column) -> str:
    return "".join(word.capitalize() for word in column.name.split("_"))


def _nested(include: Include) -> Schema:
    return _record(
        f"Of `{include.name}`. {include.description}", {column.name: _column(column) for column in include.columns}
    )


def _property(
    schema: Schema, words: str, *, nullable: bool = False, unit: str | None = None, personal: PersonalData | None = None
) -> Schema:
    """The schema, or null; words and units stand outside the `anyOf`, where generators look for them."""
    facts = {"description": words, "x-unit": unit, "x-personal-data": personal}
    told = {name: fact for name, fact in facts.items() if fact is not None}
    return {**({"anyOf": [schema, {"type": "null"}]} if nullable else schema), **told}


def _record(description: str, properties: Mapping[str, Schema], optional: Collection[str] = ()) -> Schema:
    """An object of these properties, all required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": dict(properties), "required": required}


_HEADER_WORDS = {
    "Accept-Query": "The media type of a question in a body (RFC 10008); not there where no question was asked.",
    "Accept-Ranges": "`bytes`: parts may be asked for.",
    "Age": "Seconds since upstream was asked.",
    "Allow": "The methods this path takes.",
    "Cache-Control": "How long a client may keep the answer; `Age` counts against it.",
    "Cache-Status": "Hit or miss, and why (RFC 9211): `cxfacade; hit; ttl=42`.",
    "Content-Disposition": "A file name, where `download` asks for one.",
    "Content-Range": "Which part of the whole this is, or how long the whole is.",
    "ETag": "Validator of this answer in this coding.",
    "Last-Modified": "When upstream first showed this content.",
    "Link": "The next page, as `rel=next`; not there on the last one.",
    "RateLimit": "What is left of the key's quota, where it has one, and in how many seconds there is more.",
    "RateLimit-Policy": "The key's quota, where it has one, and for how many seconds it is.",
    "Retry-After": "Seconds to wait before trying again; there exactly where that may help.",
    "Server-Timing": "Where the time went, in milliseconds.",
    "Vary": "The request's headers that shape the answer.",
    "WWW-Authenticate": "How to send a key.",
    "X-Total-Count": "Rows of the list in all; not there where that is not known.",
    "X-Hint": "Of an answer without rows: what the question may have meant, as `meta.hints` says.",
    "X-Truncated": "Whether more rows match than this answer and its next pages can show.",
    "X-Change-Token": "For `changed_since`, as in `meta.change_token`; not there where changes cannot be told.",
    "X-Request-Id": "The request's own id, else a new one.",
}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_SCHEMAS = {"Age": _NUMBER, "Retry-After": _NUMBER, "X-Total-Count": _NUMBER, "X-Truncated": {"type": "boolean"}}
HEADERS: dict[str, Schema] = {
    name: {"description": words, "schema": _SCHEMAS.get(name, STRING)} for name, words in _HEADER_WORDS.items()
}
JSON = "application/json"
OTHER: Schema = {"default": {"$ref": "#/components/responses/Problem"}}
ALWAYS = ("X-Request-Id",)
QUOTA = ("RateLimit", "RateLimit-Policy")
IN_304 = ("ETag", "Cache-Control", "Vary", "Age", "Cache-Status", "Server-Timing", *QUOTA, *ALWAYS)
IN_200 = (*IN_304, "Last-Modified", "Accept-Ranges")
OF_LISTS = ("Link", "X-Total-Count", "X-Truncated", "X-Hint", "X-Change-Token")
IN_206 = (*IN_200, *OF_LISTS, "Content-Range")
_OWN_HEADERS = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    415: ("Accept-Query",),
    416: ("Content-Range",),
    429: ("Retry-After", *QUOTA),
    **dict.fromkeys((503, 504), ("Retry-After",)),
}
_PROBLEM_TYPE = "application/problem+json"


def json_content(name: str, examples: Mapping[str, object] | None = None) -> Schema:
    """Content of JSON with the schema of that name."""
    return {JSON: {"schema": ref(name), **({"examples": dict(examples)} if examples else {})}}


def service_responses(content: Schema, problems: Collection[int]) -> Schema:
    """The responses of an answer that is not stored: the content, or one of the problems with these statuses."""
    quota = QUOTA if 429 in problems else ()  # noqa: PLR2004 - a status
    return {
        "200": {"description": "OK", "headers": _headers(("Cache-Control", *quota, *ALWAYS)), "content": content},
        **_problem_references(problems),
    }


def stored_responses(content: Schema, problems: Iterable[int], *also: str, whole: Iterable[str] = ()) -> Schema:
    """The responses of a stored answer: `also` are further headers of 200 and 304, `whole` of 200 alone."""
    return {
        "200": {"description": "The whole answer.", "headers": _headers((*IN_200, *also, *whole)), "content": content},
        "304": {"description": "The client's copy is good still.", "headers": _headers((*IN_304, *also))},
        **_problem_references(problems),
    }


def body_schema(format_: Format) -> Schema:
    """The schema of a body that is text or bytes."""
    return {**STRING, "format": "binary"} if format_.is_binary else STRING


def range_responses(format_: Format) -> Schema:
    """The responses to `Range`, of all but JSON: with a piece of JSON, generated clients would type no answer."""
    content = {format_.media_type: {"schema": body_schema(format_)}}
    part = {"description": "The bytes asked for by `Range`.", "headers": _headers(IN_206), "content": content}
    return {"206": part, **_problem_references([416])}


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses() -> dict[str, Schema]:
    """One response for each status that problems have, `Problem400` and so on, and `Problem` for any of them."""
    statuses = sorted({row.status for row in PROBLEMS})
    return {
        **{f"Problem{status}": _problem_response(status) for status in statuses},
        "Problem": {
            "description": "Any other problem.",
            "headers": _headers(ALWAYS),
            "content": {_PROBLEM_TYPE: {"schema": ref("Problem")}},
        },
    }


def _problem_references(statuses: Iterable[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _problem_response(status: int) -> Schema:
    rows = [row for row in PROBLEMS if row.status == status]
    examples = {row.slug: {"summary": row.title, "value": _example(row.slug)} for row in rows}
    return {
        "description": "\n".join(f"* `{row.slug}`: {row.title}." for row in rows),
        "headers": _headers((*_OWN_HEADERS.get(status, ()), *ALWAYS)),
        "content": {_PROBLEM_TYPE: {"schema": ref("Problem"), "examples": examples}},
    }


def _example(slug: str) -> object:
    misspelt = InvalidParameters([unknown_parameter("attribute-value", BY_NAME, GRAINS[INTERACTIONS])])
    error = misspelt if slug == "unknown-parameter" else None
    _, _, body = rendered(slug, error, request_id="5f1c9d2a", instance="/interactions")
    return json.loads(body)
