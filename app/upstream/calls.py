"""Calls as tasks that outlive their waiters: one cancelled while it connects costs the HTTP library a slot for ever."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.upstream.bodies import Answer

LAST_SECONDS = 2.0


class Calls:
    """The calls under way."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Answer]] = set()

    async def run(self, call: Coroutine[Any, Any, Answer], ended: Callable[[], None] = lambda: None) -> Answer:
        """What the call gives or raises. Should the waiter leave, it goes on alone; `ended` is called at its end."""
        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(self._discard)
        task.add_done_callback(lambda _: ended())
        return await asyncio.shield(task)

    def _discard(self, task: asyncio.Task[Answer]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    async def finish(self) -> None:
        """Let what is under way end, for LAST_SECONDS at most; the rest is cancelled, its connections close anyway."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
