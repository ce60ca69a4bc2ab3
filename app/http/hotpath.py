"""The exact repeat of a fresh answer, sent from ready bytes before the framework sees the request."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from starlette.types import Message, Scope

from app.cache.reuse import Reuse
from app.cache.store import Store
from app.cache.stored import Stored
from app.http.access_log import log_request
from app.http.conditional import CONDITIONS, KEPT_IN_304, respond
from app.http.counting import TIMED_ONE_IN, TIMING_MASK, Hits
from app.http.guard import NOT_MODIFIED, ON_EVERY_ANSWER, ON_NOT_MODIFIED, usable_request_id
from app.http.hot import AnswerRef, HotAnswers, HotKey, Lookup, Ready, hot_key
from app.http.response_cache import Served
from app.http.responses import Answer, Headers, representation_headers
from app.http.sending import PART_BYTES, changing_headers, messages
from app.http.unread import Unread
from app.queries.fetch_plan import FetchPlan
from app.queries.snapshot import Snapshot

EARLY_REFRESH_FETCHES = 8  # so many fetch times before the end, an early refresh is due in one of 2,980 requests
ARRIVAL = "cxfacade.arrival"  # where a request's scope holds its Arrival
_ACCESS = logging.getLogger("cxfacade.access")


class Arrival(NamedTuple):
    """What the long way is told of a request whose repeats could be answered: what they share, when it came."""

    key: HotKey
    at: float  # monotonic seconds


def remember(
    hot: HotAnswers,
    scope: Scope,
    served: Served,
    plan: FetchPlan,
    now: float,
    *,
    wall: datetime,
    hits: Hits,
    changes_in: float | None,
    valid_for: float | None = None,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    """Have exact repeats of this request answered from `served`, while it is fresh and stored.

    `wall` is the time of day: where that was set back, what is said of a later answer has to change with it.
    `changes_in`: seconds from when it came until the same request means another question, None where it never does.
    `valid_for`: seconds from `now` on for which its credential is good, None where that does not expire.
    `hits` is where they are counted, `more` are fields that each answer of this application carries.
    """
    arrival: Arrival | None = scope.get(ARRIVAL)
    answer, home = served.answer, served.home
    if arrival is None or home is None or answer.last_modified > wall:
        return
    key, came_at = arrival
    until = now + home.time_left(now) - _early(home)
    if changes_in is not None:
        until = min(until, came_at + changes_in)
    if valid_for is not None:
        until = min(until, now + valid_for)
    if until > now:
        version, snapshot_key = home.value.version, plan.snapshot_key(home.value.version)
        lookup = Lookup(plan.key, snapshot_key, None if plan.version else version, answer.masked)
        headers = (*representation_headers(answer, wall), *more)
        ready = Ready(
            answer=AnswerRef(answer, hot.forget_answer, key),
            etag=dict(headers)[b"etag"],
            answer_key=served.key,
            lookup=hot.known(lookup),
            hits=hits,
            until=until,
            headers=headers,
            not_modified=tuple(field for field in headers if field[0] in KEPT_IN_304),
        )
        hot.remember(key, ready)


def _early(snapshot: Stored[Snapshot]) -> float:
    """Seconds before the end of freshness from when on requests may set off an early refresh, as the long way does."""
    return min(EARLY_REFRESH_FETCHES * snapshot.value.upstream_seconds, snapshot.fresh_for / 2)


class HotPath:
    """Decides whether a request is an exact repeat.

    `monotonic` gives seconds, `wall` the time of day, `new_request_id` a fresh id.
    """

    def __init__(
        self,
        *,
        hot: HotAnswers,
        store: Store,
        unread: Unread,
        monotonic: Callable[[], float],
        wall: Callable[[], datetime],
        new_request_id: Callable[[], str],
    ) -> None:
        self._hot = hot
        self._store = store
        self._unread = unread
        self._monotonic = monotonic
        self._wall = wall
        self._new_request_id = new_request_id

    def answered(self, scope: Scope) -> Iterable[Message] | None:
        """The messages that answer an exact repeat; None for all that goes the long way, as where it is refused."""
        if scope["type"] != "http":
            return None
        fields = dict(scope["headers"])
        key = hot_key(scope, fields)
        if key is None:
            return None
        now, ready = self._monotonic(), self._hot.find(key)
        answer = ready.answer() if ready else None
        if ready is None or answer is None or not (now < ready.sure_until or self._is_current(ready, answer, now)):
            self._hot.forget(key)
            scope[ARRIVAL] = Arrival(key, now)
            return None
        if len(answer.body) > PART_BYTES and not self._unread.has_room(scope, answer.body):
            return None
        hits = ready.hits
        hits.count = number = hits.count + 1
        own_id = fields.get(b"x-request-id")
        request_id = (own_id and usable_request_id(own_id)) or self._new_request_id()
        own = (b"x-request-id", request_id.encode())
        status = 200
        body: bytes | memoryview = answer.body
        if fields.get(b"if-none-match") == ready.etag:  # the very tag of the answer
            hits.not_modified += 1
            status, headers, body = 304, [*ready.not_modified, *ready.lookup.headers, own, *ON_NOT_MODIFIED], b""
        elif scope["method"] == "HEAD" or not CONDITIONS.isdisjoint(fields):
            status, headers, body = _responded(scope, ready, answer, request_id)
            hits.others[status] += 1
            headers = [*headers, own, *(ON_NOT_MODIFIED if status == NOT_MODIFIED else ON_EVERY_ANSWER)]
        else:
            headers = [*ready.headers, *ready.lookup.headers, own, *ON_EVERY_ANSWER]
        if _ACCESS.isEnabledFor(logging.DEBUG):
            state = {"request_id": request_id, "cache_status": "cxfacade; hit", "key": hits.key}
            log_request({**scope, "route": hits.route, "state": state}, status, self._monotonic() - now, logging.DEBUG)
        if not number & TIMING_MASK:
            hits.timing.took(self._monotonic() - now, TIMED_ONE_IN)
        if len(body) <= PART_BYTES:
            return messages(status, headers, body)
        return messages(status, headers, body, self._unread.sending(scope, answer.body))

    def _is_current(self, ready: Ready, answer: Answer, now: float) -> bool:
        """Whether the long way would give this answer too, until what is said of its age has to change.

        The store is asked for all that the long way would ask for, so that what is in use looks so.
        """
        lookup = ready.lookup
        if now >= ready.until or not (now < lookup.said_until or self._stands(lookup, answer, now)):
            return False
        stored = self._store.get(ready.answer_key)
        if stored is None or stored.value is not answer:
            return False
        ready.sure_until = min(ready.until, lookup.said_until)
        return True

    def _stands(self, lookup: Lookup, answer: Answer, now: float) -> bool:
        """Whether the report is stored, and is the current one; then headers are made for its age."""
        newest = self._store.get(lookup.plan) if lookup.version else None
        snapshot = self._store.get(lookup.snapshot_key)
        is_current = newest.value == lookup.version if newest else lookup.version is None
        if not (is_current and snapshot) or answer.last_modified > self._wall():
            return False
        age, left = snapshot.age(now), snapshot.time_left(now)
        reuse = Reuse(hit=True, ttl=left, age=age, seconds={"cache": self._monotonic() - now})
        lookup.headers = changing_headers(answer, reuse, snapshot)
        next_second = min(math.floor(age) + 1, snapshot.fresh_for - math.floor(left))  # of Age, or of what is left
        lookup.said_until = snapshot.stored_at + next_second
        return True


def _responded(scope: Scope, ready: Ready, answer: Answer, request_id: str) -> tuple[int, Headers, bytes | memoryview]:
    """What preconditions, ranges and HEAD make of the answer."""
    headers = [*ready.headers, *ready.lookup.headers]
    prepared = respond(
        scope["method"],
        scope["headers"],
        answer,
        headers,
        request_id=request_id,
        instance=scope["path"],
        root=scope.get("root_path", ""),
    )
    return prepared.status, prepared.headers, prepared.body
