"""Admission control: how many answers are made at once, and of how many cells, so that a crowd takes little memory."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from app.clock import Clock
from app.errors import Overloaded, RateLimited
from app.owners import Owners
from app.queries.query import View
from app.slots import Slots

MOST_ANSWERS, OF_ONE_OWNER = 4, 2  # made at once
MOST_WAITING = 1_000
MOST_CELLS = 1_000_000  # rows × columns that are made into answers at once, about 100 MB
CELLS_OF_A_LIST = 20  # a nested list in a row takes as much as so many columns
LIGHT_CELLS = 20_000  # so few wait for nobody
MOST_STREAMS, STREAMS_OF_ONE_OWNER = 8, 2  # under way: each holds a snapshot and makes answers until it ends
STREAM_RETRY_SECONDS = 30


class Admission:
    """Admits the making of answers: rows are selected for so many at once, encoding finishes what was begun."""

    def __init__(self, clock: Clock, wait_seconds: float) -> None:
        self.slots = Slots(MOST_ANSWERS, MOST_WAITING, clock.sleep, each=OF_ONE_OWNER, refuse=Overloaded)
        self._cells = WeightedSemaphore(MOST_CELLS, LIGHT_CELLS)
        self._wait_seconds = wait_seconds
        self._streams: Counter[str] = Counter()

    @contextmanager
    def streaming(self, owner: str) -> Iterator[None]:
        """Count a stream of this owner until the end of the block. Raises RateLimited, Overloaded: nobody waits."""
        if self._streams[owner] >= STREAMS_OF_ONE_OWNER:
            words = f"{STREAMS_OF_ONE_OWNER} of your streamed answers are under way: read one to its end first."
            raise RateLimited(words, retry_after_seconds=STREAM_RETRY_SECONDS)
        if self._streams.total() >= MOST_STREAMS:
            words = f"{MOST_STREAMS} streamed answers are under way: wait until one has ended, or ask page by page."
            raise Overloaded(words, retry_after_seconds=STREAM_RETRY_SECONDS)
        self._streams[owner] += 1
        try:
            yield
        finally:
            self._streams[owner] -= 1
            if not self._streams[owner]:
                del self._streams[owner]

    @property
    def streams(self) -> int:
        """The streams under way."""
        return self._streams.total()

    @asynccontextmanager
    async def selecting(self, view: View, rows: int, owners: Owners) -> AsyncIterator[None]:
        """Hold a slot and the cells of so many rows until the end of the block. Raises Overloaded."""
        give_back = await self.slots.take(self._wait_seconds, owners)
        try:
            async with self._cells.admitted(_cells(view, rows)):
                yield
        finally:
            give_back()

    def encoding(self, view: View, rows: int) -> AbstractAsyncContextManager[None]:
        """Hold the cells of so many rows until the end of the block, before all who wait to select theirs."""
        return self._cells.admitted(_cells(view, rows), first=True)


def _cells(view: View, rows: int) -> int:
    return rows * (len(view.columns) + CELLS_OF_A_LIST * len(view.include))


class WeightedSemaphore:
    """Admits work of at most `most` units at once; light work, of at most `light` units, does not wait.

    What waits is admitted in its order, except for work that comes `first`.
    """

    def __init__(self, most: int, light: int = 0) -> None:
        self._most = most
        self._light = light
        self._free = most
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def admitted(self, units: int, *, first: bool = False) -> AsyncIterator[None]:
        """Hold so many units until the end of the block; work beyond `most` waits until it is alone."""
        units = 0 if units <= self._light else min(units, self._most)
        if units:
            await self._admit(units, first=first)
        try:
            yield
        finally:
            self._give_back(units)

    async def _admit(self, units: int, *, first: bool) -> None:
        if units <= self._free and (first or not self._waiting):
            self._free -= units
            return
        turn = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)((units, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # admitted in the very turn in which it was given up
                self._give_back(units)
            raise

    def _give_back(self, units: int) -> None:
        self._free += units
        while self._waiting and self._waiting[0][0] <= self._free:
            units, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= units
                turn.set_result(None)
