"""The operations: parameters, responses and examples of each path; its name and scope are those of the table of routes.

The examples are of the documented interaction; its values are in `golden.json`, made by the flattener.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from app.formats import FORMATS, Envelope, Format, Table
from app.http.messages import Meta
from app.http.openapi import parameters as inputs
from app.http.openapi import responses as outputs
from app.http.openapi.schemas import STRING, Schema, ref
from app.http.routes import RESOURCES
from app.http.routing import ANYBODY
from app.interactions.columns import SCHEMA_VERSION, Column

GOLDEN = Path(__file__).parent / "golden.json"
_QUERY = {"attr": ["1234567"], "from": None, "to": None}
_AS_OF, _ZONE = "2026-11-23T06:40:00.000Z", "US/Eastern"
_META = Meta(1, 100, 0, False, 1, _QUERY, _AS_OF, _ZONE, "live", SCHEMA_VERSION, ["customer"])
_ROUTES = {resource.path: resource for resource in RESOURCES}
_PAGE: Schema = {"text/html": {"schema": STRING}}
_UPSTREAM = (502, 503, 504)
_LIST_PATH = "/interactions"
_LIST_WORDS = (
    "One row per interaction, newest first. Filters are ANDed. Follow `next` or pass `next_cursor` as `cursor` for the "
    "pages after this one: a walk sees one snapshot, no row twice."
)
_SHAPES_WORDS = (
    "With `shape=records` a bare array of `Interaction`, with `shape=columns` an object of arrays by column."
)
_HEALTH_WORDS = "Open to all, and without detail."
_PURGE_ORDERS = {
    "all": {"summary": "All", "value": {"all": True}},
    "query": {"summary": "By query", "value": {"query": "attr=1234567"}},
    "interaction": {"summary": "By interaction", "value": {"interaction_id": inputs.DOCUMENTED}},
    "customer": {"summary": "By customer", "value": {"customer_key": "0123456789abcdef0123456789abcdef"}},
}
_FORMATS_WORDS = "Other formats have paths of their own; `format` and `Accept` ask for them here too."


def paths(columns: Mapping[str, Column], max_rows: int) -> dict[str, Schema]:
    """Every documented path, with an example of each answer in these columns."""
    golden: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    row = {name: golden["interaction"].get(name) for name in columns}
    table = Table(tuple(row), [tuple(row.values())], tuple(column.type for column in columns.values()))
    with_list = {"summary": "With include=attributes", "value": {**row, "attributes": golden["lists"]["attributes"]}}
    rows = {**_documented(row), "with_list": with_list}
    # fmt: off
    # A row reads as a row: path and summary, then the words, then the content.
    return dict([
        _list(_LIST_PATH, FORMATS[0], table, max_rows, _FORMATS_WORDS),
        *(_list(f"{_LIST_PATH}.{one.extension}", one, table, max_rows) for one in FORMATS),
        _stored("/interactions/{interaction_id}", "One interaction",
                "One interaction as one row; `include` adds its nested lists.",
                outputs.json_content("Interaction", rows), inputs.interaction_parameters()),
        _stored("/interactions/{interaction_id}/timeline", "Timeline of one interaction",
                "Ordered spans: ivr, queue, offer, conversation, hold, wrap-up, segment, with offset and duration in "
                "seconds.",
                outputs.json_content("Timeline", _documented(golden["timeline"]))),
        _service("/schema", "Columns",
                 "Every column and nested list: name, type, unit, nullability, description, source, class of personal "
                 "data.",
                 outputs.json_content("RowSchema"), tag="interactions"),
        _service("/cache/explain", "Cache state of a query",
                 "For the parameters of `/interactions`. Upstream is not asked, and nothing is refreshed.",
                 outputs.json_content("CacheExplanation"), parameters=inputs.list_parameters(FORMATS, max_rows)),
        _service("/whoami", "Label and scopes of the key",
                 "200 only with a valid key, or without one where that is allowed.",
                 outputs.json_content("WhoAmI")),
        _service("/metrics", "Counters in Prometheus text format", "",
                 {"text/plain": {"schema": STRING}}),
        _service("/health/live", "Whether the process answers", _HEALTH_WORDS, outputs.json_content("Health")),
        _service("/health/ready", "Whether the service takes requests", _HEALTH_WORDS, outputs.json_content("Health")),
        _service("/problems/{slug}", "Meaning of an error",
                 "A page for browsers, JSON for programs.",
                 outputs.json_content("ProblemExplanation") | _PAGE, 404, parameters=[inputs.SLUG]),
        _service("/cache/purge", "Forget stored snapshots",
                 "A fetch that is under way goes on for those who wait for it, and is not stored. Once a second at "
                 "most, by all together.",
                 outputs.json_content("Purged"), 413, 415, parameters=[inputs.OWN_HEADER],
                 body=outputs.json_content("PurgeOrder", _PURGE_ORDERS)),
    ])
    # fmt: on


def list_name(format_: Format) -> str:
    """The operationId of the list whose path names its format."""
    return f"listInteractions{format_.name.capitalize()}"


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
    """The path with its one operation; `body` is the content that its request must have."""
    route = _ROUTES[path]
    needed = "" if route.scope in (None, "read", ANYBODY) else f"Needs scope `{route.scope}`. "
    operation: Schema = {
        "operationId": name or route.name,
        "tags": [tag],
        "summary": summary,
        "description": (needed + description).strip(),
        "parameters": list(parameters),
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        **({"security": []} if route.scope == ANYBODY else {}),
        "responses": {**dict(sorted(responses.items())), **outputs.OTHER},
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


def _list(path: str, format_: Format, table: Table, max_rows: int, *more_words: str) -> tuple[str, Schema]:
    """A list in one format: generated clients have one type for an answer then."""
    encoded = format_.encode(table, Envelope(None, None, asdict(_META)), format_.variants[0]).decode()
    is_json = format_.media_type == outputs.JSON
    schema, value = (ref("InteractionList"), json.loads(encoded)) if is_json else (STRING, encoded)
    content: Schema = {format_.media_type: {"schema": schema, "examples": _documented(value)}}
    problems, ranges = _problems(path, *_UPSTREAM, 410), [] if is_json else [inputs.RANGE]
    responses = outputs.stored_responses(content, problems, *outputs.OF_LISTS, whole=("Content-Disposition",))
    return _operation(
        path,
        f"Interactions as {format_.name.upper()}",
        " ".join([_LIST_WORDS, *([_SHAPES_WORDS] if is_json else []), *more_words]),
        responses if is_json else responses | outputs.range_responses(format_),
        parameters=[*inputs.list_parameters([format_], max_rows), inputs.IF_NONE_MATCH, *ranges],
        tag="interactions",
        name=_ROUTES[path].name if path == _LIST_PATH else list_name(format_),
    )


def _stored(
    path: str, summary: str, words: str, content: Schema, parameters: Iterable[Schema] = ()
) -> tuple[str, Schema]:
    """An operation on one interaction, whose answer is stored."""
    return _operation(
        path,
        summary,
        words,
        outputs.stored_responses(content, _problems(path, *_UPSTREAM, 404)),
        parameters=[inputs.INTERACTION_ID, *parameters, inputs.IF_NONE_MATCH],
        tag="interactions",
    )


def _service(path: str, summary: str, words: str, content: Schema, *problems: int, **more: Any) -> tuple[str, Schema]:
    """An operation whose answer is not stored; `problems` are statuses beside those of any such request."""
    responses = outputs.service_responses(content, _problems(path, *problems))
    return _operation(path, summary, words, responses, **more)
