"""What differs from what was answered, or is answered no longer, is left to the framework."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.listener.replay import Replay
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
    """Asked without a socket, on `clock`."""
    async with repeating(simulator, clock.clock, anonymous_scopes="read,pii:read") as running:
        yield running


@pytest.mark.parametrize("difference", OTHERWISE)
async def test_a_request_that_differs_is_left_to_the_framework(facade: Repeating, difference: str) -> None:
    target, fields, changes = OTHERWISE[difference]
    await facade.warm(LIST)
    assert not facade.is_replayed(target, *fields, **changes)
    ours, theirs = await facade.ask(target, *fields, **changes), await facade.long(target, *fields, **changes)
    assert ours.status == theirs.status
    if theirs.status == 200:
        assert (await facade.ask(target, *fields, **changes)).told == theirs.told
    assert facade.is_replayed(LIST)


async def test_the_order_of_parameters_makes_another_request(facade: Repeating) -> None:
    await facade.warm("/interactions?attr=1234567&limit=7")
    assert not facade.is_replayed("/interactions?limit=7&attr=1234567")


@pytest.mark.parametrize("target", ["/schema", "/whoami", "/metrics", "/health/live", "/openapi.json", "/problems/x"])
async def test_what_is_no_data_is_never_replayed(facade: Repeating, target: str) -> None:
    for _ in range(3):
        await facade.ask(target)
    assert len(facade.replays) == 0


async def test_refusals_and_failures_are_never_replayed(facade: Repeating, simulator: Simulator) -> None:
    simulator.faults("status", None)
    for target in ("/interactions?start=1", "/interactions/1", "/nowhere", LIST):
        assert (await facade.ask(target)).status >= 400
    assert len(facade.replays) == 0


async def test_an_answer_is_left_when_its_freshness_ends(facade: Repeating, clock: HandClock) -> None:
    await facade.warm(LIST)
    clock.advance(14.99)
    assert facade.is_replayed(LIST)
    clock.advance(0.02)
    assert not facade.is_replayed(LIST)
    assert b"detail=stale" in (await facade.ask(LIST)).headers[b"cache-status"]
    assert not facade.is_replayed(LIST)


async def test_relative_times_are_left_at_the_next_step_of_their_grid(facade: Repeating, clock: HandClock) -> None:
    clock.advance(4)
    target = "/interactions?from=now-2h&limit=1"
    await facade.warm(target)
    clock.advance(10.99)
    assert facade.is_replayed(target)
    clock.advance(0.01)
    assert not facade.is_replayed(target)
    assert (await facade.ask(target)).headers[b"cache-status"] == b"cxfacade; hit; ttl=4", "of what is held"


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
    assert not facade.is_replayed(target)


async def test_after_a_refresh_has_landed_nobody_gets_what_was_before(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    older = await facade.warm(LIST)
    clock.advance(6)
    simulator.insert(value="1234567")
    newer = await facade.ask(LIST, (b"cache-control", b"max-age=5"))
    assert newer.body != older.body
    assert not facade.is_replayed(LIST)
    assert (await facade.ask(LIST)).body == newer.body
    assert facade.replay(LIST).body == newer.body


async def test_a_pinned_page_is_replayed_too_and_stays_in_its_snapshot(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    first = await facade.ask("/interactions?limit=2")
    target = first.headers[b"link"].decode().partition("8080")[2].partition(">")[0]
    second = await facade.warm(target)
    clock.advance(6)
    simulator.insert(3)
    await facade.ask("/interactions?limit=2", (b"cache-control", b"max-age=5"))
    assert (await facade.ask(target)).body == second.body
    assert facade.replay(target).told == (await facade.long(target)).told


async def test_what_a_purge_has_reached_is_gone(facade: Repeating) -> None:
    for target in (LIST, SETTLED):
        await facade.warm(target)
    assert facade.services.queries.snapshots.purge(lambda _key, _report: True) == 2
    assert len(facade.replays) == 0
    assert not facade.is_replayed(LIST)


async def lose_all_but_replays(facade: Repeating) -> None:
    for key, value in facade.stored().items():
        if not isinstance(value, Replay):
            facade.store.delete(key)


async def test_a_replay_whose_snapshot_had_to_make_room_goes_on_and_a_purge_ends_it(facade: Repeating) -> None:
    """It is as fresh as it was; the token that it shares with its snapshot is what a purge reaches."""
    await facade.warm(LIST)
    await lose_all_but_replays(facade)
    assert facade.is_replayed(LIST)
    facade.services.queries.snapshots.purge(lambda _key, _report: True)
    assert not facade.is_replayed(LIST)


async def test_a_replay_whose_snapshot_had_to_make_room_ends_with_the_next_one(facade: Repeating) -> None:
    await facade.warm(LIST)
    await lose_all_but_replays(facade)
    await facade.ask(f"{LIST}&_=1")
    assert not facade.is_replayed(LIST)
