"""A list that moves while it is read, as a fetch function and as the script of a raw server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from app.interactions.records import Interaction
from app.upstream.reading import Block, Position, Record, Row, Span, merge
from app.upstream.walk import Fetch, Walk
from tests.support.raw import Exchange
from tests.upstream.support import envelope, row


@dataclass
class MovingList:
    """A list of ids, newest first, served in pages; `before` runs before each page is cut, `after` once it is."""

    ids: list[str]
    cap: int = 1000
    before: Callable[[int], Awaitable[None]] | None = None
    after: Callable[[int], object] | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)

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
        cut, total = self.ids[offset : offset + min(limit, self.cap)], len(self.ids)
        if self.after:
            self.after(len(self.asked))
        return cut, total

    async def __call__(self, exchange: Exchange) -> None:
        """The script of a raw server."""
        if self.before:
            await self.before(exchange.number)
        ids, total = self.page(exchange.request.number("offset"), exchange.request.number("limit"))
        await exchange.json(envelope([row(one) for one in ids] or None, total))


MOST = 100_000
START = Position()


def fetching(moving: MovingList, turns: list[int] | None = None) -> Fetch:
    """Pages of `moving`; the n-th call is answered after `turns[n]` turns of the loop."""
    arrivals = count(1)
    calls = count()

    async def fetch(span: Span) -> Block:
        call = next(calls)
        for _ in range(turns[call % len(turns)] if turns else 1):
            await asyncio.sleep(0)
        ids, total = moving.page(span.offset, span.limit)
        rows = tuple(Row(one, Record(b"{}", Interaction(interaction_id=one))) for one in ids)
        return Block(span.offset, rows, total, next(arrivals))

    return fetch


async def walked(moving: MovingList, rows: int = MOST, position: Position = START, parallel: int = 4) -> Walk:
    walk = Walk(fetching(moving), position, parallel=parallel)
    await walk.read(rows, MOST)
    return walk


def ids(walk: Walk, seen: frozenset[str] = frozenset()) -> list[str]:
    return [record.interaction.interaction_id for record in merge(walk.blocks, seen).records]
