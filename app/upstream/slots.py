"""How many calls may be under way: our own places before the pool, so that nothing waits inside the HTTP library."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from app.errors import UpstreamBusy


class Slots:
    """Places for calls. One is taken for a call and given back when that call has ended, whoever still waits for it.

    Who has a caller waiting goes first, whoever came first.
    """

    def __init__(self, size: int, queue: int, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._size = size
        self._free = size
        self._queue = queue
        self._sleep = sleep
        self._foreground: deque[asyncio.Future[None]] = deque()
        self._background: deque[asyncio.Future[None]] = deque()

    @property
    def used(self) -> int:
        """Places taken."""
        return self._size - self._free

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._foreground) + len(self._background)

    async def take(self, most_seconds: float, *, background: bool = False) -> None:
        """Wait for a place. Raises UpstreamBusy after `most_seconds`, and at once if too many wait already."""
        if self._free:
            self._free -= 1
            return
        if self.waiting >= self._queue:
            raise UpstreamBusy("Too many calls wait for the upstream already.")
        queue = self._background if background else self._foreground
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        bound = asyncio.ensure_future(self._sleep(most_seconds))
        try:
            await asyncio.wait({place, bound}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done():  # given in the very turn in which the call was given up
                self.give_back()
            raise
        finally:
            bound.cancel()
            if not place.done():
                queue.remove(place)
        if not place.done():
            raise UpstreamBusy("Every call the upstream may be asked at once is taken.")

    def give_back(self) -> None:
        """Free one place, or hand it to who is next."""
        queue = self._foreground or self._background
        if queue:
            queue.popleft().set_result(None)
        else:
            self._free += 1
