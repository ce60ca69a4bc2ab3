"""Values of conditions: the text of a parameter as a value of its column's type."""

import re
from collections.abc import Mapping
from datetime import date
from math import isfinite

from app.http.values import ParseContext, Reader, Refused, identity, literal, one_of, time
from app.interactions.columns import ColumnType

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][-+]?[0-9]{1,3})?")
FLAGS = ("true", "false")


def flag(text: str, scene: ParseContext) -> bool:
    """A truth."""
    return one_of(*FLAGS)(text, scene) == "true"


def integer(text: str, _scene: ParseContext) -> int:
    """A whole number."""
    if not _INTEGER.fullmatch(text):
        raise Refused("must be a whole number, as 3")
    return int(text)


def number(text: str, _scene: ParseContext) -> float:
    """A number, as 12 or 6.591."""
    found = float(text) if _NUMBER.fullmatch(text) else None
    if found is None or not isfinite(found):
        raise Refused("must be a number, as 12 or 6.591")
    return found


def day(text: str, _scene: ParseContext) -> date:
    """A date."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:  # Python also takes 2026-W44-7
        raise Refused("must be a date, as 2026-11-01")
    return found


def id_as_shown(text: str, scene: ParseContext) -> str:
    """A UUID in the letters given: rows show ids in those of upstream."""
    identity(text, scene)
    return text


_READERS: Mapping[ColumnType, Reader] = {
    "uuid": literal,
    "string": literal,
    "enum": literal,
    "time": time,
    "date": day,
    "int": integer,
    "float": number,
    "bool": flag,
}


def reader_of(type_: ColumnType, suffix: str, allowed: tuple[str, ...] = ()) -> Reader:
    """The reader of a condition's value: `suffix` is of its operator, `allowed` are all values that the column has."""
    if suffix == "null":
        return flag
    if suffix == "prefix":
        return literal
    if type_ == "uuid" and suffix in ("", "ne"):  # a bound may be a part of one
        return id_as_shown
    return one_of(*allowed) if allowed and suffix in ("", "ne") else _READERS[type_]
