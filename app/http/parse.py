"""Parameters → InteractionQuery: strict, canonical, frozen; every fault of a request is told at once."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from app.errors import Forbidden, InvalidParameters, ParameterFault
from app.formats import FORMATS, Format
from app.http.auth import ARRAY_SUFFIX, QUERY_STRING, Viewer, refuse_key_names
from app.http.conflicts import Values, conflicts, format_conflicts, hidden, limit_conflicts, value_of
from app.http.negotiation import choose_format
from app.http.parameters import (
    ATTRIBUTE_PREFIX,
    BY_NAME,
    CONDITIONS,
    DEFAULT_LIMIT,
    GRAIN,
    ITEM_PARAMETERS,
    MOST_PARAMETERS,
    Parameter,
    condition,
    conditions_on,
    is_moment,
    nearest_condition,
    parameters_of,
)
from app.http.summary_parameters import SUMMARY_PARAMETERS, summary_of, time_zone
from app.http.times import needs_zone, seconds_to_next_step
from app.http.values import INCLUDE_NAMES, ParseContext, Refused, meant, offer
from app.interactions.grains import BY_PATH, INTERACTIONS, RAW, Grain
from app.queries.operators import FILTERS, parted, type_of
from app.queries.query import CHANGED_SINCE, NEWEST_FIRST, Filter, InteractionQuery, Search, View, distinct

Pairs = Sequence[tuple[str, str]]
Known = Mapping[str, Parameter]

IGNORED_PREFIX = "_"
LONGEST_NAME = 64  # characters of a name that are shown
RAW_SCOPES = ("pii:read", "notes:read")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")  # RFC 3986 §2.1; Python lets it stand as it is
_NOT_LINKED = frozenset({"cursor", "offset"})


def pairs_of(query_string: bytes, place: str = QUERY_STRING, most: int = MOST_PARAMETERS) -> Pairs:
    """Names and values; only `&` separates. Raises InvalidParameters, or KeyInQuery for a credential (FAULTS T32).

    `place` names it in words; `most` parameters may stand there.
    """
    if query_string.count(b"&") >= most:
        words = f"The {place} has more than {most} parameters; send fewer."
        raise InvalidParameters([ParameterFault("", words)])
    try:
        text = query_string.decode("ascii")
        if _STRAY_PERCENT.search(text):
            raise ValueError("a % that encodes nothing")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        words = f"The {place} is not percent-encoded UTF-8: é is %C3%A9, a percent sign %25."
        raise InvalidParameters([ParameterFault("", words)]) from None
    refuse_key_names((name for name, _ in pairs), place)
    return [(name, value) for name, value in pairs if not name.startswith(IGNORED_PREFIX)]


def needs_time_zone(pairs: Pairs, grain: Grain) -> bool:
    """Whether some moment that the parameters name is another in another time zone."""
    return any(map(needs_zone, _moments(pairs, grain)))


def named_zone(pairs: Pairs, scene: ParseContext) -> ZoneInfo | None:
    """The zone that a summary's parameters name, for its days and for local times among them."""
    for name, text in pairs:
        if name == "time_zone":
            with suppress(Refused):
                return ZoneInfo(time_zone(text, scene))
    return None


def changes_in(pairs: Pairs, scene: ParseContext) -> float | None:
    """Seconds until the same parameters ask another question, as relative times do; None where they never will."""
    is_relative = any(text.startswith("now") for text in _moments(pairs, scene.grain))
    return seconds_to_next_step(scene.frame) if is_relative else None


def _moments(pairs: Pairs, grain: Grain) -> Iterator[str]:
    return (text for name, text in pairs if is_moment(name.removesuffix(ARRAY_SUFFIX), grain))


