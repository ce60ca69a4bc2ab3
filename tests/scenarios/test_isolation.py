"""What one may see never reaches another through a cache: every pair of audiences, and ten thousand requests.

`ISOLATION_CASES=10000` has as many sent to façades that share a tier.
"""

import asyncio
import os
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import permutations
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from app.clock import Clock
from tests.scenarios.audiences import (
    CARD,
    CUSTOMER,
    DROPPED,
    HASHED,
    MASKED,
    NOTE,
    REFUSED,
    SERVED,
    VALUE,
    Who,
    guarded,
    leaked,
    populate,
    seen,
)
from tests.scenarios.repeating import Field, Received, Repeating
from tests.support.canary import TIER_SECRET, plain
from tests.support.clock import HandClock
from tests.support.counted import value_of
from tests.support.facade import TENANT
from tests.support.simulator import Simulator, running_simulator
from tests.support.tier import running_tier

INCLUDED = "include=attributes,agents,queues,segments,notes,talk_times"
LISTS = (
    f"/interactions?attr={VALUE}&limit=3&{INCLUDED}",
    f"/interactions.ndjson?attr={VALUE}&{INCLUDED}",
    f"/interactions?attr={VALUE}&shape=columns&fields=who:customer,customer_masked,attr_account,attr_reason",
    f"/interactions?attr={VALUE}&shape=records&sort=customer&{INCLUDED}",
    f"/interactions.csv?attr={VALUE}",
    f"/interactions.csv?attr={VALUE}&csv=excel&download=1&sort=-attr_account",
    f"/interactions/summary?attr={VALUE}&by=customer_masked,attr_account,attr_reason",
)
NEWEST = f"/interactions?limit=3&{INCLUDED}"
ITEM = f"/interactions/{{}}?{INCLUDED}"
FRESH, A_DAY = 15, 86_400
CASES = 10_000
SHARED_CASES = int(os.environ.get("ISOLATION_CASES", "1500"))
STRICTER = "Account=drop,reason=mask,ssn=drop"


@pytest.fixture
def ids(simulator: Simulator) -> list[str]:
    return populate(simulator)


@pytest.fixture
async def facade(simulator: Simulator, clock: HandClock, tmp_path: Path, ids: list[str]) -> AsyncIterator[Repeating]:
    async with guarded(simulator, clock.clock, tmp_path) as running:
        yield running


def targets(ids: list[str], who: Who) -> list[str]:
    """What there is to ask for, as this viewer asks."""
    paths = [*LISTS, ITEM.format(ids[0])]
    timeline = [] if who.pii else [f"/interactions/{ids[0]}/timeline"]
    return [*(f"{path}&pii={who.pii}" if who.pii else path for path in paths), *timeline]


async def asked(
    facade: Repeating,
    who: Who,
    target: str,
    *fields: Field,
    hides: frozenset[str] = frozenset(),
    **changes: str,
) -> Received:
    """The answer to this viewer, in which nothing is that is for others only, or that the façade hides from all."""
    answer = await facade.ask(target, *who.fields, *fields, **changes)
    assert leaked(answer, who.sees - hides) == set(), (who.name, target, fields, answer.status)
    if who.refused and answer.status != 429:
        assert answer.status == who.refused
    return answer


async def test_each_sees_all_that_is_theirs(facade: Repeating, ids: list[str]) -> None:
    """Else the others would prove nothing."""
    for who in SERVED:
        found: set[str] = set()
        for target in targets(ids, who):
            answer = await asked(facade, who, target)
            assert answer.status == 200
            found |= seen(answer)
        assert found == who.sees, who.name
    everything: frozenset[str] = frozenset().union(*(who.sees for who in SERVED))
    assert everything == {CUSTOMER, NOTE, MASKED, HASHED}


@pytest.mark.threat("T12", "T25", "T26")
@pytest.mark.parametrize(("first", "second"), [*permutations(SERVED, 2)], ids=lambda who: who.name)
async def test_no_audience_gets_anothers_answer(
    facade: Repeating, clock: HandClock, ids: list[str], first: Who, second: Who
) -> None:
    """Cold, warm, from replays, by the other's tag, in part, from stale, and after it all: in this order."""
    for target, others in zip(targets(ids, first), targets(ids, second), strict=False):
        facade.forget()
        warm = [await asked(facade, first, target) for _ in range(3)][-1]
        tag = warm.headers[b"etag"]
        alien = await asked(facade, second, others, (b"if-none-match", tag))
        is_same_view = first.sees == second.sees and (b"if-none-match" in dict(alien.fields) or alien.status == 304)
        assert alien.status == 200 or is_same_view
        for _ in range(2):
            for fields in (
                (),
                ((b"range", b"bytes=0-"),),
                ((b"range", b"bytes=5-400"), (b"if-range", tag)),
                ((b"accept-encoding", b"gzip"),),
                ((b"cache-control", b"only-if-cached"),),
                ((b"cache-control", b"max-stale"),),
            ):
                await asked(facade, second, others, *fields)
                await asked(facade, first, target, *fields)
            clock.advance(FRESH + 1)
            for who, path in ((second, others), (first, target)):
                stale = await asked(facade, who, path)
                assert stale.status == 200
            await facade.completed()


