"""How many calls may be under way: our own semaphore before the pool, so that nothing waits inside the HTTP library."""

import asyncio

from app.errors import UpstreamBusy

SLOT_WAIT_SECONDS = 8.0
MOST_WAITING = 1000


class Slots:
    """Places for calls. One is taken for a call and given back when that call has ended, whoever still waits for it."""

    def __init__(self, size: int) -> None:
        self._places = asyncio.Semaphore(size)
        self._waiting = 0

    async def take(self, most_seconds: float) -> None:
        """Wait for a place. Raises UpstreamBusy after `most_seconds` or SLOT_WAIT_SECONDS, at once if too many wait."""
        if self._waiting >= MOST_WAITING:
            raise UpstreamBusy("Too many calls wait for the upstream already.")
        self._waiting += 1
        try:
            async with asyncio.timeout(min(most_seconds, SLOT_WAIT_SECONDS)):
                await self._places.acquire()
        except TimeoutError:
            raise UpstreamBusy("Every call the upstream may be asked at once is taken.") from None
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Free one place."""
        self._places.release()
