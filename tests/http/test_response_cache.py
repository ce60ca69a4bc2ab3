"""Finished answers: made once, found again by everything that shapes them, and by nothing else."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.cache.keys import Part
from app.cache.reuse import Reuse
from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.cooperative import INLINE_BYTES
from app.http import response_cache
from app.http.response_cache import Built, ParsedList, ParsedLists, ResponseCache, Served
from app.http.responses import Answer, coded, entity_tag
from app.interactions.masking import Audience
from app.queries.fetch_plan import FetchPlan
from app.queries.page import FetchResult
from app.queries.query import InteractionQuery, View
from app.queries.snapshot import DecodedSnapshot, Snapshot
from app.upstream.query import UpstreamQuery
from tests.queries.support import NOW, TENANT, query
from tests.scenarios.repeating import LIST, Repeating, repeating
from tests.support.clock import HandClock
from tests.support.simulator import Simulator

LONG = b'{"items":[' + b"1," * 2000 + b"1]}"
SECONDS = {"upstream": 0.25, "encode": 0.5}
PARTS: tuple[Part, ...] = ("interactions", "http://localhost/interactions", ("json", "masked"))


def snapshot(version: str = "v1", stored_at: float = 1000.0) -> Stored[Snapshot]:
    return Stored(
        Snapshot(version, NOW, UpstreamQuery(), None, simulated=False), 1, stored_at, fresh_for=15, stale_for=100
    )


def answer(body: bytes = LONG, audience: str = "masked") -> Answer:
    return Answer(body, "identity", entity_tag(audience, "application/json", body), "application/json", NOW)


@dataclass
class Kitchen:
    """A place that makes answers, counts how often it had to, and serves them from a store."""

    clock: HandClock = field(default_factory=HandClock)
    tenant: str = TENANT
    made: int = 0
    body: bytes = LONG
    facts: dict[str, Any] = field(default_factory=dict)
    shared: MemoryStore | None = None

    def __post_init__(self) -> None:
        own = MemoryStore(1_000_000, lambda: self.clock.monotonic)
        self.store = own if self.shared is None else self.shared
        self.responses = ResponseCache(self.store, self.clock.clock, self.tenant, SingleFlight(self.clock.clock), 10.0)

    async def serve(
        self,
        current: Stored[Snapshot] | None = None,
        parts: tuple[Part, ...] = PARTS,
        coding: str | None = None,
        of: Stored[Snapshot] | None = None,
        detail: str | None = None,
    ) -> Served:
        async def find() -> FetchResult:
            stored = of or current or snapshot()
            return FetchResult(DecodedSnapshot(stored.value), stored, **self.facts)

        async def make(found: FetchResult) -> Built:
            self.made += 1
            return Built(answer(self.body), found, SECONDS)

        shape = self.responses.shape(*parts)
        return await self.responses.get_or_build(current, shape, coding, find=find, make=make, detail=detail)


async def test_an_answer_is_made_once_for_the_life_of_its_report() -> None:
    kitchen = Kitchen()
    kitchen.facts = {"fetched": True}
    miss = await kitchen.serve()
    assert miss.reuse == Reuse(hit=False, fwd="uri-miss", stored=True, ttl=15, age=0, seconds=SECONDS)
    kitchen.clock.advance(5)
    hit = await kitchen.serve(snapshot(), detail=None)
    assert hit.answer == miss.answer
    assert hit.reuse == Reuse(hit=True, ttl=10, age=5, seconds={"cache": 0})
    assert kitchen.made == 1


async def test_a_large_answer_that_many_want_in_a_coding_at_once_is_coded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    async def spy(identity: bytes, coding: str) -> bytes:
        calls.append(coding)
        return await coded(identity, coding)

    monkeypatch.setattr(response_cache, "coded", spy)
    kitchen = Kitchen(body=b"x" * (INLINE_BYTES + 1))
    await kitchen.serve()
    served = await asyncio.gather(
        *(kitchen.serve(snapshot(), coding=coding) for coding in ["gzip"] * 50 + ["zstd"] * 50)
    )
    assert sorted(calls) == ["gzip", "zstd"]
    assert len({id(one.answer.body) for one in served}) == 2, "equal answers share their bytes"
    assert [one.answer.coding for one in served] == ["gzip"] * 50 + ["zstd"] * 50


HIT = Reuse(hit=True, ttl=15, seconds=SECONDS)
MISS = Reuse(hit=False, fwd="uri-miss", stored=True, ttl=15, seconds=SECONDS)


@pytest.mark.parametrize(
    ("facts", "reuse", "outcome"),
    [
        ({}, HIT, "fresh"),
        ({"collapsed": True}, HIT, "fresh"),
        ({"detail": "stale-if-error"}, replace(HIT, detail="stale-if-error"), "fresh"),
        ({"fetched": True}, MISS, "fetched"),
        ({"fetched": True, "collapsed": True}, replace(MISS, collapsed=True), "collapsed"),
        ({"fetched": True, "kept": False}, replace(MISS, stored=False), "fetched"),
        ({"fetched": True, "fwd": "request"}, replace(MISS, fwd="request"), "fetched"),
        (
            {"fetched": True, "fwd": "partial", "detail": "stale-snapshot"},
            replace(MISS, fwd="partial", detail="stale-snapshot"),
            "fetched",
        ),
    ],
)
async def test_how_the_report_was_found_is_how_the_request_was_answered(
    facts: dict[str, Any], reuse: Reuse, outcome: str
) -> None:
    kitchen = Kitchen(facts=facts)
    served = await kitchen.serve()
    assert (served.reuse, served.reuse.outcome) == (reuse, outcome)


@pytest.mark.parametrize("is_made", [True, False])
@pytest.mark.parametrize("detail", ["stale-while-revalidate", "stale-if-error", "stale-snapshot"])
async def test_a_stale_answer_says_so_and_why_whether_it_is_stored_or_made_now(detail: str, is_made: bool) -> None:
    kitchen = Kitchen(facts={"detail": detail})
    if is_made:
        await kitchen.serve()
    kitchen.clock.advance(45)
    served = await kitchen.serve(snapshot(), detail=detail)
    seconds = {"cache": 0.0} if is_made else SECONDS
    assert served.reuse == Reuse(hit=True, ttl=-30, age=45, detail=detail, seconds=seconds)
    assert (served.reuse.outcome, served.snapshot) == ("stale", snapshot())
    assert kitchen.made == 1


async def test_an_answer_tells_whether_it_is_stored_with_its_snapshot() -> None:
    kitchen, current = Kitchen(), snapshot()
    for coding in ("identity", "gzip"):
        first, again = [await kitchen.serve(current, coding=coding) for _ in range(2)]
        assert (first.home, again.home) == (current, current)
        assert again.answer is first.answer
    passing = Kitchen(facts={"fetched": True, "kept": False})
    for coding in ("identity", "gzip"):
        assert (await passing.serve(coding=coding)).home is None


async def test_an_answer_goes_when_its_report_goes() -> None:
    kitchen = Kitchen()
    await kitchen.serve(coding="zstd")
    assert len(kitchen.store) == 2
    kitchen.clock.advance(116)
    await kitchen.serve(snapshot())
    assert kitchen.made == 2


async def test_an_answer_of_a_report_that_is_not_kept_is_not_kept_either() -> None:
    kitchen = Kitchen(facts={"fetched": True, "kept": False})
    for coding in (None, "gzip"):
        served = await kitchen.serve(coding=coding)
        assert served.answer.coding == (coding or "identity")
    assert len(kitchen.store) == 0


async def test_each_coding_is_made_once_and_has_its_own_validator() -> None:
    kitchen = Kitchen()
    served = {
        coding: (await kitchen.serve(snapshot(), coding=coding)).answer for coding in ("identity", "gzip", "zstd")
    }
    again = {coding: (await kitchen.serve(snapshot(), coding=coding)).answer for coding in served}
    assert all(again[coding].body is served[coding].body for coding in served)
    assert zstandard.decompress(bytes(served["zstd"].body)) == LONG
    assert len({one.etag for one in served.values()}) == 3
    assert kitchen.made == 1


async def test_a_grown_report_whose_answer_was_made_again_is_not_served_in_the_coding_of_the_former() -> None:
    kitchen = Kitchen()
    before = await kitchen.serve(coding="zstd")
    kitchen.body = LONG + b" "
    after = await kitchen.serve(None, of=snapshot(), coding="zstd")
    assert zstandard.decompress(bytes(after.answer.body)) == kitchen.body
    assert after.answer.etag != before.answer.etag


TEXTS = st.sampled_from(["", "a", "b", "ab", "a|b", "masked", "e\u0301", "é", "+", "%20", " "])
AUDIENCES = st.builds(Audience, clear=st.booleans(), notes=st.booleans())
VIEWS = st.builds(
    View,
    columns=st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    include=st.lists(TEXTS, max_size=2).map(tuple),
    format=TEXTS,
    variant=TEXTS,
    audience=AUDIENCES,
    download=st.booleans(),
)
SHAPES = st.tuples(TEXTS, TEXTS, TEXTS, VIEWS, st.sampled_from(["identity", "gzip", "zstd"]))


@given(SHAPES, SHAPES)
async def test_an_answer_serves_whom_it_was_made_for_and_nobody_else(
    one: tuple[str, str, str, View, str], other: tuple[str, str, str, View, str]
) -> None:
    shared = MemoryStore(1_000_000, lambda: 1000.0)

    async def served(shape: tuple[str, str, str, View, str], body: bytes) -> tuple[Served, int]:
        tenant, version, url, view, coding = shape
        kitchen = Kitchen(tenant=tenant, shared=shared, body=body)
        parts = ("interactions", url, query(view=view).key_parts())
        return await kitchen.serve(snapshot(version), parts, coding), kitchen.made

    first, _ = await served(one, LONG)
    second, made = await served(other, LONG[::-1])
    assert first.answer.coding == one[-1]
    assert second.answer.coding == other[-1]
    is_same = one[:-1] == other[:-1]
    assert made == (0 if is_same else 1)
    assert (first.answer.body == second.answer.body) is (is_same and one[-1] == other[-1])


@given(AUDIENCES, AUDIENCES)
async def test_two_audiences_never_share_an_answer(one: Audience, other: Audience) -> None:
    view = query().view
    kitchen = Kitchen()
    for audience in (one, other):
        await kitchen.serve(snapshot(), ("interaction", replace(view, audience=audience).key_parts()))
    assert kitchen.made == (1 if one == other else 2)


def parsed(changes_at: float | None = None) -> ParsedList:
    return ParsedList(cast("InteractionQuery", None), cast("FetchPlan", None), b"", changes_at)


def test_it_is_found_until_the_same_query_string_asks_another_question() -> None:
    lists = ParsedLists()
    lasting, passing = lists.keep("lasting", parsed()), lists.keep("passing", parsed(10.0))
    assert lists.find("lasting", 1e9) is lasting
    assert lists.find("passing", 9.9) is passing
    assert lists.find("passing", 10.0) is None
    assert lists.find("other", 0.0) is None


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    lists = ParsedLists(most=3)
    for number in range(10):
        lists.keep(number, parsed())
    assert [number for number in range(10) if lists.find(number, 0.0)] == [7, 8, 9]
    assert len(lists) == 3


async def test_viewers_of_other_scopes_and_other_formats_are_parsed_for_themselves(
    simulator: Simulator, clock: HandClock
) -> None:
    async with repeating(simulator, clock.clock) as facade:
        await facade.ask(LIST)  # it names the tenant's time zone
        before = len(facade.services.parsed)
        for _ in range(2):
            await asked_in_every_way(facade)
            assert len(facade.services.parsed) == before + 4


async def asked_in_every_way(facade: Repeating) -> None:
    ordinary = (b"cache-control", b"max-age=9")
    rows = await facade.ask(LIST, ordinary)
    assert rows.headers[b"content-type"] == b"application/json"
    assert (await facade.ask(LIST, ordinary, (b"accept", b"text/csv"))).headers[b"content-type"].startswith(b"text/csv")
    assert (await facade.ask(LIST.replace("?", ".ndjson?"), ordinary)).headers[b"content-type"] != b"application/json"
    assert (await facade.ask(f"{LIST}&limit=1", ordinary)).body != rows.body


async def test_a_relative_time_is_read_anew_with_each_step_of_its_grid(simulator: Simulator, clock: HandClock) -> None:
    target = "/interactions?from=now-1h&limit=1"
    async with repeating(simulator, clock.clock) as facade:
        before = (await facade.ask(target)).body
        clock.advance(3600)
        assert (await facade.ask(target)).body != before
