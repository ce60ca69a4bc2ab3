"""The parameters of summaries: those of lists that choose rows, and how the rows are grouped and measured."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import ParameterFault
from app.http import values as read
from app.http.parameters import ATTRIBUTE_PREFIX, BY_NAME, Parameter, Schema
from app.http.values import ParseContext, Refused, chosen, nearest, offer
from app.interactions.grains import Grain
from app.queries.operators import FILTERS
from app.summaries.intervals import STEPS
from app.summaries.named import named_measures
from app.summaries.summary import MOST_GROUPING, MOST_MEASURES, Summary, measures_of, outputs
from app.summaries.terms import FUNCTIONS, SEPARATOR, column_of, measure_of

Values = Mapping[str, Sequence[Any]]
Columns = tuple[tuple[str, str], ...]
"""Pairs of an output name and the column of the table that it shows."""

_STRING: Schema = {"type": "string", "minLength": 1}
_ZONE = re.compile(r"(?!posix/|right/|localtime\Z)[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_DECIDING = frozenset({"by", "measures", "interval"})
_PLACE = "names no column of this summary"


def by(text: str, scene: ParseContext) -> tuple[str, ...]:
    """Columns of the grain, comma separated, each once."""
    names = tuple(part.strip() for part in text.split(","))
    if len(names) > MOST_GROUPING:
        raise Refused(f"lists more than {MOST_GROUPING} columns")
    for place, name in enumerate(names, 1):
        read.column(name, scene, f" in place {place}")
    return _each_once(names)


def measures(text: str, scene: ParseContext) -> tuple[str, ...]:
    """Terms that name measures, comma separated, each once."""
    terms = tuple(part.strip() for part in text.split(","))
    if len(terms) > MOST_MEASURES:
        raise Refused(f"lists more than {MOST_MEASURES} measures")
    for place, term in enumerate(terms, 1):
        if measure_of(term, scene.grain) is None:
            words = f"names no measure of /schema{scene.grain.path} in place {place}"
            raise Refused(words, tuple(names_of(scene.grain)), _meant(term, scene.grain))
    return _each_once(terms)


def time_zone(text: str, _scene: ParseContext) -> str:
    """A name of the time zone database."""
    try:
        known = ZoneInfo(text).key if _ZONE.fullmatch(text) else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = None
    if known is None:
        raise Refused("is no name of the time zone database, as Europe/Berlin")
    return known


def at(text: str, scene: ParseContext) -> str:
    """A column of the grain that holds a time."""
    times = tuple(name for name, column in scene.grain.columns.items() if column.type == "time")
    return str(read.one_of(*times)(text, scene))


def names_of(grain: Grain) -> Iterator[str]:
    """The measures of a grain by name, then the functions of any column as they are written."""
    yield from (one.name for one in named_measures(grain))
    yield from (f"{name}{SEPARATOR}<column>" for name in FUNCTIONS)


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len({*names}) < len(names):
        raise Refused("names something twice")
    return names


def _meant(term: str, grain: Grain) -> str | None:
    function, separator, column = term.partition(SEPARATOR)
    if not separator:
        return nearest(term, tuple(one.name for one in named_measures(grain)))
    row = FUNCTIONS.get(function)
    takes = tuple(one.name for one in grain.columns.values() if row and one.type in row.types)
    near = nearest(column, takes)
    return f"{function}{SEPARATOR}{near}" if near else None


# fmt: off
_OWN = (
    Parameter("by", by, _STRING, f"Columns to group by, comma separated, at most {MOST_GROUPING}; those that masked "
              "views hide only with `pii=clear`.", pins=True),
    Parameter("measures", measures, {**_STRING, "default": "count"},
              f"Measures, comma separated, at most {MOST_MEASURES}: names that `/schema` of the list explains, or "
              f"{', '.join(f'`{name}:`' for name in FUNCTIONS)} and a column, as `p90:queue_seconds`.", pins=True),
    Parameter("interval", read.one_of(*STEPS), {"type": "string", "enum": [*STEPS]},
              "Intervals to group by, begun anew at each local midnight.", pins=True),
    Parameter("time_zone", time_zone, _STRING,
              "Zone of local days, by its name in the time zone database; default: the tenant's.", pins=True),
    Parameter("fill", read.one_of("zero"), {"type": "string", "enum": ["zero"]},
              "Every interval of the range with every group seen.", pins=True),
    Parameter("at", at, _STRING, "Column of the time that decides the interval; default: the interaction's start. With "
              "it, `interval_is_partial` says which intervals may lack rows: those of interactions that start outside "
              "the range.", pins=True),
    Parameter("sort", read.literal, _STRING,
              "Column of the summary to sort by, `-` in front for descending; default: by interval, then by groups.",
              pins=True),
    Parameter("limit", read.groups, {"type": "integer", "minimum": 1},
              "Most groups shown; default: all. `total` and `totals` are of all in any case."),
    Parameter("fields", read.literal, _STRING,
              "Columns of the summary, comma separated, in this order; `alias:column` renames."),
)
# fmt: on
_BEFORE = ("attr", "attr_pair", ATTRIBUTE_PREFIX, "attr_any", "attr_name", "from", "to", "contact_id", "hook_type")
_SHARED = (*_BEFORE, "hook_subtype", "hook_id", *(name for name in BY_NAME if name in FILTERS))
SUMMARY_PARAMETERS: Mapping[str, Parameter] = {
    **{one.name: one for one in _OWN[:6]},
    **{name: BY_NAME[name] for name in _SHARED},
    **{one.name: one for one in _OWN[6:]},
    **{name: BY_NAME[name] for name in ("format", "shape", "csv", "pii", "download")},
}
"""The parameters by name, in the order in which they are documented."""


def summary_of(
    values: Values, scene: ParseContext, refused: Collection[str] = ()
) -> tuple[Summary, Columns, list[ParameterFault]]:
    """The summary that canonical values ask for, the columns to be shown of its table, and what is wrong with them.

    Where a parameter that decides its columns was refused, nothing is said of those that name some.
    """
    asked = {name: values[name][0] for name in ("by", "measures", "interval", "time_zone", "at") if name in values}
    summary = Summary(**asked, fill="fill" in values)
    known = tuple(one.name for one in outputs(summary, scene.grain, measures_of(summary, scene.grain)))
    faults = [*_hidden(summary, values, scene.grain), *_alone(values)]
    if len({*known}) < len(known):
        faults.append(ParameterFault("measures", "measures gives two columns of the summary one name."))
    columns: Columns = tuple((name, name) for name in known)
    if not _DECIDING.isdisjoint(refused):
        return summary, columns, faults
    if "fields" in values:
        try:
            columns = chosen(values["fields"][0], known, _PLACE)
        except* Refused as group:
            faults += [_fault("fields", one, known) for one in group.exceptions if isinstance(one, Refused)]
    if "sort" in values:
        text = values["sort"][0]
        name = text.removeprefix("-")
        if name in known:
            summary = replace(summary, sort=(name, text.startswith("-")))
        else:
            faults.append(_fault("sort", Refused(_PLACE, did_you_mean=nearest(name, known)), known))
    return summary, columns, faults


def _fault(name: str, refused: Refused, allowed: tuple[str, ...]) -> ParameterFault:
    words = f"{name} {refused.words}.{offer(refused.did_you_mean, *refused.or_else)}"
    return ParameterFault(name, words, "invalid-parameter", allowed, refused.did_you_mean)


def _hidden(summary: Summary, values: Values, grain: Grain) -> Iterator[ParameterFault]:
    """Columns that the view does not show: their groups and numbers would tell of them."""
    if values.get("pii", [""])[0] == "clear":
        return
    named = [("by", name) for name in summary.by] + [("measures", column_of(term)) for term in summary.measures]
    for parameter, name in named:
        if name in grain.clear_only:
            yield ParameterFault(parameter, f"{parameter} names {name}, which is shown with pii=clear alone.")


def _alone(values: Values) -> Iterator[ParameterFault]:
    for name in ("fill", "at"):
        if name in values and "interval" not in values:
            yield ParameterFault(name, f"{name} is of intervals; send interval with it.")
