"""The OpenAPI document of this service: parameters, responses and examples of each path of the table of routes.

The examples are of the documented interaction; its values are in `golden.json`, made by the flattener.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from app import __version__
from app.formats import FORMATS, Envelope, Format, Table
from app.http.cache_routes import OWN_HEADER
from app.http.messages import Meta
from app.http.openapi import components
from app.http.openapi.components import STRING, UUID, Schema, ref
from app.http.openapi.parameters import (
    header,
    list_parameters,
    parameter,
    request_bodies,
    shared,
    shared_parameters,
    summary_parameters,
)
from app.http.parameters import GRAIN, ITEM_PARAMETERS
from app.http.paths import SEARCH
from app.http.questions import FORM_PARAMETERS
from app.http.routes import RESOURCES
from app.http.routing import ANYBODY
from app.interactions.columns import SCHEMA_VERSION, ColumnType
from app.interactions.grains import BY_PATH, INTERACTIONS, Grain

DOCUMENTED = "c506eb9b-f523-4616-8839-fbce3fd89c17"


def _in_path(name: str, description: str, schema: Schema, **more: object) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema, **more}


INTERACTION_ID = _in_path("interaction_id", "Identity of the interaction.", UUID, example=DOCUMENTED)
GRAIN_PATH = _in_path("grain", "Path of its list, without the slash.", {**STRING, "enum": [*BY_PATH]})
QUESTION = _in_path("name", "Its name, as `/questions` lists it.", {**STRING, "minLength": 1})
SLUG = _in_path("slug", "`code` of the error.", ref("ProblemCode"))
_OWN_HEADER = header(
    OWN_HEADER,
    "Any value: it shows that no page of another site asks.",
    required=True,
    schema={"type": "string", "minLength": 1},
    example="curl",
)
_DESCRIPTION = """\
The interactions of a contact centre and their parts as flat rows with stable columns, cached, without upstream's \
credentials.

