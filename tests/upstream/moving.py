"""A list that moves while it is read, as a fetch function and as the script of a raw server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from typing import Any

from app.interactions.parts import Interaction
from app.upstream.query import RowRange, timestamp
from app.upstream.rows import Record, UpstreamRow
from app.upstream.walk import Fetch, Position, UpstreamBlock, Walk, merge
from tests.support.raw import Exchange
from tests.upstream.support import envelope, row


@dataclass
class MovingList:
    """A list of ids, newest first, served in pages; `before` runs before each page is cut, `after` once it is.

    `tied` rows in a row share their start, and `reorder` may change their order for each call, whose number it is told.
    `fields` are more of a row's own, by its id.
    """

    ids: list[str]
    cap: int = 1000
    tied: int = 1
    reorder: Callable[[int, list[str]], list[str]] | None = None
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Callable[[int], Awaitable[None]] | None = None
    after: Callable[[int], object] | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._places = {one: place for place, one in enumerate(self.ids)}

    @classmethod
    def of(cls, count: int, **settings: Any) -> "MovingList":
        return cls([f"row-{number:05d}" for number in range(count)], **settings)

    def insert(self, count: int) -> list[str]:
        """New rows at the top."""
        fresh = [f"new-{len(self.ids)}-{number}" for number in range(count)]
        self.ids[:0] = fresh
        return fresh

    def remove(self, start: int, count: int) -> None:
        del self.ids[start : start + count]

    def page(self, offset: int, limit: int) -> tuple[list[str], int]:
        self.asked.append((offset, limit))
        ids = self._ordered(len(self.asked))
        cut, total = ids[offset : offset + min(limit, self.cap)], len(ids)
        if self.after:
            self.after(len(self.asked))
        return cut, total

    def _ordered(self, call: int) -> list[str]:
        if self.reorder is None:
            return self.ids
        return [one for _, tied in groupby(self.ids, self.start) for one in self.reorder(call, [*tied])]

    def start(self, interaction_id: str) -> datetime:
        """When it started: a second earlier with each group of tied rows."""
        return NEWEST - timedelta(seconds=self._places.get(interaction_id, 0) // self.tied)

    async def __call__(self, exchange: Exchange) -> None:
        """The script of a raw server."""
        if self.before:
            await self.before(exchange.number)
        ids, total = self.page(exchange.request.number("offset"), exchange.request.number("limit"))
        await exchange.json(envelope([self._row(one) for one in ids] or None, total))

    def _row(self, one: str) -> dict[str, Any]:
        start = {"startTimestamp": timestamp(self.start(one))} if self.reorder else {}
        return row(one, **start, **self.fields.get(one, {}))


MOST = 100_000
NEWEST = datetime(2026, 11, 20, 10, tzinfo=UTC)
START = Position()


def fetching(moving: MovingList, turns: list[int] | None = None) -> Fetch:
    """Pages of `moving`; the n-th call is answered after `turns[n]` turns of the loop."""
    arrivals = count(1)
    calls = count()

    def interaction(one: str) -> Interaction:
        return Interaction(interaction_id=one, start_timestamp=moving.start(one) if moving.reorder else None)

    async def fetch(span: RowRange) -> UpstreamBlock:
        call = next(calls)
        for _ in range(turns[call % len(turns)] if turns else 1):
            await asyncio.sleep(0)
        ids, total = moving.page(span.offset, span.limit)
        rows = tuple(UpstreamRow(one, Record(b"{}", interaction(one), 0)) for one in ids)
        return UpstreamBlock(span.offset, rows, total, next(arrivals))

    return fetch


async def walked(moving: MovingList, rows: int = MOST, position: Position = START, parallel: int = 4) -> Walk:
    walk = Walk(fetching(moving), position, parallel=parallel)
    await walk.read(rows, MOST)
    return walk


def behind(walk: Walk) -> Position:
    """Where the next reading goes on."""
    seen = frozenset(ids(walk))
    return Position(walk.offset, walk.total, seen, least_total=walk.least_total, last_start=walk.last_start)


def ids(walk: Walk, seen: frozenset[str] = frozenset()) -> list[str]:
    return [record.interaction.interaction_id for record in merge(walk.blocks, seen).records]
