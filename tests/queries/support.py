"""What the tests of reports share: interactions, an upstream that counts its calls, and the service in front of it."""

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, cast

from app.cache.reuse import UNDIRECTED, Directives
from app.cache.single_flight import SingleFlight
from app.cache.store import MemoryStore
from app.holdings.holdings import Holdings
from app.holdings.schedule import Schedule
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.masking import MASKED, Audience
from app.interactions.records import decode
from app.owners import Owners
from app.queries.page import FetchResult, Lookup, Page
from app.queries.query import InteractionQuery, Search, View
from app.queries.rules import Rules
from app.queries.service import Queries
from app.queries.snapshot_store import SnapshotStore
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, MOST_ROWS_PER_CALL, UpstreamQuery, blocks, mismatch
from app.upstream.rows import Admits, Recall, Record, fingerprint
from app.upstream.walk import Position, Reading
from tests.support.clock import HandClock

TENANT = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
STALE_SECONDS = 3600.0
REVALIDATE_SECONDS = 30.0
COLUMN_BY_NAME = GRAINS["interactions"].columns
VIEW = View(columns=(("interaction_id", "interaction_id"),))


def identity(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def interaction(number: int, *, hours_ago: float = 1000.0, is_open: bool = False, **more: Any) -> dict[str, Any]:
    """An interaction of a minute's length; with `is_open` it has not ended."""
    started = NOW - timedelta(hours=hours_ago)
    ended = {} if is_open else {"endTimestamp": _text(started + timedelta(minutes=1)), "interactionTime": 60.0 + number}
    return {
        "interactionId": identity(number),
        "tenantId": TENANT,
        "channelType": "voice",
        "startTimestamp": _text(started),
        **ended,
        **more,
    }


def interactions(count: int, **more: Any) -> list[dict[str, Any]]:
    """So many, numbered from 0 and a second apart, newest first."""
    return [interaction(number, hours_ago=1000 + number / 3600, **more) for number in range(count)]


def with_attribute(name: str, value: str) -> dict[str, Any]:
    hook = {"hookType": name, "hookName": value, "hookSubType": "interaction-attribute"}
    return {"interactionAttributes": [{**hook, "interactionHookId": f"{name}={value}"}]}


def record(given: Mapping[str, Any]) -> Record:
    raw = json.dumps(given).encode()
    decoded = decode(raw)
    assert decoded is not None
    return Record(raw, decoded.interaction, fingerprint(raw))


def reading(given: Iterable[Mapping[str, Any]], **facts: Any) -> Reading:
    """A reading that brought these interactions and found the list to end with them."""
    records = tuple(map(record, given))
    return Reading(**{"records": records, "offset": len(records), "total": len(records), "complete": True, **facts})


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


@dataclass
class FakeUpstream:
    """An upstream client over a list in memory, newest first, which reads whole blocks as the real one does."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    zone: str | None = "US/Eastern"
    raw_names: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    open_gate: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[UpstreamQuery] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    single: list[str] = field(default_factory=list)
    tenancies: int = 0
    shifted: bool = False
    lost: int = 0
    background: list[bool] = field(default_factory=list)
    is_blocked: bool = False
    refused_for: float = 0.0
    knows_ranges: bool = False

    def __post_init__(self) -> None:
        self.open_gate.set()

    @property
    def calls(self) -> int:
        """How often it was asked for anything."""
        return len(self.spans) + len(self.single) + self.tenancies

    async def _answering(self) -> None:
        self.called.set()
        await self.open_gate.wait()
        if self.failure:
            raise self.failure

    def refuses_lists(self) -> bool:
        return self.is_blocked

    def refuses_items(self) -> bool:
        return self.is_blocked

    def refused_seconds(self) -> float:
        return self.refused_for

    async def interactions(
        self,
        query: UpstreamQuery,
        position: Position,
        *,
        rows: int,
        most: int,
        most_calls: int = 10,
        background: bool = False,
        owners: Owners | None = None,
        admits: Admits | None = None,
        recall: Recall | None = None,
        **_more: Any,
    ) -> Reading:
        self.asked.append(query)
        self.background.append(background)
        await self._answering()
        listed = self._listed(query)
        total = len(listed)
        rows = max(rows, MOST_ROWS_PER_CALL) if admits else rows
        goal = min(rows, total) if position.total is not None else rows
        wanted = blocks(position.offset, goal, most)[:most_calls]
        end = min(wanted[-1].end, total) if wanted else position.offset
        self.spans.append((position.offset, end))
        records = [record(row) for row in listed[position.offset : end]]
        new = [one for one in records if one.interaction.interaction_id not in position.seen]
        asked_for = [one for one in new if mismatch(one.interaction, query) is None]
        admitted = [one for one in asked_for if admits is None or admits(one.interaction)]
        matching = tuple((recall and recall(one.raw)) or one for one in admitted)
        return Reading(
            records=matching,
            offset=end,
            total=total,
            complete=end >= total,
            shifted=self.shifted,
            time_zone=self.zone,
            upstream_seconds=0.5,
            dropped=len(new) - len(matching) + self.lost,
            mismatched=frozenset(
                one.interaction.interaction_id for one in new if mismatch(one.interaction, query) is not None
            ),
            lost=self.lost,
            last_start=records[-1].interaction.start_timestamp if records else position.last_start,
            least_total=min(total, total if position.least_total is None else position.least_total),
            calls=len(wanted),
        )

    def _listed(self, query: UpstreamQuery) -> list[dict[str, Any]]:
        """All rows, or those in the range of the query."""
        if not self.knows_ranges:
            return self.rows
        ranged = UpstreamQuery(start=query.start, end=query.end)
        return [row for row in self.rows if mismatch(record(row).interaction, ranged) is None]

    async def interaction(
        self,
        interaction_id: str,
        *,
        background: bool = False,
        owners: Owners | None = None,
        recall: Recall | None = None,
    ) -> Reading | None:
        self.single.append(interaction_id)
        self.background.append(background)
        await self._answering()
        found = [row for row in self.rows if row["interactionId"] == interaction_id]
        brought = tuple((recall and recall(one.raw)) or one for one in map(record, found))
        return replace(reading(()), records=brought, offset=1, total=1, upstream_seconds=0.5) if found else None

    async def tenancy(
        self, _query: UpstreamQuery = EVERYTHING, *, background: bool = False, owners: Owners | None = None
    ) -> Reading:
        self.tenancies += 1
        await self._answering()
        return replace(reading(()), time_zone=self.zone)

    def raw_name(self, name: str) -> str:
        return self.raw_names.get(name, name)

    def attribute_names(self) -> Collection[str]:
        return self.raw_names.keys()


def rules(**changes: Any) -> Rules:
    """Ten rows an answer, a hundred a snapshot's block, three hundred a snapshot; else the defaults of the settings."""
    known: dict[str, Any] = {
        "context": Context(tenant_id=TENANT, as_of=NOW, pseudonym_secret=b"invented"),
        "digest": b"rules",
        "time_zone": None,
        "max_rows": 1000,
        "most_rows": 3000,
        "scan_rows": 300,
        "wait_seconds": 10.0,
        "fresh_open_seconds": 15.0,
        "fresh_max_seconds": 86_400.0,
    }
    return Rules(**{**known, **changes})


@dataclass
class Desk:
    """The service with everything it stands on, in one hand."""

    upstream: FakeUpstream
    clock: HandClock
    store: MemoryStore
    flights: SingleFlight
    queries: Queries

    async def page(self, query: InteractionQuery, directives: Directives = UNDIRECTED) -> Page:
        """One page, as a request gets it."""
        return await self.queries.page(query, self.look(query, directives))

    def look(
        self,
        query: InteractionQuery,
        directives: Directives = UNDIRECTED,
        owner: str = "",
        deadline: float | None = None,
    ) -> Lookup:
        """The lookup of a query, as a request gets it."""
        return self.queries.look(self.queries.planner.plan(query), query.reach, directives, owner, deadline)

    async def interaction(
        self, interaction_id: str, audience: Audience = MASKED, directives: Directives = UNDIRECTED
    ) -> tuple[Facts, FetchResult]:
        """One interaction, as a request gets it."""
        plan = self.queries.planner.plan_of_one(interaction_id)
        found = await self.queries.find_one(self.queries.look(plan, directives=directives))
        return self.queries.interaction(found, audience), found

    async def completed(self) -> None:
        """Wait until nothing is under way, and what it brought is stored."""
        while flights := list(self.flights._under_way.values()):
            await asyncio.wait(flights)


def desk(
    rows: Iterable[dict[str, Any]] = (), *, cache_bytes: int = 10_000_000, holds: bool = False, **changes: Any
) -> Desk:
    """A service in front of an upstream with these rows; by its dice nothing is refreshed early.

    Unless it `holds` records, every question is asked whole, as where upstream's ranges cannot be trusted.
    """
    clock = HandClock(wall=NOW)
    upstream, store, flights = (
        FakeUpstream(list(rows)),
        MemoryStore(cache_bytes, lambda: clock.monotonic),
        SingleFlight(clock.clock),
    )
    snapshots = SnapshotStore(store, stale_seconds=STALE_SECONDS, revalidate_seconds=REVALIDATE_SECONDS)
    client = cast("UpstreamClient", upstream)
    schedule = Schedule(60.0, (300.0, 3600.0, 86_400.0, 604_800.0))
    holdings = Holdings(client, store, clock.clock, schedule, b"rules", probe_seconds=inf)
    holdings.is_trusted = upstream.knows_ranges = holds
    known = rules(**changes)
    queries = Queries(client, snapshots, holdings, flights, clock.clock, known, GRAINS, random=lambda: 1.0)
    return Desk(upstream, clock, store, flights, queries)


def query(limit: int = 10, **more: Any) -> InteractionQuery:
    """All interactions, their ids alone; `search` and `view` may be told apart."""
    known: dict[str, Any] = {"search": Search(), "view": VIEW, "limit": limit}
    return InteractionQuery(**{**known, **more})


def numbers(page: Page) -> list[int]:
    """Of each row of a page whose first column is the id, the number that `identity` made it of."""
    return [int(str(row[0])[-12:]) for row in page.selection.rows]
