"""Façades that share a tier: one fetch serves all, a purge reaches all, and an ill tier is told and fails nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from app.errors import SettingsError
from app.holdings.tier import Tier
from app.main import ELSEWHERE_SECONDS, create_app
from app.observe.lines import TIER_SIGNED_ELSEWHERE
from app.sharing import SECONDS_BETWEEN_WARNINGS
from app.tier.circuits import MOST_FAILURES
from app.workers import Worker
from tests.support.canary import TIER_SECRET
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import Facade, facade_settings, running_facade
from tests.support.keys import given, write
from tests.support.simulator import Simulator
from tests.support.tier import TierServer, running_tier

PURGE = {"X-Requested-With": "test"}
NOWHERE = "http://127.0.0.1:9"
DAY = ("from", "2026-11-18T00:00:00Z")
PAST_DAYS = ("from", "2026-11-11T15:00:00Z"), ("to", "2026-11-17")


class Hosts:
    """Façades of a start of their own in front of one upstream, which share a tier."""

    def __init__(self, simulator: Simulator, clock: HandClock, closing: AsyncExitStack, redis_url: str) -> None:
        self._simulator, self._clock, self._closing = simulator, clock, closing
        self._settings = {"redis_url": redis_url, "tier_secret": TIER_SECRET, "anonymous_scopes": "read,cache:purge"}

    async def new(self, **settings: Any) -> Facade:
        """One more façade."""
        given = {**self._settings, **settings}
        return await self._closing.enter_async_context(
            running_facade(self._simulator, clock=self._clock.clock, **given)
        )

    async def until(self, facade: Facade, **order: object) -> None:
        """Turn the clock until the façade has purged everything."""
        while len(facade.services.queries.snapshots):
            await self._clock.asleep(2)
            self._clock.advance(ELSEWHERE_SECONDS)
            await self._clock.clock.sleep(0)


@pytest.fixture
async def hosts(simulator: Simulator, clock: HandClock, tier_server: TierServer, stored: Redis) -> AsyncIterator[Hosts]:
    async with AsyncExitStack() as closing:
        yield Hosts(simulator, clock, closing, tier_server.url)


async def test_one_fetch_serves_every_host(hosts: Hosts, simulator: Simulator) -> None:
    one = await hosts.new()
    first = await one.get("/interactions", DAY)
    calls = len(simulator.calls("list"))
    assert calls
    for _ in range(2):
        other = await hosts.new()
        again = await other.get("/interactions", DAY)
        assert again.json()["items"] == first.json()["items"]
        assert again.headers["etag"].split(".")[0] == first.headers["etag"].split(".")[0]
        assert value_of(other.services.metrics, "tier_readings", source="tier") == 1
    assert len(simulator.calls("list")) == calls
    assert value_of(one.services.metrics, "tier_readings", source="upstream") == 1
    assert value_of(one.services.metrics, "tier_values_refused") == 0


async def test_a_crowd_at_several_hosts_is_one_fetch(
    simulator: Simulator, tier_server: TierServer, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.tier.circuits.BUDGET_SECONDS", 10)  # a slow machine is no slow tier
    monkeypatch.setattr("app.tier.circuits.SLOW_SECONDS", 10)
    given: dict[str, Any] = {"redis_url": tier_server.url, "tier_secret": TIER_SECRET}
    async with AsyncExitStack() as closing:
        hosts = [await closing.enter_async_context(running_facade(simulator, **given)) for _ in range(4)]
        asked = [each.get("/interactions", ("attr", "SIM-ABANDON")) for each in hosts for _ in range(10)]
        assert len({answer.text for answer in await asyncio.gather(*asked)}) <= len(hosts)
        assert len(simulator.calls("list")) == 1
        assert [value_of(each.services.metrics, "tier_readings", source="alone") for each in hosts] == [0] * 4


async def test_a_walk_goes_on_at_another_host(hosts: Hosts) -> None:
    one, other = await hosts.new(), await hosts.new()
    whole = (await one.ask(DAY, ("limit", "60")))["items"]
    pages, path, turn = [], f"/interactions?{'='.join(DAY)}&limit=25", [one, other, one]
    for each in turn[:2]:
        page = (await each.get(path)).json()
        pages += page["items"]
        path = page["next"].removeprefix(each.url)
    assert pages == whole[:50]
    assert len(pages) == 50


async def _changes(facade: Facade, token: str) -> tuple[list[str], list[str], str]:
    """The ids of the rows that have changed, of those that are gone, and the next token."""
    answer = (await facade.get("/interactions", *PAST_DAYS, ("changed_since", token))).json()
    assert answer["next"] is None
    return [row["interaction_id"] for row in answer["items"]], answer["removed"], answer["meta"]["change_token"]


async def test_a_token_of_one_host_is_good_at_another_and_after_a_restart(
    hosts: Hosts, simulator: Simulator, clock: HandClock
) -> None:
    one, other = await hosts.new(), await hosts.new()
    token = (await one.ask(*PAST_DAYS, ("limit", "1000")))["meta"]["change_token"]
    assert await _changes(other, token) == ([], [], token)
    first, second = simulator.insert(2, start="2026-11-16T15:00:00.000Z")
    clock.advance(86_400)
    changed, removed, next_token = await _changes(other, token)
    assert (sorted(changed), removed) == (sorted([first, second]), [])
    assert await _changes(one, token) == (changed, [], next_token)
    simulator.remove([first])
    clock.advance(86_400)
    restarted = await hosts.new()
    changed, removed, last_token = await _changes(restarted, next_token)
    assert ({*changed} - {second}, removed) == (set(), [first])
    assert (await _changes(one, last_token))[:2] == ([], [])
    assert value_of(restarted.services.metrics, "tier_readings", source="upstream") == 1


@pytest.mark.parametrize("path", ["/interactions", "/segments"])
@pytest.mark.parametrize("seconds", [0, 86_400])
async def test_a_walk_through_changes_goes_on_at_another_host(
    hosts: Hosts, simulator: Simulator, clock: HandClock, path: str, seconds: float
) -> None:
    """What changes while it goes on comes once more with the token that it brings, if not before."""
    turn = [await hosts.new() for _ in range(3)]
    loaded = (await turn[0].get(path, *PAST_DAYS, ("limit", "1000"))).json()
    assert loaded["next"] is None
    since = ("changed_since", loaded["meta"]["change_token"])
    known = sorted({row["interaction_id"] for row in loaded["items"]})
    new = simulator.insert(4, start="2026-11-13T15:00:00.000Z") + simulator.insert(3, start="2026-11-14T15:00:00.000Z")
    clock.advance(86_400)
    await turn[0].get(path, *PAST_DAYS, ("limit", "1000"), since)
    gone = simulator.remove(known[3:10])
    clock.advance(86_400)
    pages = [(await turn[0].get(path, *PAST_DAYS, ("limit", "3"), since)).json()]
    newer = simulator.insert(2, start="2026-11-15T15:00:00.000Z")
    while following := pages[-1]["next"]:
        clock.advance(seconds)
        at = turn[len(pages) % 3]
        pages.append((await at.get(httpx.URL(following).raw_path.decode())).json())
    assert len(pages) > 4
    (token,) = {page["meta"]["change_token"] for page in pages}
    rows = [(row["interaction_id"], row.get("position")) for page in pages for row in page["items"]]
    removed = [name for page in pages for name in page["removed"]]
    assert len({*rows}) == len(rows)
    assert {name for name, _ in rows} == {*new}
    assert removed == sorted(gone)
    clock.advance(86_400)
    assert {name for name, _ in await _keys(turn[1], path, token)} == {*newer}


async def _keys(facade: Facade, path: str, token: str) -> list[tuple[str, int | None]]:
    """The key of each row that has changed."""
    rows = (await facade.get(path, *PAST_DAYS, ("limit", "1000"), ("changed_since", token))).json()["items"]
    return [(row["interaction_id"], row.get("position")) for row in rows]


async def test_a_walk_through_changes_begins_anew_where_they_are_not_all_known(
    hosts: Hosts, simulator: Simulator, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, alone = await hosts.new(), await hosts.new(), await hosts.new(redis_url=None, tier_secret=None)
    token = (await one.ask(DAY, ("limit", "1000")))["meta"]["change_token"]
    question = (DAY, ("limit", "2"), ("changed_since", token))
    for each in (one, other):
        await each.get("/interactions", *question)
    new = simulator.insert(5, start="2026-11-18T14:59:00.000Z")
    clock.advance(6)
    page = (await one.get("/interactions", *question, headers={"Cache-Control": "no-cache"})).json()
    following = httpx.URL(page["next"]).raw_path.decode()
    assert (await alone.get(following, status=410)).json()["code"] == "change-token-expired"
    follow = Tier.follow

    async def away(*_asked: object) -> None:
        """The tier tells nothing."""

    monkeypatch.setattr(Tier, "follow", away)
    assert (await other.get(following, status=410)).json()["code"] == "cursor-expired"
    monkeypatch.setattr(Tier, "follow", follow)
    further = (await other.get(following)).json()
    assert {row["interaction_id"] for row in (*page["items"], *further["items"])} < {*new}


async def test_the_token_of_a_stream_is_good_where_it_was_read_and_the_next_one_everywhere(hosts: Hosts) -> None:
    one, other = await hosts.new(max_rows=10), await hosts.new(max_rows=10)
    whole = ("limit", "all")
    streamed = await one.get("/interactions.ndjson", *PAST_DAYS, whole)
    assert len(streamed.text.splitlines()) > 100
    token = streamed.headers["x-change-token"]
    await other.get("/interactions", *PAST_DAYS, ("changed_since", token), status=410)
    changed, removed, next_token = await _changes(one, token)
    assert (changed, removed) == ([], [])
    assert (await _changes(other, next_token))[:2] == ([], [])


@pytest.mark.parametrize("how", ["emptied", "purged"])
async def test_a_token_of_what_nobody_has_any_more_is_gone(hosts: Hosts, stored: Redis, how: str) -> None:
    one = await hosts.new()
    token = (await one.ask(DAY))["meta"]["change_token"]
    if how == "emptied":
        stored.flushall()
    else:
        await one.client.post("/cache/purge", json={"all": True}, headers=PURGE)
    other = await hosts.new()
    gone = await other.get("/interactions", DAY, ("changed_since", token), status=410)
    assert gone.json()["code"] == "change-token-expired"


@pytest.mark.threat("T29")
@pytest.mark.parametrize("order", [{"all": True}, {"query": "=".join(DAY)}, {"customer_key": "0" * 32}])
async def test_a_purge_on_one_host_is_a_purge_on_all(
    order: dict[str, object], hosts: Hosts, simulator: Simulator
) -> None:
    one, other = await hosts.new(), await hosts.new()
    for each in (one, other):
        await each.get("/interactions", DAY)
    calls = len(simulator.calls("list"))
    answer = await one.client.post("/cache/purge", json=order, headers=PURGE)
    assert (answer.status_code, set(answer.json())) == (200, {"purged", "scope"})
    await hosts.until(other)
    assert (await other.get("/interactions", DAY)).headers["cache-status"].startswith("cxfacade; fwd")
    assert len(simulator.calls("list")) > calls
    newest = await hosts.new()
    await newest.get("/interactions", DAY)
    assert value_of(newest.services.metrics, "tier_readings", source="tier") == 1


async def test_a_purge_that_cannot_be_ordered_says_so_and_is_ordered_later(
    hosts: Hosts, clock: HandClock, stored: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = await hosts.new(), await hosts.new()
    for each in (one, other):
        await each.get("/interactions", DAY)
    stored.config_set("maxmemory", 1)
    answer = await one.client.post("/cache/purge", json={"all": True}, headers=PURGE)
    assert answer.json()["pending"] == ["shared tier"]
    assert "tier-purge-pending" in [record.msg.name for record in caplog.records if hasattr(record.msg, "name")]
    assert (await one.get("/health/ready")).json() == {"status": "ok", "tier": "away"}
    assert value_of(one.services.metrics, "tier_purge_pending") == 1
    assert len(other.services.queries.snapshots)
    stored.config_set("maxmemory", 0)
    await hosts.until(other)
    while value_of(one.services.metrics, "tier_purge_pending"):  # the other may have heard of it before the answer came
        await clock.clock.sleep(0)


async def test_what_upstream_denies_is_not_taken_from_the_tier(
    hosts: Hosts, simulator: Simulator, clock: HandClock
) -> None:
    one, other = await hosts.new(), await hosts.new()
    for each in (one, other):
        await each.get("/interactions", DAY)
    clock.advance(60)
    simulator.faults("status", None, status=403)
    await one.get("/interactions", DAY, status=None)
    await one.get("/interactions", DAY, ("limit", "7"), status=502)
    await hosts.until(other)
    await other.get("/interactions", DAY, status=502)


@pytest.mark.parametrize("how", [TierServer.kill, TierServer.freeze])
async def test_an_ill_tier_fails_nobody_and_is_told(
    how: Any, simulator: Simulator, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier())
        facade = await Hosts(simulator, clock, closing, server.url).new()
        await facade.get("/interactions", DAY)
        assert (await facade.get("/health/ready")).json() == {"status": "ok", "tier": "ok"}
        how(server)
        tier = facade.services.queries.holdings.tier
        assert tier
        while not tier.store.writes.circuit.is_open:
            clock.advance(16)
            await facade.get("/interactions", DAY)
        assert (await facade.get("/health/ready")).json() == {"status": "ok", "tier": "away"}
        assert value_of(facade.services.metrics, "tier_away", side="writes") == 1
        assert value_of(facade.services.metrics, "tier_readings", source="alone") >= 1
        assert "shared tier: writes are left alone: the server" in caplog.text


LIMITED = given("limited", "read", quota=60)
TENTH = 6


async def _admitted(hosts: Sequence[Facade], requests: int) -> list[tuple[int, str, str]]:
    """The status, the policy and what is left, of so many requests to these in turns; all is told between two."""
    answers = []
    for number in range(requests):
        facade = hosts[number % len(hosts)]
        answer = await facade.get("/schema", status=None, headers=LIMITED.bearer)
        answers.append((answer.status_code, answer.headers["ratelimit-policy"], answer.headers["ratelimit"]))
        shared = facade.services.authenticator._shared
        assert shared
        await asyncio.gather(*shared._telling.values())
    return answers


async def test_hosts_admit_the_quota_of_a_key_together(
    hosts: Hosts, tmp_path: Path, clock: HandClock, stored: Redis
) -> None:
    keys = write(tmp_path / "keys.json", LIMITED)
    places = [await hosts.new(client_keys_file=keys) for _ in range(2)]
    answers = await _admitted(places, 100)
    assert 60 <= sum(status == 200 for status, _, _ in answers) <= 60 + 2 * TENTH
    assert {policy for _, policy, _ in answers} == {'"key";q=60;w=60'}
    left = [int(one.removeprefix('"key";r=').partition(";")[0]) for status, _, one in answers if status == 200]
    assert left[0] == 59
    assert all(0 <= later < sooner for sooner, later in pairwise(left[::2]))
    assert not any(LIMITED.key.digest.hex().encode() in key for key in stored.scan_iter())
    clock.advance(60)
    assert [status for status, _, _ in await _admitted(places, 40)] == [200] * 40


async def test_without_the_tier_each_worker_has_its_share_of_a_quota(
    simulator: Simulator, clock: HandClock, tmp_path: Path
) -> None:
    keys = write(tmp_path / "keys.json", LIMITED)
    async with AsyncExitStack() as closing:
        server = closing.enter_context(running_tier())
        tier: dict[str, Any] = {"redis_url": server.url, "tier_secret": TIER_SECRET, "client_keys_file": keys}
        facade = await closing.enter_async_context(
            running_facade(simulator, clock=clock.clock, worker=Worker(1, 1, 2), **tier)
        )
        assert (await _admitted([facade], 1))[0][1] == '"key";q=60;w=60'
        server.kill()
        answers = await _admitted([facade], 60)
        assert sum(status == 200 for status, _, _ in answers) <= TENTH + MOST_FAILURES + 30
        assert answers[-1][:2] == (429, '"key";q=30;w=60')
        clock.advance(60)
        assert [status for status, _, _ in await _admitted([facade], 31)] == [200] * 30 + [429]


@pytest.mark.threat("T68")
async def test_tenants_and_releases_share_nothing(
    hosts: Hosts, simulator: Simulator, stored: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await hosts.new()).get("/interactions", DAY)
    before = {*stored.keys()}
    monkeypatch.setattr("app.sharing.FORM", b"of another release")
    other = await hosts.new()
    await other.get("/interactions", DAY)
    assert value_of(other.services.metrics, "tier_readings", source="upstream") == 1
    assert value_of(other.services.metrics, "tier_values_refused") == 0
    assert before < {*stored.keys()}


async def test_who_signs_by_another_secret_shares_nothing(hosts: Hosts) -> None:
    await (await hosts.new()).get("/interactions", DAY)
    other = await hosts.new(tier_secret=f"another {TIER_SECRET}")
    await other.get("/interactions", DAY)
    assert value_of(other.services.metrics, "tier_readings", source="alone") == 1
    assert value_of(other.services.metrics, "tier_values_refused", reason="secret") >= 1
    changing = await hosts.new(tier_secret=f"another {TIER_SECRET},{TIER_SECRET}")
    await changing.get("/interactions", DAY)
    assert value_of(changing.services.metrics, "tier_readings", source="tier") == 1


async def test_another_secret_is_told_once_an_hour(
    hosts: Hosts, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    await (await hosts.new()).get("/interactions", DAY)
    other = await hosts.new(tier_secret=f"another {TIER_SECRET}")
    for hours in (1, 2):
        for question in ("/interactions", "/segments"):
            await other.get(question, DAY)
        warned = [record for record in caplog.records if record.msg == TIER_SIGNED_ELSEWHERE]
        assert len(warned) == hours
        clock.advance(SECONDS_BETWEEN_WARNINGS)
    assert "CXF_TIER_SECRET must be the same in all processes" in caplog.text


def test_a_tier_without_its_library_or_its_secret_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="needs CXF_TIER_SECRET"):
        create_app(facade_settings(NOWHERE, redis_url="unix:///nowhere"))
    monkeypatch.setattr("app.sharing.find_spec", {}.get)
    with pytest.raises(SettingsError, match=r"pip install 'cxfacade\[redis\]'"):
        create_app(facade_settings(NOWHERE, redis_url="unix:///nowhere", tier_secret=TIER_SECRET))
