"""Nothing a client sends reaches another one through a replay, or shapes what is stored (FAULTS T12, T15)."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.holdings.partition import Partition
from app.holdings.store import Collection
from app.listener.replay import Replay
from tests.scenarios.header_names import COMMON
from tests.scenarios.repeating import LIST, OWN_ID, SETTLED, Received, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.simulator import Simulator


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Repeating]:
    """Asked without a socket, on `clock`."""
    async with repeating(simulator, clock.clock, anonymous_scopes="read,pii:read") as running:
        yield running


async def test_masked_and_clear_answers_never_mix(facade: Repeating) -> None:
    masked, clear = f"{LIST}&pii=mask", f"{LIST}&pii=clear"
    ours = {target: await facade.warm(target) for target in (masked, clear)}
    assert ours[clear].headers[b"cache-control"] == b"private, no-store"
    assert ours[masked].headers[b"cache-control"].startswith(b"private, max-age=")
    assert b'"customer":null' in ours[masked].body
    assert b'"customer":null' not in ours[clear].body
    etags = {target: answer.headers[b"etag"] for target, answer in ours.items()}
    for target, other in ((masked, clear), (clear, masked)):
        assert facade.replay(target).body == ours[target].body
        assert (await facade.warm(target, (b"if-none-match", etags[target]))).status == 304
        assert (await facade.warm(target, (b"if-none-match", etags[other]))).body == ours[target].body


async def test_two_facades_of_one_process_share_nothing(simulator: Simulator, clock: HandClock) -> None:
    target = f"{LIST}&pii=clear"
    async with (
        repeating(simulator, clock.clock, anonymous_scopes="read,pii:read") as trusting,
        repeating(simulator, clock.clock) as careful,
    ):
        await trusting.warm(target)
        assert not careful.is_replayed(target)
        assert (await careful.ask(target)).status == 403
        assert len(careful.replays) == 0


@pytest.mark.threat("T43")
async def test_distinct_requests_stay_within_the_bound(facade: Repeating) -> None:
    await facade.warm(SETTLED)
    facade.store._bound = facade.store._derived._Cache__maxsize = 2_000_000
    for number in range(300):
        await facade.ask(f"{SETTLED}&_={number}")
    assert 10 < len(facade.replays) < 250
    assert facade.store.bytes_held <= 2_000_000
    assert facade.is_replayed(f"{SETTLED}&_=299")


def made(facade: Repeating) -> dict[bytes, object]:
    """Snapshots and answers, by their keys."""
    others = (Replay, Collection, Partition)  # the keys of what is held count the collections that there ever were
    return {key: value for key, value in facade.stored().items() if not isinstance(value, others)}


def untied(answer: Received) -> tuple[object, ...]:
    """An answer without its change token, which names what is held of its question since when, and its tag."""
    status, fields, body = answer.told
    kept = [field for field in fields if field[0] not in {b"x-change-token", b"etag"}]
    return status, kept, re.sub(rb'"change_token":"[^"]*"', b"", body)


@pytest.mark.threat("T15")
@pytest.mark.parametrize("name", ["cold", "stored"])
async def test_a_header_nobody_reads_changes_neither_an_answer_nor_what_is_stored(facade: Repeating, name: str) -> None:
    """The miner: a cache is poisoned by what shapes an answer and is in no key (FAULTS T15)."""
    await facade.warm(LIST)
    facade.forget()
    whole, replay = await facade.ask(LIST), facade.replay(LIST)
    stored = made(facade)
    for number, header in enumerate(one for one in COMMON if one != "origin"):  # it is in the key
        canary = b"canary%d.mined.example" % number
        fields = ((header.encode(), canary),)
        if name == "cold":
            facade.forget()
            first = await facade.ask(LIST, *fields)
            assert untied(first) == untied(whole), header
            assert len(made(facade)) == len(stored), header
            assert canary not in repr(first).encode()
        second = await facade.ask(LIST, *fields)
        assert untied(second) == untied(replay), header
        assert canary not in repr(second).encode()
        assert len(facade.replays) <= 1
    assert name == "cold" or made(facade) == stored


FIELDS = st.lists(
    st.sampled_from(
        [
            (b"accept", b"text/csv"),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"gzip"),
            (b"accept-encoding", b"zstd;q=0.5, identity;q=0"),
            (b"authorization", b"Basic aW52ZW50ZWQ6"),
            (b"x-api-key", b"cxf_invented"),
            (b"cache-control", b"max-stale=5"),
            (b"if-none-match", b"*"),
            (b"if-match", b'"other"'),
            (b"range", b"bytes=0-3"),
            (b"content-length", b"0"),
            (b"x_y", b"z"),
            (b"cookie", b"a=b"),
            (b"x-forwarded-host", b"elsewhere.example"),
        ]
    ),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {
        "target": st.sampled_from([SETTLED, f"{SETTLED}&limit=1", f"{SETTLED}&pii=clear", "/interactions.csv", "/x"]),
        "host": st.sampled_from([b"127.0.0.1:8080", b"localhost", b"elsewhere.example"]),
        "fields": FIELDS,
        "method": st.sampled_from(["GET", "GET", "HEAD", "POST"]),
        "scheme": st.sampled_from(["http", "https"]),
        "pause": st.sampled_from([0.0, 0.3, 1.1]),
    }
)


@given(requests=st.lists(REQUESTS, min_size=2, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_was_asked_before_a_client_gets_what_the_framework_gives(
    facade: Repeating, clock: HandClock, requests: list[dict[str, Any]]
) -> None:
    for request in requests:
        target, fields = request["target"], ((b"host", request["host"]), OWN_ID, *request["fields"])
        changes = {"method": request["method"], "scheme": request["scheme"]}
        await facade.long(target, *fields, **changes)
        await facade.completed()  # else what is stale would be refreshed between one answer and the other
        theirs = await facade.long(target, *fields, **changes)
        for _ in range(2):
            assert (await facade.ask(target, *fields, **changes)).told == theirs.told
        clock.advance(request["pause"])
