"""One short function a resource: the order of the steps of every request is visible here.

What stands in a path is read from the request: as arguments FastAPI would have pydantic check them, both its versions.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from functools import partial
from itertools import chain
from typing import Literal

from fastapi import Request
from msgspec import UNSET
from starlette.responses import Response

from app.cache.reuse import UNDIRECTED, Directives
from app.errors import NotFound
from app.formats import FORMATS
from app.http.auth import Viewer
from app.http.cache_routes import explain_cache, purge_cache
from app.http.guard import LONGEST_TARGET
from app.http.messages import Health, PinnedQuestion, PinnedQuestions, WhoAmI, answer
from app.http.negotiation import CACHE_FIELDS, cache_directives, joined, respond
from app.http.pages import docs_asset, docs_page, explorer_asset, explorer_page, openapi_document, problem_page
from app.http.parse import changes_in, pairs_of, parse, parse_view, refuse_all
from app.http.paths import SEARCH, nearest_path
from app.http.response_cache import ARRIVAL, Built, ParsedList, offer
from app.http.responses import answer_headers
from app.http.routing import ANYBODY, Resource, Services
from app.http.schema import row_schema
from app.http.search import ASK, question_of
from app.http.sending import PreparedResponse
from app.http.streams import StreamedRows
from app.http.values import Refused, identity
from app.interactions.grains import BY_PATH, GRAINS, INTERACTIONS, Grain
from app.observe.metrics import CONTENT_TYPE as METRICS_TYPE
from app.queries.page import FetchResult, Lookup

PINNED_PATH = "cxfacade.pinned-path"  # where the scope of a request for a pinned question has the path that answers it


async def list_rows(grain: str, request: Request, services: Services, viewer: Viewer) -> Response:
    """The rows of a grain, of interactions above all: the main job. Each needs `read`, whatever it needs besides."""
    viewer.require("read")
    deadline, url = services.queries.deadline(), _url(request, services)
    parsed = await _parsed(grain, request, services, viewer, url=url, deadline=deadline)
    query = parsed.query
    lookup = services.queries.look(parsed.plan, query.reach, _directives(request, viewer), viewer.owner, deadline)
    if query.limit > services.settings.max_rows:
        return StreamedRows(services, query, lookup, request.headers.get("accept-encoding"))
    find = partial(services.queries.find, query, lookup)
    make = partial(services.representations.rows, query, lookup, url)
    changes_at = parsed.changes_at
    return await _stored(request, services, viewer, lookup, parsed.shape, find=find, make=make, changes_at=changes_at)


async def summarise(grain: str, request: Request, services: Services, viewer: Viewer) -> Response:
    """The rows of a grain in groups, with measures of each: it needs what its list needs."""
    viewer.require("read")
    deadline, url, queries = services.queries.deadline(), _url(request, services), services.queries
    parsed = await _parsed(grain, request, services, viewer, url=url, deadline=deadline, of_summary=True)
    rows = queries.rows_of_all(parsed.plan)
    lookup = queries.look(parsed.plan, rows, _directives(request, viewer), viewer.owner, deadline)
    find = partial(queries.find_all, lookup)
    make = partial(services.representations.summary, parsed.query, lookup)
    changes_at = parsed.changes_at
    return await _stored(request, services, viewer, lookup, parsed.shape, find=find, make=make, changes_at=changes_at)


async def get_interaction(request: Request, services: Services, viewer: Viewer) -> Response:
    """A single interaction as one row; an unknown id is told before faults of its parameters."""
    known = _identity(request)
    view = parse_view(pairs_of(request.scope["query_string"]), services.context(UTC), viewer)
    lookup = _look_at(known, request, services, viewer)
    shape = services.response_cache.shape("interaction", view.key_parts())
    find, make = partial(services.queries.find_one, lookup), partial(services.representations.interaction, view)
    return await _stored(request, services, viewer, lookup, shape, find=find, make=make)


async def get_interaction_timeline(request: Request, services: Services, viewer: Viewer) -> Response:
    """The course of an interaction as ordered spans."""
    known, audience = _identity(request), viewer.audience(clear=False)
    refuse_all(pairs_of(request.scope["query_string"]))
    lookup = _look_at(known, request, services, viewer)
    shape = services.response_cache.shape("timeline", audience.name)
    find, make = partial(services.queries.find_one, lookup), partial(services.representations.timeline, audience)
    return await _stored(request, services, viewer, lookup, shape, find=find, make=make)


async def get_schema(request: Request, services: Services, _viewer: Viewer) -> Response:
    """Every column of a grain, and every nested list: name, type, unit, nullability, source, personal-data class."""
    path = request.path_params.get("grain", INTERACTIONS)
    if path not in BY_PATH:
        raise NotFound(f"The grains are {', '.join(BY_PATH)}.")
    refuse_all(pairs_of(request.scope["query_string"]))
    grain, service_level = services.grains[BY_PATH[path]], services.queries.rules.context.service_level
    return answer(row_schema(grain, services.settings.max_rows, service_level), "private, max-age=300")


async def list_questions(request: Request, services: Services, _viewer: Viewer) -> Response:
    """The pinned questions, each with the URL of its answer."""
    refuse_all(pairs_of(request.scope["query_string"]))
    here = _url(request, services)
    return answer(
        PinnedQuestions(
            [
                PinnedQuestion(one.name, one.title, one.path, one.query, f"{here}/{one.name}", one.warm)
                for one in services.questions.in_force.values()
            ]
        )
    )


async def answer_question(extension: str, request: Request, services: Services, viewer: Viewer) -> Response:
    """The answer of a pinned question's path to its query, written as the request wants it."""
    question = services.questions.find(request.path_params["name"])
    resource, query_string = _ANSWERING[question.path], question.asked_with(request.scope["query_string"])
    viewer.require(resource.scope or "read")
    pinned = {"query_string": query_string, PINNED_PATH: question.path + extension}
    return await resource.answer(Request({**request.scope, **pinned}), services, viewer)


