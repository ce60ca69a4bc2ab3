"""A person who is to be forgotten is gone from all that is kept: snapshots, answers, replays, flights (T29)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Message

from app.http.responses import Answer
from app.queries.snapshot import Snapshot
from tests.scenarios.audiences import CUSTOMER, NOTE, SERVED, VALUE, guarded, populate, seen
from tests.scenarios.repeating import Field, Received, Repeating, received, scope_of
from tests.support.clock import HandClock
from tests.support.keys import given, write
from tests.support.simulator import Simulator

TARGETS = (f"/interactions?attr={VALUE}&include=notes", f"/interactions.csv?attr={VALUE}", "/interactions?limit=5")
OTHERS = "/interactions?attr=1234567"
DESK = given("desk", "read", "cache:purge")


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Repeating]:
    populate(simulator)
    async with guarded(simulator, clock.clock, tmp_path) as running:
        write(tmp_path / "keys.json", DESK, *(who.key for who in SERVED[:3] if who.key), SERVED[-1].key or DESK)
        running.services.authenticator.keys.reread()
        yield running


async def purged(facade: Repeating, body: bytes, *fields: Field) -> Received:
    """The answer to a purge with this body."""
    messages: list[Message] = []
    own = (DESK.field, (b"content-type", b"application/json"), (b"x-requested-with", b"tests"), *fields)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await facade.app(scope_of("/cache/purge", *own, method="POST"), receive, send)
    return received(messages)


def traces(facade: Repeating) -> int:
    """How many stored things hold the customer or the note, looked at as deep as they go."""
    found = 0
    for value in facade.stored().values():
        texts: list[str] = []
        if isinstance(value, Snapshot):
            texts = [repr(record) for run in value.runs for record in run.block.records()]
        elif isinstance(value, Answer):
            texts = [repr(seen(Received(200, [(b"content-encoding", value.coding.encode())], bytes(value.body))))]
        found += any(CUSTOMER in text or NOTE in text for text in texts)
    return found


async def key_of(facade: Repeating) -> str:
    answer = await facade.ask(f"/interactions?attr={VALUE}&limit=1&fields=customer_key", DESK.field)
    (row,) = json.loads(answer.body)["items"]
    key: str = row["customer_key"]
    return key


@pytest.mark.threat("T29")
async def test_nothing_of_a_customer_is_left_and_others_stay(facade: Repeating, simulator: Simulator) -> None:
    whole = SERVED[-1]
    for target in TARGETS:
        await facade.warm(f"{target}&pii=clear", *whole.fields)
        await facade.ask(f"{target}&pii=clear", *whole.fields, (b"accept-encoding", b"gzip"))
    await facade.warm(OTHERS, DESK.field)
    key = await key_of(facade)
    assert traces(facade) > 5
    answer = await purged(facade, json.dumps({"customer_key": key}).encode())
    assert (answer.status, json.loads(answer.body)["scope"]) == (200, "customer")
    assert json.loads(answer.body)["purged"] >= 2
    assert traces(facade) == 0
    for target in TARGETS:
        assert not facade.is_replayed(f"{target}&pii=clear", *whole.fields)
    assert facade.is_replayed(OTHERS, DESK.field)


@pytest.mark.threat("T29")
async def test_what_is_being_fetched_at_the_time_is_not_kept(facade: Repeating, simulator: Simulator) -> None:
    key = await key_of(facade)
    simulator.clear_journal()
    simulator.faults("hold")
    target = f"/interactions?attr={VALUE}&limit=4&from=2018-01-01T00:00:00Z"
    asking = asyncio.create_task(facade.ask(target, DESK.field))
    await simulator.arrived(1)
    assert (await purged(facade, json.dumps({"customer_key": key}).encode())).status == 200
    simulator.release()
    assert (await asking).status == 200
    assert traces(facade) == 0


async def test_a_key_without_the_scope_erases_nothing(facade: Repeating) -> None:
    await key_of(facade)
    for who in SERVED[:3]:
        messages = await facade.ask("/cache/purge", *who.fields, method="POST")
        assert messages.status == 403
    assert traces(facade) > 0
