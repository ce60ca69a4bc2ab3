"""Reading a list that moves while it is read: blocks in parallel, gaps read again, every loop bounded (R11)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.upstream.reading import Block, Position, Span, around, blocks

MOST_CALLS = 200
MOST_REPAIRS = 3

Fetch = Callable[[Span], Awaitable[Block]]


class Filled(NamedTuple):
    """The blocks read for one span. `given_up`: upstream promises more, and sends nothing or the same rows again."""

    blocks: list[Block]
    given_up: bool = False


class Walk:
    """One reading: `blocks` in upstream's order, `offset` rows read without a gap, `total` as the last one names it."""

    def __init__(self, fetch: Fetch, position: Position, *, parallel: int) -> None:
        self._fetch = fetch
        self._parallel = parallel
        self._calls = 0
        self._ended = False
        self._least_total: int | None = None
        self.blocks: list[Block] = []
        self.offset = position.offset
        self.total = position.total
        self.shifted = False

    @property
    def complete(self) -> bool:
        """Whether upstream has nothing more."""
        return self._ended or (self.total is not None and self.offset >= self.total)

    def fell_short(self, distinct: int) -> bool:
        """Whether fewer distinct rows came than upstream had at any time while all of it was read."""
        return self.complete and distinct < (self._least_total or 0)

    async def read(self, rows: int, most: int) -> None:
        """Read whole blocks until `rows` rows are read, or the end is reached; nothing past row `most`.

        While nothing is known the first block goes alone: its total tells what else there is. Raises as `fetch` does.
        """
        if self.total is None:
            await self._take(blocks(self.offset, self.offset + 1, most)[:1])
        while not self.complete and self.offset < min(rows, most) and self._calls < MOST_CALLS:
            await self._take(blocks(self.offset, min(rows, self.total or 0), most))

    async def _take(self, spans: list[Span]) -> None:
        """Fetch `spans` in parallel, then join them in order as far as they leave no hole."""
        for span, filled in zip(spans, await self._in_parallel(spans), strict=True):
            if span.offset > self.offset:
                if filled.blocks and filled.blocks[-1].rows:  # the list grew again meanwhile: the caller's loop goes on
                    self.total = filled.blocks[-1].total
                return
            for block in filled.blocks:
                await self._join(block)
            if filled.given_up:
                self._ended = self.shifted = True
                return

    async def _in_parallel(self, spans: list[Span]) -> list[Filled]:
        """What each span brought. A failure stops further calls; those under way are let finish, never cancelled."""
        received: dict[Span, Filled] = {}
        waiting = deque(spans)

        async def work() -> None:
            while waiting:
                span = waiting.popleft()
                try:
                    received[span] = await self._filled(span)
                except BaseException:
                    waiting.clear()
                    raise

        workers = [asyncio.create_task(work()) for _ in range(min(self._parallel, len(spans)))]
        outcomes = await asyncio.gather(*workers, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [received[span] for span in spans]

    async def _filled(self, span: Span) -> Filled:
        """The blocks that fill `span`: upstream may cap silently, so a short one is read on from where it stopped."""
        received: list[Block] = []
        offset = span.offset
        while offset < span.end and self._calls < MOST_CALLS:
            block = await self._call(Span(offset, span.end - offset))
            if received and block.rows and block.ids() <= received[-1].ids():
                return Filled(received, given_up=True)
            received.append(block)
            offset = block.end
            if not block.rows or offset >= block.total:
                return Filled(received, given_up=offset < block.total)
        return Filled(received)

    async def _call(self, span: Span) -> Block:
        self._calls += 1
        block = await self._fetch(span)
        self._least_total = block.total if self._least_total is None else min(self._least_total, block.total)
        return block

    async def _join(self, block: Block) -> None:
        if self.total is not None and block.total < self.total:
            await self._repair(block.offset, {self.total, block.total})
        self.blocks.append(block)
        self.offset = max(self.offset, block.end) if block.rows else self.offset
        self.total = block.total

    async def _repair(self, offset: int, totals: set[int]) -> None:
        """Read again around a boundary where the total fell, wider while it goes on moving."""
        for _ in range(MOST_REPAIRS):
            shift = max(totals) - min(totals)
            span = around(offset, shift)
            if span is None:
                break
            block = await self._call(span)
            self.blocks.append(block)
            totals.add(block.total)
            if max(totals) - min(totals) <= shift:
                return
        self.shifted = True