async def whoami(request: Request, services: Services, viewer: Viewer) -> Response:
    """Whose request this is."""
    refuse_all(pairs_of(request.scope["query_string"]))
    return answer(WhoAmI(viewer.label, sorted(viewer.scopes), "demo" if services.settings.demo else "live"))


async def health(_request: Request, _services: Services) -> Response:
    """The process answers."""
    return answer(Health("ok"))


async def ready(_request: Request, services: Services) -> Response:
    """Ready as soon as it answers; degraded while upstream is ill and nothing is stored to answer from (FAULTS §7).

    Of several workers all are asked for: whoever comes next may meet any. The shared tier is never needed.
    """
    is_degraded = services.queries.is_degraded() or services.degraded.is_elsewhere(services.clock.monotonic())
    tier = services.queries.holdings.tier
    status: Literal["ok", "degraded"] = "degraded" if is_degraded else "ok"
    return answer(Health(status, UNSET if tier is None else "away" if tier.is_away else "ok"))


async def metrics(_request: Request, services: Services, _viewer: Viewer) -> Response:
    """Counters in Prometheus text format, of all workers where there are several."""
    own = services.metrics.exposition()
    return Response(
        await services.total(own) if services.total else own,
        media_type=METRICS_TYPE,
        headers={"Cache-Control": "no-store"},
    )


def _lists(grain: Grain) -> Iterator[Resource]:
    """The paths of a grain's list: bare, and with the extension of each format."""
    answer = partial(list_rows, grain.name)
    for extension in ("", *(f".{one.extension}" for one in FORMATS)):
        yield Resource(grain.path + extension, grain.operation, answer, grain.scope, ASK)


def _summaries(grain: Grain) -> Iterator[Resource]:
    """The paths of a grain's summary, likewise."""
    answer = partial(summarise, grain.name)
    for extension in ("", *(f".{one.extension}" for one in FORMATS)):
        yield Resource(grain.summary_path + extension, grain.summary_operation, answer, grain.scope, ASK)


def _searches(grain: Grain) -> Iterator[Resource]:
    """The paths where POST asks for a grain's list and summary."""
    name, ask, add_up = grain.search_operation, partial(list_rows, grain.name), partial(summarise, grain.name)
    yield Resource(grain.path + SEARCH, name, ask, grain.scope, methods=("POST",))
    yield Resource(grain.summary_path + SEARCH, f"{name}Summary", add_up, grain.scope, methods=("POST",))


def _questions() -> Iterator[Resource]:
    """The paths of a pinned question, likewise; none of their names holds a dot."""
    for extension in (*(f".{one.extension}" for one in FORMATS), ""):
        yield Resource(f"/questions/{{name}}{extension}", "answerQuestion", partial(answer_question, extension))


LISTS = tuple(chain.from_iterable(map(_lists, GRAINS.values())))
SUMMARIES = tuple(chain.from_iterable(map(_summaries, GRAINS.values())))
_ANSWERING = {resource.path: resource for resource in (*LISTS, *SUMMARIES)}
SEARCHES = tuple(chain.from_iterable(map(_searches, GRAINS.values())))
RESOURCES = (
    *LISTS,
    *SUMMARIES,
    *SEARCHES,
    Resource("/interactions/{interaction_id}", "getInteraction", get_interaction),
    Resource("/interactions/{interaction_id}/timeline", "getInteractionTimeline", get_interaction_timeline),
    Resource("/questions", "listQuestions", list_questions),
    *_questions(),
    Resource("/schema", "getSchema", get_schema),
    Resource("/schema/{grain}", "getGrainSchema", get_schema),
    Resource("/whoami", "whoami", whoami, scope=None),
    Resource("/cache/explain", "explainCache", explain_cache),
    Resource("/cache/purge", "purgeCache", purge_cache, scope="cache:purge", methods=("POST",)),
    Resource("/metrics", "metrics", metrics, scope="metrics:read"),
    Resource("/health/live", "live", health, ANYBODY),
    Resource("/health/ready", "ready", ready, ANYBODY),
    Resource("/problems/{slug}", "problem", problem_page, ANYBODY),
    Resource("/openapi.json", "openapi", openapi_document, ANYBODY),
    Resource("/docs", "docs", docs_page, ANYBODY),
    Resource("/docs/assets/{name}", "docs", docs_asset, ANYBODY),
    Resource("/", "home", explorer_page, ANYBODY),
    Resource("/explorer/{name:path}", "explorer", explorer_asset, ANYBODY),
)


