"""Responses that the listener may replay to byte-identical requests: how long, and how they are counted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.types import Scope

from app.cache.stored import Stored
from app.http.request_metrics import Hits
from app.http.response_cache import Served
from app.http.responses import Headers
from app.queries.fetch_plan import FetchPlan
from app.queries.snapshot import Snapshot

ARRIVAL = "cxfacade.arrival"  # where the scope of a request that may be replayed has its Keep
REPLAYABLE = "replayable"  # where the state of a request has its Replayable
EARLY_REFRESH_FETCHES = 8  # so many fetch times before the end, an early refresh is due in one of 2,980 requests

Charge = Callable[[], tuple[Headers, float]]


@dataclass(frozen=True, slots=True)
class Replayable:
    """A response made of `snapshot`, and how long it may be replayed: until `valid_until` (monotonic seconds).

    `last_modified` is a time of day: where that is set back, what is said of it has to change. `is_pinned`: a cursor
    names the snapshot. `hits` gives the count of its status, `charge` takes one request off the quota of its key.
    """

    snapshot: Stored[Snapshot]
    valid_until: float
    last_modified: datetime
    is_pinned: bool
    hits: Callable[[int], Hits]
    charge: Charge | None


Keep = Callable[[Replayable, int, Headers, bytes], None]
"""The listener's mark on a request that it could not replay: told of status, headers and body, once all is sent."""


def offer(
    scope: Scope,
    served: Served,
    plan: FetchPlan,
    now: float,
    *,
    wall: datetime,
    hits: Callable[[int], Hits],
    changes_at: float | None = None,
    valid_for: float | None = None,
    charge: Charge | None = None,
) -> None:
    """Have the response to this request replayed while it is fresh, stored and current.

    `wall` is the time of day. `changes_at`: when the same request asks another question (monotonic seconds), None for
    never. `valid_for`: seconds from `now` on for which its credential is good, None for ever.
    """
    keep: Keep | None = scope.get(ARRIVAL)
    home, answer = served.home, served.answer
    if keep is None or home is None or answer.last_modified > wall:
        return
    ends = [home.time_left(now) - _early(home)]
    ends += [] if valid_for is None else [valid_for]
    ends += [] if changes_at is None else [changes_at - now]
    if min(ends) > 0:
        scope["state"][REPLAYABLE] = Replayable(
            home, now + min(ends), answer.last_modified, plan.version is not None, hits, charge
        )


def _early(snapshot: Stored[Snapshot]) -> float:
    """Seconds before the end of freshness from when on requests may set off an early refresh, the ordinary way."""
    return min(EARLY_REFRESH_FETCHES * snapshot.value.upstream_seconds, snapshot.fresh_for / 2)
