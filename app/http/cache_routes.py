"""Seeing inside: what is stored for a question and why, and forgetting it. Neither asks upstream anything."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC
from functools import partial

from fastapi import Request
from starlette.responses import JSONResponse, Response

from app.http.auth import Viewer
from app.http.parameters import ParseContext
from app.http.parse import Pairs, needs_time_zone, pairs_of, parse, refuse_all
from app.http.purge_order import PurgeOrder, order_of
from app.http.representations import shown
from app.http.services import Services
from app.http.times import TimeFrame
from app.queries.explain import kept, miss_cost, sent, total_of
from app.queries.purging import every_view, purge_all, purge_customer, purge_interaction, purge_question

LIST = "/interactions"
NO_STORE = {"Cache-Control": "no-store"}


async def explain_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """What is stored for the parameters of `/interactions`, which rule gave its lifetime, what a miss would cost."""
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
    explanation = {
        "query": shown(query),
        "upstream": {"parameters": sent(plan)},
        "key": plan.key.hex() if is_certain else None,
        **kept(plan, stored, now),
        "answer_stored": stored is not None and services.response_cache.is_stored(stored, shape),
        "miss_cost": asdict(cost),
    }
    return JSONResponse(explanation, headers=NO_STORE)


async def purge_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """Forget everything, the snapshot of a query, or all that holds an interaction or a customer; also fetches."""
    refuse_all(pairs_of(request.scope["query_string"]))
    order = await order_of(request)
    purge = _purge(order, services, viewer)
    services.purges.take()
    return JSONResponse({"purged": await purge(), "scope": order.scope}, headers=NO_STORE)


def _purge(order: PurgeOrder, services: Services, viewer: Viewer) -> Callable[[], Awaitable[int]]:
    """The function that carries out the order. Raises whatever is wrong with its query."""
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
    """A purge where nothing can be stored: none are gone."""
    return 0


def _scene(services: Services, pairs: Pairs) -> tuple[ParseContext, bool]:
    """The context in which values are read; False where that needs the time zone of the tenant, which is not known."""
    zone = services.queries.rules.time_zone or services.queries.tenant_zone
    frame = TimeFrame(services.clock.wall(), zone or UTC, services.settings.fresh_open_seconds)
    is_certain = zone is not None or not needs_time_zone(pairs)
    return ParseContext(frame, services.columns, services.settings.max_rows), is_certain
