"""What differs from what was answered, or is answered no longer, is left to the framework."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from app.http.responses import Answer
from tests.scenarios.repeating import HOST, LIST, OWN_ID, SETTLED, Field, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.simulator import Simulator

OTHERWISE: dict[str, tuple[str, tuple[Field, ...], dict[str, object]]] = {
    "a body": (LIST, ((b"content-length", b"5"),), {}),
    "a body of no bytes": (LIST, ((b"content-length", b"0"),), {}),
    "a body of unknown length": (LIST, ((b"transfer-encoding", b"chunked"),), {}),
    "max-age": (LIST, ((b"cache-control", b"max-age=0"),), {}),
    "only-if-cached": (LIST, ((b"cache-control", b"only-if-cached"),), {}),
    "pragma": (LIST, ((b"pragma", b"no-cache"),), {}),
    "expect": (LIST, ((b"expect", b"100-continue"),), {}),
    "upgrade": (LIST, ((b"upgrade", b"h2c"),), {}),
    "an underscore": (LIST, ((b"x_forwarded_host", b"elsewhere"),), {}),
    "two hosts": (LIST, (HOST, HOST), {}),
    "no host": (LIST, (), {"headers": []}),
    "two accepts": (LIST, ((b"accept", b"*/*"), (b"accept", b"text/csv")), {}),
    "two credentials": (LIST, ((b"x-api-key", b"a"), (b"x-api-key", b"b")), {}),
    "two ids": (LIST, (OWN_ID, OWN_ID), {}),
    "another host": (LIST, ((b"host", b"localhost:8080"),), {}),
    "another port": (LIST, ((b"host", b"127.0.0.1"),), {}),
    "the host in capitals": (LIST, ((b"host", b"LOCALHOST:8080"),), {}),
    "an unknown host": (LIST, ((b"host", b"elsewhere.example"),), {}),
    "accept": (LIST, ((b"accept", b"text/csv"),), {}),
    "an accept that is empty": (LIST, ((b"accept", b""),), {}),
    "accept-encoding": (LIST, ((b"accept-encoding", b"gzip"),), {}),
    "a credential": (LIST, ((b"authorization", b"Bearer cxf_invented"),), {}),
    "an empty credential": (LIST, ((b"authorization", b""),), {}),
    "a key": (LIST, ((b"x-api-key", b"cxf_invented"),), {}),
    "a post": (LIST, (), {"method": "POST"}),
    "a delete": (LIST, (), {"method": "DELETE"}),
    "options": (LIST, (), {"method": "OPTIONS"}),
    "https": (LIST, (), {"scheme": "https"}),
    "a root path": (LIST, (), {"root_path": "/below"}),
    "more parameters": (f"{LIST}&limit=7", (), {}),
    "fewer parameters": ("/interactions", (), {}),
    "a repeated parameter": (f"{LIST}&attr=1234567", (), {}),
    "an ignored parameter": (f"{LIST}&_=1", (), {}),
    "another spelling": ("/interactions?attr=%31234567", (), {}),
    "an extension": ("/interactions.json?attr=1234567", (), {}),
    "another spelling of the path": ("/%69nteractions?attr=1234567", (), {}),
    "a slash more": ("/interactions/?attr=1234567", (), {}),
    "two slashes": ("//interactions?attr=1234567", (), {}),
    "clear": (f"{LIST}&pii=clear", (), {}),
}


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Repeating]:
    """Asked in ASGI itself, on `clock`."""
    async with repeating(simulator, clock.clock, anonymous_scopes="read,pii:read") as running:
        yield running


@pytest.mark.parametrize("difference", OTHERWISE)
async def test_a_request_that_differs_is_left_to_the_framework(facade: Repeating, difference: str) -> None:
    target, fields, changes = OTHERWISE[difference]
    await facade.warm(LIST)
    assert not await facade.is_hot(target, *fields, **changes)
    ours, theirs = await facade.ask(target, *fields, **changes), await facade.long(target, *fields, **changes)
    assert ours.status == theirs.status
    if theirs.status == 200:
        assert (await facade.ask(target, *fields, **changes)).told == theirs.told
    assert await facade.is_hot(LIST)


async def test_the_order_of_parameters_makes_another_request(facade: Repeating) -> None:
    await facade.warm("/interactions?attr=1234567&limit=7")
    assert not await facade.is_hot("/interactions?limit=7&attr=1234567")


@pytest.mark.parametrize("target", ["/schema", "/whoami", "/metrics", "/health/live", "/openapi.json", "/problems/x"])
async def test_what_is_no_data_is_never_remembered(facade: Repeating, target: str) -> None:
    for _ in range(3):
        await facade.ask(target)
    assert len(facade.remembered) == 0


async def test_refusals_and_failures_are_never_remembered(facade: Repeating, simulator: Simulator) -> None:
    simulator.faults("status", None)
    for target in ("/interactions?start=1", "/interactions/1", "/nowhere", LIST):
        assert (await facade.ask(target)).status >= 400
    assert len(facade.remembered) == 0


async def test_an_answer_is_left_when_its_freshness_ends(facade: Repeating, clock: HandClock) -> None:
    await facade.warm(LIST)
    clock.advance(14.99)
    assert await facade.is_hot(LIST)
    clock.advance(0.02)
    assert not await facade.is_hot(LIST)
    assert b"detail=stale" in (await facade.ask(LIST)).headers[b"cache-status"]
    assert len(facade.remembered) == 0


async def test_relative_times_are_left_at_the_next_step_of_their_grid(facade: Repeating, clock: HandClock) -> None:
    clock.advance(4)
    target = "/interactions?from=now-2h&limit=1"
    await facade.warm(target)
    clock.advance(10.99)
    assert await facade.is_hot(target)
    clock.advance(0.01)
    assert not await facade.is_hot(target)
    assert (await facade.ask(target)).headers[b"cache-status"].startswith(b"cxfacade; fwd=uri-miss")


async def test_a_step_of_the_grid_that_passes_while_upstream_is_asked_is_not_overslept(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    clock.advance(14)
    target = "/interactions?from=now-2h&limit=1"
    simulator.faults("hold")
    under_way = asyncio.create_task(facade.ask(target))
    await simulator.arrived(1)
    clock.advance(3)
    simulator.release()
    assert (await under_way).status == 200
    assert not await facade.is_hot(target)


async def test_after_a_refresh_has_landed_nobody_gets_what_was_before(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    older = await facade.warm(LIST)
    clock.advance(6)
    simulator.insert(value="1234567")
    newer = await facade.ask(LIST, (b"cache-control", b"max-age=5"))
    assert newer.body != older.body
    assert not await facade.is_hot(LIST)
    assert (await facade.ask(LIST)).body == newer.body
    assert (await facade.hot(LIST)).body == newer.body


async def test_a_pinned_page_is_hot_too_and_stays_in_its_snapshot(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    first = await facade.ask("/interactions?limit=2")
    target = first.headers[b"link"].decode().partition("8080")[2].partition(">")[0]
    second = await facade.warm(target)
    clock.advance(6)
    simulator.insert(3)
    await facade.ask("/interactions?limit=2", (b"cache-control", b"max-age=5"))
    assert (await facade.ask(target)).body == second.body
    assert (await facade.hot(target)).told == (await facade.long(target)).told


async def test_what_a_purge_has_reached_is_gone(facade: Repeating) -> None:
    for target in (LIST, SETTLED):
        await facade.warm(target)
    services = facade.services
    assert services.queries.snapshots.purge(lambda _key, _report: True) == 2
    assert len(facade.remembered) == 0
    assert not await facade.is_hot(LIST)


async def test_what_the_store_has_forgotten_is_gone(facade: Repeating, clock: HandClock) -> None:
    await facade.warm(LIST)
    for key, value in facade.stored().items():
        if isinstance(value, Answer):
            facade.store.delete(key)
    del value
    gc.collect()
    assert len(facade.remembered) == 0
    assert not await facade.is_hot(LIST)


async def test_an_answer_whose_report_the_store_has_forgotten_is_left_within_a_second(
    facade: Repeating, clock: HandClock
) -> None:
    await facade.warm(LIST)
    for key, value in facade.stored().items():
        if not isinstance(value, Answer):
            facade.store.delete(key)
    clock.advance(1)
    assert not await facade.is_hot(LIST)
    assert (await facade.ask(LIST)).headers[b"cache-status"].startswith(b"cxfacade; fwd=uri-miss")
