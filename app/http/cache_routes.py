"""`/cache/explain` and `/cache/purge`: the state of the cache for a query, and its purge. Neither asks upstream."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial

import msgspec
from fastapi import Request
from msgspec import UNSET
from msgspec.structs import asdict
from starlette.responses import Response

from app.errors import BadRequest, InvalidParameters, ParameterFault, UnsupportedMediaType
from app.http.auth import Viewer
from app.http.messages import CacheExplanation, Purged, PurgeScope, UpstreamConditions, answer
from app.http.parse import LONGEST_NAME, Pairs, grain_of, needs_time_zone, pairs_of, parse, refuse_all
from app.http.representations import shown
from app.http.routing import Services
from app.http.search import media_types, request_body
from app.http.values import ParseContext, Refused, identity, nearest
from app.interactions.grains import INTERACTIONS
from app.interactions.masking import PSEUDONYM_DIGITS
from app.queries.explain import miss_cost, sent, stored_snapshot, total_of
from app.queries.explain_held import held_hours, held_part
from app.queries.purging import every_view, purge_all, purge_customer, purge_interaction, purge_question

MOST_FAULTS = 10  # of one order that are told
OWN_HEADER = "X-Requested-With"
MEMBERS: Mapping[str, tuple[PurgeScope, str]] = {
    "all": ("all", "must be true"),
    "query": ("query", "must be a text: a query string as /interactions takes it"),
    "interaction_id": ("interaction", "must be a text: an interaction's id"),
    "customer_key": ("customer", "must be a text: the customer_key of a row"),
}
_CUSTOMER_KEY = re.compile(f"[0-9a-f]{{{PSEUDONYM_DIGITS}}}")
_TAKEN = '{"all": true}, {"query": "attr=VIP&from=2026-11-01"}, {"interaction_id": "…"} or {"customer_key": "…"}'


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge of everything, of the snapshot of the query string `text`, or of all of an interaction or a customer."""

    scope: PurgeScope
    text: str = ""


async def order_of(request: Request) -> Purge:
    """The purge that a request orders.

    Raises UnsupportedMediaType, BadRequest without OWN_HEADER, BodyTooLarge, InvalidParameters. No page of another site
    can send both the type and the header without asking first, and that is refused (FAULTS T38).
    """
    if media_types(request) != ["application/json"]:
        raise UnsupportedMediaType()
    if not request.headers.get(OWN_HEADER):
        raise BadRequest(f"Send the header {OWN_HEADER} with any value: it shows that no page of another site asks.")
    return read(await request_body(request))


def read(body: bytes) -> Purge:
    """The purge in a JSON text. Raises InvalidParameters with all faults."""
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise InvalidParameters([ParameterFault("body", f"The body must be a JSON object: {_TAKEN}.")])
    unknown = [name for name in members if name not in MEMBERS]
    allowed, words = tuple(MEMBERS), f"The body has a member that is not known here; it takes {_TAKEN}."
    faults = [
        ParameterFault(name[:LONGEST_NAME], words, allowed=allowed, did_you_mean=nearest(name, allowed))
        for name in unknown[:MOST_FAULTS]  # no hint is looked for that nobody is told
    ]
    known = [name for name in MEMBERS if name in members]
    if not faults and len(known) != 1:
        faults = [ParameterFault("body", f"The body must have exactly one member: {_TAKEN}.", allowed=allowed)]
    orders = []
    for name in known:
        try:
            orders.append(_order(name, members[name]))
        except Refused as refused:
            faults.append(ParameterFault(name, f"{name} {refused.words}."))
    if faults:
        raise InvalidParameters(faults, more=len(unknown[MOST_FAULTS:]), most=MOST_FAULTS)
    return orders[0]


def _order(name: str, value: object) -> Purge:
    """The purge that a member stands for. Raises Refused."""
    scope, words = MEMBERS[name]
    if scope == "all":
        if value is True:
            return Purge(scope)
    elif isinstance(value, str) and (scope != "customer" or _CUSTOMER_KEY.fullmatch(value)):
        return Purge(scope, identity(value) if scope == "interaction" else value)
    raise Refused(words)


async def explain_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """The state of the cache for the parameters of a list: stored snapshot, lifetime, cost of a miss."""
    grain, pairs = grain_of(pairs_of(request.scope["query_string"]), services.context(UTC))
    scene, is_certain = _scene(services, pairs, grain)
    query = parse(pairs, scene, viewer)
    if not is_certain:  # the moments meant are not known, and so nothing can be stored for them
        query = replace(query, search=replace(query.search, start=None, end=None))
    queries, now = services.queries, services.clock.monotonic()
    plan = queries.planner.plan(query)
    stored = queries.snapshots.current(plan) if is_certain else None
    url = services.forwarding.url(request.scope, scene.grain.path)
    shape = services.response_cache.shape("rows", url, query.key_parts())
    total = total_of(plan, stored.value) if stored else None
    is_guarded = plan.visibility.is_guarded
    cost = miss_cost(query, total, queries.rules, asks_time_zone=not is_certain, is_guarded=is_guarded)
    is_veiled = query.search.asks_of_hooks() and bool(queries.rules.context.attribute_policy)
    explanation = CacheExplanation(
        **asdict(stored_snapshot(plan, stored, now)),
        query=shown(query),
        upstream=UpstreamConditions(sent(plan)),
        key=plan.key.hex() if is_certain else None,
        answer_stored=stored is not None and services.response_cache.is_stored(stored, shape),
        miss_cost=cost,
        held=held_part(plan, queries.holdings, services.clock.wall()) if is_certain and not is_veiled else None,
        held_hours=held_hours(
            plan,
            queries.holdings,
            services.clock.wall(),
            others="metrics:read" in viewer.scopes,
            hooks=not queries.rules.context.attribute_policy,
        ),
    )
    return answer(explanation)


async def purge_cache(request: Request, services: Services, viewer: Viewer) -> Response:
    """Forget every snapshot, that of a query, or those with an interaction or a customer; also those under way."""
    refuse_all(pairs_of(request.scope["query_string"]))
    order = await order_of(request)
    purge = _purge(order, services, viewer)
    services.purges.take()
    services.queries.orders.tell()
    async with services.queries.holdings.purging():
        purged = await purge()
    pending = services.queries.holdings.is_purge_pending
    return answer(Purged(purged, order.scope, ["shared tier"] if pending else UNSET))


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


def _scene(services: Services, pairs: Pairs, grain: str = INTERACTIONS) -> tuple[ParseContext, bool]:
    """The context to parse values in; False where it needs the tenant's time zone, which is not known yet."""
    zone = services.queries.rules.time_zone or services.queries.zone.known
    is_certain = zone is not None or not needs_time_zone(pairs, services.grains[grain])
    return services.context(zone or UTC, grain), is_certain