@pytest.mark.threat("T12", "T20")
@pytest.mark.parametrize(("leader", "follower"), [*permutations([*SERVED, *REFUSED[:2]], 2)], ids=lambda who: who.name)
async def test_who_joins_a_flight_gets_a_view_of_their_own(
    facade: Repeating, simulator: Simulator, ids: list[str], leader: Who, follower: Who
) -> None:
    """What one may find by a value another may not: then those who see more have a flight of their own."""
    views = {who.pii == "clear" for who in (leader, follower) if not who.refused}
    for target, calls in ((LISTS[0], len(views)), (NEWEST, min(1, len(views)))):
        paths = {who.name: f"{target}&pii={who.pii}" if who.pii else target for who in (leader, follower)}
        simulator.clear_journal()
        answers = await asyncio.gather(
            *(asked(facade, who, paths[who.name]) for who in (leader, follower, leader, follower))
        )
        for who, answer in zip((leader, follower, leader, follower), answers, strict=True):
            assert seen(answer) == (who.sees if not who.refused else set())
        assert len(simulator.calls()) == calls


@pytest.mark.threat("T12")
async def test_what_is_dropped_and_what_pays_is_never_shown_to_anybody(facade: Repeating, ids: list[str]) -> None:
    for who in SERVED:
        for target in targets(ids, who):
            assert {DROPPED, CARD}.isdisjoint(seen(await asked(facade, who, target)))


@pytest.mark.threat("T25")
async def test_no_client_may_store_what_shows_a_person_in_clear(facade: Repeating, ids: list[str]) -> None:
    """Nor on the way back as 304, as a part, or stale."""
    for who in SERVED:
        for target in targets(ids, who):
            for _ in range(2):
                answer = await asked(facade, who, target)
                policy = answer.headers[b"cache-control"]
                assert policy == b"private, no-store" if seen(answer) else policy.startswith(b"private, ")
                tag = (b"if-none-match", answer.headers[b"etag"])
                for fields in ((tag,), ((b"range", b"bytes=0-9"),)):
                    again = await asked(facade, who, target, *fields)
                    assert again.status in {206, 304}
                    assert (again.headers[b"cache-control"] == b"private, no-store") is (policy == b"private, no-store")


class Host(NamedTuple):
    """A façade with the simulator behind it, the ids that it knows, what it hides from all, and what is of others."""

    facade: Repeating
    simulator: Simulator
    ids: list[str]
    hides: frozenset[str] = frozenset()
    alien: frozenset[str] = frozenset()


