"""Parameters that contradict one another, or the viewer, though each is right alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.errors import ParameterFault
from app.formats import FORMATS, Format
from app.http.changes import CHANGE, KEY
from app.interactions.grains import Grain
from app.queries.query import CHANGED_SINCE, Filter

Values = Mapping[str, Sequence[Any]]  # canonical values by parameter; what type they have is its reader's to say

_BY_VARIANT_PARAMETER = {one.variant_parameter: one for one in FORMATS if one.variant_parameter}


def value_of(values: Values, name: str, default: Any = None) -> Any:
    """The value of a parameter that may be given once, else the default."""
    return values[name][0] if name in values else default


def hidden(filters: Iterable[Filter], values: Values, grain: Grain) -> Iterator[ParameterFault]:
    """Conditions on what the view does not show: searching by it would tell what it is."""
    for one in filters:
        if one.name in grain.clear_only and value_of(values, "pii") != "clear":
            words = f"{one.name} is shown with pii=clear alone: send that with a condition on it."
            yield ParameterFault(one.name, words)


def conflicts(values: Values) -> Iterator[ParameterFault]:
    """Contradictions, whatever the format. A cursor brings its own range, so relative times cannot cross."""
    start, end = value_of(values, "from"), value_of(values, "to")
    if start and end and start >= end and "cursor" not in values:
        yield ParameterFault("to", "to must be later than from.")
    if "cursor" in values and "offset" in values:
        yield ParameterFault("offset", "offset and cursor exclude each other; the cursor knows its place.")
    yield from _change_conflicts(values)
    outputs = {output for output, _ in value_of(values, "fields", ())}
    if not outputs.isdisjoint(value_of(values, "include", ())):
        yield ParameterFault("fields", "fields gives a column the name of a list that include adds.")


def _change_conflicts(values: Values) -> Iterator[ParameterFault]:
    """A list of changes has an order of its own, and each row of it is found by its interaction."""
    if CHANGED_SINCE not in values:
        return
    if "attr_any" in values:
        words = f"attr_any and {CHANGED_SINCE} exclude each other: ask for the changes of each value by attr."
        yield ParameterFault("attr_any", words)
    if "sort" in values:
        yield ParameterFault("sort", f"sort and {CHANGED_SINCE} exclude each other: changes come newest first.")
    fields = value_of(values, "fields", ())
    if fields and KEY not in {column for _, column in fields}:
        yield ParameterFault("fields", f"fields must name {KEY} where {CHANGED_SINCE} is given: it is the key.")
    if CHANGE in {output for output, _ in fields}:
        yield ParameterFault("fields", f"fields names a column {CHANGE}; {CHANGED_SINCE} adds one so called.")


def format_conflicts(values: Values, chosen: Format, extension: str | None) -> Iterator[ParameterFault]:
    """Parameters that do not fit the format, which the path's extension may name too."""
    if extension and value_of(values, "format", chosen.name) != chosen.name:
        yield ParameterFault("format", "format and the path's extension name different formats; give one of them.")
    if not chosen.is_available:
        available = tuple(one.name for one in FORMATS if one.is_available)
        yield ParameterFault(
            "format", f"{chosen.name} needs {chosen.requires}, which is not installed here.", allowed=available
        )
    if "include" in values and not chosen.allows_include:
        yield ParameterFault("include", f"include needs JSON or NDJSON; {chosen.name} has no place for lists.")
    for name, one in _BY_VARIANT_PARAMETER.items():
        if name in values and one != chosen:
            asking = f"end the path in .{one.extension}" if extension else f"send format={one.name}"
            yield ParameterFault(name, f"{name} does not apply to the format {chosen.name}: {asking}, or leave it out.")


def limit_conflicts(values: Values, chosen: Format, most: int, *, of_summary: bool = False) -> Iterator[ParameterFault]:
    """More rows than one answer holds are streamed, in formats that can be written piece by piece."""
    if value_of(values, "limit", 0) > most and of_summary:
        yield ParameterFault("limit", f"limit is {most} at most; leave it out: a summary has all its groups then.")
    elif value_of(values, "limit", 0) > most and CHANGED_SINCE in values:
        yield ParameterFault("limit", f"limit is {most} at most where {CHANGED_SINCE} is given; follow next for more.")
    elif value_of(values, "limit", 0) > most and not chosen.is_streamed:
        streamed = " or ".join(one.name for one in FORMATS if one.is_streamed)
        yield ParameterFault(
            "limit",
            f"limit is over the {most} rows that one answer holds; ask for {most} or fewer, and follow next, "
            f"or for {streamed}, which have no such bound.",
        )
