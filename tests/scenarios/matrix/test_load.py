"""What is much is bounded: threats T10, T44, T45 and T51 of FAULTS section 5."""

import asyncio
import json
import resource
from dataclasses import replace

import pytest

from tests.scenarios.matrix import answers, conditions
from tests.scenarios.matrix.desk import interaction, listed
from tests.scenarios.matrix.expected import lawful
from tests.scenarios.matrix.rows import AUTH, BASIC, ERROR, RIGHT, ROWS, TOKEN, TOO_LARGE
from tests.scenarios.matrix.scene import Scene, staged
from tests.scenarios.matrix.setting import VALUE
from tests.support.facade import running_facade
from tests.support.raw import Exchange, raw_server

CROWD = 200
MOST_LOGINS = 12
TEN_MINUTES = 600
MOST_KIB = 80 * 1024
OUTAGE_SECONDS, A_SECOND = 30, 10
MOST_ROWS = 150


@pytest.mark.threat("T10")
async def test_two_hundred_calls_on_an_expired_token_are_one_login() -> None:
    async with staged(conditions.EXPIRED, TOKEN) as scene:
        await scene.break_upstream()
        answers = await asyncio.gather(*(scene.ask(f"{VALUE}-{number}") for number in range(CROWD)))
        assert [answer.text for answer in answers if answer.status_code != 200] == []
        assert scene.logins == 1
        assert scene.upstream.open_most <= scene.setting.slots + 1


@pytest.mark.threat("T10")
@pytest.mark.parametrize("status", [400, 401, 403])
async def test_ten_minutes_with_a_wrong_password_are_a_dozen_logins_at_most(status: int) -> None:
    async with staged(conditions.refused_login(status), TOKEN) as scene:
        await scene.break_upstream()
        for second in range(0, TEN_MINUTES, 5):
            AUTH.check(await scene.ask(f"{VALUE}-{second}"), scene)
            scene.clock.step(monotonic=5, wall=5)
        assert 1 <= scene.logins <= MOST_LOGINS
        assert scene.calls <= MOST_LOGINS


@pytest.mark.threat("T44")
@pytest.mark.parametrize(
    ("limit", "count"), [("0", None), ("-1", None), (str(MOST_ROWS), MOST_ROWS), (str(MOST_ROWS + 1), None)]
)
async def test_a_limit_is_within_the_bound_or_refused(limit: str, count: int | None) -> None:
    async with raw_server(endless) as upstream, running_facade(upstream.url, max_rows=MOST_ROWS) as facade:
        answer = await facade.get("/interactions", ("limit", limit), status=None)
        assert answer.status_code == (200 if count else 400)
        if count:
            assert len(answer.json()["items"]) == count
            assert answer.json()["meta"]["limit"] == count


@pytest.mark.threat("T44")
async def test_no_question_costs_more_pages_than_a_snapshot_may_have() -> None:
    async with raw_server(endless) as upstream, running_facade(upstream.url, max_rows=MOST_ROWS) as facade:
        for query in (("limit", str(MOST_ROWS)), ("offset", "999999999"), ("queue_name", "nobody's")):
            await facade.get("/interactions", query, ("from", "2020-01-01"), status=None)
        assert max(request.number("limit") for request in upstream.requests) <= 1000
        ends = [request.number("offset") + request.number("limit") for request in upstream.requests]
        assert max(ends) <= 10 * MOST_ROWS + 500, "up to the end of a page"
        assert len(upstream.requests) <= 3 * len(range(0, 10 * MOST_ROWS, 1000)) + 3


async def endless(exchange: Exchange) -> None:
    """As many rows as anybody wants, of a list that has no end."""
    offset, limit = exchange.request.number("offset"), exchange.request.number("limit")
    rows = [interaction(offset + number + 1, exchange.request) for number in range(limit)]
    await exchange.write(_ok(json.dumps(listed(*rows, total=10**9)).encode()))


def _ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.threat("T45")
async def test_a_body_beyond_measure_costs_no_memory_to_speak_of() -> None:
    for row in ROWS:
        if row.number in ("20", "21"):
            async with staged(row.fault, row.setting) as scene:
                RIGHT.check(await scene.ask("warm"), scene)
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                await scene.break_upstream()
                TOO_LARGE.check(await scene.ask(), scene)
                assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= MOST_KIB


@pytest.mark.threat("T51")
async def test_an_outage_costs_no_more_attempts_than_were_asked_for_and_ends_when_clients_were_told() -> None:
    fault = answers.status(500)
    async with staged(fault, replace(BASIC, slots=4)) as scene:
        await scene.break_upstream()
        demand = 0
        for second in range(OUTAGE_SECONDS):
            told = await asyncio.gather(*(scene.ask(f"{VALUE}-{second}-{n}") for n in range(A_SECOND)))
            demand += A_SECOND
            for answer in told:
                lawful(answer, scene)
                assert answer.json()["code"] in (ERROR.slug, "upstream-circuit-open", "upstream-busy")
            scene.clock.step(monotonic=1, wall=1)
        assert scene.calls <= 1.2 * demand
        await _recovers(scene)


async def _recovers(scene: Scene) -> None:
    """The first answer after the pause that clients are told is fresh, and then all are."""
    await scene.mend()
    told = await scene.ask("after the outage")
    wait = int(told.headers.get("retry-after", "0"))
    assert wait <= 66, "the longest time the breaker is open, and its jitter"
    scene.clock.advance(wait + 1)
    RIGHT.check(await scene.ask("once more"), scene)
    herd = await asyncio.gather(*(scene.ask(f"herd-{number}") for number in range(50)))
    assert {answer.status_code for answer in herd} <= {200, 503}
    scene.clock.advance(2)
    RIGHT.check(await scene.ask("at last"), scene)
    assert scene.upstream.open_most <= scene.setting.slots
