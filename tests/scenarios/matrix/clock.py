"""The matrix's clock: turned by hand, but for the pauses before a retry, which pass by themselves."""

import asyncio

from tests.support.clock import HandClock
from tests.support.simulator import ANCHOR

NEAR_SECONDS = 0.01


class PassingClock(HandClock):
    """A sleep under a second moves the clock on by itself; longer ones are noted in `asked`, and wait for the test."""

    def __init__(self) -> None:
        super().__init__(wall=ANCHOR)
        self.asked: list[float] = []
        self._noted = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """See above."""
        if 0 < seconds < 1:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        self.asked.append(seconds)
        self._noted.set()
        await super().sleep(seconds)

    async def asleep_for(self, seconds: float, since: int) -> None:
        """Wait until somebody has asked to sleep for about so long, not counting the first `since` who asked."""
        while not any(abs(asked - seconds) < NEAR_SECONDS for asked in self.asked[since:]):
            self._noted.clear()
            await self._noted.wait()
