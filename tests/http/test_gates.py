"""Every route is closed until it is named: walked as the framework holds them, not as we list them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from app.http.auth import Viewer
from app.http.routing import ANYBODY, Resource, ResourceRoute, Services
from app.main import create_app
from tests.scenarios.repeating import Repeating, repeating, scope_of, sent_by
from tests.support.clock import HandClock
from tests.support.facade import facade_settings
from tests.support.keys import Given, given, write
from tests.support.pinned import pinning
from tests.support.simulator import Simulator

KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"
FORM = b"application/x-www-form-urlencoded"
IN_PATHS = {"interaction_id": KNOWN, "grain": "notes", "slug": "bad-host", "name": "docs.js", "name:path": "index.css"}
POWERLESS = given("powerless")
WRONG = given("nobody", "read")
NOTES_ALONE = given("notes-alone", "notes:read")
KEYS = {scope: given(scope.replace(":", "-"), scope) for scope in ("read", "metrics:read", "cache:purge")}
KEYS["notes:read"] = given("notes-read", "read", "notes:read")
BY_PATH = [  # ways round a gate that looks at the path
    "/interactions?attr=1#/health/live",
    "/health/live/../../interactions",
    "/health/live/%2e%2e/%2e%2e/interactions",
    "/%69nteractions",
    "//interactions",
    "/interactions;/health/live",
]
BY_FIELD = [
    (b"host", b"a/?x"),
    (b"x-forwarded-uri", b"/health/live"),
    (b"x-original-url", b"/health/live"),
    (b"x-rewrite-url", b"/health/live"),
    (b"user-agent", b"kube-probe/1.30"),
    (b"x-forwarded-for", b"127.0.0.1"),
    (b"x-http-method-override", b"GET"),
]


def path_of(route: ResourceRoute) -> str:
    path = route.path.replace("/questions/{name}", "/questions/pinned")
    for name, value in IN_PATHS.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path
    return path


def walked() -> list[ResourceRoute]:
    """Every route of an application; any other kind would admit whoever asks."""
    routes = create_app(facade_settings("http://127.0.0.1:9")).routes
    assert all(isinstance(route, ResourceRoute) for route in routes)
    return [route for route in routes if isinstance(route, ResourceRoute)]


ROUTES = [
    (path_of(route), method, route.resource.scope) for route in walked() for method in sorted(route.methods or ())
]
CLOSED = [one for one in ROUTES if one[2] != ANYBODY]
OPEN = [one for one in ROUTES if one[2] == ANYBODY]
PUBLIC = {"live", "ready", "problem", "openapi", "docs", "home", "explorer"}


@pytest.fixture
async def guarded(simulator: Simulator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Repeating]:
    """A façade with keys, and a pinned question."""
    path = write(tmp_path / "keys.json", POWERLESS, NOTES_ALONE, *KEYS.values())
    pinned = pinning(tmp_path, pinned={"path": "/interactions"})
    async with repeating(simulator, clock.clock, client_keys_file=path, questions_file=pinned) as running:
        yield running


async def status(facade: Repeating, path: str, method: str, key: Given | None = None) -> int:
    own = (b"x-requested-with", b"tests"), (b"content-type", b"application/json" if path == "/cache/purge" else FORM)
    fields = (*((key.field,) if key else ()), *(own if method in ("POST", "QUERY") else ()))
    return (await facade.ask(path, *fields, method=method)).status


def test_the_public_routes_are_few_and_named_here() -> None:
    assert {route.name for route in walked() if route.resource.scope == ANYBODY} == PUBLIC
    assert {scope for _, _, scope in CLOSED} == {None, *KEYS}
    assert len(CLOSED) > 10


@pytest.mark.threat("T33", "T66")
@pytest.mark.parametrize(("path", "method", "scope"), CLOSED)
async def test_every_route_but_the_public_ones_needs_a_key_and_its_scope(
    guarded: Repeating, simulator: Simulator, path: str, method: str, scope: str | None
) -> None:
    assert await status(guarded, path, method) == 401
    assert await status(guarded, path, method, WRONG) == 401
    for key in (POWERLESS, NOTES_ALONE):
        assert await status(guarded, path, method, key) == (403 if scope else 200)
    for key in KEYS.values():
        if scope and scope not in key.key.scopes:
            assert await status(guarded, path, method, key) == 403
    assert simulator.calls() == []
    if scope:
        assert await status(guarded, path, method, KEYS[scope]) in {200, 400}


@pytest.mark.parametrize(("path", "method", "_scope"), OPEN)
async def test_a_public_route_is_open_whatever_key_is_sent(
    guarded: Repeating, simulator: Simulator, path: str, method: str, _scope: str
) -> None:
    assert await status(guarded, path, method) in {200, 404}
    assert await status(guarded, path, method, WRONG) in {200, 404}
    assert simulator.calls() == []


@pytest.mark.threat("T33")
@pytest.mark.parametrize("path", BY_PATH)
async def test_no_way_of_spelling_a_path_leads_round(guarded: Repeating, simulator: Simulator, path: str) -> None:
    answer = await guarded.ask(path)
    assert answer.status in {400, 401, 404}
    assert simulator.calls() == []


@pytest.mark.threat("T33")
async def test_a_slash_too_many_leads_to_the_gate(guarded: Repeating, simulator: Simulator) -> None:
    answer = await guarded.ask("/interactions/")
    assert (answer.status, answer.headers[b"location"]) == (308, b"../interactions")
    assert (await guarded.ask("/interactions")).status == 401
    assert simulator.calls() == []


@pytest.mark.threat("T33")
@pytest.mark.parametrize("field", BY_FIELD)
async def test_no_header_leads_round(guarded: Repeating, simulator: Simulator, field: tuple[bytes, bytes]) -> None:
    assert (await guarded.ask("/interactions", field)).status in {400, 401}
    assert simulator.calls() == []


async def test_a_row_of_the_table_that_names_no_scope_needs_to_read(simulator: Simulator, clock: HandClock) -> None:
    async with repeating(simulator, clock.clock, anonymous_scopes="metrics:read") as facade:

        async def forgotten(_request: Request, _services: Services, _viewer: Viewer) -> Response:
            return Response()

        facade.app.routes.append(ResourceRoute(Resource("/forgotten", "forgotten", forgotten)))
        start, _ = await sent_by(lambda *asgi: FastAPI.__call__(facade.app, *asgi), scope_of("/forgotten"))
        assert start["status"] == 403


async def test_a_key_is_asked_for_in_a_way_that_programs_understand(guarded: Repeating) -> None:
    answer = await guarded.ask("/interactions")
    assert answer.headers[b"www-authenticate"] == b'Bearer realm="cxfacade"'
    assert answer.headers[b"cache-control"] == b"no-store"