def parse(
    pairs: Pairs,
    scene: ParseContext,
    viewer: Viewer,
    *,
    extension: str | None = None,
    accept: str | None = None,
    of_summary: bool = False,
    in_body: bool = False,
) -> InteractionQuery:
    """The canonical query. Raises InvalidParameters with all faults, Forbidden where the viewer may not see this.

    `in_body`: the parameters were sent as a body, which may have many.
    """
    known = SUMMARY_PARAMETERS if of_summary else parameters_of(scene.grain)
    pairs = [(_without_suffix(name, known, scene.grain), text) for name, text in pairs]
    values, faults = _read(pairs, scene, known, scene.grain, in_body=in_body)
    chosen = choose_format(extension, value_of(values, "format"), accept)
    filters, summary = _filters(values, known), None
    if of_summary:
        summary, columns, more = summary_of(values, scene, {fault.parameter for fault in faults})
        faults += more
        values = {**{name: given for name, given in values.items() if name != "sort"}, "fields": [columns]}
    faults += [*conflicts(values), *hidden(filters, values, scene.grain)]
    if _is_raw(values):
        words = f"include={RAW} is for one interaction: /interactions/{{interaction_id}}?include={RAW}&pii=clear."
        faults.append(ParameterFault("include", words, allowed=INCLUDE_NAMES))
    if not any(fault.parameter == "format" for fault in faults):
        faults += format_conflicts(values, chosen, extension)
        faults += limit_conflicts(values, chosen, scene.max_rows, of_summary=of_summary)
    _refuse(faults)
    return InteractionQuery(
        search=_search(values),
        view=_view(values, scene, viewer, chosen),
        filters=filters,
        order=value_of(values, "sort", NEWEST_FIRST),
        offset=value_of(values, "offset", 0),
        limit=value_of(values, "limit", scene.max_rows if of_summary else min(DEFAULT_LIMIT, scene.max_rows)),
        cursor=value_of(values, "cursor"),
        since=value_of(values, CHANGED_SINCE),
        asked=tuple(sorted({pair for pair in pairs if (row := _row(pair[0], known, scene.grain)) and row.pins})),
        given=tuple(sorted({(name, text) for name, text in pairs if name not in _NOT_LINKED})),
        summary=summary,
    )


def parse_view(pairs: Pairs, scene: ParseContext, viewer: Viewer) -> View:
    """How one interaction is to be shown: `fields`, `include` and `pii` alone apply. Raises as `parse`."""
    values, faults = _read(pairs, scene, ITEM_PARAMETERS)
    faults += conflicts(values)
    is_raw = _is_raw(values)
    if is_raw and value_of(values, "pii") != "clear":  # it shows the customer: who asks for it says so
        faults.append(ParameterFault("pii", f"include={RAW} shows personal data; send pii=clear with it."))
    _refuse(faults)
    if is_raw and not viewer.scopes.issuperset(RAW_SCOPES):
        raise Forbidden(f"include={RAW} needs the scopes {' and '.join(RAW_SCOPES)}.")
    if is_raw and not scene.shows_raw:
        raise Forbidden(f"include={RAW} is off here: it would show what CXF_ATTRIBUTE_POLICY masks, hashes or drops.")
    return _view(values, scene, viewer, FORMATS[0])


def grain_of(pairs: Pairs, scene: ParseContext) -> tuple[str, Pairs]:
    """The grain that the parameter `grain` names, and the others. Raises InvalidParameters."""
    named = [text for name, text in pairs if name == GRAIN.name]
    if named[1:]:
        _refuse([ParameterFault(GRAIN.name, f"{GRAIN.name} may be given once.", "duplicate-parameter")])
    try:
        path = GRAIN.read(named[0], scene) if named else INTERACTIONS
    except Refused as refused:
        raise InvalidParameters([_refused(GRAIN.name, refused)]) from None
    return BY_PATH[str(path)], [pair for pair in pairs if pair[0] != GRAIN.name]


def refuse_all(pairs: Pairs) -> None:
    """Raise InvalidParameters where a resource that takes no parameters is given some."""
    _refuse([unknown_parameter(name, ()) for name, _ in pairs])


def _refuse(faults: Sequence[ParameterFault]) -> None:
    if faults:
        raise InvalidParameters(tuple(dict.fromkeys(faults)))


def _read(
    pairs: Pairs, scene: ParseContext, known: Known, grain: Grain | None = None, *, in_body: bool = False
) -> tuple[Values, list[ParameterFault]]:
    """Canonical values, and faults; with a grain, conditions on its columns are known beside the `known` parameters."""
    values: dict[str, list[Any]] = {}
    faults: list[ParameterFault] = []
    seen: Counter[str] = Counter()
    for name, text in pairs:
        row = _row(name, known, grain)
        if row is None:
            faults.append(unknown_parameter(name, known, grain))
            continue
        seen[row.name] += 1
        most = row.most_values(in_body=in_body)
        if not row.repeatable and seen[row.name] > 1:
            faults.append(ParameterFault(name, f"{name} may be given once.", "duplicate-parameter"))
        elif seen[row.name] > most:
            faults.append(ParameterFault(row.name, f"{row.name} may be given {most} times at most."))
        else:
            try:
                value = row.read(text, scene)
                if row.name == ATTRIBUTE_PREFIX:
                    value = (name.removeprefix(ATTRIBUTE_PREFIX).strip(), value)
                values.setdefault(row.name, []).append(value)
            except* Refused as group:
                faults += [_refused(name, refused) for refused in group.exceptions if isinstance(refused, Refused)]
    return {name: given for name, given in values.items() if given}, faults


