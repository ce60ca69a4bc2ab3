"""An event loop whose clock can be turned on: timers fall due without anybody waiting for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

TURNS = 200  # of the loop: enough for every callback that is ready, and those these make ready, to have run


class TurnedLoop(asyncio.SelectorEventLoop):
    """The system's monotonic clock, in seconds, and what it was turned on by."""

    turned = 0.0

    def time(self) -> float:
        """Seconds, as every timer of this loop counts them."""
        return super().time() + self.turned


async def settle() -> None:
    """Return when nobody can go on without a timer or an event from outside."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def pass_time(seconds: int) -> None:
    """Let so many seconds pass at once, one after the other, so that a poller polls and a lease ends in its order."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, TurnedLoop)
    for _ in range(seconds):
        loop.turned += 1.0
        await settle()


def run_turned(scene: Callable[[], Awaitable[T]]) -> T:
    """What `scene` gives, run in such a loop."""

    async def whole() -> T:
        return await scene()

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        return runner.run(whole())