async def _parsed(
    grain: str,
    request: Request,
    services: Services,
    viewer: Viewer,
    *,
    url: str,
    deadline: float,
    of_summary: bool = False,
) -> ParsedList:
    """Raises InvalidParameters, Forbidden, CursorMismatch, and whatever asking for the tenant's time zone raises."""
    question, accept = await question_of(request), request.headers.get("accept")
    key, queries = (url, question, accept, viewer.scopes), services.queries
    known = services.parsed.find((*key, queries.zone.known), services.clock.monotonic())
    if known is not None:
        return known
    pairs = pairs_of(question.text, question.place, question.most)
    scene = await services.context_of(pairs, grain, deadline, of_summary=of_summary)
    _, dot, end = _path(request).rpartition(".")
    extension = end if dot else None
    query = parse(
        pairs, scene, viewer, extension=extension, accept=accept, of_summary=of_summary, in_body=question.is_body
    )
    shape = services.response_cache.shape("rows", url, query.key_parts())
    left = changes_in(pairs, scene)
    changes_at = None if left is None else services.clock.monotonic() + left
    parsed = ParsedList(query, queries.planner.plan(query), shape, changes_at)
    is_long = len(question.text) > LONGEST_TARGET
    return parsed if is_long else services.parsed.keep((*key, queries.zone.known), parsed)


def _path(request: Request) -> str:
    """The path that is answered, without the prefix of a proxy: that of the request, or of its pinned question."""
    asked: str = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return str(request.scope.get(PINNED_PATH, asked))


def _url(request: Request, services: Services) -> str:
    """The absolute URL at which GET asks for the resource, without its query."""
    return services.forwarding.url(request.scope, _path(request).removesuffix(SEARCH))


def _look_at(interaction_id: str, request: Request, services: Services, viewer: Viewer) -> Lookup:
    plan = services.queries.planner.plan_of_one(interaction_id)
    return services.queries.look(plan, directives=_directives(request, viewer), owner=viewer.owner)


async def _stored(
    request: Request,
    services: Services,
    viewer: Viewer,
    lookup: Lookup,
    shape: bytes,
    *,
    find: Callable[[], Awaitable[FetchResult]],
    make: Callable[[FetchResult], Awaitable[Built]],
    changes_at: float | None = None,
) -> Response:
    """The answer as it is stored, else as `make` gives it of what it can `find`; it is replayed until `changes_at`."""
    scope, clock = request.scope, services.clock
    served = await services.response_cache.get_or_build(
        lookup.current, shape, request.headers.get("accept-encoding"), find=find, make=make, detail=lookup.detail
    )
    if ARRIVAL in scope and (served.reuse.hit or served.reuse.stored):
        offer(
            scope,
            served,
            lookup.plan,
            clock.monotonic(),
            wall=clock.wall(),
            hits=partial(services.requests.hits, scope, served.answer, viewer.label),
            changes_at=changes_at,
            valid_for=services.authenticator.replay_seconds(viewer),
            charge=partial(services.authenticator.charge, viewer) if viewer.has_quota else None,
        )
    services.requests.answered(served.answer, served.reuse.outcome)
    headers = answer_headers(served.answer, served.reuse, served.snapshot, clock.wall())
    scope["state"]["cache_status"] = dict(headers)[b"cache-status"].decode("ascii")
    return PreparedResponse(respond(scope, served.answer, headers), served.answer.body, services.unread)


def _directives(request: Request, viewer: Viewer) -> Directives:
    lines = joined(request.scope["headers"], CACHE_FIELDS)
    if not lines:
        return UNDIRECTED
    may_refresh = "cache:refresh" in viewer.scopes
    return cache_directives(lines.get(b"cache-control"), lines.get(b"pragma"), may_refresh=may_refresh)


def _identity(request: Request) -> str:
    """The id of an interaction in the path. Raises NotFound."""
    known, dot, _ = request.path_params["interaction_id"].partition(".")
    try:
        found = identity(known)
    except Refused:
        raise NotFound(f"An interaction's id is a UUID.{nearest_path(request.scope)}") from None
    if dot:
        table = f"{request.scope.get('root_path', '')}/interactions.csv?interaction_id=<its id>"
        raise NotFound(f"One interaction is JSON alone, without an extension; {table} gives it as CSV.")
    return found
