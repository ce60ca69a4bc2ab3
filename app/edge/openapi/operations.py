"""The operations: what each path takes and gives."""

from collections.abc import Iterable, Mapping

from app.edge.openapi.building import STRING, Schema, ref
from app.edge.openapi.examples import LIST, Examples
from app.edge.openapi.inputs import (
    IF_NONE_MATCH,
    INTERACTION_ID,
    RANGE,
    SLUG,
    interaction_parameters,
    list_parameters,
)
from app.edge.openapi.responses import ALWAYS, IN_200, IN_206, IN_304, OTHER, headers, problem_references
from app.formats import FORMATS, Format

PUBLIC = (400, 405, 500)  # whoever asks
KEYED = (*PUBLIC, 401, 403, 429)
FETCHING = (*KEYED, 502, 503, 504)
_JSON = "application/json"
_LIST_WORDS = (
    "One row per interaction, newest first. Filters are ANDed. Follow `next` or pass `next_cursor` as `cursor` for the "
    "pages after this one: a walk sees one snapshot, no row twice."
)
_SHAPES_WORDS = (
    "With `shape=records` a bare array of `Interaction`, with `shape=columns` an object of arrays by column."
)


def paths(examples: Examples, max_rows: int) -> dict[str, Schema]:
    """Every documented path; the operationIds are the names of the routes."""
    operations = {
        "/interactions": _list("listInteractions", FORMATS, examples, max_rows),
        **{f"/interactions.{one.extension}": _list(list_name(one), (one,), examples, max_rows) for one in FORMATS},
        "/interactions/{interaction_id}": _one(examples),
        "/interactions/{interaction_id}/timeline": _timeline(examples),
        "/schema": _columns(),
        "/whoami": _whoami(),
        "/metrics": _metrics(),
        "/health/live": _health("live", "Whether the process answers"),
        "/health/ready": _health("ready", "Whether the service takes requests"),
        "/problems/{slug}": _problem(),
    }
    return {path: {"get": operation} for path, operation in operations.items()}


def list_name(format_: Format) -> str:
    """The operationId of the list whose path names its format."""
    return f"listInteractions{format_.name.capitalize()}"


def _operation(
    name: str,
    summary: str,
    description: str,
    responses: Schema,
    *,
    parameters: Iterable[Schema] = (),
    tag: str = "service",
    public: bool = False,
) -> Schema:
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": list(parameters),
        **({"security": []} if public else {}),
        "responses": {**dict(sorted(responses.items())), **OTHER},
    }


def _list(name: str, formats: tuple[Format, ...], examples: Examples, max_rows: int) -> Schema:
    content: Schema = {one.media_type: _list_content(one, examples) for one in formats}
    responses = _stored_responses(content, (*FETCHING, 410), "Link", "Content-Disposition")
    conditions = [IF_NONE_MATCH]
    if _JSON not in content:
        conditions.append(RANGE)
        responses |= _range_responses(formats)
    titles = " or ".join(one.name.upper() for one in formats)
    return _operation(
        name,
        f"Interactions as {titles}",
        f"{_LIST_WORDS} {_SHAPES_WORDS}" if _JSON in content else _LIST_WORDS,
        responses,
        parameters=[*list_parameters(formats, max_rows), *conditions],
        tag="interactions",
    )


def _list_content(format_: Format, examples: Examples) -> Schema:
    schema = ref("InteractionList") if format_.media_type == _JSON else STRING
    value = examples.list_in(format_, format_.variants[0])
    return {"schema": schema, "examples": {"documented": {"summary": "The documented interaction", "value": value}}}


def _one(examples: Examples) -> Schema:
    shown = {
        "documented": {"summary": "The documented interaction", "value": examples.row},
        "with_list": {"summary": f"With include={LIST}", "value": examples.row_with_list},
    }
    return _operation(
        "getInteraction",
        "One interaction",
        "One interaction as one row; `include` adds its nested lists.",
        _stored_responses(_content("Interaction", shown), (*FETCHING, 404)),
        parameters=[INTERACTION_ID, *interaction_parameters(), IF_NONE_MATCH],
        tag="interactions",
    )


def _timeline(examples: Examples) -> Schema:
    shown = {"documented": {"summary": "The documented interaction", "value": examples.timeline}}
    return _operation(
        "getInteractionTimeline",
        "What happened when",
        "Ordered spans: ivr, queue, offer, conversation, hold, wrap-up, segment, with offset and duration in seconds.",
        _stored_responses(_content("Timeline", shown), (*FETCHING, 404)),
        parameters=[INTERACTION_ID, IF_NONE_MATCH],
        tag="interactions",
    )


def _columns() -> Schema:
    return _operation(
        "getSchema",
        "Columns",
        "Every column and nested list: name, type, unit, nullability, description, source, class of personal data.",
        _service_responses(_content("RowSchema"), KEYED, "Cache-Control"),
        tag="interactions",
    )


def _whoami() -> Schema:
    return _operation(
        "whoami",
        "Whose request this is",
        "200 only with a valid key, or without one where that is allowed.",
        _service_responses(_content("WhoAmI"), set(KEYED) - {403}, "Cache-Control"),
    )


def _metrics() -> Schema:
    return _operation(
        "metrics",
        "Counters in Prometheus text format",
        "Needs scope `metrics:read`.",
        _service_responses({"text/plain": {"schema": STRING}}, KEYED, "Cache-Control"),
    )


def _health(name: str, summary: str) -> Schema:
    responses = _service_responses(_content("Health"), PUBLIC, "Cache-Control")
    return _operation(name, summary, "Open to all, and without detail.", responses, public=True)


def _problem() -> Schema:
    content = {**_content("ProblemExplanation"), "text/html": {"schema": STRING}}
    return _operation(
        "problem",
        "What an error means",
        "A page for browsers, JSON for programs.",
        _service_responses(content, (*PUBLIC, 404)),
        parameters=[SLUG],
        public=True,
    )


def _content(name: str, examples: Mapping[str, object] | None = None) -> Schema:
    return {_JSON: {"schema": ref(name), **({"examples": dict(examples)} if examples else {})}}


def _service_responses(content: Schema, problems: Iterable[int], *also: str) -> Schema:
    return {
        "200": {"description": "OK", "headers": headers((*also, *ALWAYS)), "content": content},
        **problem_references(problems),
    }


def _stored_responses(content: Schema, problems: Iterable[int], *also: str) -> Schema:
    """What stored answers give: the whole, or the word that the client's copy is good still."""
    return {
        "200": {"description": "The whole answer.", "headers": headers((*IN_200, *also)), "content": content},
        "304": {"description": "The client's copy is good still.", "headers": headers(IN_304)},
        **problem_references(problems),
    }


def _range_responses(formats: Iterable[Format]) -> Schema:
    """Ranges are served of every stored answer, but told of text alone: a piece of JSON has no type.

    Where it is told, generated clients say that an answer may be an object or nothing one can use.
    """
    content = {one.media_type: {"schema": STRING} for one in formats}
    part = {"description": "The bytes asked for by `Range`.", "headers": headers(IN_206), "content": content}
    return {"206": part, **problem_references([416])}
