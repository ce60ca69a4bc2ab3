"""Whether a stored value may answer, and the facts of how a request was answered."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from app.cache.stored import Stored

Fwd = Literal["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"]  # RFC 9211 §2.2


class Standing(Enum):
    """What a lookup means for the request at hand."""

    FRESH = "fresh"
    STALE = "stale"
    MISS = "miss"


def decide(stored: Stored[Any] | None, now: float) -> Standing:
    """Fresh, stale within its bound, or a miss: nothing stored or too old (FAULTS 1.1). `now` is monotonic seconds."""
    if stored is None or not stored.is_usable(now):
        return Standing.MISS
    return Standing.FRESH if stored.is_fresh(now) else Standing.STALE


@dataclass(frozen=True, slots=True)
class Reuse:
    """The one record of how a request was answered: header, log line and metric are written from it.

    `fwd` says why upstream was asked; `collapsed`, that another caller's fetch was joined; `ttl` is seconds of
    freshness left, negative when stale; `age` is seconds.
    """

    hit: bool
    fwd: Fwd | None = None
    stored: bool = False
    collapsed: bool = False
    ttl: float | None = None
    age: float = 0.0
    detail: str | None = None

    def __post_init__(self) -> None:
        """Refuse contradictions (RFC 9211 §2): a hit was not forwarded; only what was is stored or collapsed."""
        if self.hit and self.fwd is not None:
            raise ValueError("hit and fwd exclude each other")
        if self.fwd is None and (self.stored or self.collapsed):
            raise ValueError("stored and collapsed speak of a forwarded request")
