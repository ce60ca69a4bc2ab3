"""A row of the table of routes, and the route of the framework that it makes: it admits the viewer, then answers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, cast

from fastapi import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from app.http.auth import Viewer
from app.http.services import Services

READ = ("GET", "HEAD")
ANYBODY = "anybody"  # in place of a scope: no key is asked for, and none is looked at

Answering = Callable[[Request, Services, Viewer], Awaitable[Response]]
AnsweringAnybody = Callable[[Request, Services], Awaitable[Response]]


class Resource(NamedTuple):
    """One row: `name` is its operationId, `scope` what a viewer needs; None admits every viewer.

    A row that names no scope is closed to those who may not read.
    """

    path: str
    name: str
    answer: Answering | AnsweringAnybody
    scope: str | None = "read"
    methods: tuple[str, ...] = READ


class ResourceRoute(Route):
    """The route of a row: logs and metrics name it by its template."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.path, Admitting(resource), methods=[*resource.methods], name=resource.name)
        self.resource = resource

    def matches(self, scope: Scope) -> tuple[Match, MutableMapping[str, Any]]:
        """As inherited; the scope learns its route."""
        match, found = super().matches(scope)
        return match, {**found, "route": self} if found else found


class Admitting:
    """ASGI application of one row."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Unauthorized, BadRequest, KeyInQuery, RateLimited, Forbidden, and what the function raises."""
        request, needed = Request(scope, receive, send), self._resource.scope
        services: Services = scope["app"].state.services
        if needed == ANYBODY:
            response = await cast("AnsweringAnybody", self._resource.answer)(request, services)
        else:
            viewer = services.authenticator.admit(scope, needed)
            response = await cast("Answering", self._resource.answer)(request, services, viewer)
        await response(scope, receive, send)
