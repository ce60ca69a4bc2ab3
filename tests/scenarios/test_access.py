"""Keys at work: revoked, expired, limited and guessed, also where a replay would answer."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.reloading import reload
from tests.scenarios.repeating import LIST, SETTLED, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import facade_settings, running_facade
from tests.support.keys import Given, given, write
from tests.support.simulator import Simulator

READER, OTHER, LIMITED = given("reader", "read"), given("second", "read"), given("limited", "read", quota=5)
STRANGE = [
    b"Bearer \xff\xfe",
    b"Bearer " + b"x" * 10_240,
    b"Basic " + b"=" * 10_240,
    b"Basic \xc3\xa9",
    b"",
    b" ",
    b"Bearer",
    b"Negotiate YII=",
    b"Bearer a, Bearer b",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "keys.json", READER, OTHER, LIMITED)


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock, path: Path) -> AsyncIterator[Repeating]:
    async with repeating(simulator, clock.clock, client_keys_file=path) as running:
        yield running


async def status(facade: Repeating, key: Given, target: str = LIST) -> int:
    return (await facade.ask(target, key.field)).status


def spoil(path: Path) -> None:
    path.write_text("{")


async def polled(clock: HandClock) -> None:
    """Let what looks after the file look once more."""
    await clock.asleep(2)
    clock.advance(1)
    await clock.asleep(2)


@pytest.mark.threat("T31")
async def test_a_revoked_key_is_refused_within_a_second_also_by_replays(
    facade: Repeating, clock: HandClock, path: Path
) -> None:
    for key in (READER, OTHER):
        await facade.warm(SETTLED, key.field)
    write(path, OTHER)
    await polled(clock)
    assert not facade.is_replayed(SETTLED, READER.field)
    assert [await status(facade, key, SETTLED) for key in (READER, OTHER)] == [401, 200]


async def test_a_key_that_is_revoked_while_it_is_answered_has_nothing_replayed(
    facade: Repeating, simulator: Simulator, path: Path
) -> None:
    """The request comes, the file changes, the answer is made, and only then would it be kept for replays."""
    authenticator, replay_seconds = facade.services.authenticator, facade.services.authenticator.replay_seconds

    def revoked_meanwhile(viewer: object) -> float | None:
        write(path, OTHER)
        authenticator.keys.reread()
        return replay_seconds(viewer)  # type: ignore[arg-type]  # it is the viewer that was given

    authenticator.replay_seconds = revoked_meanwhile  # type: ignore[method-assign]  # the moment between two steps
    assert await status(facade, READER, SETTLED) == 200
    assert not facade.is_replayed(SETTLED, READER.field)
    assert await status(facade, READER, SETTLED) == 401


async def test_a_key_that_may_do_less_than_before_does_less_at_once(
    facade: Repeating, clock: HandClock, path: Path
) -> None:
    await facade.warm(SETTLED, READER.field)
    write(path, given("reader", "metrics:read"))
    await polled(clock)
    assert await status(facade, READER, SETTLED) == 403


async def test_replays_do_not_outlive_a_key(simulator: Simulator, clock: HandClock, tmp_path: Path) -> None:
    short = given("short", "read", expires_at=clock.wall + timedelta(seconds=10))
    path = write(tmp_path / "keys.json", short)
    async with repeating(simulator, clock.clock, client_keys_file=path) as facade:
        await facade.warm(SETTLED, short.field)
        clock.advance(9.5)
        assert facade.is_replayed(SETTLED, short.field)
        clock.advance(0.5)
        assert not facade.is_replayed(SETTLED, short.field)
        assert await status(facade, short, SETTLED) == 401


async def test_every_request_of_a_key_with_a_quota_counts(facade: Repeating, clock: HandClock) -> None:
    answers = [await facade.ask(SETTLED, LIMITED.field) for _ in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 2
    assert [answer.headers[b"ratelimit"].split(b";")[1] for answer in answers[:5]] == [
        b"r=4",
        b"r=3",
        b"r=2",
        b"r=1",
        b"r=0",
    ]
    last = answers[-1].headers
    assert (last[b"ratelimit-policy"], last[b"ratelimit"]) == (b'"key";q=5;w=60', b'"key";r=0;t=12')
    assert last[b"retry-after"] == b"12"
    assert b'"code":"rate-limited"' in answers[-1].body
    assert [await status(facade, READER, SETTLED) for _ in range(20)] == [200] * 20
    clock.advance(12)
    assert [await status(facade, LIMITED, SETTLED) for _ in range(2)] == [200, 429]


async def test_a_quota_outlives_a_change_of_the_file(facade: Repeating, clock: HandClock, path: Path) -> None:
    assert [await status(facade, LIMITED) for _ in range(6)][-1] == 429
    write(path, LIMITED)
    facade.services.authenticator.keys.reread()
    assert await status(facade, LIMITED) == 429


async def test_a_key_without_a_quota_hears_nothing_of_one(facade: Repeating) -> None:
    for _ in range(2):
        assert b"ratelimit" not in (await facade.ask(LIST, READER.field)).headers


@pytest.mark.threat("T31")
async def test_every_wrong_key_is_refused_and_counted_and_holds_up_nobody(
    facade: Repeating, simulator: Simulator
) -> None:
    wrong = given("reader", "read", last="9")
    answers = [await facade.ask(LIST, wrong.field) for _ in range(50)]
    assert {answer.status for answer in answers} == {401}
    assert value_of(facade.services.metrics, "requests", route="/interactions", status="401") == 50
    assert simulator.calls() == []
    assert await status(facade, READER) == 200


@pytest.mark.threat("T31")
@pytest.mark.parametrize("value", STRANGE, ids=lambda value: ascii(value[:12]))
async def test_no_credential_is_worse_than_a_wrong_one(facade: Repeating, simulator: Simulator, value: bytes) -> None:
    for fields in (((b"authorization", value),), ((b"x-api-key", value),)):
        answer = await facade.ask(LIST, *fields)
        assert answer.status == 401
        assert b"www-authenticate" in answer.headers
    doubled = await facade.ask(LIST, (b"authorization", value), (b"x-api-key", value))
    assert doubled.status == 400
    assert simulator.calls() == []


@pytest.mark.threat("T35")
async def test_a_header_that_a_proxy_would_rewrite_is_refused(facade: Repeating) -> None:
    assert (await facade.ask(LIST, (b"x_api_key", READER.secret.encode()))).status == 400


@pytest.mark.threat("T32")
async def test_a_key_in_the_query_is_refused_and_named_nowhere(
    facade: Repeating, caplog: pytest.LogCaptureFixture
) -> None:
    for target in (f"{LIST}&api_key={READER.secret}", f"/whoami?x={READER.secret}", f"{LIST}&attr={READER.secret}"):
        answer = await facade.ask(target, READER.field)
        assert (answer.status, b"key-in-query" in answer.body) == (400, True)
        assert READER.secret.encode() not in answer.body
    assert READER.secret not in caplog.text


async def test_with_keys_nobody_is_anonymous_unless_a_setting_says_so(simulator: Simulator, path: Path) -> None:
    async with running_facade(simulator, client_keys_file=path) as closed:
        refused = await closed.get("/interactions", status=401)
        assert refused.json()["code"] == "unauthorized"
        known = (await closed.get("/whoami", headers=READER.bearer)).json()
        assert known == {"label": "reader", "scopes": ["read"], "mode": "live"}
        assert (await closed.client.get("/whoami", auth=(READER.secret, ""))).status_code == 200
    async with running_facade(simulator, client_keys_file=path, allow_anonymous=True) as opened:
        await opened.get("/interactions")
        await opened.get("/interactions", status=401, headers={"x-api-key": "cxf_wrong_x"})


@pytest.mark.threat("T37")
async def test_a_server_that_is_bound_elsewhere_serves_nobody_without_a_key(
    simulator: Simulator, clock: HandClock
) -> None:
    """Though CXF_HOST says loopback: nor from replays that were kept for somebody on this machine."""
    async with repeating(simulator, clock.clock) as facade:
        await facade.warm(LIST)
        for server in (("192.0.2.7", 8080), ("2001:db8::7", 8080), None):
            assert (await facade.ask(LIST, server=server)).status == 401
        assert (await facade.ask(LIST)).status == 200


async def test_keys_are_read_again_when_told_to(
    facade: Repeating, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    things = facade.app.state.reloadable
    settings = facade_settings("http://127.0.0.1:9", client_keys_file=path)
    write(path, OTHER)
    await reload(lambda: settings, things)
    assert [await status(facade, key) for key in (READER, OTHER)] == [401, 200]
    spoil(path)
    caplog.clear()
    await reload(lambda: settings, things)
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "CXF_CLIENT_KEYS_FILE not taken; what was in force stays" in caplog.text
    assert await status(facade, OTHER) == 200
