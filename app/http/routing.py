"""The services that routes work with, and a row of the table of routes, as the route that admits and answers."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from app.clients.quota import MinInterval
from app.clock import Clock
from app.http.auth import Authenticator
from app.http.forwarding import Forwarding
from app.http.parse import Pairs, named_zone, needs_time_zone
from app.http.questions import Questions
from app.http.representations import Representations
from app.http.response_cache import ParsedLists, ResponseCache
from app.http.search import READ
from app.http.sending import Unread
from app.http.telemetry import Requests
from app.http.times import TimeFrame
from app.http.values import ParseContext
from app.interactions.grains import INTERACTIONS, Grain
from app.interactions.masking import hides
from app.observe.metrics import Metrics
from app.queries.service import Queries
from app.settings import Settings
from app.workers import Degraded


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    grains: Mapping[str, Grain]
    queries: Queries
    representations: Representations
    response_cache: ResponseCache
    parsed: ParsedLists
    unread: Unread
    authenticator: Authenticator
    forwarding: Forwarding
    questions: Questions
    purges: MinInterval
    requests: Requests
    openapi: Callable[[], str]
    degraded: Degraded
    total: Callable[[bytes], Awaitable[bytes]] | None = None

    def context(self, zone: tzinfo, grain: str = INTERACTIONS, ahead: float = 0.0) -> ParseContext:
        """The context that parameters of a grain are read in `ahead` seconds from now, days being the zone's."""
        frame = TimeFrame(self.clock.wall() + timedelta(seconds=ahead), zone, self.settings.fresh_open_seconds)
        shows_raw = not hides(self.queries.rules.context.attribute_policy)
        return ParseContext(frame, self.grains[grain], self.settings.max_rows, shows_raw)

    async def context_of(
        self, pairs: Pairs, grain: str, deadline: float, *, of_summary: bool, ahead: float = 0.0
    ) -> ParseContext:
        """The context of these parameters, in the zone that they name, or the tenant's. Raises as `TenantZone.get`."""
        zone: tzinfo | None = named_zone(pairs, self.context(UTC, grain)) if of_summary else None
        if zone is None:
            is_needed = needs_time_zone(pairs, self.grains[grain])
            zone = await self.queries.zone.get(deadline) if is_needed else UTC
        return self.context(zone, grain, ahead)


ANYBODY = "anybody"  # in place of a scope: no key is asked for, and none is looked at

Answering = Callable[..., Awaitable[Response]]
"""A function of the request, the services and, unless anybody may ask, the viewer."""


class Resource(NamedTuple):
    """One row: `name` is its operationId, `scope` what a viewer needs, by default to read; None admits every viewer."""

    path: str
    name: str
    answer: Answering
    scope: str | None = "read"
    methods: tuple[str, ...] = READ


class ResourceRoute(Route):
    """The route of a row, which admits the viewer: logs and metrics name it by its template."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.path, resource.answer, methods=[*resource.methods], name=resource.name)
        self.resource = resource
        self.app = self._answer

    def matches(self, scope: Scope) -> tuple[Match, MutableMapping[str, Any]]:
        """Whole whatever the method, so that no template of a path takes it: each path is of one row alone.

        The scope learns its route.
        """
        match, found = super().matches(scope)
        return (match, found) if match is Match.NONE else (Match.FULL, {**found, "route": self})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Unauthorized, BadRequest, KeyInQuery, RateLimited, Forbidden, and what the function raises."""
        request, needed = Request(scope, receive, send), self.resource.scope
        services: Services = scope["app"].state.services
        viewers = () if needed == ANYBODY else (services.authenticator.admit(scope, needed),)
        response = await self.resource.answer(request, services, *viewers)
        await response(scope, receive, send)
