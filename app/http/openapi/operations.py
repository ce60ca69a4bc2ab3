"""The operations: what each path takes and gives."""

from app.formats import FORMATS, Format
from app.http.openapi.building import STRING, Schema, ref
from app.http.openapi.examples import LIST, Examples
from app.http.openapi.inputs import (
    DOCUMENTED,
    IF_NONE_MATCH,
    INTERACTION_ID,
    OWN_HEADER,
    RANGE,
    SLUG,
    interaction_parameters,
    list_parameters,
)
from app.http.openapi.operation import (
    json_content,
    operation,
    range_responses,
    service_responses,
    stored_responses,
)
from app.http.openapi.responses import OF_LISTS

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
_FORMATS_WORDS = "Other formats have paths of their own; `format` and `Accept` ask for them here too."
_BARE_PATH = "/interactions"


def paths(examples: Examples, max_rows: int) -> dict[str, Schema]:
    """Every documented path; the operationIds are the names of the routes."""
    operations: dict[str, Schema] = {
        _BARE_PATH: _list("listInteractions", FORMATS[0], examples, max_rows, _FORMATS_WORDS),
        **{f"{_BARE_PATH}.{one.extension}": _list(list_name(one), one, examples, max_rows) for one in FORMATS},
        "/interactions/{interaction_id}": _one(examples),
        "/interactions/{interaction_id}/timeline": _timeline(examples),
        "/schema": _columns(),
        "/cache/explain": _explain(max_rows),
        "/whoami": _whoami(),
        "/metrics": _metrics(),
        "/health/live": _health("live", "Whether the process answers"),
        "/health/ready": _health("ready", "Whether the service takes requests"),
        "/problems/{slug}": _problem(),
    }
    read: dict[str, Schema] = {path: {"get": one} for path, one in operations.items()}
    return {**read, "/cache/purge": {"post": _purge()}}


def list_name(format_: Format) -> str:
    """The operationId of the list whose path names its format."""
    return f"listInteractions{format_.name.capitalize()}"


def _list(name: str, format_: Format, examples: Examples, max_rows: int, *more_words: str) -> Schema:
    """One format a path: generated clients have one type for an answer then."""
    content: Schema = {format_.media_type: _list_content(format_, examples)}
    responses = stored_responses(content, (*FETCHING, 410), *OF_LISTS, whole=("Content-Disposition",))
    conditions = [IF_NONE_MATCH]
    words = [_LIST_WORDS, *more_words]
    if format_.media_type == _JSON:
        words.insert(1, _SHAPES_WORDS)
    else:
        conditions.append(RANGE)
        responses |= range_responses([format_])
    return operation(
        name,
        f"Interactions as {format_.name.upper()}",
        " ".join(words),
        responses,
        parameters=[*list_parameters([format_], max_rows), *conditions],
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
    return operation(
        "getInteraction",
        "One interaction",
        "One interaction as one row; `include` adds its nested lists.",
        stored_responses(json_content("Interaction", shown), (*FETCHING, 404)),
        parameters=[INTERACTION_ID, *interaction_parameters(), IF_NONE_MATCH],
        tag="interactions",
    )


def _timeline(examples: Examples) -> Schema:
    shown = {"documented": {"summary": "The documented interaction", "value": examples.timeline}}
    return operation(
        "getInteractionTimeline",
        "What happened when",
        "Ordered spans: ivr, queue, offer, conversation, hold, wrap-up, segment, with offset and duration in seconds.",
        stored_responses(json_content("Timeline", shown), (*FETCHING, 404)),
        parameters=[INTERACTION_ID, IF_NONE_MATCH],
        tag="interactions",
    )


def _columns() -> Schema:
    return operation(
        "getSchema",
        "Columns",
        "Every column and nested list: name, type, unit, nullability, description, source, class of personal data.",
        service_responses(json_content("RowSchema"), KEYED, "Cache-Control"),
        tag="interactions",
    )


def _whoami() -> Schema:
    return operation(
        "whoami",
        "Whose request this is",
        "200 only with a valid key, or without one where that is allowed.",
        service_responses(json_content("WhoAmI"), set(KEYED) - {403}, "Cache-Control"),
    )


def _explain(max_rows: int) -> Schema:
    return operation(
        "explainCache",
        "What is stored, and why",
        "For the parameters of `/interactions`. Upstream is not asked, and nothing is refreshed.",
        service_responses(json_content("CacheExplanation"), KEYED, "Cache-Control"),
        parameters=list_parameters(FORMATS, max_rows),
    )


def _purge() -> Schema:
    orders: dict[str, dict[str, object]] = {
        "all": {"all": True},
        "query": {"query": "attr=1234567"},
        "interaction": {"interaction_id": DOCUMENTED},
    }
    orders["customer"] = {"customer_key": "0123456789abcdef0123456789abcdef"}
    shown = {name: {"summary": f"By {name}" if name != "all" else "All", "value": one} for name, one in orders.items()}
    return operation(
        "purgeCache",
        "Forget what is stored",
        "Needs scope `cache:purge`. What is being fetched goes on for those who wait for it, and is not stored. Once a "
        "second at most, by all together.",
        service_responses(json_content("Purged"), (*KEYED, 413, 415), "Cache-Control"),
        parameters=[OWN_HEADER],
        body=json_content("PurgeOrder", shown),
    )


def _metrics() -> Schema:
    return operation(
        "metrics",
        "Counters in Prometheus text format",
        "Needs scope `metrics:read`.",
        service_responses({"text/plain": {"schema": STRING}}, KEYED, "Cache-Control"),
    )


def _health(name: str, summary: str) -> Schema:
    responses = service_responses(json_content("Health"), PUBLIC, "Cache-Control")
    return operation(name, summary, "Open to all, and without detail.", responses, public=True)


def _problem() -> Schema:
    content = {**json_content("ProblemExplanation"), "text/html": {"schema": STRING}}
    return operation(
        "problem",
        "What an error means",
        "A page for browsers, JSON for programs.",
        service_responses(content, (*PUBLIC, 404)),
        parameters=[SLUG],
        public=True,
    )
