"""Which scope each route needs. Whatever is not listed here needs `read`: a new route is closed until it is named.

Routes are named by the functions that answer them, never by their paths: a path can be spelt in many ways (FAULTS T33).
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request

from app.http.cache_routes import purge_cache
from app.http.docs import docs_asset, docs_page
from app.http.explorer import explorer_asset, explorer_page
from app.http.routes import health, metrics, openapi_document, problem_page, ready, whoami
from app.http.services import viewer_of

Endpoint = Callable[..., Any]

PUBLIC: frozenset[Endpoint] = frozenset(
    {health, ready, problem_page, openapi_document, docs_page, docs_asset, explorer_page, explorer_asset}
)
SCOPES: Mapping[Endpoint, str | None] = {whoami: None, metrics: "metrics:read", purge_cache: "cache:purge"}


async def admitted(request: Request) -> None:
    """Before every route: raises Unauthorized, BadRequest, KeyInQuery, RateLimited or Forbidden."""
    endpoint = request.scope["endpoint"]
    if endpoint in PUBLIC:
        return
    viewer = await viewer_of(request)
    scope = SCOPES.get(endpoint, "read")
    if scope is not None:
        viewer.require(scope)
