"""An upstream in memory that keeps a journal, and holdings in front of it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, cast

from app.cache.store import MemoryStore
from app.holdings.answering import Answered, Wanted
from app.holdings.holdings import Holdings
from app.holdings.partition import EVERYTHING as ALL_TIMES
from app.holdings.schedule import Schedule
from app.holdings.store import Collection
from app.interactions.facts import Context
from app.interactions.parts import Interaction
from app.interactions.records import decode
from app.owners import Owners
from app.upstream.client import UpstreamClient
from app.upstream.query import EVERYTHING, UpstreamQuery, blocks, mismatch
from app.upstream.rows import Held, Recall, Record, fingerprint
from app.upstream.walk import Position, Reading
from tests.support.clock import HandClock

TENANT = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)
FRESH_SECONDS = 15.0
SCHEDULE = Schedule(60.0, (300.0, 3_600.0, 86_400.0, 604_800.0))


def identity(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def row(number: int, started: datetime, *, minutes: float | None = 1.0, **more: Any) -> dict[str, Any]:
    """An interaction; without `minutes` it has not ended."""
    ended = {} if minutes is None else {"endTimestamp": text(started + timedelta(minutes=minutes))}
    start = {"interactionId": identity(number), "tenantId": TENANT, "startTimestamp": text(started)}
    return {**start, "channelType": "voice", **ended, **more}


def record(given: dict[str, Any]) -> Record:
    raw = json.dumps(given).encode()
    decoded = decode(raw)
    assert decoded is not None
    return Record(raw, decoded.interaction, fingerprint(raw))


@dataclass
class ListUpstream:
    """Upstream's list in memory: newest first, ties by id, totals as they are.

    Ranges are tested on the start, or list what `overlaps` them: it starts before their end, and has not ended before
    their start.
    `flicker` is added to the total of each call in turn; after each comes one of the rows `coming`. `sent` are
    the ids of all rows ever sent, `hidden` those that lists by attribute alone show.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    flicker: list[int] = field(default_factory=list)
    coming: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    calls: list[tuple[UpstreamQuery, int, int]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    ignores_filters: bool = False
    hidden: set[str] = field(default_factory=set)
    overlaps: bool = False

    def put(self, *given: dict[str, Any]) -> None:
        self.rows |= {one["interactionId"]: one for one in given}

    def matching(self, query: UpstreamQuery) -> list[Record]:
        """The rows that start within the range, as they are listed."""
        return self._in_order(query, self.rows.values())

    def listed(self, query: UpstreamQuery) -> list[Record]:
        """The rows that a call lists."""
        if not (self.overlaps and query.start):
            return self.matching(query)
        start = text(query.start)
        lasting = [one for one in self.rows.values() if one.get("endTimestamp", "9") >= start]
        return self._in_order(replace(query, start=None), lasting)

    def _in_order(self, query: UpstreamQuery, rows: Iterable[dict[str, Any]]) -> list[Record]:
        found = [record(one) for one in rows]
        found = [one for one in found if self.ignores_filters or mismatch(one.interaction, query) is None]
        if not query.attribute_values:
            found = [one for one in found if one.interaction.interaction_id not in self.hidden]
        found.sort(key=lambda one: one.interaction.interaction_id)
        found.sort(key=lambda one: _start(one.interaction), reverse=True)
        return found

    def _reading(
        self,
        query: UpstreamQuery,
        offset: int,
        limit: int,
        *,
        recall: Recall | None = None,
        calls: int = 1,
        checked: UpstreamQuery | None = None,
    ) -> Reading:
        if self.failure:
            raise self.failure
        self.calls.append((query, offset, limit))
        found = self.listed(query)
        total = max(0, len(found) + (self.flicker.pop(0) if self.flicker else 0))
        part = found[offset : offset + limit]
        self.sent += [one.interaction.interaction_id for one in part]
        matching = [one for one in part if mismatch(one.interaction, checked or query) is None]
        brought: tuple[Record | Held, ...] = tuple((recall and recall(one.raw)) or one for one in matching)
        end = offset + len(part)
        self.put(*self.coming[:1])
        del self.coming[:1]
        return Reading(
            records=brought,
            offset=end,
            total=total,
            complete=end >= total,
            shifted=end < total and end < offset + limit,
            time_zone="UTC",
            dropped=len(part) - len(matching),
            last_start=_start(part[-1].interaction) if part else None,
            calls=calls,
            upstream_seconds=0.1,
        )

    async def tenancy(
        self, query: UpstreamQuery = EVERYTHING, *, background: bool = False, owners: Owners | None = None
    ) -> Reading:
        return self._reading(query, 0, 0)

    async def newest(
        self,
        query: UpstreamQuery,
        limit: int,
        *,
        background: bool = False,
        owners: Owners | None = None,
        recall: Recall | None = None,
        checked: UpstreamQuery | None = None,
    ) -> Reading:
        return self._reading(query, 0, limit, recall=recall, checked=checked)

    async def interactions(
        self,
        query: UpstreamQuery,
        position: Position,
        *,
        rows: int,
        most: int,
        most_calls: int = 10,
        checked: UpstreamQuery | None = None,
        **_: Any,
    ) -> Reading:
        wanted = blocks(position.offset, rows, most)[:most_calls]
        limit = wanted[-1].end - position.offset
        reading = self._reading(query, position.offset, limit, calls=len(wanted), checked=checked)
        new = tuple(one for one in reading.records if one.interaction.interaction_id not in position.seen)
        return replace(reading, records=new)


def _start(interaction: Interaction) -> datetime:
    assert interaction.start_timestamp is not None
    return interaction.start_timestamp


@dataclass
class Place:
    """Holdings in front of an upstream, on a clock turned by hand."""

    upstream: ListUpstream
    clock: HandClock
    store: MemoryStore
    holdings: Holdings

    async def answer(self, rows: int = 100_000, *, fresh_seconds: float = FRESH_SECONDS, **asked: Any) -> Answered:
        """The answer to a question; it must not be a reading."""
        answered = await self.reading(rows, fresh_seconds=fresh_seconds, **asked)
        assert isinstance(answered, Answered)
        return answered

    async def reading(
        self, rows: int = 100_000, *, fresh_seconds: float = FRESH_SECONDS, **asked: Any
    ) -> Answered | Reading | None:
        wanted = Wanted(rows, 10, lambda _span: fresh_seconds, FRESH_SECONDS, inf)
        return await self.holdings.answer(UpstreamQuery(**asked), wanted, self.context)

    async def compare(self, collection: Collection) -> None:
        """Read all of a collection, and compare what is held of it."""
        wanted = Wanted(1_000_000, 10, lambda _span: 0.0, FRESH_SECONDS, inf)
        await self.holdings._alone(collection, ALL_TIMES, wanted, self.context)

    def context(self, _zone: str | None) -> Context:
        return Context(tenant_id=TENANT, as_of=self.clock.wall)

    async def ids(self, rows: int = 100_000, **asked: Any) -> list[str]:
        """The ids of the rows that answer a question."""
        return ids_of(await self.answer(rows, **asked))

    def expected(self, **asked: Any) -> list[str]:
        """The ids that upstream lists now."""
        return [one.interaction.interaction_id for one in self.upstream.matching(UpstreamQuery(**asked))]


def ids_of(answered: Answered) -> list[str]:
    return [piece.run.ids[at] for piece in answered.composition.pieces for at in piece.places]


def records_of(answered: Answered) -> list[Interaction]:
    found = []
    for piece in answered.composition.pieces:
        records = piece.run.block.records()
        found += [records[at] for at in piece.places]
    return found


def place(rows: Iterable[dict[str, Any]] = (), *, cache_bytes: int = 50_000_000, overlaps: bool = False) -> Place:
    clock = HandClock(wall=NOW)
    store, upstream = MemoryStore(cache_bytes, lambda: clock.monotonic), ListUpstream(overlaps=overlaps)
    upstream.put(*rows)
    client = cast("UpstreamClient", upstream)
    holdings = Holdings(client, store, clock.clock, SCHEDULE, b"rules", overlaps=overlaps)
    return Place(upstream, clock, store, holdings)


def day(count: int, *, ends: datetime = NOW, step: timedelta = timedelta(seconds=20)) -> Sequence[dict[str, Any]]:
    """So many ended interactions, the newest an hour before `ends`."""
    return [row(number, ends - timedelta(hours=1) - number * step) for number in range(count)]
