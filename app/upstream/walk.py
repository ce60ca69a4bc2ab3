"""Reading a list that moves while it is read: blocks in parallel, gaps read again, every loop bounded (R11)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.upstream.reading import Block, Position, Span, around, blocks
from app.upstream.slots import GiveBack

MOST_CALLS = 10  # that read on
MOST_REPAIRS = 3  # calls that read again around one boundary
WIDER = 4  # times, where that was not enough

Fetch = Callable[[Span], Awaitable[Block]]
Turn = Callable[[], Awaitable[GiveBack]]


async def at_once() -> GiveBack:
    """The turn of a reading that need not wait for one."""
    return lambda: None


class Filled(NamedTuple):
    """The blocks read for one span. `given_up`: upstream promises more, and sends nothing or the same rows again."""

    blocks: list[Block]
    given_up: bool = False


class Walk:
    """One reading by `most_calls` calls at most: `blocks` in upstream's order, `offset` rows read without a gap.

    `calls` read on; those that read again what moved are not among them, and as many at most. `total` is the number of
    rows as the last block names it, `least_total` the smallest ever named, `lost` how many rows could not be read.
    `shifted`: rows may be missing. A reading of more than one block waits for its `turn`.
    """

    def __init__(
        self,
        fetch: Fetch,
        position: Position,
        *,
        parallel: int,
        most_calls: int = MOST_CALLS,
        turn: Turn = at_once,
    ) -> None:
        self._fetch = fetch
        self._parallel = parallel
        self._turn = turn
        self._most_calls = most_calls
        self._ids = set(position.seen)
        self.lost = position.lost
        self._ended = False
        self._repairs = 0
        self.least_total = position.least_total
        self.blocks: list[Block] = []
        self.calls = 0
        self.offset = position.offset
        self.total = self._joined_total = position.total
        self.shifted = False

    @property
    def complete(self) -> bool:
        """Whether upstream has nothing more."""
        return self._ended or (self.total is not None and self.offset >= self.total)

    async def read(self, rows: int, most: int) -> None:
        """Read whole blocks until `rows` rows are read, or the end is reached; nothing past row `most`.

        While nothing is known the first block goes alone: its total tells what else there is. Raises as `fetch` does.
        """
        if self.total is None:
            await self._take(blocks(self.offset, rows, most)[:1])
        left = self._left(rows, most)
        give_back = await (self._turn if left and self.calls + len(left) > 1 else at_once)()
        try:
            while left := self._left(rows, most):
                await self._take(left)
        finally:
            give_back()
        if self.complete and len(self._ids) + self.lost < (self.least_total or 0):
            self.shifted = True

    def _left(self, rows: int, most: int) -> list[Span]:
        """What is still to be read, and may be."""
        if self.complete:
            return []
        return blocks(self.offset, min(rows, self.total or 0), most)[: self._calls_left()]

    def _calls_left(self) -> int:
        return self._most_calls - self.calls

    async def _take(self, spans: list[Span]) -> None:
        """Fetch `spans` in parallel, then join them in order as far as they leave no hole."""
        for span, filled in zip(spans, await self._in_parallel(spans), strict=True):
            if span.offset > self.offset:
                if filled.blocks and filled.blocks[-1].rows:  # the list grew again meanwhile: the caller's loop goes on
                    self.total = filled.blocks[-1].total
                return
            for block in filled.blocks:
                await self._join(block)
                await asyncio.sleep(0)  # a thousand rows take 2 ms
            if filled.given_up:
                self._give_up()
            if self._ended:
                return

    async def _in_parallel(self, spans: list[Span]) -> list[Filled]:
        """The blocks of each span. A failure stops further calls; those under way are let finish, never cancelled."""
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
        while offset < span.end and self._calls_left():
            self.calls += 1
            block = await self._call(Span(offset, span.end - offset))
            if received and block.rows and block.ids() <= received[-1].ids():
                return Filled(received, given_up=True)
            received.append(block)
            offset = block.end
            if not block.rows or offset >= block.total:
                return Filled(received, given_up=offset < block.total)
        return Filled(received)

    async def _call(self, span: Span) -> Block:
        block = await self._fetch(span)
        self.least_total = block.total if self.least_total is None else min(self.least_total, block.total)
        return block

    async def _join(self, block: Block) -> None:
        """Add the block behind those before it.

        Rows slip through between two answers where some left the list in between, which its total shows, or where
        upstream ordered rows of equal start differently: then as many come twice. So they do where rows arrived, and
        only reading again tells the two apart.
        """
        before, self._joined_total, self.total = self._joined_total, block.total, block.total
        fallen, repeated = 0, len(block.ids() & self._ids)
        lacking = repeated
        if before is not None:
            fallen = max(0, before - block.total)
            lacking -= max(0, block.total - before)  # so many rows arrived, and pushed others down
        if fallen or repeated:
            self.shifted |= not await self._repaired(block, fallen, repeated, max(0, lacking))
        brings_new = self._take_up(block)
        self.lost += sum(row.interaction_id is None for row in block.rows)
        self.offset = max(self.offset, block.end) if block.rows else self.offset
        if lacking > 0 and not brings_new:
            self._give_up()

    def _take_up(self, block: Block) -> bool:
        """Add the rows of a block; whether any was not there before."""
        self.blocks.append(block)
        known = len(self._ids)
        self._ids |= block.ids()
        return len(self._ids) > known

    async def _repaired(self, block: Block, fallen: int, repeated: int, lacking: int) -> bool:
        """Read again around the beginning of `block`; whether nothing lacks then.

        Wider while the total goes on falling, and, where rows came twice, until what is read holds every row that
        shares its start with those at the boundary, or the `lacking` ones were found.
        """
        totals, is_unexplained = {block.total, block.total + fallen}, lacking > 0
        width = max(fallen, repeated + 1 if repeated else 0)
        for _ in range(MOST_REPAIRS):
            span = around(block.offset, width)
            if span is None or self._repairs == self._most_calls:
                return False
            self._repairs += 1
            again = await self._call(span)
            lacking -= len(again.ids() - self._ids - block.ids())
            self._take_up(again)
            self.total = again.total
            totals.add(again.total)
            spread = max(totals) - min(totals)
            holds_ties = not repeated or again.holds_ties_at(block.offset)
            is_found = lacking <= 0 if is_unexplained else holds_ties is None
            if spread <= width and (holds_ties or is_found):
                return True
            width = max(spread, width if spread > width else WIDER * width)
        return False

    def _give_up(self) -> None:
        self._ended = self.shifted = True
