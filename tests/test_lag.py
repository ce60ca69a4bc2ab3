"""The lag of the event loop is what anything else has to wait."""

import asyncio

from app.lag import EVERY_SECONDS, Lag
from app.metrics import Timing

HELD_SECONDS = 0.03


class Heard(Timing):
    """Tells when something was noted."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        super().__init__(bounds)
        self.heard = asyncio.Event()

    def took(self, seconds: float, times: int = 1) -> None:
        super().took(seconds, times)
        self.heard.set()


async def test_a_loop_that_is_held_is_late_by_as_much() -> None:
    loop, timing = asyncio.get_running_loop(), Heard(())
    lag = Lag(timing)
    until = loop.time() + EVERY_SECONDS + HELD_SECONDS
    while loop.time() < until:
        pass
    await timing.heard.wait()
    lag.stop()
    assert timing.seconds >= HELD_SECONDS * 0.9
    assert timing.counts == [1]


async def test_once_stopped_it_looks_no_more() -> None:
    lag = Lag(Timing(()))
    lag.stop()
    assert lag._handle.cancelled()
