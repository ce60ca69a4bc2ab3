"""What is counted of requests, however they are answered; no label is a client's."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.http.telemetry import MOST_KEYS, OTHER_KEYS, TIMED_ONE_IN
from tests.scenarios.repeating import LIST, Field, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import Facade
from tests.support.keys import given, write
from tests.support.simulator import Simulator

CANARY = "invented-canary-4b1c"
READER, OPERATOR = given("reader", "read"), given("operator", "metrics:read")


@pytest.fixture
async def asked(simulator: Simulator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Repeating]:
    """A façade with two keys, asked in ASGI itself."""
    path = write(tmp_path / "keys.json", READER, OPERATOR)
    async with repeating(simulator, clock.clock, client_keys_file=path) as running:
        yield running


def counted(facade: Repeating | Facade, name: str, **labels: str) -> float:
    return value_of(facade.services.metrics, name, **labels)


async def test_every_request_is_counted_by_route_status_and_key(asked: Repeating) -> None:
    tag: Field = (b"if-none-match", (await asked.ask(LIST, READER.field)).headers[b"etag"])
    part: Field = (b"range", b"bytes=0-3")
    for more, status in (((), 200), ((tag,), 304), ((part,), 206), ((), 200)):
        assert (await asked.ask(LIST, READER.field, *more)).status == status
    await asked.long("/interactions?nonsense=1", READER.field)
    await asked.long(LIST)
    found = {status: counted(asked, "requests", route="/interactions", status=status) for status in ("200", "304")}
    assert found == {"200": 3, "304": 1}
    assert counted(asked, "requests", route="/interactions", status="206") == 1
    assert counted(asked, "requests", route="/interactions", status="400") == 1
    assert counted(asked, "requests", route="/interactions", status="401") == 1
    assert counted(asked, "key_requests", key="reader") == 6
    assert counted(asked, "key_requests", key="none") == 1


async def test_answers_are_counted_by_outcome_and_format(asked: Repeating) -> None:
    for target in (LIST, LIST.replace("?", ".csv?")):
        await asked.ask(target, READER.field)
        asked.replay(target, READER.field)
    asked.replay(LIST, READER.field)
    assert counted(asked, "answers", outcome="fetched") == 1
    assert counted(asked, "answers", outcome="fresh") == 4
    assert counted(asked, "answers_by_format", format="json") == 3
    assert counted(asked, "answers_by_format", format="csv") == 2


async def test_of_the_repeats_one_in_many_is_timed_and_stands_for_all(asked: Repeating) -> None:
    await asked.ask(LIST, READER.field)
    for _ in range(TIMED_ONE_IN - 1):
        asked.replay(LIST, READER.field)
    assert counted(asked, "request_duration_seconds", route="/interactions") == 1
    asked.replay(LIST, READER.field)
    assert counted(asked, "request_duration_seconds", route="/interactions") == 1 + TIMED_ONE_IN
    assert counted(asked, "answers", outcome="fresh") == TIMED_ONE_IN


async def test_no_label_is_a_clients(asked: Repeating) -> None:
    """Nor does any request make a new series by what it says."""
    hostile: tuple[Field, ...] = ((b"user-agent", CANARY.encode()), (b"x-request-id", CANARY.encode()))
    for target in (f"/{CANARY}", f"/interactions?attr={CANARY}", f"/interactions/{CANARY}", f"/problems/{CANARY}"):
        for method in ("GET", "POST", CANARY.upper()):
            await asked.long(target, READER.field, *hostile, method=method)
    await asked.long(LIST, (b"authorization", b"Bearer cxf_invented_" + CANARY.encode()))
    told = asked.services.metrics.exposition().decode()
    assert CANARY not in told
    assert CANARY.upper() not in told
    assert 'route="/interactions/{interaction_id}"' in told
    assert 'route="unmatched"' in told


async def test_keys_beyond_the_bound_share_one_label(simulator: Simulator, clock: HandClock, tmp_path: Path) -> None:
    keys = [given(f"key{number}", "read") for number in range(MOST_KEYS + 2)]
    path = write(tmp_path / "keys.json", *keys)
    async with repeating(simulator, clock.clock, client_keys_file=path) as facade:
        for key in (*keys, keys[0], keys[-1]):
            await facade.long("/schema", key.field)
        assert counted(facade, "key_requests", key="key0") == 2
        assert counted(facade, "key_requests", key=OTHER_KEYS) == 3
        series = facade.services.metrics.exposition().decode().count("cxfacade_key_requests_total{")
        assert series == MOST_KEYS + 1


async def test_metrics_need_their_scope(asked: Repeating) -> None:
    assert (await asked.long("/metrics")).status == 401
    assert (await asked.long("/metrics", READER.field)).status == 403
    answer = await asked.long("/metrics", OPERATOR.field)
    assert answer.status == 200
    assert answer.headers[b"content-type"].startswith(b"text/plain; version=0.0.4")
    assert answer.headers[b"cache-control"] == b"no-store"


async def test_what_is_remembered_and_under_way_is_read_when_somebody_looks(facade: Facade) -> None:
    assert counted(facade, "cache_values", kind="holdings") == 0
    assert counted(facade, "upstream_last_success_timestamp_seconds") == 0
    await facade.ask(("attr", "1234567"))
    assert counted(facade, "cache_values", kind="holdings") > 0
    assert counted(facade, "cache_values", kind="answers") > 0
    assert 0 < counted(facade, "cache_bytes") < counted(facade, "cache_bound_bytes") == 268_435_456
    assert counted(facade, "fetches") == 0
    assert counted(facade, "upstream_slots") == 8
    assert counted(facade, "upstream_refused_seconds") == 0
    assert counted(facade, "upstream_call_duration_seconds", endpoint="interactions") == 1
    assert counted(facade, "upstream_last_success_timestamp_seconds") == facade.services.clock.wall().timestamp()


async def test_a_line_tells_the_label_of_the_key(asked: Repeating, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="cxfacade.access"):
        await asked.ask(LIST, READER.field)
        asked.replay(LIST, READER.field)
        await asked.long(LIST)
    lines = [record for record in caplog.records if record.name == "cxfacade.access"]
    assert [line.__dict__["key"] for line in lines] == ["reader", "reader", "none"]
    assert [line.levelno for line in lines] == [logging.INFO, logging.DEBUG, logging.INFO]
    assert [line.__dict__["route"] for line in lines] == ["/interactions"] * 3