class Chance:
    """One random request after another, of anybody, and what becomes of each; `tags` by who was given them."""

    def __init__(self, hosts: Sequence[Host], clock: HandClock, seed: int, *, forgets: float = 0) -> None:
        self.hosts, self.clock, self.forgets = hosts, clock, forgets
        self.random = Random(seed)
        self.tags: defaultdict[tuple[int, bytes], set[frozenset[str]]] = defaultdict(set)
        self.latest: defaultdict[str, deque[bytes]] = defaultdict(lambda: deque(maxlen=6))
        self.seen: Counter[str] = Counter()

    async def go_on(self) -> int:
        """Some requests at once, perhaps after something has happened, each repeated at once; how many."""
        await self._happening()
        crowd = 1 if self.random.random() < 0.9 else self.random.randrange(2, 8)
        await asyncio.gather(*(self._request() for _ in range(crowd)))
        return 2 * crowd

    async def _happening(self) -> None:
        host = self.random.choice(self.hosts)
        if self.random.random() < self.forgets:
            host.facade.forget()
        match self.random.randrange(60):
            case 0:
                host.facade.forget()
            case 1 | 2:
                self.clock.advance(self.random.choice((1, FRESH + 1, 100)))
            case 3:
                self.clock.advance(2 * A_DAY)
            case 4:
                host.simulator.faults("status", status=500)
            case 5:
                host.simulator.clear_faults()
            case 6:
                await host.facade.completed()

    async def _request(self) -> None:
        who = self.random.choice(SERVED if self.random.random() < 0.9 else REFUSED)
        host = self.random.choice(self.hosts)
        newest = f"{NEWEST}&pii={who.pii}" if who.pii else NEWEST
        target = self.random.choice([newest, newest, newest, *targets(host.ids[:2], who)])
        fields = [one for one in (self._coding(), self._condition(target), self._directive()) if one]
        method = "HEAD" if self.random.random() < 0.05 else "GET"
        for _ in range(2):
            answer = await asked(host.facade, who, target, *fields, hides=host.hides, method=method)
            self._note(host, who, target, answer)

    def _note(self, host: Host, who: Who, target: str, answer: Received) -> None:
        """Check and remember what became of a request."""
        tag, view = answer.headers.get(b"etag"), (self.hosts.index(host), answer.headers.get(b"etag", b""))
        assert not [one for one in host.alien if one.encode() in plain(answer.body, answer.fields)], (who.name, target)
        if answer.status == 304:
            assert tag
            assert any(who.sees in self.tags[one, tag] for one in range(len(self.hosts))), (who.name, target)
        if tag:
            self.tags[view].add(who.sees)
            self.latest[target.partition("&pii")[0]].append(tag)
        told = answer.headers.get(b"cache-status", b"").decode()
        kinds = {"hit": "; hit" in told, "stale": "stale" in told, "collapsed": "collapsed" in told}
        self.seen.update([str(answer.status), *(kind for kind, is_it in kinds.items() if is_it)])
        self.seen["personal"] += bool(seen(answer))

    def _coding(self) -> Field | None:
        coding = self.random.choice((b"", b"", b"gzip", b"zstd"))
        return (b"accept-encoding", coding) if coding else None

    def _condition(self, target: str) -> Field | None:
        """By tags of the same target, whoever was given them."""
        known = self.latest[target.partition("&pii")[0]]
        match self.random.randrange(8):
            case 0 if known:
                return b"if-none-match", self.random.choice(known)
            case 1 if known:
                return b"if-none-match", b", ".join(known)
            case 2:
                start = self.random.randrange(3_000)
                return b"range", b"bytes=%d-%d" % (start, start + self.random.randrange(3_000))
        return None

    def _directive(self) -> Field | None:
        directive = self.random.choice((b"",) * 12 + (b"no-cache", b"max-stale", b"only-if-cached", b"max-age=3"))
        return (b"cache-control", directive) if directive else None


@pytest.mark.threat("T12", "T20", "T26")
async def test_ten_thousand_random_requests_show_nobody_what_is_not_theirs(
    facade: Repeating, simulator: Simulator, clock: HandClock, ids: list[str]
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    chance, asked_for = Chance([Host(facade, simulator, ids)], clock, seed), 0
    while asked_for < CASES:
        asked_for += await chance.go_on()
    await facade.completed()
    for kind, least in {"200": 5_000, "hit": 3_000, "304": 100, "206": 100, "stale": 50, "collapsed": 10}.items():
        assert chance.seen[kind] >= least, (seed, chance.seen)
    assert chance.seen["personal"] > 1_000
    assert chance.seen["401"] + chance.seen["403"] + chance.seen["429"] > 300


@pytest.fixture
async def hosts(simulator: Simulator, clock: HandClock, tmp_path: Path, ids: list[str]) -> AsyncIterator[list[Host]]:
    """Three façades that share a tier, its pauses real: the second shows less to all, the third is another tenant's."""
    turned = Clock(clock.clock.monotonic, clock.clock.wall, asyncio.sleep)
    another = "00000000-0000-4000-8000-0000000000aa"
    async with AsyncExitStack() as closing:
        tier = closing.enter_context(running_tier())
        given = {"redis_url": tier.url, "tier_secret": TIER_SECRET}
        far = await closing.enter_async_context(running_simulator(TENANT, tenant_id=another, seed=8, interactions=60))
        far_ids = populate(far)
        assert not {*ids} & {*far_ids}
        one, two, three = [
            await closing.enter_async_context(guarded(upstream, turned, tmp_path, **given, **more))
            for upstream, more in (
                (simulator, {}),
                (simulator, {"attribute_policy": STRICTER}),
                (far, {"tenant_id": another}),
            )
        ]
        yield [
            Host(one, simulator, ids, alien=frozenset(far_ids)),
            Host(two, simulator, ids, hides=frozenset({MASKED}), alien=frozenset(far_ids)),
            Host(three, far, far_ids, alien=frozenset(ids)),
        ]


@pytest.mark.threat("T12", "T20", "T26")
async def test_a_tier_shows_nobody_what_is_not_theirs(hosts: list[Host], clock: HandClock) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    chance, asked_for = Chance(hosts, clock, seed, forgets=0.3), 0
    while asked_for < SHARED_CASES:
        asked_for += await chance.go_on()
    for host in hosts:
        await host.facade.completed()
    shared = [value_of(host.facade.services.metrics, "tier_readings", source="tier") for host in hosts]
    assert min(shared) > 0, (seed, shared)
    assert sum(shared) > SHARED_CASES / 200, (seed, shared)
    assert chance.seen["personal"] > SHARED_CASES / 20
    assert chance.seen["200"] > SHARED_CASES / 2
