"""A bound on the flights each owner may have under way, so that nobody fills the queue for all (FAULTS §3)."""

from collections import Counter
from collections.abc import Callable

from app.errors import RateLimited

MOST = 500  # half of the calls that may wait for upstream


class Shares:
    """Counts the flights each owner has under way; flights without an owner have no bound."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    def take(self, owner: str | None) -> Callable[[object], None]:
        """Count a flight; the returned function ends the count. Raises RateLimited above the bound."""
        if owner is None:
            return lambda _: None
        if self._under_way[owner] >= self._most:
            raise RateLimited("Too many of your requests are being fetched already.", retry_after_seconds=1)
        self._under_way[owner] += 1
        return lambda _: self._give_back(owner)

    def _give_back(self, owner: str) -> None:
        self._under_way[owner] -= 1
        if not self._under_way[owner]:
            del self._under_way[owner]
