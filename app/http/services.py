"""What the routes work with, opened by `main.py` and kept on the application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from app.clock import Clock
from app.errors import RateLimited
from app.http.auth import Authenticator, Viewer
from app.http.cors import Origins
from app.http.counting import Requests
from app.http.forwarding import Forwarding
from app.http.min_interval import MinInterval
from app.http.representations import Representations
from app.http.response_cache import ResponseCache
from app.http.unread import Unread
from app.interactions.columns import Column
from app.metrics import Metrics
from app.queries.service import Queries
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """One application's parts."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    columns: Mapping[str, Column]
    queries: Queries
    representations: Representations
    response_cache: ResponseCache
    unread: Unread
    authenticator: Authenticator
    forwarding: Forwarding
    origins: Origins
    purges: MinInterval
    requests: Requests
    openapi: Callable[[], str]


async def services_of(request: Request) -> Services:
    """The parts behind a request."""
    return cast("Services", request.app.state.services)


async def viewer_of(request: Request) -> Viewer:
    """Who asks, which is found out once and counted once.

    Raises Unauthorized, BadRequest, KeyInQuery, and RateLimited where the viewer's quota is used up.
    """
    state = request.scope["state"]
    if "viewer" not in state:
        authenticator = (await services_of(request)).authenticator
        state["viewer"] = viewer = authenticator.viewer(request.scope)
        state["answer_fields"], wait = authenticator.charge(viewer)
        if wait:
            raise RateLimited("This key has used up its quota.", retry_after_seconds=wait)
    return cast("Viewer", state["viewer"])


async def reader_of(viewer: Annotated[Viewer, Depends(viewer_of)]) -> Viewer:
    """Who asks, and may read. Raises Forbidden besides."""
    viewer.require("read")
    return viewer


async def metrics_reader_of(viewer: Annotated[Viewer, Depends(viewer_of)]) -> Viewer:
    """Who asks, and may read metrics."""
    viewer.require("metrics:read")
    return viewer


async def purger_of(viewer: Annotated[Viewer, Depends(viewer_of)]) -> Viewer:
    """Who asks, and may purge."""
    viewer.require("cache:purge")
    return viewer


ServicesOf = Annotated[Services, Depends(services_of)]
AnyViewer = Annotated[Viewer, Depends(viewer_of)]
Reader = Annotated[Viewer, Depends(reader_of)]
MetricsReader = Annotated[Viewer, Depends(metrics_reader_of)]
Purger = Annotated[Viewer, Depends(purger_of)]
