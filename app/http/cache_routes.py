"""`/cache/explain` and `/cache/purge`: the state of the cache for a query, and its purge. Neither asks upstream."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC
from functools import partial

from fastapi import Request
from msgspec.structs import asdict
from starlette.responses import Response

from app.http.auth import Viewer
from app.http.messages import CacheExplanation, Purged, UpstreamConditions, answer
from app.http.parameters import ParseContext
from app.http.parse import Pairs, needs_time_zone, pairs_of, parse, refuse_all
from app.http.purge_order import Purge, order_of
from app.http.representations import shown
from app.http.services import Services
from app.http.times import TimeFrame
from app.queries.explain import miss_cost, sent, stored_snapshot, total_of
from app.queries.purging import every_view, purge_all, purge_customer, purge_interaction, purge_question

LIST = "/interactions"


async def explain_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """The state of the cache for the parameters of `/interactions`: stored snapshot, lifetime, cost of a miss."""
    pairs = pairs_of(request.scope["query_string"])
    scene, is_certain = _scene(services, pairs)
    query = parse(pairs, scene, viewer)
    if not is_certain:  # the moments meant are not known, and so nothing can be stored for them
        query = replace(query, search=replace(query.search, start=None, end=None))
    queries, now = services.queries, services.clock.monotonic()
    plan = queries.plan(query)
    stored = queries.snapshots.current(plan) if is_certain else None
    url = services.forwarding.url(request.scope, LIST)
    shape = services.response_cache.shape("interactions", url, query.key_parts())
    total = total_of(plan, stored.value) if stored else None
    is_guarded = plan.visibility.is_guarded
    cost = miss_cost(query, total, queries.rules, asks_time_zone=not is_certain, is_guarded=is_guarded)
    explanation = CacheExplanation(
        **asdict(stored_snapshot(plan, stored, now)),
        query=shown(query),
        upstream=UpstreamConditions(sent(plan)),
        key=plan.key.hex() if is_certain else None,
        answer_stored=stored is not None and services.response_cache.is_stored(stored, shape),
        miss_cost=cost,
    )
    return answer(explanation)


async def purge_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """Forget every snapshot, that of a query, or those with an interaction or a customer; also those under way."""
    refuse_all(pairs_of(request.scope["query_string"]))
    order = await order_of(request)
    purge = _purge(order, services, viewer)
    services.purges.take()
    return answer(Purged(await purge(), order.scope))


def _purge(order: Purge, services: Services, viewer: Viewer) -> Callable[[], Awaitable[int]]:
    """The work of a purge. Raises InvalidParameters or Forbidden for its query."""
    queries = services.queries
    match order.scope:
        case "all":
            return partial(purge_all, queries)
        case "interaction":
            return partial(purge_interaction, queries, order.text)
        case "customer":
            return partial(purge_customer, queries, order.text)
        case "query":
            pairs = pairs_of(order.text.encode("utf-8", "surrogatepass"))
            scene, is_certain = _scene(services, pairs)
            plans = every_view(queries, parse(pairs, scene, viewer))
            return partial(purge_question, queries, *plans) if is_certain else _nothing


async def _nothing() -> int:
    """The purge of a query for which nothing can be stored."""
    return 0


def _scene(services: Services, pairs: Pairs) -> tuple[ParseContext, bool]:
    """The context to parse values in; False where it needs the tenant's time zone, which is not known yet."""
    zone = services.queries.rules.time_zone or services.queries.tenant_zone
    frame = TimeFrame(services.clock.wall(), zone or UTC, services.settings.fresh_open_seconds)
    is_certain = zone is not None or not needs_time_zone(pairs)
    return ParseContext(frame, services.columns, services.settings.max_rows), is_certain
