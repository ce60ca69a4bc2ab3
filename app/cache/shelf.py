"""A shelf: the values of one kind within a bound of bytes, the least recently used of which goes first."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from cachetools import Cache, LRUCache

from app.cache.stored import Shared, Stored


@dataclass(slots=True)
class Held:
    """A stored value, its own cost against the bound, without what it shares, and when it was used last (monotonic)."""

    cost: int
    stored: Stored[Any]
    used_at: float = 0.0


class Parts:
    """The parts that values of several shelves share; each counts once, on the first of the shelves that hold it."""

    def __init__(self, shelves: int = 1) -> None:
        self.bytes = [0] * shelves
        self._holders = [Counter[int]() for _ in range(shelves)]  # of each part, by its identity

    def size_of(self, parts: tuple[Shared, ...], shelf: int) -> int:
        """The bytes that these would add to a shelf."""
        before = self._holders[: shelf + 1]
        return sum({id(one): one.size for one in parts if not any(id(one) in held for held in before)}.values())

    def add(self, parts: tuple[Shared, ...], shelf: int) -> None:
        """One value more of the shelf holds these."""
        holders = self._holders[shelf]
        for part in parts:
            if not holders[id(part)]:
                self._count(part, shelf, 1)
            holders[id(part)] += 1

    def remove(self, parts: tuple[Shared, ...], shelf: int) -> None:
        """One value less of the shelf holds these."""
        holders = self._holders[shelf]
        for part in parts:
            holders[id(part)] -= 1
            if not holders[id(part)]:
                del holders[id(part)]
                self._count(part, shelf, -1)

    def _count(self, part: Shared, shelf: int, times: int) -> None:
        """Count a part that comes to a shelf, or leaves it: on the next one that holds it, it counts the other way."""
        if any(id(part) in before for before in self._holders[:shelf]):
            return
        self.bytes[shelf] += times * part.size
        for number, held in enumerate(self._holders[shelf + 1 :], shelf + 1):
            if id(part) in held:
                self.bytes[number] -= times * part.size
                return


class Shelf(LRUCache[bytes, Held]):
    """Values of one kind, of at most so many bytes, with the `parts` that count on the shelf of this number."""

    def __init__(self, bound_bytes: int, parts: Parts | None = None, number: int = 0) -> None:
        super().__init__(bound_bytes, getsizeof=lambda held: held.cost)
        self.changes = 0
        self._parts = parts or Parts()
        self._number = number

    @property
    def bytes_held(self) -> int:
        """The cost of all values and of what they share."""
        return int(self.currsize) + self._parts.bytes[self._number]

    def cost_of(self, newcomer: Held) -> int:
        """The bytes that it would add."""
        return newcomer.cost + self._parts.size_of(newcomer.stored.shared, self._number)

    def is_crowded_by(self, cost: int) -> bool:
        """Whether a value of this cost would exceed the bound."""
        return self.bytes_held + cost > self.maxsize

    def drop_idle(self, since: float) -> bool:
        """Drop the least recently used value; False if it was used `since` then: it stays, and is looked at last."""
        key, held = self.popitem()
        if held.used_at >= since:
            self[key] = held
        return held.used_at < since

    def __setitem__(self, key: bytes, held: Held) -> None:
        if key in self:
            del self[key]
        super().__setitem__(key, held)
        self.changes += 1
        self._parts.add(held.stored.shared, self._number)

    def __delitem__(self, key: bytes) -> None:
        held = Cache.__getitem__(self, key)
        super().__delitem__(key)
        self.changes += 1
        self._parts.remove(held.stored.shared, self._number)

    def clear(self) -> None:
        for key in self:
            self._parts.remove(Cache.__getitem__(self, key).stored.shared, self._number)
        super().clear()
        self.changes += 1