Every column is in every row, also when it is null; units stand in the names. Each GET may be a HEAD. Errors are \
`application/problem+json` (RFC 9457), whose `type` leads to a page that explains it. A parameter that is not known \
here is an error, so that a misspelt filter never returns everything. Lists and summaries take `QUERY` (RFC 10008), \
too, with their parameters as a form in the body.\
"""
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A client key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A client key."},
    "basic": {"type": "http", "scheme": "basic", "description": "A client key as user name; the password is ignored."},
}
_ANONYMOUS: dict[str, list[str]] = {}  # allowed where the operator says so; on loopback by default
GOLDEN = Path(__file__).parent / "golden.json"
_QUERY = {"attr": ["1234567"], "from": None, "to": None}
_VALUES: Mapping[str, Callable[[str], object]] = {"time": datetime.fromisoformat, "date": date.fromisoformat}
_AS_OF, _ZONE = "2026-11-23T06:40:00.000Z", "US/Eastern"
_STATE = "QSq5ZJXECJ8rN1tZ6f0JAcQI0m0k3kq1b2jAwA"  # a change token
_ROUTES = {resource.path: resource for resource in RESOURCES}
_PAGE: Schema = {"text/html": {"schema": STRING}}
_UPSTREAM = (502, 503, 504)
_LIST_WORDS = (
    "One row per {noun}, newest interaction first. Filters are ANDed. Every column is a parameter, too: `<column>=`, "
    "and with the endings that `/schema{path}` lists: `.ne`, `.gte`, `.prefix`, `.null=true`. Follow `next` or pass "
    "`next_cursor` as `cursor` for the pages after this one: a walk sees one snapshot, no row twice."
)
_SUMMARY_WORDS = (
    "One row per group. Measures are of all rows that match, ratios are ratios of sums. The filters are those of "
    "`{path}`; `/schema{path}` explains the measures. `{path}/summary.csv` and `.ndjson` are other formats of it, as "
    "`format` and `Accept` ask for."
)
_SEARCH_WORDS = (
    "As GET `{path}`, with the parameters as a form, for questions too long for a URL: up to 64 KiB and 1,000 "
    "parameters. It changes nothing. `QUERY` (RFC 10008) with the same body asks `{path}` itself. `next` is null where "
    "the question is too long for a URL: send the body again with `cursor=<next_cursor>`."
)
_SHAPES_WORDS = "With `shape=records` a bare array of `{row}`, with `shape=columns` an object of arrays by column."
_HEALTH_WORDS = "Open to all, and without detail."
_PURGE_ORDERS = {
    "all": {"summary": "All", "value": {"all": True}},
    "query": {"summary": "By query", "value": {"query": "attr=1234567"}},
    "interaction": {"summary": "By interaction", "value": {"interaction_id": DOCUMENTED}},
    "customer": {"summary": "By customer", "value": {"customer_key": "0123456789abcdef0123456789abcdef"}},
}
_QUESTION_WORDS = (
    "The answer of its path to its query, byte for byte, for whoever may ask that path. `/questions/{name}.csv` and "
    "`.ndjson` are other formats of it, as `format` and `Accept` ask for; `next` leads on under its path."
)
_FORMATS_WORDS = "Other formats have paths of their own; `format` and `Accept` ask for them here too."


def document(grains: Mapping[str, Grain], max_rows: int) -> dict[str, object]:
    """The document for a service with these grains and at most `max_rows` rows in one answer."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cxfacade",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ".", "description": "Where this document is served, also behind a path prefix."}],
        "tags": [
            {"name": "interactions", "description": "Rows, single interactions and their timelines."},
            {
                "name": "summaries",
                "description": "Rows of any list in groups, with measures of each; pinned questions.",
            },
            {"name": "parts", "description": "Agent legs, queue entries and other parts of interactions as rows."},
            {"name": "service", "description": "The service itself: its cache, keys, errors and health."},
        ],
        "security": [*({name: []} for name in _SECURITY_SCHEMES), _ANONYMOUS],
        "paths": paths(grains, max_rows),
        "components": {
            "schemas": components.schemas(grains.values()),
            "responses": components.problem_responses(),
            "headers": components.HEADERS,
            "parameters": shared_parameters(grains[INTERACTIONS], max_rows),
            "requestBodies": request_bodies(grains[INTERACTIONS], max_rows),
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def text(grains: Mapping[str, Grain], max_rows: int) -> str:
    """The document as JSON text, the same bytes each time."""
    return json.dumps(document(grains, max_rows), indent=2, ensure_ascii=False) + "\n"


def paths(grains: Mapping[str, Grain], max_rows: int) -> dict[str, Schema]:
    """Every documented path, with an example of each answer in these columns."""
    golden: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    interactions = grains[INTERACTIONS]
    row = {name: golden["rows"][INTERACTIONS][0].get(name) for name in interactions.columns}
    with_list = {"summary": "With include=attributes", "value": {**row, "attributes": golden["lists"]["attributes"]}}
    rows, health = {**_documented(row), "with_list": with_list}, components.json_content("Health")
    of_item = list_parameters(interactions, FORMATS, max_rows, ITEM_PARAMETERS)
    # fmt: off
    # A row reads as a row: path and summary, then the words, then the content.
    return dict([
        *_lists(interactions, golden["rows"][INTERACTIONS], max_rows),
        *map(_summary, grains.values()),
        *chain.from_iterable(map(_searches, grains.values())),
        _stored("/interactions/{interaction_id}", "One interaction",
                "One interaction as one row; `include` adds its nested lists.",
                components.json_content("Interaction", rows), of_item),
        _stored("/interactions/{interaction_id}/timeline", "Timeline of one interaction",
                "Ordered spans: ivr, queue, offer, conversation, hold, wrap-up, segment, with offset and duration in "
                "seconds.",
                components.json_content("Timeline", _documented(golden["timeline"]))),
        *chain.from_iterable(
            _lists(grain, golden["rows"][grain.name], max_rows) for grain in grains.values() if grain.is_of_parts
        ),
        _service("/schema", "Columns",
                 "Every column and nested list: name, type, unit, nullability, description, source, class of personal "
                 "data.",
                 components.json_content("RowSchema"), tag="interactions"),
        _service("/schema/{grain}", "Columns of a grain",
                 "Likewise of the rows of any list.",
                 components.json_content("RowSchema"), 404, tag="interactions", parameters=[GRAIN_PATH]),
        _service("/questions", "Pinned questions",
                 "The questions that the operator has given names, in the order of the file.",
                 components.json_content("PinnedQuestions"), tag="summaries"),
        _question(),
        _service("/cache/explain", "Cache state of a query",
                 "For the parameters of `/interactions`, or of the list that `grain` names. Upstream is not asked, and "
                 "nothing is refreshed.",
                 components.json_content("CacheExplanation"),
                 parameters=[*list_parameters(interactions, FORMATS, max_rows),
                             parameter(GRAIN, max_rows, interactions)]),
        _service("/whoami", "Label and scopes of the key",
                 "200 only with a valid key, or without one where that is allowed.",
                 components.json_content("WhoAmI")),
        _service("/metrics", "Counters in Prometheus text format", "",
                 {"text/plain": {"schema": STRING}}),
        _service("/health/live", "Whether the process answers", _HEALTH_WORDS, health),
        _service("/health/ready", "Whether the service takes requests", _HEALTH_WORDS, health),
        _service("/problems/{slug}", "Meaning of an error",
                 "A page for browsers, JSON for programs.",
                 components.json_content("ProblemExplanation") | _PAGE, 404, parameters=[SLUG]),
        _service("/cache/purge", "Forget stored snapshots",
                 "A fetch that is under way goes on for those who wait for it, and is not stored. Once a second at "
                 "most, by all together.",
                 components.json_content("Purged"), 413, 415, parameters=[_OWN_HEADER],
                 body={"required": True, "content": components.json_content("PurgeOrder", _PURGE_ORDERS)}),
    ])
    # fmt: on


def _operation(
    path: str,
    summary: str,
    description: str,
    responses: Schema,
    *,
    parameters: Iterable[Schema] = (),
    body: Schema | None = None,
    tag: str = "service",
    name: str | None = None,
) -> tuple[str, Schema]:
    """The path with its one operation; `body` is the body that its request must have."""
    route = _ROUTES[path]
    needed = "" if route.scope in (None, "read", ANYBODY) else f"Needs scope `{route.scope}`. "
    operation: Schema = {
        "operationId": name or route.name,
        "tags": [tag],
        "summary": summary,
        "description": (needed + description).strip(),
        "parameters": list(parameters),
        **({"requestBody": body} if body else {}),
        **({"security": []} if route.scope == ANYBODY else {}),
        "responses": {**dict(sorted(responses.items())), **components.OTHER},
    }
    return path, {"post" if "POST" in route.methods else "get": operation}


def _problems(path: str, *more: int) -> set[int]:
    """The statuses of an operation's problems: of any request, of one that needs a key or a scope, and `more`."""
    scope, statuses = _ROUTES[path].scope, {400, 405, 500, *more}
    if scope == ANYBODY:
        return statuses
    return statuses | ({401, 403, 429} if scope else {401, 429})


def _documented(value: object) -> dict[str, object]:
    return {"documented": {"summary": "The documented interaction", "value": value}}


def _lists(grain: Grain, rows: Sequence[Mapping[str, object]], max_rows: int) -> Iterator[tuple[str, Schema]]:
    """The paths of a grain's list, with these rows as examples."""
    columns = grain.columns.values()
    values = [tuple(_value(row.get(column.name), column.type) for column in columns) for row in rows]
    table = Table(tuple(grain.columns), values, tuple(column.type for column in columns))
    yield _list(grain, grain.path, FORMATS[0], table, max_rows, _FORMATS_WORDS)
    for one in FORMATS:
        yield _list(grain, f"{grain.path}.{one.extension}", one, table, max_rows)


def _value(shown: Any, kind: ColumnType) -> object:
    """A value as JSON shows it, as a value again."""
    return _VALUES[kind](shown) if shown is not None and kind in _VALUES else shown


def _list(
    grain: Grain, path: str, format_: Format, table: Table, max_rows: int, *more_words: str
) -> tuple[str, Schema]:
    """A list in one format: generated clients have one type for an answer then."""
    row, title = components.row_name(grain), grain.name.replace("_", " ").capitalize()
    is_json = format_.media_type == components.JSON
    schema = ref(f"{row}List") if is_json else components.body_schema(format_)
    is_shown = path == grain.path or not grain.is_of_parts  # one example of each row is enough
    content: Schema = {format_.media_type: {"schema": schema, **(_examples(grain, format_, table) if is_shown else {})}}
    problems, ranges = _problems(path, *_UPSTREAM, 410), [] if is_json else [shared("Range")]
    responses = components.stored_responses(content, problems, *components.OF_LISTS, whole=("Content-Disposition",))
    return _operation(
        path,
        f"{title} as {format_.name.upper()}",
        " ".join([_LIST_WORDS, *([_SHAPES_WORDS] if is_json else []), *more_words]).format(
            noun=grain.noun, row=row, path=grain.path
        ),
        responses if is_json else responses | components.range_responses(format_),
        parameters=[*list_parameters(grain, [format_], max_rows), shared("If-None-Match"), *ranges],
        tag="parts" if grain.is_of_parts else "interactions",
        name=grain.operation if path == grain.path else f"{grain.operation}{format_.name.capitalize()}",
    )


def _summary(grain: Grain) -> tuple[str, Schema]:
    """The path of a grain's summary. Those of other formats are told in words: each would say the same again."""
    path, title = grain.summary_path, grain.name.replace("_", " ")
    responses = components.stored_responses(
        components.json_content("Summary"),
        _problems(path, *_UPSTREAM),
        *components.OF_LISTS[1:],
        whole=("Content-Disposition",),
    )
    return _operation(
        path,
        f"Summary of {title}",
        _SUMMARY_WORDS.format(path=grain.path),
        responses,
        parameters=[*summary_parameters(FORMATS), shared("If-None-Match")],
        tag="summaries",
    )


def _question() -> tuple[str, Schema]:
    """The path of a pinned question, whose answer may have any form of a list or summary."""
    path = "/questions/{name}"
    as_text = {one.media_type: {"schema": components.body_schema(one)} for one in FORMATS}
    content: Schema = {**as_text, components.JSON: {"schema": {"description": "As its path answers."}}}
    responses = components.stored_responses(
        content, _problems(path, *_UPSTREAM, 404), *components.OF_LISTS, whole=("Content-Disposition",)
    )
    return _operation(
        path,
        "Answer of a pinned question",
        _QUESTION_WORDS,
        responses,
        parameters=[QUESTION, *map(shared, FORM_PARAMETERS), shared("If-None-Match")],
        tag="summaries",
    )


def _searches(grain: Grain) -> Iterator[tuple[str, Schema]]:
    """The paths where POST asks for a grain's list and summary."""
    for path, what, content, more, problems in (
        (grain.path, "{}, asked by a body", f"{components.row_name(grain)}List", components.OF_LISTS, (410,)),
        (grain.summary_path, "Summary of {}, asked by a body", "Summary", components.OF_LISTS[1:], ()),
    ):
        is_list = path == grain.path
        responses = components.stored_responses(
            components.json_content(content),
            _problems(path + SEARCH, *_UPSTREAM, *problems, 413, 415),
            *more,
            whole=("Content-Disposition",),
        )
        title = grain.name.replace("_", " ")
        yield _operation(
            path + SEARCH,
            what.format(title.capitalize() if is_list else title),
            _SEARCH_WORDS.format(path=path),
            responses,
            parameters=[shared("If-None-Match")],
            body={"$ref": f"#/components/requestBodies/{'Question' if is_list else 'SummaryQuestion'}"},
            tag=("parts" if grain.is_of_parts else "interactions") if is_list else "summaries",
        )


def _examples(grain: Grain, format_: Format, table: Table) -> Schema:
    """An example of the body, if it is text that is written wherever the document is made."""
    if format_.is_binary or format_.requires:
        return {}
    masked = [name for name in ("customer",) if name in grain.columns]
    rows, times = len(table.rows), (_AS_OF, _AS_OF)
    meta = Meta(rows, 100, 0, False, rows, _QUERY, *times, _STATE, _ZONE, "live", SCHEMA_VERSION, masked, [])
    encoded = format_.encode(table, Envelope(None, None, asdict(meta)), format_.variants[0]).decode()
    return {"examples": _documented(json.loads(encoded) if format_.media_type == components.JSON else encoded)}


def _stored(
    path: str, summary: str, words: str, content: Schema, parameters: Iterable[Schema] = ()
) -> tuple[str, Schema]:
    """An operation on one interaction, whose answer is stored."""
    return _operation(
        path,
        summary,
        words,
        components.stored_responses(content, _problems(path, *_UPSTREAM, 404)),
        parameters=[INTERACTION_ID, *parameters, shared("If-None-Match")],
        tag="interactions",
    )


def _service(path: str, summary: str, words: str, content: Schema, *problems: int, **more: Any) -> tuple[str, Schema]:
    """An operation whose answer is not stored; `problems` are statuses beside those of any such request."""
    responses = components.service_responses(content, _problems(path, *problems))
    return _operation(path, summary, words, responses, **more)
