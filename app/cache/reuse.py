"""The decision whether a stored value may answer a request, and the record of how it was answered."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from app.cache.stored import Stored

Fwd = Literal["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"]  # RFC 9211 §2.2
Outcome = Literal["fresh", "stale", "fetched", "collapsed", "none"]

JUST_RECEIVED_SECONDS = 5.0  # what is younger meets any min-fresh, else one beyond all lifetimes would always fetch


class Action(Enum):
    """The ways to answer a request."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh behind"
    FETCH = "fetch"
    REFUSE = "refuse: only-if-cached, and nothing acceptable is stored"


@dataclass(frozen=True, slots=True)
class Directives:
    """A request's limits on stored answers (RFC 9111 §5.2.1): seconds, None if absent. Any `max_stale` is infinite."""

    max_age: float | None = None
    max_stale: float | None = None
    min_fresh: float | None = None
    only_if_cached: bool = False


UNDIRECTED = Directives()


@dataclass(frozen=True, slots=True)
class Decision:
    """An action; for a fetch also its reason, and whether the stored value may answer should the fetch fail."""

    action: Action
    fwd: Fwd | None = None
    stale_if_error: bool = False

    @property
    def serves(self) -> bool:
        """Whether the stored value answers the request."""
        return self.action in (Action.SERVE, Action.SERVE_AND_REFRESH)


def decide(
    stored: Stored[Any] | None, now: float, directives: Directives = UNDIRECTED, *, is_failing: bool = False
) -> Decision:
    """Decide how to answer a request, given the value stored for it, at `now` (monotonic seconds).

    | stored      | acceptable to the client                                     | then               | otherwise      |
    |-------------|--------------------------------------------------------------|--------------------|----------------|
    | fresh       | age ≤ max-age, and fresh for min-fresh more                  | serve              | fetch, request |
    | stale       | age ≤ max-age, no min-fresh, past freshness by ≤ max-stale;  | serve, and refresh | fetch, stale   |
    |             | without max-stale: by ≤ `revalidate_for`, unless there is a  | behind             |                |
    |             | max-age                                                      |                    |                |
    | too old, or | –                                                            | –                  | fetch,         |
    | nothing     |                                                              |                    | uri-miss       |

    With only-if-cached, refuse instead of fetch. A failed fetch may be covered by what is stored and not too old,
    whatever the directives (RFC 5861 §4, FAULTS 1.3): while upstream `is_failing`, what is stale and not too old is
    acceptable without a fetch. No directive prolongs a lifetime. A min-fresh that nothing could meet would make each
    request fetch: what was received within JUST_RECEIVED_SECONDS meets it.
    """
    usable = stored if stored and stored.is_usable(now) else None
    if usable and _is_acceptable(usable, now, directives, is_failing=is_failing):
        return Decision(Action.SERVE if usable.is_fresh(now) else Action.SERVE_AND_REFRESH)
    if directives.only_if_cached:
        return Decision(Action.REFUSE)
    if usable is None:
        return Decision(Action.FETCH, "uri-miss")
    return Decision(Action.FETCH, "request" if usable.is_fresh(now) else "stale", stale_if_error=True)


def _is_acceptable(stored: Stored[Any], now: float, directives: Directives, *, is_failing: bool) -> bool:
    max_age, max_stale, min_fresh = directives.max_age, directives.max_stale, directives.min_fresh
    time_left = stored.time_left(now)
    if max_age is not None and stored.age(now) > max_age:
        return False
    if time_left >= 0:
        return min_fresh is None or time_left >= min(min_fresh, stored.fresh_for - JUST_RECEIVED_SECONDS)
    if min_fresh is not None:
        return False
    if max_stale is not None:
        return -time_left <= max_stale
    return max_age is None and (is_failing or stored.may_be_revalidated(now))


def refresh_early(time_left: float, fetch_seconds: float, random_value: float) -> bool:
    """Whether this request for a fresh value sets off its refresh: −δ·ln(rand) ≥ time left (XFetch); rand of [0, 1]."""
    return -fetch_seconds * math.log(max(random_value, sys.float_info.min)) >= time_left


@dataclass(frozen=True, slots=True)
class Reuse:
    """The record of how a request was answered: headers, log line and metrics are written from it.

    `fwd` says why upstream was asked; `collapsed`, that another caller's fetch was joined; `ttl` is seconds of
    freshness left, negative when stale; `age` is seconds; `seconds` is where the time went, as Server-Timing names it.
    """

    hit: bool
    fwd: Fwd | None = None
    stored: bool = False
    collapsed: bool = False
    ttl: float | None = None
    age: float = 0.0
    detail: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse contradictions (RFC 9211 §2): a hit is not forwarded; only forwarded requests store or collapse."""
        if self.hit and self.fwd is not None:
            raise ValueError("hit and fwd exclude each other")
        if self.fwd is None and (self.stored or self.collapsed):
            raise ValueError("stored and collapsed speak of a forwarded request")

    @property
    def outcome(self) -> Outcome:
        """The record in one word, for metrics."""
        if self.hit:
            return "stale" if self.ttl is not None and self.ttl < 0 else "fresh"
        if self.collapsed:
            return "collapsed"
        return "fetched" if self.fwd else "none"
