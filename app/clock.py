"""Time as an argument: the system's own clock in `main.py` and the commands, a hand-cranked one in tests."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic seconds for ages and lifetimes, aware UTC for dates, and the sleep that goes with them."""

    monotonic: Callable[[], float]
    wall: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]


SYSTEM_CLOCK = Clock(time.monotonic, lambda: datetime.now(UTC), asyncio.sleep)