def _row(name: str, known: Known, grain: Grain | None) -> Parameter | None:
    if name.startswith(ATTRIBUTE_PREFIX):
        return known.get(ATTRIBUTE_PREFIX) if name.removeprefix(ATTRIBUTE_PREFIX).strip() else None
    return known.get(name) or (condition(name, grain) if grain else None)


def _without_suffix(name: str, known: Known, grain: Grain) -> str:
    """The name of a parameter that may be repeated, as it is without brackets; any other as it stands."""
    stem = name.removesuffix(ARRAY_SUFFIX)
    row = _row(stem, known, grain) if stem != name else None
    return stem if row is not None and row.repeatable else name


def _filters(values: Values, known: Known) -> tuple[Filter, ...]:
    """The conditions on columns: those among the `known` parameters, and all that are not among them."""
    named = ((parted(name), values[name]) for name in sorted(values) if name in FILTERS or name not in known)
    return tuple(Filter(column, distinct(given), suffix) for (column, suffix), given in named)


def _search(values: Values) -> Search:
    return Search(
        attr=distinct(values.get("attr", ())),
        attr_pairs=tuple(sorted({*values.get("attr_pair", ()), *values.get(ATTRIBUTE_PREFIX, ())})),
        attr_any=distinct(values.get("attr_any", ())),
        attr_names=distinct(values.get("attr_name", ())),
        start=value_of(values, "from"),
        end=value_of(values, "to"),
        **{name: value_of(values, name) for name in ("contact_id", "hook_type", "hook_subtype", "hook_id")},
    )


def _view(values: Values, scene: ParseContext, viewer: Viewer, chosen: Format) -> View:
    return View(
        columns=value_of(values, "fields") or tuple((name, name) for name in scene.grain.columns),
        include=tuple(name for name in value_of(values, "include", ()) if name != RAW),
        format=chosen.name,
        variant=value_of(values, chosen.variant_parameter or "", chosen.variants[0]),
        audience=viewer.audience(clear=value_of(values, "pii") == "clear"),
        download=value_of(values, "download") is not None,
        raw=_is_raw(values),
        grain=scene.grain.name,
    )


def _is_raw(values: Values) -> bool:
    return RAW in value_of(values, "include", ())


def _refused(name: str, refused: Refused) -> ParameterFault:
    words = f"{_shown(name)} {refused.words}.{offer(refused.did_you_mean, *refused.or_else)}"
    return ParameterFault(name[:LONGEST_NAME], words, allowed=refused.allowed, did_you_mean=refused.did_you_mean)


def unknown_parameter(name: str, known: Collection[str], grain: Grain | None = None) -> ParameterFault:
    """The fault of a name that is not among the `known` parameters, with the one that may be meant.

    Where a grain is named, that may be a condition on one of its columns.
    """
    column, suffix = parted(name)
    type_ = type_of(column, grain) if grain and suffix else None
    names = tuple(one if one != ATTRIBUTE_PREFIX else "attr.<name>" for one in known)
    near = nearest_condition(name, grain) if grain else None
    is_of_others = name in BY_NAME and name not in known  # as a summary has no cursor
    near = None if is_of_others else near or meant(name, (*names, *grain.columns) if grain else names)
    allowed = conditions_on(column, type_) if type_ else (*names, *(CONDITIONS if grain else ()))
    operators = f" {column} has {', '.join(allowed[1:])}." if type_ else ""
    words = f"{_shown(name)} is not a parameter of this resource.{operators}{offer(near)}"
    return ParameterFault(name[:LONGEST_NAME], words, "unknown-parameter", allowed=allowed, did_you_mean=near)


def _shown(name: str) -> str:
    """A name as sentences may show it: one that is made of other characters than names are is not repeated."""
    is_plain = name.replace("-", "_").replace(".", "_").isidentifier()
    return name[:LONGEST_NAME] if is_plain else "One parameter"
