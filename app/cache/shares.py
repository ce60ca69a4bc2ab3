"""How many flights one owner may have under way: nobody fills the queue for all others (FAULTS §3)."""

from collections import Counter
from collections.abc import Callable

from app.errors import RateLimited

MOST = 500  # half of the calls that may wait for upstream


class Shares:
    """How many flights each owner has under way; flights without an owner have no bound."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._under_way: Counter[str] = Counter()

    def take(self, owner: str | None) -> Callable[[object], None]:
        """Count one more; what is returned counts it off again. Raises RateLimited where it would be too many."""
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
