"""The parameters of operations: the rows of PARAMETERS, parts of paths, and request headers."""

from collections.abc import Iterator, Sequence

from app.formats import FORMATS, Format
from app.http import purge_order
from app.http.openapi.schemas import STRING, UUID, Schema, ref
from app.http.parameters import ATTRIBUTE_PREFIX, DEFAULT_LIMIT, PARAMETERS, Parameter
from app.http.parse import ITEM_PARAMETERS

# Each excludes another parameter or format. Many clients send whatever default they are told, so none is told here.
_WITHOUT_DEFAULT = frozenset({"offset", *(one.variant_parameter for one in FORMATS)})
# Pages for trying things send each example: with one of `fields` the first rows seen would lack most columns.
_WITHOUT_EXAMPLE = "fields"
DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"


def _in_path(name: str, description: str, schema: Schema, **more: object) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema, **more}


def _header(name: str, description: str, **more: object) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": STRING, **more}


INTERACTION_ID = _in_path("interaction_id", "Identity of the interaction.", UUID, example=DOCUMENTED)
SLUG = _in_path("slug", "`code` of the error.", ref("ProblemCode"))
IF_NONE_MATCH = _header("If-None-Match", "`ETag` of the client's copy; 304 while it is good.")
RANGE = _header("Range", "One range of bytes, as `bytes=0-999`.")
OWN_HEADER = _header(
    purge_order.OWN_HEADER,
    "Any value: it shows that no page of another site asks.",
    required=True,
    schema={"type": "string", "minLength": 1},
    example="curl",
)


def list_parameters(formats: Sequence[Format], max_rows: int) -> list[Schema]:
    """The parameters of a list in these formats, in the table's order: generators page on the first paging word."""
    return [_parameter(row, max_rows) for row in PARAMETERS if _applies(row.name, formats)]


def interaction_parameters() -> Iterator[Schema]:
    """The parameters of a single interaction."""
    return (_parameter(row, 1) for row in PARAMETERS if row.name in ITEM_PARAMETERS)


def _applies(name: str, formats: Sequence[Format]) -> bool:
    """Whether lists in these formats take the parameter: not that of another format, nor `format` where there is one.

    OpenAPI has no word for a family of names like `attr.<name>`: generators send an object in too many ways.
    """
    if name == ATTRIBUTE_PREFIX:
        return False
    if name == "format":
        return len(formats) > 1
    if name == "include":
        return any(one.allows_include for one in formats)
    variants = {one.variant_parameter for one in FORMATS}
    return name not in variants or any(one.variant_parameter == name for one in formats)


def _parameter(row: Parameter, max_rows: int) -> Schema:
    schema, words = dict(row.schema), row.description
    if row.name == "limit":
        schema |= {"maximum": max_rows, "default": min(DEFAULT_LIMIT, max_rows)}
    if row.name in _WITHOUT_DEFAULT:
        words = f"{words} Default: `{schema.pop('default')}`."
    if schema == STRING:
        schema["minLength"] = 1  # a blank value is a fault
    example = row.example
    if row.name == _WITHOUT_EXAMPLE:
        words, example = f"{words} As in `{example}`.", None
    return {
        "name": row.name,
        "in": "query",
        "description": words,
        "schema": schema,
        **({"style": "form", "explode": True} if row.repeatable else {}),
        **({"example": example} if example is not None else {}),
    }
