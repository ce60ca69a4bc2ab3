"""The parameters of `/interactions`, one row each, in the order of INTERFACE §4."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.formats import FORMATS
from app.http import values as read
from app.http.operands import FLAGS, flag, reader_of
from app.http.values import INCLUDE_NAMES, Reader, nearest
from app.interactions.columns import ColumnType
from app.interactions.grains import BY_PATH, INTERACTIONS, RAW, Grain
from app.queries.operators import OPERATORS, SEPARATOR, operators_of, parted, type_of
from app.queries.query import CHANGED_SINCE

Schema = Mapping[str, object]

ATTRIBUTE_PREFIX = "attr."
DEFAULT_LIMIT = 100
MOST_PARAMETERS = 100
MOST_VALUES = 20
MOST_IN_BODY = 1_000  # parameters of a question that is sent as a body, and values that any of them may have


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: `read` gives the value or raises Refused; `pins` says that it decides the rows or their order.

    `is_any`: repeats mean OR, so that a body may have many.
    """

    name: str
    read: Reader
    schema: Schema
    description: str
    repeatable: bool = False
    pins: bool = False
    example: object = None
    is_any: bool = False

    def most_values(self, *, in_body: bool) -> int:
        """How often it may be given, if it is repeatable."""
        return MOST_IN_BODY if in_body and self.is_any else MOST_VALUES


def _enum(*allowed: str, default: str | None = None) -> dict[str, object]:
    return {"type": "string", "enum": list(allowed), **({"default": default} if default else {})}


def _each(item: Schema) -> dict[str, object]:
    return {"type": "array", "items": item, "maxItems": MOST_VALUES}


def _attribute(name: str, reader: Reader, schema: Schema, words: str, example: object = None) -> Parameter:
    return Parameter(name, reader, schema, f"{words} Repeats mean AND.", repeatable=True, pins=True, example=example)


def _filter(name: str, words: str, *examples: str) -> Parameter:
    """A column's text, answered by the façade; upstream's lists of values are open."""
    schema = _each({**_TEXT, **({"examples": list(examples)} if examples else {})})
    return Parameter(name, read.literal, schema, f"{words} Repeats mean OR.", repeatable=True, pins=True, is_any=True)


def _flag(name: str, words: str) -> Parameter:
    schema = _each(_enum(*FLAGS))
    return Parameter(name, flag, schema, f"{words} Repeats mean OR.", repeatable=True, pins=True, is_any=True)


def _choice(name: str, words: str, *allowed: str, default: str | None = None) -> Parameter:
    return Parameter(name, read.one_of(*allowed), _enum(*allowed, default=default), words)


def _variant(name: str, words: str) -> Parameter:
    variants = next(one.variants for one in FORMATS if one.variant_parameter == name)
    return _choice(name, words, *variants, default=variants[0])


_STRING = {"type": "string"}
_TEXT = {"type": "string", "minLength": 1}
_UUID = {"type": "string", "format": "uuid"}
_OFFSET = {"type": "integer", "minimum": 0, "default": 0}
_LIMIT = {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}
_PAIR = {"type": "string", "pattern": r"^[^=]*[^=\s][^=]*=[\s\S]+"}
_SORT = {"type": "string"}

