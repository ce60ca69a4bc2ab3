"""The parameters of operations: those of lists and summaries from their tables, and headers; shared ones stand once."""

from collections.abc import Collection, Sequence
from typing import cast

from app.formats import FORMATS, Format
from app.http.openapi.components import STRING, Schema
from app.http.parameters import ATTRIBUTE_PREFIX, BY_NAME, DEFAULT_LIMIT, PARAMETERS, Parameter, parameters_of
from app.http.search import FORM
from app.http.summary_parameters import SUMMARY_PARAMETERS
from app.http.values import EVERY_ROW
from app.interactions.grains import Grain

# Each excludes another parameter or format. Many clients send whatever default they are told, so none is told here.
_WITHOUT_DEFAULT = frozenset({"offset", *(one.variant_parameter for one in FORMATS)})
# Pages for trying things send each example: with one of `fields` the first rows seen would lack most columns.
_WITHOUT_EXAMPLE = "fields"
_OF_FORMATS = frozenset({"format", *(one.variant_parameter for one in FORMATS if one.variant_parameter)})
_NOT_IN_FORMS = _OF_FORMATS | {ATTRIBUTE_PREFIX}
_OF_A_GRAIN = frozenset({"fields", "sort"})  # their words name its columns
_OF_SUMMARIES = "summary_{name}"
_UNBOUNDED = "limit_of_stream"
_UNBOUNDED_WORDS = (
    "Most rows in this answer, or `all`. More than {most} are streamed while they are read: with `X-Total-Count` where "
    "that is known, but without length, validator, ranges and `next`. Where that fails on the way, the connection ends "
    "without the last chunk."
)


def header(name: str, description: str, **more: object) -> Schema:
    """A header of the request."""
    return {"name": name, "in": "header", "description": description, "schema": STRING, **more}


IF_NONE_MATCH = header("If-None-Match", "`ETag` of the client's copy; 304 while it is good.")
RANGE = header("Range", "One range of bytes, as `bytes=0-999`.")


def list_parameters(
    grain: Grain, formats: Sequence[Format], max_rows: int, names: Collection[str] = BY_NAME
) -> list[Schema]:
    """The parameters of a list in these formats, in the table's order: generators page on the first paging word."""
    rows = [row for row in parameters_of(grain).values() if row.name in names and _applies(row.name, formats)]
    is_streamed = any(one.is_streamed for one in formats)
    names_of = {row.name: _UNBOUNDED if is_streamed and row.name == "limit" else row.name for row in rows}
    return [parameter(row, max_rows, grain) if row.name in _OF_A_GRAIN else shared(names_of[row.name]) for row in rows]


def summary_parameters(formats: Sequence[Format]) -> list[Schema]:
    """The parameters of a summary in these formats."""
    rows = [row for row in SUMMARY_PARAMETERS.values() if _applies(row.name, formats)]
    return [shared(row.name if row is BY_NAME.get(row.name) else _OF_SUMMARIES.format(name=row.name)) for row in rows]


def shared(name: str) -> Schema:
    """A reference to the parameter of that name."""
    return {"$ref": f"#/components/parameters/{name}"}


def shared_parameters(grain: Grain, max_rows: int) -> dict[str, Schema]:
    """The parameters that are the same wherever they are taken."""
    rows = [row for row in PARAMETERS if row.name not in {*_OF_A_GRAIN, ATTRIBUTE_PREFIX}]
    others = {"If-None-Match": IF_NONE_MATCH, "Range": RANGE, _UNBOUNDED: _unbounded_limit(max_rows, grain)}
    of_summaries = [row for name, row in SUMMARY_PARAMETERS.items() if row is not BY_NAME.get(name)]
    return {
        **{row.name: parameter(row, max_rows, grain) for row in rows},
        **{_OF_SUMMARIES.format(name=row.name): _of_summary(row, max_rows) for row in of_summaries},
        **others,
    }


def request_bodies(grain: Grain, max_rows: int) -> dict[str, Schema]:
    """The bodies of questions: the parameters of lists, and those of summaries, as forms."""
    lists = [parameter(row, max_rows, grain) for row in PARAMETERS]
    summaries = [
        parameter(row, max_rows, grain) if row is BY_NAME.get(name) else _of_summary(row, max_rows)
        for name, row in SUMMARY_PARAMETERS.items()
    ]
    return {"Question": _form(lists), "SummaryQuestion": _form(summaries)}


def _form(parameters: Sequence[Schema]) -> Schema:
    """A form of these parameters."""
    properties = {}
    for one in parameters:
        schema, row = dict(cast("Schema", one["schema"])), BY_NAME.get(str(one["name"]))
        if row and row.is_any:
            schema["maxItems"] = row.most_values(in_body=True)
        if one["name"] not in _NOT_IN_FORMS:
            properties[str(one["name"])] = {**schema, "description": one["description"]}
    words = (
        "Parameters as in the query string of GET, also `<column>.gte` and the like; repeat what is repeatable. "
        f"{', '.join(f'`{name}`' for name in sorted(_OF_FORMATS))} are taken, too, and give answers of other types."
    )
    schema = {"type": "object", "description": words, "properties": properties, "additionalProperties": True}
    return {"required": True, "content": {FORM: {"schema": schema}}}


def _unbounded_limit(max_rows: int, grain: Grain) -> Schema:
    """The limit of formats that are streamed."""
    default = min(DEFAULT_LIMIT, max_rows)
    number: Schema = {"type": "integer", "minimum": 1}
    schema = {"oneOf": [number, {"type": "string", "enum": [EVERY_ROW]}], "default": default}
    words = _UNBOUNDED_WORDS.format(most=max_rows)
    return {**parameter(BY_NAME["limit"], max_rows, grain), "description": words, "schema": schema}


def _of_summary(row: Parameter, max_rows: int) -> Schema:
    schema = {**row.schema, **({"maximum": max_rows} if row.name == "limit" else {})}
    return {"name": row.name, "in": "query", "description": row.description, "schema": schema}


def _applies(name: str, formats: Sequence[Format]) -> bool:
    """Whether lists in these formats take the parameter. OpenAPI has no word for names like `attr.<name>`."""
    if name == ATTRIBUTE_PREFIX:
        return False
    if name == "format":
        return len(formats) > 1
    if name == "include":
        return any(one.allows_include for one in formats)
    takers = [one for one in FORMATS if one.variant_parameter == name]
    return not takers or any(one in formats for one in takers)


def parameter(row: Parameter, max_rows: int, grain: Grain) -> Schema:
    """A parameter of lists."""
    schema, words = dict(row.schema), row.description
    if row.name == "sort":
        schema["default"] = f"-{grain.ordered_by}"
    if row.name == "limit":
        schema |= {"maximum": max_rows, "default": min(DEFAULT_LIMIT, max_rows)}
    if row.name in _WITHOUT_DEFAULT:
        words = f"{words} Default: `{schema.pop('default')}`."
    if schema == STRING:
        schema["minLength"] = 1  # a blank value is a fault
    example = row.example
    if row.name == _WITHOUT_EXAMPLE:
        words, example = f"{words} As in `interaction_id,at:{grain.time_column}`.", None
    return {
        "name": row.name,
        "in": "query",
        "description": words,
        "schema": schema,
        **({"style": "form", "explode": True} if row.repeatable else {}),
        **({"example": example} if example is not None else {}),
    }
