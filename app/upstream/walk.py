"""Reading a list that moves meanwhile: blocks in parallel, gaps read again, every loop bounded (R11)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from app.cooperative import in_parallel
from app.slots import GiveBack
from app.upstream.query import MOST_ROWS_PER_CALL, RowRange, blocks
from app.upstream.rows import Held, Record, UpstreamRow

MOST_CALLS = 10  # of one reading, repairs aside
MOST_REPAIRS = 3  # calls that read again around one boundary
WIDER = 4  # times, where that was not enough

Fetch = Callable[[RowRange], Awaitable["UpstreamBlock"]]
Turn = Callable[[], Awaitable[GiveBack]]


@dataclass(frozen=True, slots=True)
class Position:
    """The place where a reading stopped and the next goes on: rows read of upstream's list, and the total last seen.

    `seen` are the ids of all rows read, of which `held` matched; `lost` counts rows that could not be read.
    `least_total` is the smallest total seen: at least so many distinct rows are there to be read. `last_start` is the
    start of the last row read, None where it is not known.
    """

    offset: int = 0
    total: int | None = None
    seen: frozenset[str] = frozenset()
    lost: int = 0
    least_total: int | None = None
    held: int = 0
    last_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one reading: `records` are new, checked, each there once, newest first.

    `offset`, the totals and `last_start` continue it in a `Position`. `complete`: the end of the list was reached.
    `shifted`: rows may be missing, as the list moved or fell short beyond repair. Of the `dropped` new rows, `lost`
    could not be read, and those with the ids `mismatched` did not match. `calls` counts the calls made, repairs aside.
    """

    records: tuple[Record | Held, ...]
    offset: int
    total: int
    complete: bool
    shifted: bool = False
    time_zone: str | None = None
    simulated: bool = False
    upstream_seconds: float = 0.0
    dropped: int = 0
    mismatched: frozenset[str] = frozenset()
    lost: int = 0
    least_total: int = 0
    last_start: datetime | None = None
    calls: int = 1


@dataclass(frozen=True, slots=True)
class UpstreamBlock:
    """The response to one call: its rows, the total it names, and its number in the order of arrival."""

    offset: int
    rows: tuple[UpstreamRow, ...]
    total: int
    arrival: int = 0

    @property
    def end(self) -> int:
        """The first row behind those received."""
        return self.offset + len(self.rows)

    def ids(self) -> set[str]:
        """The ids of its rows."""
        return {row.interaction_id for row in self.rows if row.interaction_id is not None}

    def holds_all_of(self, starts: set[datetime | None]) -> bool | None:
        """Whether the block holds every row of the list that starts at one of these times.

        None where a start is not known, as of rows that do not match.
        """
        if not self.rows:
            return self.end >= self.total
        first, last = self.rows[0].start, self.rows[-1].start
        known = [start for start in starts if start is not None]
        if first is None or last is None or len(known) < len(starts):
            return None
        return (self.offset == 0 or first > max(known)) and (self.end >= self.total or last < min(known))


class Filled(NamedTuple):
    """The blocks read for one range. `given_up`: upstream promises more, but sends nothing or the same rows again."""

    blocks: list[UpstreamBlock]
    given_up: bool = False


