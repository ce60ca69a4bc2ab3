"""Records that do not fit: a value of the wrong type becomes null and is counted, the record stays (R14)."""

import re
from math import isfinite
from typing import Any, get_args, get_origin

import msgspec

from app.interactions.parts import Time

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def readable(text: bytes) -> bytes:
    """The JSON text with U+FFFD for each lone surrogate: its grammar allows one (RFC 8259 §8.2), Unicode does not."""
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


_decoder = msgspec.json.Decoder(float_hook=float)  # without a hook, one number beyond a float's range fails them all


def plain(text: bytes) -> Any:
    """JSON as plain values. Raises what msgspec raises where it is none."""
    return _decoder.decode(readable(text))


def mended(value: Any, kind: Any, repairs: list[str]) -> Any:
    """`value`, as JSON gives it, made to fit `kind`: what does not fit is left out and its fault added to `repairs`.

    Null is left out wherever it stands, without a fault (R9).
    """
    if isinstance(value, str) and Time in get_args(kind):
        value = _zoned(value)
    struct, repeated = _struct_in(kind)
    if repeated and isinstance(value, list):
        parts = [mended(part, struct, repairs) for part in value if part is not None]
        return [part for part in parts if part is not None]
    if struct and not repeated and isinstance(value, dict):
        return _mended_fields(value, struct, repairs)
    try:
        if isinstance(value, float) and not isfinite(value):
            raise msgspec.ValidationError("Number out of range")
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        repairs.append(str(fault))
        return None


def _mended_fields(value: dict[str, Any], struct: type[msgspec.Struct], repairs: list[str]) -> dict[str, Any]:
    given = [field for field in msgspec.structs.fields(struct) if value.get(field.encode_name) is not None]
    fields = {field.encode_name: mended(value[field.encode_name], field.type, repairs) for field in given}
    return {name: fitting for name, fitting in fields.items() if fitting is not None}


def _struct_in(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """The struct in an optional or repeated type, and whether it repeats."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    repeated = get_origin(kind) is tuple
    return next((struct for struct, _ in map(_struct_in, get_args(kind)) if struct), None), repeated


def _zoned(text: str) -> str:
    """A time without zone means UTC (UPSTREAM §3)."""
    _, separator, time = text.strip().replace(" ", "T", 1).partition("T")
    return f"{text}Z" if separator and not time.upper().endswith("Z") and "+" not in time and "-" not in time else text
