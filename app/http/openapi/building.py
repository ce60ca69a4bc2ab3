"""The words that schemas are put together from."""

from collections.abc import Iterable, Mapping

Schema = dict[str, object]

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
UUID: Schema = {"type": "string", "format": "uuid"}
TIME: Schema = {"type": "string", "format": "date-time"}
NULL: Schema = {"type": "null"}


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": items}


def enum(words: Iterable[str], description: str) -> Schema:
    """One of these words."""
    return {"type": "string", "description": description, "enum": list(words)}


def said(schema: Schema, description: str) -> Schema:
    """The schema with words."""
    return {**schema, "description": description}


def nullable(schema: Schema) -> Schema:
    """The schema, or null; its words and units stand outside, where generators look for them."""
    outside = {name: value for name, value in schema.items() if name == "description" or name.startswith("x-")}
    inside = {name: value for name, value in schema.items() if name not in outside}
    return {"anyOf": [inside, NULL], **outside}


def record(description: str, properties: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """An object of these properties, all required but the optional ones."""
    left_out = set(optional)
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": [name for name in properties if name not in left_out],
    }
