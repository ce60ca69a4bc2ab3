"""A gate that stays closed for a while, and for twice as long if it has to be closed again."""

from collections.abc import Callable

AWAKE_SECONDS = 0.001  # a sleep until it opens may end so much too early


class Gate:
    """Closed for `first` seconds, doubling up to `most` until it is `reset`.

    Answers that were under way when it closed may close it again: they only prolong it, they do not double.
    """

    def __init__(self, first: float, most: float, monotonic: Callable[[], float]) -> None:
        self._first = first
        self._most = most
        self._monotonic = monotonic
        self._next = first
        self._until = float("-inf")

    def close(self, seconds: float | None = None) -> None:
        """Close it for `seconds`, or as often before as its own times say."""
        is_closed = self.left() > 0
        if seconds is None and is_closed:
            return
        if seconds is None:
            seconds, self._next = self._next, min(2 * self._next, self._most)
        self._until = max(self._until, self._monotonic() + seconds)

    def left(self) -> float:
        """Seconds until it opens, 0 where it is open."""
        left = self._until - self._monotonic()
        return left if left > AWAKE_SECONDS else 0.0

    def reset(self) -> None:
        """All is well: begin with `first` again. A gate that is closed stays so."""
        self._next = self._first

    def open(self) -> None:
        """Open it now."""
        self.reset()
        self._until = float("-inf")
