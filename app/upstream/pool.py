"""The pool of connections in use, and the watchdog that gives one up whose places were lost (FAULTS §2.4).

The HTTP library loses a place for ever where a call is cancelled while it connects. Nothing here does that; should it
happen all the same, calls time out though fewer are under way than there are places.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from app.clock import Clock
from app.observe.lines import POOL_REPLACED
from app.observe.metrics import Metrics
from app.upstream.limits import Limits
from app.upstream.window import Window


class Closable(Protocol):
    """What has connections to close."""

    async def aclose(self) -> None: ...


C = TypeVar("C", bound=Closable)
logger = logging.getLogger("cxfacade.upstream")


class Watchdog:
    """Barks where so many calls found no place in the pool, at most once in `pool_rest_seconds`."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._lost = Window(limits.window_seconds, monotonic)
        self._rests_until = float("-inf")

    def should_replace_pool(self) -> bool:
        """A call found no place in the pool; whether the pool is to be given up."""
        self._lost.add()
        if self._lost.count() < self._limits.lost_slots or self._monotonic() < self._rests_until:
            return False
        self._rests_until = self._monotonic() + self._limits.pool_rest_seconds
        self._lost.clear()
        return True


class Pool(Generic[C]):
    """The client in use. One that is given up is closed once nothing can be under way in it any more."""

    def __init__(self, build: Callable[[], C], life_seconds: float, limits: Limits, clock: Clock, metrics: Metrics):
        self._build = build
        self._life_seconds = life_seconds
        self._clock = clock
        self._metrics = metrics
        self._watchdog = Watchdog(limits, clock.monotonic)
        self._retired: dict[C, asyncio.Task[None]] = {}
        self.client = build()

    def lost_place(self) -> None:
        """A call found no place, though there should have been one."""
        if not self._watchdog.should_replace_pool():
            return
        logger.error(POOL_REPLACED)
        self._metrics.count("upstream_pools_replaced")
        retired, self.client = self.client, self._build()
        self._retired[retired] = asyncio.create_task(self._close_later(retired))

    async def _close_later(self, retired: C) -> None:
        await self._clock.sleep(self._life_seconds)
        await retired.aclose()
        del self._retired[retired]

    async def aclose(self) -> None:
        """Close the client in use and those given up."""
        for task in self._retired.values():
            task.cancel()
        for client in (self.client, *self._retired):
            await client.aclose()
