"""Which pages may read answers: those of listed origins, without cookies, and nobody by a pattern (FAULTS T36)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.repeating import LIST, Field, Received, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.keys import given, write
from tests.support.simulator import Simulator

OURS, KEYS_OWN = "https://app.example", "https://embedded.example"
EMBEDDED = given("embedded", "read", origins=(KEYS_OWN,))
PLAIN = given("plain", "read", "cache:purge")
NOBODY = [
    "https://evil.example",
    "null",
    "",
    "*",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://app.example:8443",
    "http://app.example",
    "https://APP.example",
    "https://app.example/",
    "https://xapp.example",
    "https://app.example, https://evil.example",
    "https://app.example\x00",
    "file://",
]


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Repeating]:
    """One origin may read everything, another what one key may."""
    path = write(tmp_path / "keys.json", EMBEDDED, PLAIN)
    async with repeating(simulator, clock.clock, client_keys_file=path, allowed_origins=(OURS,)) as running:
        yield running


def origin(text: str) -> Field:
    return b"origin", text.encode("latin-1")


def preflight(method: str, *names: str) -> tuple[Field, ...]:
    fields: tuple[Field, ...] = ((b"access-control-request-method", method.encode()),)
    return (*fields, (b"access-control-request-headers", ", ".join(names).encode())) if names else fields


def is_readable(answer: Received) -> bool:
    assert b"access-control-allow-credentials" not in answer.headers
    return b"access-control-allow-origin" in answer.headers


@pytest.mark.threat("T36")
async def test_a_listed_origin_may_read_with_every_header_that_tells_something(facade: Repeating) -> None:
    for _ in range(3):
        answer = await facade.ask(LIST, PLAIN.field, origin(OURS))
        assert answer.status == 200
        assert answer.headers[b"access-control-allow-origin"] == OURS.encode()
        exposed = {name.strip().lower() for name in answer.headers[b"access-control-expose-headers"].split(b",")}
        assert {b"etag", b"age", b"cache-status", b"server-timing", b"link", b"x-request-id", b"ratelimit"} <= exposed
        assert {b"x-total-count", b"x-truncated"} <= exposed
        assert (b"vary", b"Origin") in answer.fields
        assert not [name for name, _ in answer.fields if name == b"access-control-allow-credentials"]


@pytest.mark.threat("T36")
@pytest.mark.parametrize("other", NOBODY)
async def test_nobody_else_may(facade: Repeating, other: str) -> None:
    for key in (PLAIN, EMBEDDED):
        for path in (LIST, "/whoami", "/openapi.json", "/nowhere"):
            answer = await facade.ask(path, key.field, origin(other))
            assert not is_readable(answer)
    for method in ("GET", "HEAD"):
        assert not is_readable(await facade.ask(LIST, origin(other), *preflight(method), method="OPTIONS"))


async def test_two_origins_are_none(facade: Repeating) -> None:
    assert not is_readable(await facade.ask(LIST, PLAIN.field, origin(OURS), origin(OURS)))


@pytest.mark.threat("T36")
async def test_the_origin_of_a_key_may_read_what_is_answered_to_that_key(facade: Repeating) -> None:
    assert is_readable(await facade.ask(LIST, EMBEDDED.field, origin(KEYS_OWN)))
    assert is_readable(await facade.ask(LIST, EMBEDDED.field, origin(OURS)))
    assert not is_readable(await facade.ask(LIST, PLAIN.field, origin(KEYS_OWN)))
    assert is_readable(await facade.ask("/problems/forbidden", origin(KEYS_OWN)))
    refused = await facade.ask(LIST, origin(KEYS_OWN))
    assert refused.status == 401
    assert is_readable(refused)


@pytest.mark.threat("T36")
async def test_an_origin_never_sees_what_was_made_for_another_by_a_shared_cache(facade: Repeating) -> None:
    """Whoever asks, in whatever order, also from replays: each answer says for whom it is, and that this varies."""
    await facade.warm(LIST, PLAIN.field)
    for _ in range(2):
        for other in (OURS, KEYS_OWN, "https://evil.example"):
            answer = await facade.ask(LIST, PLAIN.field, origin(other))
            assert answer.headers.get(b"access-control-allow-origin", OURS.encode()) == OURS.encode()
            assert is_readable(answer) is (other == OURS)
        plain = facade.replay(LIST, PLAIN.field)
        assert not is_readable(plain)
        assert (b"vary", b"Origin") in plain.fields
        same = await facade.ask(LIST, PLAIN.field, origin(OURS), (b"if-none-match", plain.headers[b"etag"]))
        assert same.status == 304
        assert is_readable(same)


@pytest.mark.parametrize("method", ["GET", "HEAD", "QUERY"])
async def test_a_browser_is_told_beforehand_what_it_may_send(facade: Repeating, method: str) -> None:
    for known in (OURS, KEYS_OWN):
        asked = preflight(method, "authorization", "X-API-Key", "if-none-match")
        answer = await facade.ask(LIST, origin(known), *asked, method="OPTIONS")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers[b"access-control-allow-origin"] == known.encode()
        assert answer.headers[b"access-control-allow-methods"] == b"GET, HEAD, QUERY"
        assert answer.headers[b"access-control-allow-headers"] == b"authorization, if-none-match, x-api-key"
        assert answer.headers[b"x-content-type-options"] == b"nosniff"


async def test_a_question_may_be_posted_where_that_is_all_that_a_path_takes(facade: Repeating) -> None:
    asked = origin(OURS), *preflight("POST", "content-type", "authorization")
    answer = await facade.ask("/interactions/search", *asked, method="OPTIONS")
    assert (answer.status, answer.headers[b"access-control-allow-methods"]) == (204, b"POST")


@pytest.mark.threat("T38")
@pytest.mark.parametrize(
    "asked",
    [
        preflight("POST", "content-type"),
        preflight("POST", "content-type", "x-requested-with"),
        preflight("GET", "x-requested-with"),
        preflight("GET", "cookie"),
        preflight("DELETE"),
        preflight("get"),
        (),
    ],
)
@pytest.mark.parametrize("path", [LIST, "/cache/purge"])
async def test_nothing_but_reading_is_granted(facade: Repeating, asked: tuple[Field, ...], path: str) -> None:
    answer = await facade.ask(path, origin(OURS), *asked, method="OPTIONS")
    assert answer.status == 405
    assert b"access-control-allow-methods" not in answer.headers


@pytest.mark.threat("T38")
@pytest.mark.parametrize(
    ("kind", "status"),
    [(b"text/plain", 415), (b"application/x-www-form-urlencoded", 415), (b"multipart/form-data", 415), (b"", 415)],
)
async def test_a_form_of_another_site_purges_nothing(facade: Repeating, kind: bytes, status: int) -> None:
    """Such a page could send no key anyway; it cannot send the type, or the header, without asking first."""
    await facade.warm(LIST, PLAIN.field)
    fields = (PLAIN.field, origin("https://evil.example"), (b"content-type", kind))
    assert (await facade.ask("/cache/purge", *fields, method="POST")).status == status
    json_without_header = (PLAIN.field, (b"content-type", b"application/json"))
    assert (await facade.ask("/cache/purge", *json_without_header, method="POST")).status == 400
    assert facade.is_replayed(LIST, PLAIN.field)


async def test_without_listed_origins_nothing_is_said_of_them(simulator: Simulator, clock: HandClock) -> None:
    async with repeating(simulator, clock.clock) as facade:
        answer = await facade.ask(LIST, origin(OURS))
        assert answer.status == 200
        assert not is_readable(answer)
        assert (b"vary", b"Origin") not in answer.fields
        assert (await facade.ask(LIST, origin(OURS), *preflight("GET"), method="OPTIONS")).status == 405


async def test_the_origin_of_a_key_that_is_added_may_read_at_once(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    path = write(tmp_path / "keys.json", PLAIN)
    async with repeating(simulator, clock.clock, client_keys_file=path) as facade:
        await facade.warm(LIST, PLAIN.field)
        write(path, PLAIN, EMBEDDED)
        facade.services.authenticator.keys.reread()
        assert is_readable(await facade.ask(LIST, EMBEDDED.field, origin(KEYS_OWN)))
        assert (b"vary", b"Origin") in (await facade.warm(LIST, PLAIN.field)).fields
