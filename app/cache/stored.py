"""Stored values: how long each is fresh and then usable, and the token by which a purge reaches it."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Shared(Protocol):
    """A part that several values may hold; it is told from others by identity."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...


@dataclass(slots=True, weakref_slot=True, eq=False)
class PurgeToken:
    """Tells whether facts still count; shared by a fetched value and by all values made of it.

    So a purge reaches values that are stored and values that are still on their way to the store (RFC 9111 §4.4).
    `question_key` is the key of the question that the facts answer. `superseded`: newer facts answer it. `extended`:
    more was read of the same snapshot.
    """

    question_key: bytes = b""
    purged: bool = False
    superseded: bool = False
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """An immutable value, its size in bytes, when its facts were received, and how long it is fresh and then usable.

    `stored_at` is a monotonic time, the others are seconds: fresh while age ≤ `fresh_for`, then stale for `stale_for`
    more. For the first `revalidate_for` of these, none unless said, it is served at once and refreshed behind; from
    then on it only covers failures (FAULTS 1.1, RFC 5861). `size` is without the parts that are `shared`.
    """

    value: T
    size: int
    stored_at: float
    fresh_for: float
    stale_for: float
    purge_token: PurgeToken = field(default_factory=PurgeToken, compare=False, repr=False)
    revalidate_for: float = 0.0
    shared: tuple[Shared, ...] = field(default=(), compare=False, repr=False)

    def holding(self, value: U, size: int) -> "Stored[U]":
        """Another value with the lifetimes and the purge token of this one."""
        return Stored(
            value, size, self.stored_at, self.fresh_for, self.stale_for, self.purge_token, self.revalidate_for
        )

    def age(self, now: float) -> float:
        """Seconds since the facts were received, never negative (FAULTS T60)."""
        return max(0.0, now - self.stored_at)

    def time_left(self, now: float) -> float:
        """Seconds of freshness left; negative once stale."""
        return self.fresh_for - self.age(now)

    def is_fresh(self, now: float) -> bool:
        """Whether the value may be served without asking upstream."""
        return self.time_left(now) >= 0

    def is_current(self, now: float) -> bool:
        """Whether the value is fresh, and no newer facts are known."""
        return self.is_fresh(now) and not self.purge_token.superseded

    def may_be_revalidated(self, now: float) -> bool:
        """Whether the value may be served without waiting for upstream: fresh, or stale within `revalidate_for`."""
        return self.time_left(now) + self.revalidate_for >= 0

    def is_usable(self, now: float) -> bool:
        """Whether the value may be served at all: fresh, or stale within its bound, and not purged."""
        return not self.purge_token.purged and now - self.stored_at <= self.fresh_for + self.stale_for
