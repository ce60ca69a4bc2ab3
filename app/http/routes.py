"""One short function a resource: the order of the steps of every request is visible here.

What stands in a path is read from the request: as arguments FastAPI would have pydantic check them, both its versions.
"""

from datetime import UTC
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.cache.reuse import Directives
from app.errors import NotFound
from app.formats import FORMATS
from app.http import directives, documents
from app.http.auth import Viewer
from app.http.cache_status import cache_status
from app.http.conditional import respond
from app.http.parameters import ParseContext
from app.http.parse import Pairs, changes_in, needs_time_zone, pairs_of, parse, parse_view, refuse_all
from app.http.problem_pages import explanation, page
from app.http.replayable import offer
from app.http.response_cache import Served
from app.http.sending import PreparedResponse, answer_headers
from app.http.services import AnyViewer, MetricsReader, Reader, Services, ServicesOf
from app.http.times import TimeFrame
from app.http.values import Refused, identity
from app.interactions.policy import hides
from app.metrics import CONTENT_TYPE as METRICS_TYPE
from app.queries.page import Lookup

READ = ["GET", "HEAD"]
router = APIRouter()


async def list_interactions(request: Request, services: ServicesOf, viewer: Reader) -> Response:
    """One row per interaction: the main job."""
    pairs, deadline = pairs_of(request.scope["query_string"]), services.queries.deadline()
    scene = await _scene(services, pairs, deadline)
    query = parse(pairs, scene, viewer, extension=_extension(request), accept=request.headers.get("accept"))
    url = services.forwarding.url(request.scope, _own_path(request))
    lookup = services.queries.look(query, _directives(request, viewer), viewer.owner, deadline)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        parts=("interactions", url, query.key_parts()),
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.interactions(query, lookup, url),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup, changes_in=changes_in(pairs, scene.frame))
    return _send(request, services, served)


async def get_interaction(request: Request, services: ServicesOf, viewer: Reader) -> Response:
    """One interaction as one row; `include` adds its nested lists and its raw record.

    An unknown resource is told before its parameters: they are those of another one.
    """
    known = _identity(request)
    scene = await _scene(services, (), services.queries.deadline())
    view = parse_view(pairs_of(request.scope["query_string"]), scene, viewer)
    lookup = services.queries.look_at_one(known, _directives(request, viewer), viewer.owner)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        parts=("interaction", view.key_parts()),
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.interaction(lookup, view),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup)
    return _send(request, services, served)


async def get_interaction_timeline(request: Request, services: ServicesOf, viewer: Reader) -> Response:
    """What happened when, as ordered spans."""
    known, audience = _identity(request), viewer.audience(clear=False)
    refuse_all(pairs_of(request.scope["query_string"]))
    lookup = services.queries.look_at_one(known, _directives(request, viewer), viewer.owner)
    served = await services.response_cache.get_or_build(
        current=lookup.current,
        parts=("timeline", audience.name),
        accept_encoding=request.headers.get("accept-encoding"),
        make=lambda: services.representations.timeline(lookup, audience),
        detail=lookup.detail,
    )
    _offer(request, services, viewer, served, lookup)
    return _send(request, services, served)


async def get_schema(request: Request, services: ServicesOf, _viewer: Reader) -> Response:
    """Every column and nested list: name, type, unit, nullability, description, source, personal-data class."""
    refuse_all(pairs_of(request.scope["query_string"]))
    return JSONResponse(
        documents.schema(services.columns, services.settings.max_rows),
        headers={"Cache-Control": "private, max-age=300"},
    )


async def whoami(request: Request, services: ServicesOf, viewer: AnyViewer) -> Response:
    """Whose request this is."""
    refuse_all(pairs_of(request.scope["query_string"]))
    mode = "demo" if services.settings.demo else "live"
    body = {"label": viewer.label, "scopes": sorted(viewer.scopes), "mode": mode}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def health() -> Response:
    """The process answers."""
    return _health("ok")


async def ready(services: ServicesOf) -> Response:
    """Ready as soon as it answers; degraded while upstream is ill and nothing is stored to answer from (FAULTS §7)."""
    is_degraded = services.queries.upstream.is_ill() and not len(services.queries.snapshots)
    return _health("degraded" if is_degraded else "ok")


async def metrics(services: ServicesOf, _viewer: MetricsReader) -> Response:
    """Counters in Prometheus text format."""
    return Response(services.metrics.exposition(), media_type=METRICS_TYPE, headers={"Cache-Control": "no-store"})


async def problem_page(request: Request) -> Response:
    """What a problem means and what to do: HTML for browsers, JSON for programs."""
    slug = request.path_params["slug"]
    headers = {"Cache-Control": "max-age=3600", "Vary": "Accept"}
    if "text/html" in request.headers.get("accept", ""):
        return Response(page(slug), media_type="text/html; charset=utf-8", headers=headers)
    explained = explanation(slug, request.scope.get("root_path", ""))
    return Response(explained, media_type="application/json", headers=headers)


async def openapi_document(services: ServicesOf) -> Response:
    """The OpenAPI document of this service."""
    return Response(services.openapi(), media_type="application/json", headers={"Cache-Control": "max-age=300"})


# Paths and what answers them; the names are operationIds. Data routes take nothing but GET and HEAD.
LISTS = ("/interactions", *(f"/interactions.{one.extension}" for one in FORMATS))
for _path in LISTS:
    router.add_api_route(_path, list_interactions, methods=READ, name="listInteractions")
for _path, _endpoint, _name in (
    ("/interactions/{interaction_id}", get_interaction, "getInteraction"),
    ("/interactions/{interaction_id}/timeline", get_interaction_timeline, "getInteractionTimeline"),
    ("/schema", get_schema, "getSchema"),
    ("/whoami", whoami, "whoami"),
    ("/metrics", metrics, "metrics"),
    ("/health/live", health, "live"),
    ("/health/ready", ready, "ready"),
    ("/problems/{slug}", problem_page, "problem"),
    ("/openapi.json", openapi_document, "openapi"),
):
    router.add_api_route(_path, _endpoint, methods=READ, name=_name)


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
    changes_in: float | None = None,
) -> None:
    if served.reuse.hit or served.reuse.stored:
        offer(
            request.scope,
            served,
            lookup.plan,
            services.clock.monotonic(),
            wall=services.clock.wall(),
            hits=partial(services.requests.hits, request.scope, served.answer, viewer.label),
            changes_in=changes_in,
            valid_for=services.authenticator.replay_seconds(viewer),
            charge=partial(services.authenticator.charge, viewer) if viewer.has_quota else None,
        )


def _health(status: str) -> Response:
    return JSONResponse({"status": status}, headers={"Cache-Control": "no-store"})


def _directives(request: Request, viewer: Viewer) -> Directives:
    lines = {name: request.headers.getlist(name) for name in ("cache-control", "pragma")}
    said = {name: ", ".join(values) if values else None for name, values in lines.items()}
    return directives.read(said["cache-control"], said["pragma"], may_refresh="cache:refresh" in viewer.scopes)


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
    request.scope["state"]["cache_status"] = cache_status(served.reuse)
    services.requests.answered(served)
    prepared = respond(
        request.method,
        request.scope["headers"],
        served.answer,
        answer_headers(served.answer, served.reuse, served.snapshot, services.clock.wall()),
        request_id=request.scope["state"]["request_id"],
        instance=request.scope["path"],
        root=request.scope.get("root_path", ""),
    )
    return PreparedResponse(prepared, served.answer.body, services.unread)
