"""One short function a resource: the order of the steps of every request is visible here.

What stands in a path is read from the request: as arguments FastAPI would have pydantic check them, both its versions.
"""

from datetime import UTC
from functools import partial

from fastapi import Request
from starlette.responses import Response

from app.cache.reuse import UNDIRECTED, Directives
from app.errors import NotFound
from app.formats import FORMATS
from app.http.auth import Viewer
from app.http.cache_routes import explain_cache, purge_cache
from app.http.conditional import respond
from app.http.messages import Health, WhoAmI, answer, row_schema
from app.http.negotiation import CACHE_FIELDS, cache_directives
from app.http.pages import (
    docs_asset,
    docs_page,
    explanation,
    explorer_asset,
    explorer_page,
    page,
    send_document,
)
from app.http.parameters import ParseContext
from app.http.parse import Pairs, changes_in, needs_time_zone, pairs_of, parse, parse_view, refuse_all
from app.http.parsed import ParsedList
from app.http.replayable import offer
from app.http.response_cache import Served
from app.http.routing import ANYBODY, Resource
from app.http.sending import PreparedResponse, answer_headers
from app.http.services import Services
from app.http.times import TimeFrame
from app.http.values import Refused, identity
from app.interactions.masking import hides
from app.observe.metrics import CONTENT_TYPE as METRICS_TYPE
from app.queries.page import Lookup


async def list_interactions(request: Request, services: Services, viewer: Viewer) -> Response:
    """A row for each interaction: the main job."""
    deadline = services.queries.deadline()
    url = services.forwarding.url(request.scope, _own_path(request))
    parsed = await _parsed(request, services, viewer, url, deadline)
    query = parsed.query
    lookup = services.queries.look(parsed.plan, query.reach, _directives(request, viewer), viewer.owner, deadline)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        shape=parsed.shape,
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.interactions(query, lookup, url),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup, changes_at=parsed.changes_at)
    return _send(request, services, served)


async def get_interaction(request: Request, services: Services, viewer: Viewer) -> Response:
    """A single interaction as one row; `include` adds its nested lists and its raw record.

    An unknown resource is told before its parameters: they are those of another one.
    """
    known = _identity(request)
    scene = await _scene(services, (), services.queries.deadline())
    view = parse_view(pairs_of(request.scope["query_string"]), scene, viewer)
    lookup = _look_at(known, request, services, viewer)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        shape=services.response_cache.shape("interaction", view.key_parts()),
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.interaction(lookup, view),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup)
    return _send(request, services, served)


async def get_interaction_timeline(request: Request, services: Services, viewer: Viewer) -> Response:
    """The course of an interaction as ordered spans."""
    known, audience = _identity(request), viewer.audience(clear=False)
    refuse_all(pairs_of(request.scope["query_string"]))
    lookup = _look_at(known, request, services, viewer)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        shape=services.response_cache.shape("timeline", audience.name),
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.timeline(lookup, audience),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup)
    return _send(request, services, served)


async def get_schema(request: Request, services: Services, _viewer: Viewer) -> Response:
    """Every column and nested list: name, type, unit, nullability, description, source, personal-data class."""
    refuse_all(pairs_of(request.scope["query_string"]))
    return answer(row_schema(services.columns, services.settings.max_rows), "private, max-age=300")


async def whoami(request: Request, services: Services, viewer: Viewer) -> Response:
    """Whose request this is."""
    refuse_all(pairs_of(request.scope["query_string"]))
    return answer(WhoAmI(viewer.label, sorted(viewer.scopes), "demo" if services.settings.demo else "live"))


async def health(_request: Request, _services: Services) -> Response:
    """The process answers."""
    return answer(Health("ok"))


async def ready(_request: Request, services: Services) -> Response:
    """Ready as soon as it answers; degraded while upstream is ill and nothing is stored to answer from (FAULTS §7)."""
    is_degraded = services.queries.upstream.is_ill() and not len(services.queries.snapshots)
    return answer(Health("degraded" if is_degraded else "ok"))


async def metrics(_request: Request, services: Services, _viewer: Viewer) -> Response:
    """Counters in Prometheus text format."""
    return Response(services.metrics.exposition(), media_type=METRICS_TYPE, headers={"Cache-Control": "no-store"})


