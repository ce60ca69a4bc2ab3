"""Counting what happened in the last seconds, in a bounded number of buckets."""

from collections import deque
from collections.abc import Callable

BUCKETS = 10


class Window:
    """How often something happened in the last `seconds` of the monotonic clock, to a tenth of them."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._bucket = seconds / BUCKETS
        self._monotonic = monotonic
        self._counts: deque[list[int]] = deque()  # number of the bucket, and what happened in it

    def add(self) -> None:
        """It happened."""
        number = self._number()
        if not self._counts or self._counts[-1][0] != number:
            self._counts.append([number, 0])
        self._counts[-1][1] += 1
        self._forget()

    def count(self) -> int:
        """How often it happened."""
        self._forget()
        return sum(count for _, count in self._counts)

    def clear(self) -> None:
        """Begin again."""
        self._counts.clear()

    def _number(self) -> int:
        return int(self._monotonic() // self._bucket)

    def _forget(self) -> None:
        oldest = self._number() - BUCKETS
        while self._counts and self._counts[0][0] <= oldest:
            self._counts.popleft()
