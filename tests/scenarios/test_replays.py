"""A replay gives what the ordinary way would give, header for header."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from itertools import product

import pytest

from app.listener.replay import MOST_BYTES
from tests.scenarios.repeating import LIST, OWN_ID, Field, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.simulator import ANCHOR, Simulator

TARGETS = (
    LIST,
    "/interactions.csv?attr=1234567&csv=excel&download=1",
    "/interactions?format=ndjson&limit=3&fields=interaction_id,queue:first_queue_name&_=17",
    "/interactions?limit=1&from=now-2h",
    "/interactions.json?limit=1&shape=records",
    "/interactions?limit=300",
    "/queue-entries/summary?by=queue_name&measures=service_level,p90:queue_seconds&from=now-7d/d",
    "/interactions/summary.csv?interval=hour&fill=zero&from=now-2h",
    "/interactions/{}",
    "/interactions/{}?include=attributes",
    "/interactions/{}/timeline",
)
CODINGS: tuple[tuple[Field, ...], ...] = (
    (),
    ((b"accept-encoding", b"gzip"),),
    ((b"accept-encoding", b"gzip, deflate, br, zstd"), (b"accept", b"text/csv")),
)


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock) -> AsyncIterator[Repeating]:
    """Asked without a socket, on `clock`."""
    async with repeating(simulator, clock.clock, anonymous_scopes="read,pii:read") as running:
        yield running


async def of_one(facade: Repeating, target: str) -> str:
    """The target with the id of some interaction in it."""
    first = (await facade.long("/interactions.csv?fields=interaction_id&limit=1")).body.decode().split()[1]
    return target.format(first)


def conditions(etag: bytes, modified: bytes) -> list[tuple[Field, ...]]:
    """What clients ask of an answer they know something of."""
    later = format_datetime(ANCHOR + timedelta(days=1), usegmt=True).encode()
    part = (b"range", b"bytes=3-8")
    return [
        (),
        ((b"if-none-match", etag),),
        ((b"if-none-match", b"W/" + etag),),
        ((b"if-none-match", b'"other", ' + etag + b' , "third"'),),
        ((b"if-none-match", b"*"),),
        ((b"if-none-match", b'"other"'), (b"if-modified-since", later)),
        ((b"if-none-match", etag), (b"if-match", b'"other"'), part),
        ((b"if-none-match", b""),),
        ((b"if-modified-since", modified),),
        ((b"if-modified-since", later),),
        ((b"if-modified-since", b"Mon, 01 Jan 1990 00:00:00 GMT"),),
        ((b"if-modified-since", b"yesterday \xff"),),
        (part,),
        ((b"range", b"bytes=-7"),),
        ((b"range", b"bytes=-99999999"),),
        ((b"range", b"bytes=20-"),),
        ((b"range", b"bytes=99999999-"),),
        ((b"range", b"bytes=0-1,3-4"),),
        ((b"range", b"lines=1-2"),),
        (part, (b"if-range", etag)),
        (part, (b"if-range", b'"other"')),
        (part, (b"if-range", modified)),
        (part, (b"if-match", etag)),
        (part, (b"if-match", b'"other"')),
        (part, (b"if-unmodified-since", modified)),
        (part, (b"if-unmodified-since", b"Mon, 01 Jan 1990 00:00:00 GMT")),
    ]


@pytest.mark.parametrize("target", TARGETS)
async def test_each_replay_gives_what_the_framework_gives_header_for_header(facade: Repeating, target: str) -> None:
    target = await of_one(facade, target)
    seen = set()
    for shaping in CODINGS:
        known = (await facade.ask(target, *shaping)).headers
        for asked, method in product(conditions(known[b"etag"], known[b"last-modified"]), ("GET", "HEAD")):
            fields = (*shaping, OWN_ID, *asked)
            status = (await facade.ask(target, *fields, method=method)).status
            theirs = await facade.long(target, *fields, method=method)
            assert theirs.status == status
            is_replayed = facade.is_replayed(target, *fields, method=method)
            assert is_replayed is (status < 400 and len(theirs.body) <= MOST_BYTES), fields
            seen.add((status, is_replayed))
            assert (await facade.ask(target, *fields, method=method)).told == theirs.told, fields
    assert {(200, True), (206, True), (304, True), (416, False)} <= seen


async def test_a_hundred_rows_are_replayed_without_a_coding_too(facade: Repeating) -> None:
    target, whole = "/interactions?limit=100", (b"accept-encoding", b"identity")
    answer = await facade.ask(target, whole)
    assert 128 * 1024 < len(answer.body) <= MOST_BYTES
    assert facade.is_replayed(target, whole)
    assert (await facade.ask(target, whole)).body == answer.body


async def test_an_answer_whose_bytes_are_many_is_sent_the_ordinary_way(facade: Repeating) -> None:
    for _ in range(2):
        assert len((await facade.ask("/interactions?limit=300")).body) > MOST_BYTES
    assert facade.replays == []


async def test_what_is_said_of_the_age_is_true_at_every_moment(
    facade: Repeating, simulator: Simulator, clock: HandClock
) -> None:
    """A lifetime that is no whole number of seconds: Age and what is left turn over at different moments."""
    (settled,) = simulator.insert(1, start=(ANCHOR - timedelta(hours=11)).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    target = f"/interactions/{settled}"
    cache_status = {(await facade.warm(target)).headers[b"cache-status"]}
    for _ in range(60):
        clock.advance(0.17)
        ours = facade.replay(target)
        cache_status.add(ours.headers[b"cache-status"])
        assert ours.told == (await facade.long(target)).told
    assert len(cache_status) > 10


@pytest.mark.parametrize("own_id", [b"mine-17", b"", b"two words", b"x" * 65, b"\xc3\xa9"])
async def test_an_id_that_can_stand_in_headers_is_kept_and_every_other_replaced(
    facade: Repeating, own_id: bytes
) -> None:
    await facade.warm(LIST)
    given = [facade.replay(LIST, (b"x-request-id", own_id)).headers[b"x-request-id"] for _ in range(2)]
    if own_id == b"mine-17":
        assert given == [own_id] * 2
    else:
        assert own_id not in given
        assert len(set(given)) == 2


async def test_replays_count_as_fresh_answers(facade: Repeating) -> None:
    for fields in ((), (OWN_ID,), ((b"if-none-match", b"*"),), ((b"range", b"bytes=0-1"),)):
        await facade.warm(LIST, *fields)
    await facade.completed()
    fresh = 7  # the first was a miss, the second a replay already
    assert value_of(facade.services.metrics, "answers", outcome="fresh") == fresh
    assert b'cxfacade_answers_total{outcome="fresh"} %.1f' % fresh in facade.services.metrics.exposition()


async def test_the_log_tells_of_replays_to_those_who_want_every_line(
    facade: Repeating, caplog: pytest.LogCaptureFixture
) -> None:
    await facade.ask(LIST)
    for level, lines in ((logging.INFO, 0), (logging.DEBUG, 1)):
        caplog.clear()
        with caplog.at_level(level, logger="cxfacade.access"):
            facade.replay(LIST, OWN_ID)
        said = [
            one.getMessage() for one in caplog.records if one.name == "cxfacade.access" and one.levelno == logging.DEBUG
        ]
        assert len(said) == lines
        assert all(line.startswith("GET /interactions 200 ") and "1234567" not in line for line in said)