async def problem_page(request: Request, _services: Services) -> Response:
    """The meaning of a problem and its remedy: HTML for browsers, JSON for programs."""
    slug = request.path_params["slug"]
    headers = {"Cache-Control": "max-age=3600", "Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return Response(page(slug), media_type="text/html; charset=utf-8", headers=headers)
    explained = explanation(slug, request.scope.get("root_path", ""))
    return Response(explained, media_type="application/json", headers=headers)


async def openapi_document(request: Request, services: Services) -> Response:
    """The OpenAPI document of this service."""
    return await send_document(request, services.openapi())


LISTS = ("/interactions", *(f"/interactions.{one.extension}" for one in FORMATS))
RESOURCES = (
    *(Resource(path, "listInteractions", list_interactions) for path in LISTS),
    Resource("/interactions/{interaction_id}", "getInteraction", get_interaction),
    Resource("/interactions/{interaction_id}/timeline", "getInteractionTimeline", get_interaction_timeline),
    Resource("/schema", "getSchema", get_schema),
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


async def _parsed(request: Request, services: Services, viewer: Viewer, url: str, deadline: float) -> ParsedList:
    """Raises InvalidParameters, Forbidden, CursorMismatch, and whatever asking for the tenant's time zone raises."""
    query_string, accept = request.scope["query_string"], request.headers.get("accept")
    key, queries = (url, query_string, accept, viewer.scopes), services.queries
    known = services.parsed.find((*key, queries.tenant_zone), services.clock.monotonic())
    if known is not None:
        return known
    pairs = pairs_of(query_string)
    scene = await _scene(services, pairs, deadline)
    query = parse(pairs, scene, viewer, extension=_extension(request), accept=accept)
    shape = services.response_cache.shape("interactions", url, query.key_parts())
    left = changes_in(pairs, scene.frame)
    changes_at = None if left is None else services.clock.monotonic() + left
    return services.parsed.keep((*key, queries.tenant_zone), ParsedList(query, queries.plan(query), shape, changes_at))


def _look_at(interaction_id: str, request: Request, services: Services, viewer: Viewer) -> Lookup:
    plan = services.queries.plan_of_one(interaction_id)
    return services.queries.look(plan, directives=_directives(request, viewer), owner=viewer.owner)


async def _scene(services: Services, pairs: Pairs, deadline: float) -> ParseContext:
    settings = services.settings
    zone = await services.queries.time_zone(deadline) if needs_time_zone(pairs) else UTC
    frame = TimeFrame(services.clock.wall(), zone, settings.fresh_open_seconds)
    shows_raw = not hides(services.queries.rules.context.attribute_policy)
    return ParseContext(frame, services.columns, settings.max_rows, shows_raw)


def _offer(
    request: Request,
    services: Services,
    viewer: Viewer,
    served: Served,
    lookup: Lookup,
    *,
    changes_at: float | None = None,
) -> None:
    if served.reuse.hit or served.reuse.stored:
        offer(
            request.scope,
            served,
            lookup.plan,
            services.clock.monotonic(),
            wall=services.clock.wall(),
            hits=partial(services.requests.hits, request.scope, served.answer, viewer.label),
            changes_at=changes_at,
            valid_for=services.authenticator.replay_seconds(viewer),
            charge=partial(services.authenticator.charge, viewer) if viewer.has_quota else None,
        )


def _directives(request: Request, viewer: Viewer) -> Directives:
    lines: dict[bytes, str] = {}
    for name, value in request.scope["headers"]:
        if name in CACHE_FIELDS:
            text = value.decode("latin-1")
            lines[name] = f"{lines[name]}, {text}" if name in lines else text
    if not lines:
        return UNDIRECTED
    cache_control, pragma = map(lines.get, CACHE_FIELDS)
    return cache_directives(cache_control, pragma, may_refresh="cache:refresh" in viewer.scopes)


def _identity(request: Request) -> str:
    try:
        return identity(request.path_params["interaction_id"])
    except Refused:
        raise NotFound("An interaction's id is a UUID.") from None


def _extension(request: Request) -> str | None:
    _, dot, extension = request.scope["path"].rpartition(".")
    return extension if dot else None


def _own_path(request: Request) -> str:
    """The path of the resource, without the prefix it is served under."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


def _send(request: Request, services: Services, served: Served) -> Response:
    services.requests.answered(served)
    headers = answer_headers(served.answer, served.reuse, served.snapshot, services.clock.wall())
    request.scope["state"]["cache_status"] = dict(headers)[b"cache-status"].decode("ascii")
    prepared = respond(
        request.method,
        request.scope["headers"],
        served.answer,
        headers,
        request_id=request.scope["state"]["request_id"],
        instance=request.scope["path"],
        root=request.scope.get("root_path", ""),
    )
    return PreparedResponse(prepared, served.answer.body, services.unread)
