"""How late the event loop comes: the time anything else has to wait for its turn."""

import asyncio

from app.metrics import Timing

EVERY_SECONDS = 0.25


class Lag:
    """Has the running loop call it, and notes in `timing` by how much it was late; ends by `stop`.

    It reads the loop's own clock: the application's may stand still, or be moved.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._handle = self._again()

    def stop(self) -> None:
        """Be called no more."""
        self._handle.cancel()

    def _again(self) -> asyncio.TimerHandle:
        self._due = self._loop.time() + EVERY_SECONDS
        return self._loop.call_at(self._due, self._called)

    def _called(self) -> None:
        self._timing.took(max(0.0, self._loop.time() - self._due))
        self._handle = self._again()
