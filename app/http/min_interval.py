"""Acts that must not be done too often, whoever asks for them (FAULTS T28)."""

import math
from collections.abc import Callable

from app.errors import RateLimited


class MinInterval:
    """One act in so many `seconds`; `monotonic` gives the time."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._free_at = -math.inf

    def take(self) -> None:
        """Do the act now. Raises RateLimited with the time until it may be done."""
        now = self._monotonic()
        if now < self._free_at:
            raise RateLimited("This was done a moment ago.", retry_after_seconds=self._free_at - now)
        self._free_at = now + self._seconds
