"""Where stored values are kept: the three verbs of any store, and the one in memory."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from cachetools import LRUCache

from app.cache.stored import Stored

OVERHEAD_BYTES = 600  # what a key costs with an empty value: objects, links and table slots (FAULTS 2.5)


class Store(Protocol):
    """Keeps values by key; may forget any of them at any time, never serves one past its lifetime."""

    def get(self, key: bytes) -> Stored[Any] | None:
        """What is kept under `key` and still usable."""

    def put(self, key: bytes, stored: Stored[Any]) -> bool:
        """Keep `stored` in place of anything older; whether it is kept."""

    def delete(self, key: bytes) -> None:
        """Forget `key`, if it is known."""

    def __len__(self) -> int:
        """How many values are held."""

    @property
    def bytes_held(self) -> int:
        """What they cost, keys and overhead counted."""


class Held(NamedTuple):
    """A stored value and what it counts against the bound."""

    cost: int
    stored: Stored[Any]


def cost(key: bytes, stored: Stored[Any]) -> int:
    """Bytes that `stored` under `key` counts against the bound."""
    return len(key) + stored.size + OVERHEAD_BYTES


class MemoryStore:
    """Least recently used goes first, within a hard bound of bytes. For the event loop's thread only."""

    def __init__(self, bound_bytes: int, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._held: LRUCache[bytes, Held] = LRUCache(bound_bytes, getsizeof=lambda held: held.cost)

    def get(self, key: bytes) -> Stored[Any] | None:
        """What is kept under `key` and still usable; what is too old is deleted."""
        held = self._held.get(key)
        if held is None:
            return None
        if not held.stored.is_usable(self._monotonic()):
            del self._held[key]
            return None
        return held.stored

    def put(self, key: bytes, stored: Stored[Any]) -> bool:
        """Keep `stored`, unless what is held is newer or the bound too small; whether it is kept.

        A newer value that cannot be kept still drives out the older one, whose facts it has overtaken.
        """
        held = self._held.get(key)
        if held is not None and held.stored.stored_at > stored.stored_at:
            return False
        self.delete(key)
        newcomer = Held(cost(key, stored), stored)
        if not self._admits(newcomer):
            return False
        self._held[key] = newcomer
        return True

    def delete(self, key: bytes) -> None:
        """Forget `key`, if it is known."""
        self._held.pop(key, None)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes_held(self) -> int:
        """What all values held cost together; never above the bound."""
        return int(self._held.currsize)

    def _admits(self, newcomer: Held) -> bool:
        # cachetools answers a value over the bound with ValueError.
        return newcomer.cost <= self._held.maxsize
