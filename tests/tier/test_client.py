"""The client, on a real Redis and a real Valkey: its commands, the lease, and an operator's words for each error."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio.client import Pipeline

from app.tier.circuits import BUDGET_SECONDS, MOST_FAILURES, PROBE_SECONDS, GuardedClient, ServerError, TierUnavailable
from app.tier.client import CONNECTIONS, ERRORS, LEASE_MILLISECONDS, MOST_KEYS, STEP_SECONDS, Client
from app.tier.frame import MOST_BYTES
from tests.benchmarks.processes import free_port
from tests.scenarios.matrix.authority import Authority
from tests.support.clock import HandClock
from tests.support.middle import running_middle
from tests.support.tier import KINDS, TierServer, program_of, running_tier, saying

CANARY = "invented-canary-3e8a"
LEASE, FENCE, VALUE = b"cxf:{t}:lease", b"cxf:{t}:fence", b"cxf:{t}:value"
COMMANDS = "+getrange +set +incr +del +pexpire +watch +unwatch +multi +exec"


@pytest.fixture(scope="module", params=KINDS)
def tier_server(request: pytest.FixtureRequest) -> Iterator[TierServer]:
    with running_tier(request.param) as running:
        yield running


@pytest.fixture
async def client(tier_server: TierServer) -> AsyncIterator[Client]:
    client = Client(tier_server.url)
    yield client
    await client.aclose()


def test_the_bounds_are_those_said() -> None:
    assert (STEP_SECONDS, CONNECTIONS, MOST_KEYS, LEASE_MILLISECONDS) == (0.5, 16, 4, 10_000)
    pool = Client("unix:///nowhere")._server.connection_pool
    assert (pool.max_connections, vars(pool)["timeout"]) == (CONNECTIONS, STEP_SECONDS)
    given = pool.connection_kwargs
    assert (given["retry"]._retries, given["health_check_interval"]) == (0, 0)
    assert (given["socket_timeout"], given["socket_connect_timeout"]) == (STEP_SECONDS, STEP_SECONDS)


def test_an_operator_is_told_in_these_words() -> None:
    assert [words for _, words in ERRORS] == [
        "the credentials are refused",
        "the user may not do this",
        "the server is read-only",
        "the server is full",
        "the server is loading",
        "the server is part of a cluster",
        "the server refuses the command",
        "the server does not answer in time",
        "the server cannot be reached",
        "the server cannot be reached",
    ]


@pytest.mark.usefixtures("stored")
async def test_as_many_values_as_allowed_come_at_once(client: Client) -> None:
    assert await client.get_many([b"none"] * MOST_KEYS) == [None] * MOST_KEYS


@pytest.mark.usefixtures("stored")
async def test_values_come_in_the_order_of_their_keys(client: Client) -> None:
    await client.set(b"a", b"1", 1_000)
    await client.set(b"b", b"\xff\0", 1_000)
    assert await client.get_many([b"b", b"none", b"a"]) == [b"\xff\0", None, b"1"]


async def test_a_value_of_another_type_is_none_and_so_is_an_empty_one(client: Client, stored: Redis) -> None:
    stored.rpush(VALUE, b"x")
    stored.mset({b"a": b"1", b"empty": b""})
    assert await client.get_many([b"a", VALUE, b"empty", b"a"]) == [b"1", None, None, b"1"]


async def test_a_value_of_another_type_is_replaced(client: Client, stored: Redis) -> None:
    stored.rpush(VALUE, b"x")
    assert await client.exchange(VALUE, lambda held: b"%r" % held, 60_000)
    assert stored.get(VALUE) == b"None"


async def test_of_a_value_that_is_too_large_one_byte_too_many_comes(client: Client, stored: Redis) -> None:
    stored.set(b"whole", b"x" * MOST_BYTES)
    stored.setrange(VALUE, 10 * MOST_BYTES, b"x")
    sent = stored.info("stats")["total_net_output_bytes"]
    values = await client.get_many([VALUE, b"whole"])
    assert [len(value or b"") for value in values] == [MOST_BYTES + 1, MOST_BYTES]
    assert await client.exchange(VALUE, lambda held: b"%d" % len(held or b""), 60_000)
    assert stored.info("stats")["total_net_output_bytes"] - sent < 4 * MOST_BYTES
    assert stored.get(VALUE) == b"%d" % (MOST_BYTES + 1)


async def test_a_value_lives_as_long_as_was_said(client: Client, stored: Redis) -> None:
    await client.set(VALUE, b"1", 60_000)
    assert 0 < stored.pttl(VALUE) <= 60_000


@pytest.mark.parametrize("keys", [0, MOST_KEYS + 1])
async def test_no_answer_is_long(keys: int) -> None:
    with pytest.raises(ValueError, match="keys"):
        await Client("unix:///nowhere").get_many([b"key"] * keys)


@pytest.mark.usefixtures("stored")
async def test_one_of_many_has_the_lease(client: Client) -> None:
    leases = await asyncio.gather(*(client.lease(LEASE, FENCE, b"%d" % number) for number in range(50)))
    assert sum(one is not None for one in leases) == 1


async def test_a_later_lease_has_a_higher_fence(client: Client, stored: Redis) -> None:
    first = await client.lease(LEASE, FENCE, b"first")
    assert first
    assert 0 < stored.pttl(LEASE) <= LEASE_MILLISECONDS
    assert await client.release(first)
    second = await client.lease(LEASE, FENCE, b"second")
    assert second
    assert second.fence > first.fence


async def test_a_lease_is_extended_as_long_as_it_is_held(client: Client, stored: Redis) -> None:
    lease = await client.lease(LEASE, FENCE, b"token")
    assert lease
    stored.pexpire(LEASE, 1_000)
    assert await client.extend(lease)
    assert stored.pttl(LEASE) > 1_000
    stored.delete(LEASE)
    assert not await client.extend(lease)
    assert not stored.exists(LEASE)


@pytest.mark.parametrize("is_taken", [False, True])
async def test_a_late_write_is_refused(client: Client, stored: Redis, *, is_taken: bool) -> None:
    lease = await client.lease(LEASE, FENCE, b"old")
    assert lease
    assert await client.set_as_holder(lease, VALUE, b"in time", 60_000)
    stored.delete(LEASE)
    if is_taken:
        assert await client.lease(LEASE, FENCE, b"new")
    assert not await client.set_as_holder(lease, VALUE, b"late", 60_000)
    assert not await client.release(lease)
    assert stored.get(VALUE) == b"in time"
    assert bool(stored.exists(LEASE)) is is_taken


async def test_a_value_is_exchanged_unless_another_was_first(client: Client, stored: Redis) -> None:
    assert await client.exchange(VALUE, lambda held: b"%r" % held, 60_000)
    assert await client.exchange(VALUE, lambda held: b"%r again" % held, 60_000)
    assert stored.get(VALUE) == b"b'None' again"
    assert 0 < stored.pttl(VALUE) <= 60_000

    def late(_held: bytes | None) -> bytes:
        stored.set(VALUE, b"another's")
        return b"late"

    assert not await client.exchange(VALUE, late, 60_000)
    assert stored.get(VALUE) == b"another's"


async def test_a_lease_that_ends_while_its_holder_writes_writes_nothing(client: Client, stored: Redis) -> None:
    lease = await client.lease(LEASE, FENCE, b"token")
    assert lease

    def write(asking: Pipeline) -> None:
        stored.set(LEASE, b"another's")
        asking.set(VALUE, b"late")

    assert await client._as_holder(lease, write) is False
    assert not stored.exists(VALUE)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_of_no_command_is_told_the_version(kind: str) -> None:
    users = "user default off\nuser tier on >invented -@all\n"
    with running_tier(kind, "--aclfile", "users", files={"users": users}) as server:
        client = Client(f"unix://tier:invented@{server.socket}")
        version = await client.version()
        await client.aclose()
    assert version == f"{kind} {_number_of(kind)}"


def _number_of(kind: str) -> str:
    said = subprocess.run([program_of(kind), "--version"], capture_output=True, text=True, check=True).stdout
    return said.partition(" v=")[2].split()[0]


async def test_a_version_that_is_not_told_is_a_server_error() -> None:
    async with saying(SAID["the server refuses the command"]) as url:
        client = Client(url)
        with pytest.raises(ServerError, match="the server refuses the command"):
            await client.version()
        await client.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_user_of_these_commands_and_keys_alone_is_enough(kind: str) -> None:
    users = f"user default off\nuser tier on >invented ~cxf:* resetchannels -@all {COMMANDS}\n"
    with running_tier(kind, "--aclfile", "users", files={"users": users}) as server:
        client = Client(f"unix://tier:invented@{server.socket}")
        lease = await client.lease(LEASE, FENCE, b"token")
        assert lease
        assert await client.set_as_holder(lease, VALUE, b"1", 1_000)
        assert await client.extend(lease)
        assert await client.release(lease)
        assert not await client.release(lease)
        await client.set(VALUE, b"2", 1_000)
        assert await client.get_many([VALUE]) == [b"2"]
        with pytest.raises(ServerError, match="the user may not do this"):
            await client.get_many([VALUE, b"another's", VALUE])
        assert await client.get_many([VALUE]) == [b"2"], "no answer is left over"
        await client.aclose()


async def test_an_exchange_does_not_go_on_from_a_value_that_cannot_be_read() -> None:
    users = f"user default on nopass ~* resetchannels -@all {COMMANDS.replace('+getrange', '')}\n"
    with running_tier("valkey", "--aclfile", "users", files={"users": users}) as server:
        client = Client(server.url)
        with pytest.raises(ServerError, match="the user may not do this"):
            await client.exchange(VALUE, lambda held: held or b"", 1_000)
        await client.aclose()


@pytest.mark.threat("T05")
@pytest.mark.parametrize("kind", ["good", "wrong name", "of an unknown authority", "expired"])
async def test_over_tls_a_server_that_proves_itself_is_used_and_no_other(kind: str, tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), free_port()
    shown = str(authority.certificate(kind))
    files = ("--tls-cert-file", shown, "--tls-key-file", shown, "--tls-ca-cert-file", str(authority.root))
    with running_tier("redis", "--tls-port", str(port), "--tls-auth-clients", "no", *files):
        url = f"rediss://localhost:{port}?ssl_ca_certs={authority.root}"
        if kind != "good":
            await _fails(url, "the server cannot be reached")
            return
        client = Client(url)
        await client.set(VALUE, b"1", 1_000)
        assert await client.get_many([VALUE]) == [b"1"]
        await client.aclose()


ILL = {
    "the credentials are refused": ("--requirepass", "invented"),
    "the server is read-only": ("--replicaof", "127.0.0.1", "1"),
    "the server is full": ("--maxmemory", "1", "--maxmemory-policy", "noeviction"),
}
SAID = {
    "the server is loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "the server is part of a cluster": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "the server refuses the command": b"-ERR %s\r\n" % CANARY.encode(),
    "the server cannot be reached": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", ILL)
async def test_a_real_server_that_refuses_is_told_in_our_words(kind: str, words: str) -> None:
    with running_tier(kind, *ILL[words]) as server:
        await _fails(server.url, words)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_password_is_told_in_our_words(kind: str) -> None:
    with running_tier(kind, "--aclfile", "users", files={"users": "user tier on >invented ~* +@all\n"}) as server:
        await _fails(f"unix://tier:{CANARY}@{server.socket}", "the credentials are refused")


@pytest.mark.parametrize("login", ["", "tier:invented@"])
@pytest.mark.parametrize("words", SAID)
async def test_an_error_is_told_in_our_words_also_where_it_is_the_answer_to_the_login(words: str, login: str) -> None:
    async with saying(SAID[words]) as url:
        await _fails(url.replace("//", f"//{login}", 1), words)


@pytest.mark.parametrize("words", SAID)
async def test_an_error_for_each_of_several_keys_is_told_in_our_words(words: str, tmp_path: Path) -> None:
    with running_middle(tmp_path) as middle:
        middle.words = SAID[words]
        client = Client(middle.url)
        with pytest.raises(ServerError) as caught:
            await client.get_many([VALUE, VALUE])
        await client.aclose()
    assert str(caught.value) == words


async def test_a_server_that_is_not_there_is_told_in_our_words() -> None:
    await _fails("unix:///nowhere", "the server cannot be reached")


async def _fails(url: str, words: str) -> None:
    client = Client(url)
    with pytest.raises(ServerError) as caught:
        await client.set(VALUE, b"1", 1_000)
    assert str(caught.value) == words
    await client.aclose()


def test_no_error_comes_before_its_own_kind() -> None:
    kinds = [kind for kind, _ in ERRORS]
    assert not [later for at, later in enumerate(kinds) if issubclass(later, tuple(kinds[:at]))]


async def _guarded(server: TierServer, clock: HandClock, closing: AsyncExitStack) -> "GuardedClient[Client]":
    guarded = GuardedClient(lambda: Client(server.url), lambda client: client.get_many([VALUE]), clock.clock)
    closing.push_async_callback(guarded.aclose)
    return guarded


async def _get(client: Client) -> list[bytes | None]:
    return await client.get_many([VALUE])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_frozen_server_is_left_alone_and_used_again_once_thawed(kind: str, clock: HandClock) -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier(kind))
        guarded = await _guarded(server, clock, closing)
        await guarded.call(_get)
        server.freeze()
        calling = [asyncio.create_task(guarded.call(_get)) for _ in range(MOST_FAILURES)]
        await clock.asleep(MOST_FAILURES)
        clock.advance(BUDGET_SECONDS)
        reasons = await asyncio.gather(*calling, return_exceptions=True)
        assert [*map(str, reasons)] == ["timeout"] * MOST_FAILURES
        with pytest.raises(TierUnavailable, match="open"):
            await guarded.call(_get)
        server.thaw()
        await _recovered(guarded, clock)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_server_is_used_again_once_it_is_back(kind: str, clock: HandClock) -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier(kind))
        guarded = await _guarded(server, clock, closing)
        await guarded.call(_get)
        server.kill()
        for _ in range(MOST_FAILURES):
            with pytest.raises(TierUnavailable, match="error"):
                await guarded.call(_get)
        with pytest.raises(TierUnavailable, match="open"):
            await guarded.call(_get)
        server.begin()
        await _recovered(guarded, clock)


@pytest.mark.threat("T23")
async def test_callers_who_leave_give_nobody_the_reply_to_another(
    client: Client, stored: Redis, clock: HandClock
) -> None:
    keys = [b"key %d" % number for number in range(500)]
    stored.mset({key: b"value of " + key for key in keys})
    answered = dict[bytes, list[bytes | None]]()
    for first in range(0, len(keys), 50):
        guarded = GuardedClient(lambda: client, _get, clock.clock)
        calls = {
            key: guarded.call(partial(Client.get_many, keys=[key, b"none", key])) for key in keys[first : first + 50]
        }
        asking = {key: asyncio.create_task(call) for key, call in calls.items()}
        for turn, task in enumerate(asking.values()):
            if turn % 3:
                await asyncio.sleep(0)
            if turn % 2:
                task.cancel()
        await asyncio.wait([*asking.values(), *guarded._tasks])
        answered |= {key: task.result() for key, task in asking.items() if not task.cancelled()}
    assert answered == {key: [b"value of " + key, None, b"value of " + key] for key in answered}
    assert len(answered) >= len(keys) // 2
    assert await client.get_many(keys[:1]) == [b"value of key 0"]


async def _recovered(guarded: "GuardedClient[Client]", clock: HandClock) -> None:
    await clock.asleep()
    clock.advance(PROBE_SECONDS)
    assert guarded._recovery
    await guarded._recovery
    assert await guarded.call(_get) == [None]
