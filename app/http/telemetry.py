"""Telemetry of requests: a log line, the counts and the timings of each; a replay only adds one to a number.

Of each kind of refusal there is one line a second (FAULTS T52).
"""

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from app.formats import FORMATS
from app.http.responses import Answer
from app.observe.lines import REQUEST, Line
from app.observe.metrics import Metrics, Timing
from app.observe.tracing import describe

METHODS = ("GET", "HEAD", "QUERY", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # any other is one label
SECONDS = 1.0
MOST_KEYS = 50  # that have figures of their own
OTHER_KEYS = "other"
UNANSWERED = "none"
TIMED_ONE_IN = 64  # of replays; each stands for so many
TIMING_MASK = TIMED_ONE_IN - 1  # some of these bits are set in the number of a replay that is not timed
_FORMATS = {one.content_type: one.name for one in FORMATS}
_REFUSALS = range(400, 500)
_ACCESS = logging.getLogger("cxfacade.access")


class Sampled:
    """Writes to `logger` at INFO, from within an event loop; a `kind` is one of few."""

    def __init__(self, logger: logging.Logger = _ACCESS, seconds: float = SECONDS) -> None:
        self._logger = logger
        self._seconds = seconds
        self._kept: dict[Hashable, int] = {}

    def say(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        """Write the line, filled in with `facts`, unless there was one of this kind within the last second."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if kind in self._kept:
            self._kept[kind] += 1
            return
        self._write(line, facts)
        self._watch(kind, line, facts)

    def _watch(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        self._kept[kind] = 0
        asyncio.get_running_loop().call_later(self._seconds, self._over, kind, line, facts)

    def _over(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        suppressed = self._kept.pop(kind)
        if suppressed:
            self._write(line.and_more, {**facts, "suppressed": suppressed})
            self._watch(kind, line, facts)

    def _write(self, line: Line, facts: Mapping[str, object]) -> None:
        self._logger.info(line, facts, extra=dict(facts))


def log_request(
    scope: Scope, status: int, seconds: float, level: int = logging.INFO, *, refusals: Sampled | None = None
) -> None:
    """Log a request by its route's template, without path or query (FAULTS T07); `refusals` samples some of them."""
    if not _ACCESS.isEnabledFor(level):
        return
    facts: dict[str, Any] = {
        "method": method_of(scope),
        "route": route_of(scope),
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "cache_status": scope["state"].get("cache_status"),
        "key": key_label(scope),
        "request_id": scope["state"]["request_id"],
    }
    if refusals and status in _REFUSALS:
        refusals.say((status, facts["route"]), REQUEST, facts)
    else:
        _ACCESS.log(level, REQUEST, facts, extra=facts)


def method_of(scope: Scope) -> str:
    """The method, as one of few."""
    return scope["method"] if scope["method"] in METHODS else "other"


def route_of(scope: Scope) -> str:
    """The template of a request's route, never its path."""
    return getattr(scope.get("route"), "path", "unmatched")


def key_label(scope: Scope) -> str:
    """The label of the key a request came with, `anonymous` where it needs none, `none` where it was not let in."""
    state: Mapping[str, Any] = scope["state"]
    label: str = state["viewer"].label if "viewer" in state else state.get("key", "none")
    return label


@dataclass(slots=True, eq=False)
class Hits:
    """Replays of one route, method, status, format and key: how many there were, and how many metrics tell already."""

    route: object
    method: str
    status: int
    key: str
    format: str
    timing: Timing
    count: int = 0
    looked_at: int = 0


class Requests:
    """The figures about one application's requests."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._keys: set[str] = set()
        self._finished: dict[tuple[str, int, str], tuple[Callable[[], None], Callable[[], None], Timing]] = {}
        self._hits: dict[tuple[str, str, int, str, str], Hits] = {}
        metrics.before_scrape(self._settle)

    def hits(self, scope: Scope, answer: Answer, label: str, status: int) -> Hits:
        """The count of replays of this request that have this answer; `label` is of its key."""
        facts = path, method, _, key, form = route_of(scope), scope["method"], status, self._key(label), _format(answer)
        hits = self._hits.get(facts)
        if hits is None:
            timing = self._metrics.timing("request_duration_seconds", route=path)
            hits = self._hits[facts] = Hits(scope.get("route"), method, status, key, form, timing)
        return hits

    def answered(self, answer: Answer, outcome: str) -> None:
        """Count an answer to a data request."""
        self._metrics.count("answers", outcome=outcome)
        self._metrics.count("answers_by_format", format=_format(answer))

    def finished(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that went the ordinary way, and name its span; `status` is 0 where its client left before."""
        route, key = route_of(scope), self._key(key_label(scope))
        known = self._finished.get((route, status, key))
        if known is None:
            known = self._finished[route, status, key] = (
                self._metrics.adding("requests", route=route, status=str(status) if status else UNANSWERED),
                self._metrics.adding("key_requests", key=key),
                self._metrics.timing("request_duration_seconds", route=route),
            )
        count_request, count_key, timing = known
        count_request()
        count_key()
        timing.took(seconds)
        method = method_of(scope)
        describe(f"{method} {route}", method=method, route=route, status=status)

    def _key(self, label: str) -> str:
        if label not in self._keys and len(self._keys) >= MOST_KEYS:
            return OTHER_KEYS
        self._keys.add(label)
        return label

    def _settle(self) -> None:
        for (route, _, status, key, form), hits in self._hits.items():
            new, hits.looked_at = hits.count - hits.looked_at, hits.count
            self._metrics.count("requests", new, route=route, status=str(status))
            self._metrics.count("key_requests", new, key=key)
            self._metrics.count("answers", new, outcome="fresh")
            self._metrics.count("answers_by_format", new, format=form)


def _format(answer: Answer) -> str:
    return _FORMATS.get(answer.content_type, "json")
