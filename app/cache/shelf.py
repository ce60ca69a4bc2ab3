"""A shelf: the values of one kind within a bound of bytes, the least recently used of which goes first."""

from collections import Counter
from typing import Any, NamedTuple

from cachetools import Cache, LRUCache

from app.cache.stored import Stored


class Held(NamedTuple):
    """A stored value and its own cost against the bound, without what it shares."""

    cost: int
    stored: Stored[Any]


class Shelf(LRUCache[bytes, Held]):
    """Values of one kind, of at most so many bytes, the parts they share among them."""

    def __init__(self, bound_bytes: int) -> None:
        super().__init__(bound_bytes, getsizeof=lambda held: held.cost)
        self.changes = 0
        self._holders: Counter[int] = Counter()  # of each part, by its identity
        self._shared_bytes = 0

    @property
    def bytes_held(self) -> int:
        """The cost of all values and of what they share."""
        return int(self.currsize) + self._shared_bytes

    def cost_of(self, newcomer: Held) -> int:
        """The bytes that it would add."""
        new = {id(part): part.size for part in newcomer.stored.shared if id(part) not in self._holders}
        return newcomer.cost + sum(new.values())

    def is_crowded_by(self, cost: int) -> bool:
        """Whether a value of this cost would exceed the bound."""
        return self.bytes_held + cost > self.maxsize

    def __setitem__(self, key: bytes, held: Held) -> None:
        if key in self:
            del self[key]
        super().__setitem__(key, held)
        self.changes += 1
        for part in held.stored.shared:
            if id(part) not in self._holders:
                self._shared_bytes += part.size
            self._holders[id(part)] += 1

    def __delitem__(self, key: bytes) -> None:
        held = Cache.__getitem__(self, key)
        super().__delitem__(key)
        self.changes += 1
        for part in held.stored.shared:
            self._holders[id(part)] -= 1
            if not self._holders[id(part)]:
                del self._holders[id(part)]
                self._shared_bytes -= part.size

    def clear(self) -> None:
        super().clear()
        self.changes += 1
        self._holders.clear()
        self._shared_bytes = 0
