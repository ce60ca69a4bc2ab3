"""Quotas as token buckets: what is left of a bucket, and when there is more. Times in seconds."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from app.errors import RateLimited

MINUTE = 60.0


@dataclass(slots=True)
class Bucket:
    """A token bucket of `size` requests, filled again evenly within a minute. `at` is a monotonic time.

    Where other processes take from it too, some requests are `untold` to them, and `tokens` may be below 0.
    """

    size: int
    tokens: float
    at: float
    untold: int = 0

    def take(self, now: float) -> float:
        """Take a token; gives 0, or the seconds until there is one."""
        self._fill(now)
        if self.tokens < 1:
            return (1 - self.tokens) * MINUTE / self.size
        self.tokens -= 1
        self.untold += 1
        return 0.0

    def left(self) -> int:
        """The number of whole tokens that are left."""
        return max(0, math.floor(self.tokens))

    def limit(self, tokens: float, now: float) -> None:
        """Leave no more tokens than these."""
        self._fill(now)
        self.tokens = min(self.tokens, tokens)

    def more_in(self) -> int:
        """Seconds until there is one token more, rounded up."""
        return math.ceil((1 + self.left() - self.tokens) * MINUTE / self.size)

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self.at)
        self.tokens = min(self.size, self.tokens + passed * self.size / MINUTE)
        self.at = now


class Buckets:
    """A bucket for each of the names used last, `most` of them. A new bucket is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: dict[Hashable, Bucket] = {}

    def of(self, name: Hashable, size: int, now: float) -> Bucket:
        """The bucket called `name`; where its size has changed, it has what was left, as far as that fits."""
        bucket = self._buckets.pop(name, None) or Bucket(size, size, now)
        if bucket.size != size:
            bucket.size = size
            bucket.limit(size, now)
        self._buckets[name] = bucket
        if len(self._buckets) > self._most:
            del self._buckets[next(iter(self._buckets))]
        return bucket


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
