"""The exact repeat of a fresh answer, sent from ready bytes before the framework sees the request."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple
from weakref import ref

from starlette.types import Scope

from app.cache.reuse import Reuse
from app.cache.store import Store
from app.cache.stored import Stored
from app.edge.answers import Answer, Headers
from app.edge.conditional import CONDITIONS, KEPT_IN_304, respond
from app.edge.guard import ON_EVERY_ANSWER, log_request, usable_request_id
from app.edge.hot import HotAnswers, HotKey, Ready, hot_key
from app.edge.rendering import Served
from app.edge.sending import answer_headers
from app.metrics import Metrics
from app.reports.question import Question
from app.reports.report import Report

EARLY_REFRESH_FETCHES = 8  # so many fetch times before the end, an early refresh is due in one of 2,980 requests
ARRIVAL = "cxfacade.arrival"  # where a request's scope holds its Arrival
_ACCESS = logging.getLogger("cxfacade.access")


class Arrival(NamedTuple):
    """What the long way is told of a request whose repeats could be answered: what they share, when it came."""

    key: HotKey
    at: float  # monotonic seconds


def remember(
    hot: HotAnswers, scope: Scope, served: Served, question: Question, now: float, *, changes_in: float | None
) -> None:
    """Have exact repeats of this request answered from `served`, while it is fresh and stored.

    `changes_in`: seconds from when it came until the same request means another question, None where it never does.
    """
    arrival: Arrival | None = scope.get(ARRIVAL)
    answer, home = served.answer, served.home
    if arrival is None or home is None:
        return
    key, came_at = arrival
    until = now + home.time_left(now) - _early(home)
    if changes_in is not None:
        until = min(until, came_at + changes_in)
    if until > now:
        ready = Ready(
            answer=ref(answer, lambda _gone: hot.forget(key)),
            etag=answer.etag.encode(),
            answer_key=served.key,
            snapshot_key=question.snapshot_key(home.value.version),
            question=question.key,
            version=None if question.version else home.value.version,
            route=scope.get("route"),
            until=until,
        )
        hot.remember(key, ready)


def _early(report: Stored[Report]) -> float:
    """Seconds before the end of freshness from when on requests may set off an early refresh, as the long way does."""
    return min(EARLY_REFRESH_FETCHES * report.value.upstream_seconds, report.fresh_for / 2)


class HotPath:
    """Decides whether a request is an exact repeat. `monotonic` gives seconds, `new_request_id` a fresh id."""

    def __init__(
        self,
        *,
        hot: HotAnswers,
        store: Store,
        metrics: Metrics,
        monotonic: Callable[[], float],
        new_request_id: Callable[[], str],
    ) -> None:
        self._hot = hot
        self._store = store
        self._fresh = metrics.tally("answers", outcome="fresh")
        self._monotonic = monotonic
        self._new_request_id = new_request_id

    def answered(self, scope: Scope) -> tuple[int, Headers, bytes] | None:
        """Status, headers and body for an exact repeat; None for everything else, which has to go the long way."""
        if scope["type"] != "http":
            return None
        fields = dict(scope["headers"])
        key = hot_key(scope, fields)
        if key is None:
            return None
        now, ready = self._monotonic(), self._hot.find(key)
        answer = ready.answer() if ready else None
        if ready is None or answer is None or not (now < ready.said_until or self._renewed(ready, answer, now)):
            self._hot.forget(key)
            scope[ARRIVAL] = Arrival(key, now)
            return None
        self._fresh.count += 1
        own_id = fields.get(b"x-request-id")
        request_id = (own_id and usable_request_id(own_id)) or self._new_request_id()
        status, headers, body = _conditional(scope, fields, ready, answer, request_id)
        if _ACCESS.isEnabledFor(logging.DEBUG):
            state = {"request_id": request_id, "cache_status": "cxfacade; hit"}
            log_request({**scope, "route": ready.route, "state": state}, status, self._monotonic() - now, logging.DEBUG)
        return status, [*headers, (b"x-request-id", request_id.encode()), *ON_EVERY_ANSWER], body

    def _renewed(self, ready: Ready, answer: Answer, now: float) -> bool:
        """Whether the long way would give this answer too; then its headers are made for its age.

        The store is asked for all that the long way would ask for, so that what is in use looks so.
        """
        newest = self._store.get(ready.question) if ready.version else None
        report = self._store.get(ready.snapshot_key)
        stored = self._store.get(ready.answer_key)
        is_current = newest.value == ready.version if newest else ready.version is None
        if now >= ready.until or not (is_current and report and stored and stored.value is answer):
            return False
        age, left = report.age(now), report.time_left(now)
        reuse = Reuse(hit=True, ttl=left, age=age, seconds={"cache": self._monotonic() - now})
        ready.headers = answer_headers(answer, reuse, report.stale_for)
        ready.not_modified = [field for field in ready.headers if field[0] in KEPT_IN_304]
        next_second = min(math.floor(age) + 1, report.fresh_for - math.floor(left))  # of Age, or of what is left
        ready.said_until = min(ready.until, report.stored_at + next_second)
        return True


def _conditional(
    scope: Scope, fields: Mapping[bytes, bytes], ready: Ready, answer: Answer, request_id: str
) -> tuple[int, Headers, bytes]:
    """304 for the very tag of the answer, 200 without conditions; the rest as preconditions and ranges have it."""
    if fields.get(b"if-none-match") == ready.etag:
        return 304, ready.not_modified, b""
    if CONDITIONS.isdisjoint(fields):
        return 200, ready.headers, b"" if scope["method"] == "HEAD" else answer.body
    prepared = respond(
        scope["method"], scope["headers"], answer, ready.headers, request_id=request_id, instance=scope["path"]
    )
    return prepared.status, prepared.headers, prepared.body
