"""A clock that stands still until the test turns it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

from app.clock import Clock


class HandClock:
    """Monotonic seconds, wall time and sleep that move only by `advance` and `step`."""

    def __init__(self, monotonic: float = 1_000.0, wall: datetime = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)) -> None:
        self.monotonic = monotonic
        self.wall = wall
        self.clock = Clock(monotonic=lambda: self.monotonic, wall=lambda: self.wall, sleep=self.sleep)
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._fell_asleep = asyncio.Event()

    @property
    def sleepers(self) -> int:
        """How many sleep now."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Sleep until the monotonic time has moved on by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.monotonic + seconds, next(self._order), sleeper))
        self._fell_asleep.set()
        await sleeper

    async def asleep(self, sleepers: int = 1) -> None:
        """Wait until at least so many sleep: then `advance` finds them."""
        while self.sleepers < sleepers:
            self._fell_asleep.clear()
            await self._fell_asleep.wait()

    def advance(self, seconds: float) -> None:
        """Move both times on, waking sleepers in the order of their times."""
        self.step(monotonic=seconds, wall=seconds)

    def step(self, *, monotonic: float = 0.0, wall: float = 0.0) -> None:
        """Move one of the times alone; the wall may go back. The woken run when the test next awaits."""
        self.monotonic += monotonic
        self.wall += timedelta(seconds=wall)
        while self._sleepers and self._sleepers[0][0] <= self.monotonic:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
