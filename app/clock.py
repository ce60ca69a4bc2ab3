"""Time as an argument: the system's own in `main.py`, a hand-cranked one in tests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic seconds for ages and lifetimes, aware UTC for dates, and the sleep that goes with them."""

    monotonic: Callable[[], float]
    wall: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
