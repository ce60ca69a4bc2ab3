"""The store: the memory that holds stored values by their keys.

Four kinds of value share one bound of bytes. *Primary* ones were fetched; they may fill nine tenths. *Derived* ones
can be made again from primary ones, without asking upstream; they have what the others leave. *Rows*, those of some
records as answers show them, may fill a quarter; *tallies*, what summaries counted of some records, a twentieth. In
each kind the least recently used goes first; of derived values and rows, those that take more.

Rows that are in use make no room for other rows: where polls show more than fits, each would go before it is shown
again, and none be found.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from cachetools import Cache, LRUCache

from app.cache.shelf import Held, Parts, Shelf
from app.cache.stored import Stored

ValueKind = Literal["primary", "derived", "rows", "tally"]

OVERHEAD_BYTES = 600  # what a key costs with an empty value: objects, links and table slots (FAULTS 2.5)
MOST = 10  # a value over one tenth of the bound is served but not kept; so much is also left to derived ones
ROWS, TALLIES = 4, 20  # a quarter and a twentieth of the bound
IN_USE_SECONDS = 90.0  # rows used within them: many boards poll once a minute
LARGE = 100  # one over a hundredth has to pass the doorkeeper
OFFERS_REMEMBERED = 1_000
SWEPT_AT_ONCE = 8  # keys looked at by each `put`: a round through the store takes an eighth as many puts as it has keys

T = TypeVar("T")


class MemoryStore:
    """A store within a hard bound of bytes. For the event loop's thread only.

    Parts that values share are counted once, for as long as one of these values is held.

    A scan of large values would drive out what is in use. So a large one that needs the room of others is kept only if
    it was offered before, or takes the place of what is held: the doorkeeper of TinyLFU.
    """

    def __init__(self, bound_bytes: int, monotonic: Callable[[], float]) -> None:
        self._bound = bound_bytes
        self._monotonic = monotonic
        parts = Parts(2)
        self._primary = Shelf(bound_bytes - bound_bytes // MOST, parts, 0)
        self._derived = Shelf(bound_bytes, parts, 1)
        self._rows = Shelf(bound_bytes // ROWS)
        self._tallies = Shelf(bound_bytes // TALLIES)
        self._shelves: dict[ValueKind, Shelf] = {
            "derived": self._derived,
            "primary": self._primary,
            "rows": self._rows,
            "tally": self._tallies,
        }
        self._offered: LRUCache[bytes, None] = LRUCache(OFFERS_REMEMBERED)
        self._unswept: list[bytes] = []
        self._cleared_at = -math.inf
        self.evictions = 0  # values that had to make room

    def get(self, key: bytes, kind: ValueKind | None = None) -> Stored[Any] | None:
        """The value under `key`, of that kind alone where it is known, if it is still usable.

        A value too old is deleted.
        """
        shelves = (self._shelves[kind],) if kind else self._shelves.values()
        held = next((held for shelf in shelves if (held := shelf.get(key))), None)
        if held is None:
            return None
        now = self._monotonic()
        if not held.stored.is_usable(now):
            self.delete(key)
            return None
        held.used_at = now
        return held.stored

    def put(
        self, key: bytes, stored: Stored[Any], *, kind: ValueKind = "primary", known_as: bytes | None = None
    ) -> bool:
        """Keep `stored`, unless a newer value is held, it is too large or not admitted; returns whether it is kept.

        A newer value that cannot be kept still drives out the older one, whose facts it has overtaken; a longer one of
        the same age does not.
        """
        self.sweep()
        if stored.purge_token.purged:
            return False
        older, newcomer = self._peek(key), Held(len(key) + stored.size + OVERHEAD_BYTES, stored, self._monotonic())
        if stored.stored_at < (older.stored_at if older else self._cleared_at):
            return False
        shelf = self._shelves[kind]
        kept = self._admits(key, known_as or key, newcomer, shelf)
        if older and (kept or older.stored_at < stored.stored_at):
            self.delete(key)
        if kept:
            self._make_room(newcomer, shelf)
            shelf[key] = newcomer
        return kept

    def delete(self, key: bytes) -> None:
        """Forget `key`, if it is known."""
        self._shelf_of(key).pop(key, None)

    def clear(self) -> None:
        """Forget everything; values whose fetch began before now, and values derived from them, are refused later."""
        for shelf in self._shelves.values():
            shelf.clear()
        self._unswept.clear()
        self._cleared_at = self._monotonic()

    def values(self, *kinds: ValueKind) -> Iterator[Stored[Any]]:
        """The values of these kinds; the look does not count as their use."""
        for shelf in (self._shelves[kind] for kind in kinds):
            for key in [*shelf]:
                if key in shelf:  # others may have their turn between two of them
                    yield Cache.__getitem__(shelf, key).stored

    def drop_purged(self) -> Iterator[None]:
        """Forget purged values, so that no copy of purged data is left (FAULTS T29)."""
        for key in self._keys():
            stored = self._peek(key)
            if stored and stored.purge_token.purged:
                self.delete(key)
            yield

    def sweep(self, keys: int = SWEPT_AT_ONCE) -> None:
        """Delete values too old among the next `keys` keys; every key has its turn within two rounds (FAULTS T29)."""
        now = self._monotonic()
        for _ in range(min(keys, max(len(self), len(self._unswept)))):
            self._unswept = self._unswept or self._keys()
            key = self._unswept.pop()
            stored = self._peek(key)
            if stored and not stored.is_usable(now):
                self.delete(key)

    def __len__(self) -> int:
        return sum(map(len, self._shelves.values()))

    @property
    def changes(self) -> int:
        """How often a fetched value came or went: while it is the same, so are they."""
        return self._primary.changes

    def count(self, kind: ValueKind) -> int:
        """The number of values of a kind."""
        return len(self._shelves[kind])

    @property
    def bytes_held(self) -> int:
        """The cost of all values, never above the bound."""
        return sum(shelf.bytes_held for shelf in self._shelves.values())

    def may_hold(self, size: int) -> bool:
        """Whether fetched values of so many bytes, taken together, would leave room enough for all else."""
        return size <= self._bound - self._bound * 2 // MOST

    @property
    def has_room(self) -> bool:
        """Whether the store has room for a value of the largest size without an eviction."""
        most = self._bound // MOST
        return most <= self._bound - self.bytes_held and not self._primary.is_crowded_by(most)

    def _keys(self) -> list[bytes]:
        return [key for shelf in self._shelves.values() for key in shelf]

    def _shelf_of(self, key: bytes) -> Shelf:
        """The shelf that holds the key; any, where none does."""
        return next((shelf for shelf in self._shelves.values() if key in shelf), self._primary)

    def _peek(self, key: bytes) -> Stored[Any] | None:
        """The value under `key`; the look does not count as its use."""
        shelf = self._shelf_of(key)
        return Cache.__getitem__(shelf, key).stored if key in shelf else None

    def _admits(self, key: bytes, known_as: bytes, newcomer: Held, shelf: Shelf) -> bool:
        cost = shelf.cost_of(newcomer)
        if cost * MOST > self._bound:
            return False
        if shelf is self._rows and not self._clear_idle_rows(cost):
            return False
        if cost * LARGE <= self._bound:
            return True
        is_known = any(each in self._shelf_of(each) for each in (key, known_as)) or known_as in self._offered
        self._offered[known_as] = None
        return is_known or self._is_room(newcomer, shelf)

    def _clear_idle_rows(self, cost: int) -> bool:
        """Evict rows that nobody uses any more until others of this cost have room; False if they have none."""
        since = self._monotonic() - IN_USE_SECONDS
        while self._rows.is_crowded_by(cost):
            if not self._rows.drop_idle(since):
                return False
            self.evictions += 1
        return True

    def _is_room(self, newcomer: Held, shelf: Shelf) -> bool:
        cost = shelf.cost_of(newcomer)
        return cost <= self._bound - self.bytes_held and not shelf.is_crowded_by(cost)

    def _make_room(self, newcomer: Held, shelf: Shelf) -> None:
        """Evict from the shelf where that is too full itself, else what was made of others, then what was fetched."""
        while not self._is_room(newcomer, shelf) and len(self):
            is_crowded = shelf.is_crowded_by(shelf.cost_of(newcomer))
            made = max(self._derived, self._rows, key=lambda one: one.bytes_held)
            crowded = shelf if is_crowded else made or self._primary or self._tallies
            crowded.popitem()
            self.evictions += 1


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """Values that are made of parts of a stored one, by keys that tell the part; each lives, and is purged, with it."""

    store: MemoryStore
    home: Stored[Any]
    kind: ValueKind

    def get(self, key: bytes) -> T | None:
        """The value that is kept under the key."""
        stored: Stored[T] | None = self.store.get(key, self.kind)
        return stored.value if stored else None

    def keep(self, key: bytes, value: T, size: int) -> None:
        """Keep a value of so many bytes."""
        self.store.put(key, self.home.holding(value, size), kind=self.kind)