class Walk:
    """A reading of at most `most_calls` calls, and as many repairs; `offset` counts the rows read without a gap.

    `blocks` are in upstream's order. `total` is the number of rows by the last block, `least_total` the smallest named,
    `lost` the number of rows that could not be read. `shifted`: rows may be missing. A reading of more than one block
    waits for its `turn`.
    """

    def __init__(
        self,
        fetch: Fetch,
        position: Position,
        *,
        parallel: int,
        most_calls: int = MOST_CALLS,
        turn: Turn | None = None,
    ) -> None:
        self._fetch = fetch
        self._parallel = parallel
        self._turn = turn
        self._most_calls = most_calls
        self._ids = set(position.seen)
        self.lost = position.lost
        self._ended = False
        self._repairs = 0
        self.last_start = position.last_start
        self.least_total = position.least_total
        self.blocks: list[UpstreamBlock] = []
        self.calls = 0
        self.offset = position.offset
        self.total = self._joined_total = position.total
        self.shifted = False

    @property
    def complete(self) -> bool:
        """Whether the end of the list was reached, or given up."""
        return self._ended or (self.total is not None and self.offset >= self.total)

    async def read(self, rows: int, most: int) -> None:
        """Read whole blocks until `rows` rows are read or the list ends, and none past row `most`.

        The first block of a list goes alone: its total tells how many there are. Raises as `fetch` does.
        """
        if self.total is None:
            await self._fetch_and_join(blocks(self.offset, rows, most)[:1])
        left = self._ranges_left(rows, most)
        is_long = left and self.calls + len(left) > 1
        give_back = await self._turn() if self._turn and is_long else None
        try:
            while left := self._ranges_left(rows, most):
                await self._fetch_and_join(left)
        finally:
            if give_back:
                give_back()
        if self.complete and len(self._ids) + self.lost < (self.least_total or 0):
            self.shifted = True

    def _ranges_left(self, rows: int, most: int) -> list[RowRange]:
        """The blocks still to be read, as far as calls are left."""
        if self.complete:
            return []
        return blocks(self.offset, min(rows, self.total or 0), most)[: self._most_calls - self.calls]

    async def _fetch_and_join(self, ranges: list[RowRange]) -> None:
        """Fetch `ranges` in parallel, then join them in order as far as they leave no hole."""
        fills = [partial(self._fill, wanted) for wanted in ranges]
        for wanted, filled in zip(ranges, await in_parallel(fills, self._parallel), strict=True):
            if wanted.offset > self.offset:
                if filled.blocks and filled.blocks[-1].rows:  # the list grew again meanwhile: the caller's loop goes on
                    self.total = filled.blocks[-1].total
                return
            for block in filled.blocks:
                await self._join(block)
                await asyncio.sleep(0)  # a thousand rows take 2 ms
            if filled.given_up:
                self._ended = self.shifted = True
            if self._ended:
                return

    async def _fill(self, wanted: RowRange) -> Filled:
        """The blocks that fill a range: upstream may cap silently, so a short block is read on from its end."""
        received: list[UpstreamBlock] = []
        offset = wanted.offset
        while offset < wanted.end and self.calls < self._most_calls:
            self.calls += 1
            block = await self._fetch_block(RowRange(offset, wanted.end - offset))
            if received and block.rows and block.ids() <= received[-1].ids():
                return Filled(received, given_up=True)
            received.append(block)
            offset = block.end
            if not block.rows or offset >= block.total:
                return Filled(received, given_up=offset < block.total)
        return Filled(received)

    async def _fetch_block(self, wanted: RowRange) -> UpstreamBlock:
        block = await self._fetch(wanted)
        self.least_total = block.total if self.least_total is None else min(self.least_total, block.total)
        return block

    async def _join(self, block: UpstreamBlock) -> None:
        """Append a block, after reading again around its beginning where rows may have slipped through.

        They slip through where rows left the list between two calls, which the total shows, or where upstream ordered
        rows of equal start differently: then as many come twice. Rows also come twice where others arrived, and only
        reading again tells the two apart.
        """
        before, self._joined_total, self.total = self._joined_total, block.total, block.total
        fallen, repeated = 0, len(block.ids() & self._ids)
        lacking = repeated
        if before is not None:
            fallen = max(0, before - block.total)
            lacking -= max(0, block.total - before)  # so many rows arrived, and pushed others down
        if fallen or repeated:
            self.shifted |= not await self._repair(block, fallen, repeated, max(0, lacking))
        brings_new = self._append(block)
        self.last_start = block.rows[-1].start if block.rows else self.last_start
        self.lost += sum(row.interaction_id is None for row in block.rows)
        self.offset = max(self.offset, block.end) if block.rows else self.offset
        if lacking > 0 and not brings_new:
            self._ended = self.shifted = True

    def _append(self, block: UpstreamBlock) -> bool:
        """Append a block; whether it holds any new row."""
        self.blocks.append(block)
        known = len(self._ids)
        self._ids |= block.ids()
        return len(self._ids) > known

    async def _repair(self, block: UpstreamBlock, fallen: int, repeated: int, lacking: int) -> bool:
        """Read again around the beginning of `block`; whether no row is missing then.

        Wider while the total goes on falling, and until the rows read hold every row that starts at the same time as
        those that met at the boundary; where none have left, until the `lacking` rows were found.
        """
        totals, is_unexplained = {block.total, block.total + fallen}, lacking > 0
        starts = {self.last_start, *[row.start for row in block.rows[:1]]}
        width = 1 + max(fallen, repeated)
        for _ in range(MOST_REPAIRS):
            wanted = around(block.offset, width)
            if wanted is None or self._repairs == self._most_calls:
                return False
            self._repairs += 1
            again = await self._fetch_block(wanted)
            lacking -= len(again.ids() - self._ids - block.ids())
            self._append(again)
            self.total = again.total
            totals.add(again.total)
            spread = max(totals) - min(totals)
            holds_ties = again.holds_all_of(starts)
            is_found = lacking <= 0 and (holds_ties is None or (is_unexplained and len(totals) == 1))
            if spread <= width and (holds_ties or is_found):
                return True
            width = max(spread, width if spread > width else WIDER * width)
        return False


def around(offset: int, shift: int) -> RowRange | None:
    """The rows to read again where the total fell by `shift` between blocks that meet at `offset`; None if too many.

    Rows removed before the later response pulled rows up, to before `offset`. Of two calls under way at once the one
    before `offset` may be answered last: then rows that arrived pushed rows down, to behind it.
    """
    start = max(0, offset - shift)
    limit = offset + shift - start
    return RowRange(start, limit) if limit <= MOST_ROWS_PER_CALL else None


class Merged(NamedTuple):
    """Records of many blocks as one list, and the ids of rows that do not match."""

    records: tuple[Record | Held, ...]
    mismatched: frozenset[str]


def merge(received: Iterable[UpstreamBlock], seen: frozenset[str]) -> Merged:
    """Each id once, at its first place, with the content that arrived last (R11); ids in `seen` are skipped."""
    held: dict[str, tuple[int, Record | Held | None]] = {}
    for block in received:
        for name, record in block.rows:
            if name is not None and name not in seen and (name not in held or held[name][0] < block.arrival):
                held[name] = block.arrival, record
    return Merged(
        tuple(record for _, record in held.values() if record is not None),
        frozenset(name for name, (_, record) in held.items() if record is None),
    )
