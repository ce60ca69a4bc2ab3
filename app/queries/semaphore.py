"""A weighted semaphore: how much may be made at once, so that a crowd takes no more memory than a few."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


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
