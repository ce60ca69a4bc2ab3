"""What operations take: the rows of PARAMETERS as OpenAPI says them, paths' parts, and conditions."""

from collections.abc import Iterator, Sequence

from app.formats import FORMATS, Format
from app.http import purge_order
from app.http.openapi.building import STRING, UUID, Schema, ref
from app.http.parameters import ATTRIBUTE_PREFIX, DEFAULT_LIMIT, PARAMETERS, Parameter
from app.http.parse import ITEM_PARAMETERS

# Each excludes another parameter or format. Many clients send whatever default they are told, so none is told here.
_WITHOUT_DEFAULT = frozenset({"offset", *(one.variant_parameter for one in FORMATS)})
# Pages for trying things send each example: with one of `fields` the first rows seen would lack most columns.
_WITHOUT_EXAMPLE = "fields"
DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"

INTERACTION_ID: Schema = {
    "name": "interaction_id",
    "in": "path",
    "required": True,
    "description": "Identity of the interaction.",
    "schema": UUID,
    "example": DOCUMENTED,
}
SLUG: Schema = {
    "name": "slug",
    "in": "path",
    "required": True,
    "description": "`code` of the error.",
    "schema": ref("ProblemCode"),
}
OWN_HEADER: Schema = {
    "name": purge_order.OWN_HEADER,
    "in": "header",
    "required": True,
    "description": "Any value: it shows that no page of another site asks.",
    "schema": {"type": "string", "minLength": 1},
    "example": "curl",
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "`ETag` of the client's copy; 304 while it is good.",
    "schema": STRING,
}
RANGE: Schema = {
    "name": "Range",
    "in": "header",
    "description": "One range of bytes, as `bytes=0-999`.",
    "schema": STRING,
}


def list_parameters(formats: Sequence[Format], max_rows: int) -> list[Schema]:
    """The parameters of a list in these formats, in the table's order: generators page on the first paging word."""
    return [_parameter(row, max_rows) for row in PARAMETERS if _applies(row.name, formats)]


def interaction_parameters() -> Iterator[Schema]:
    """The parameters of a single interaction."""
    return (_parameter(row, 1) for row in PARAMETERS if row.name in ITEM_PARAMETERS)


def _applies(name: str, formats: Sequence[Format]) -> bool:
    """Where there is one format, the parameters of others are faults, and `format` says nothing new.

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