# fmt: off
PARAMETERS: tuple[Parameter, ...] = (
    Parameter("cursor", read.cursor, _STRING,
              "Where the next page begins: `next_cursor` of the answer before, as it is. Pins query and snapshot."),
    Parameter("offset", read.offset, _OFFSET,
              "Rows to skip. Not together with `cursor`."),
    Parameter("limit", read.limit, _LIMIT,
              "Most rows in this answer. For more than the maximum follow `next`."),
    _attribute("attr", read.literal, _each(_TEXT),
               "A custom reporting attribute has this value, taken literally.", ["1234567"]),
    _attribute("attr_pair", read.attribute_pair, _each(_PAIR),
               "The attribute of this name has this value: `name=value`, parted at the first `=`. For people "
               "`attr.<name>=value` says the same: `attr.accountNumber=12345`.",
               ["customAttributeWithResource=valueOne"]),
    _attribute(ATTRIBUTE_PREFIX, read.literal, _STRING, "Shorthand for `attr_pair`."),
    Parameter("attr_any", read.literal, _each(_TEXT),
              "A custom reporting attribute has any of these values, taken literally. Repeats mean OR, and AND with "
              "`attr`. Each value is asked for, and held, by itself.", repeatable=True, pins=True, is_any=True),
    _attribute("attr_name", read.literal, _each(_TEXT),
               "The interaction has this attribute, with any value."),
    Parameter("from", read.time, _STRING,
              "Start of the range, inclusive, on the interaction's start: RFC 3339 with zone, a date, epoch "
              "milliseconds, or relative: `now-24h`, `now-7d/d`, `now-1M/M`, with units `s m h d w M y`. Days and "
              "longer units are steps of the calendar in the time zone.", pins=True, example="2018-10-01"),
    Parameter("to", read.time, _STRING,
              "End of the range, exclusive, in the same forms.", pins=True, example="now"),
    Parameter("contact_id", read.identity, _UUID, "Interactions of this contact.", pins=True),
    Parameter("hook_type", read.literal, _STRING, "A hook has this type: an attribute's name, or a CRM.", pins=True),
    Parameter("hook_subtype", read.literal, _STRING, "A hook has this subtype, as `ticket`.", pins=True),
    Parameter("hook_id", read.literal, _STRING, "A hook has this id.", pins=True),
    _filter("channel_type", "Channel.", "voice", "sms", "email", "messaging", "work-item"),
    _filter("direction", "Direction.", "inbound", "outbound", "agent-initiated"),
    _filter("queue_id", "One of the queues entered."),
    _filter("queue_name", "Name of one of the queues entered."),
    _filter("agent_id", "One of the agents who took it."),
    _filter("flow_id", "Flow that ran."),
    _flag("is_abandoned", "Whether the customer left before being served."),
    _flag("is_final", "Whether it has ended and settled."),
    Parameter(CHANGED_SINCE, read.change_token, _STRING,
              "`meta.change_token` of an answer to the same question: only rows whose content changed since, whole, "
              "and `removed`, the ids of interactions that were erased or match no longer. Without an envelope, a "
              "first column `change` says `upsert` or `remove`. Too old: 410, load anew. Not with `sort`.",
              pins=True),
    Parameter("fields", read.fields, _STRING,
              "Columns, comma separated, in this order; `alias:column` renames.",
              example="interaction_id,agent:first_agent_name"),
    Parameter("include", read.include, _STRING,
              f"Nested lists, comma separated: {', '.join(INCLUDE_NAMES)}. JSON and NDJSON only. Of one interaction "
              f"also `{RAW}`, the record as upstream sent it: with `pii=clear`, for scopes `pii:read` and "
              "`notes:read`.",
              example="attributes"),
    Parameter("sort", read.sort, _SORT,
              "Column to sort by, `-` in front for descending. Any but the default needs the whole result at hand.",
              pins=True),
    _choice("format", "Format; the path's extension says it too; else `Accept`; else JSON.",
            *(one.name for one in FORMATS)),
    _variant("shape", "JSON only: an envelope, a bare array of records, or an object of columns."),
    _variant("csv", "CSV only: RFC 4180, or with byte-order mark and formula guard for Excel."),
    _choice("pii", "`clear` shows personal data and needs scope `pii:read`.", "mask", "clear", default="mask"),
    _choice("download", "`1` asks for `Content-Disposition: attachment`.", "1"),
)
# fmt: on
GRAIN = _choice("grain", "Path of the list that is meant, without the slash.", *BY_PATH, default=INTERACTIONS)
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
ITEM_PARAMETERS = {name: BY_NAME[name] for name in ("fields", "include", "pii")}


def parameters_of(grain: Grain) -> Mapping[str, Parameter]:
    """The parameters of a grain's list by name: nested lists are of interactions alone."""
    return {name: row for name, row in BY_NAME.items() if name != "include" or not grain.is_of_parts}


_OTHER_ENDINGS = {
    "ge": "gte",
    "le": "lte",
    "not": "ne",
    "neq": "ne",
    "startswith": "prefix",
    "like": "prefix",
    "isnull": "null",
}


def condition(name: str, grain: Grain) -> Parameter | None:
    """The parameter of a condition on a column, as `queue_name` or `duration_seconds.gte`; None where there is none."""
    column, suffix = parted(name)
    type_, operator = type_of(column, grain), OPERATORS.get(suffix)
    if type_ is None or operator is None or type_ not in operator.types or name.endswith(SEPARATOR):
        return None
    known = grain.columns.get(column)
    reader = reader_of(type_, suffix, known.allowed if known else ())
    many = operator.repeatable
    return Parameter(name, reader, _STRING, operator.words, repeatable=many, pins=True, is_any=many)


def conditions_on(column: str, type_: ColumnType) -> tuple[str, ...]:
    """The parameters of all conditions on a column of that type; equality has no suffix."""
    return tuple(f"{column}{SEPARATOR}{one.suffix}".removesuffix(SEPARATOR) for one in operators_of(type_))


CONDITIONS = conditions_on("<column>", "string")  # a string's column has every operator


def is_moment(name: str, grain: Grain) -> bool:
    """Whether the values of a parameter are moments, which may be relative to now."""
    if name in ("from", "to"):
        return True
    column, suffix = parted(name)
    return type_of(column, grain) == "time" and suffix != "null"


def nearest_condition(name: str, grain: Grain) -> str | None:
    """The condition that a name like `queue_nam.prefix` or `duration_seconds.ge` may mean."""
    column, suffix = parted(name)
    if not suffix:
        return None
    meant = column if type_of(column, grain) else nearest(column, tuple(grain.columns))
    type_: ColumnType | None = type_of(meant, grain) if meant else None
    suffixes = tuple(one.suffix for one in operators_of(type_) if one.suffix) if type_ else ()
    suffix = _OTHER_ENDINGS.get(suffix, suffix)
    near = suffix if suffix in suffixes else nearest(suffix, suffixes)
    return f"{meant}{SEPARATOR}{near}" if near else None
