"""The counts and timings of requests; a replay only adds one to a number."""

from dataclasses import dataclass

from starlette.types import Scope

from app.formats import FORMATS
from app.http.request_log import key_label, method_of, route_of
from app.http.response_cache import Served
from app.http.responses import Answer
from app.observe.metrics import Metrics, Timing
from app.observe.tracing import describe

MOST_KEYS = 50  # that have figures of their own
OTHER_KEYS = "other"
UNANSWERED = "none"
TIMED_ONE_IN = 64  # of replays; each stands for so many
TIMING_MASK = TIMED_ONE_IN - 1  # some of these bits are set in the number of a replay that is not timed
_FORMATS = {one.content_type: one.name for one in FORMATS}


@dataclass(slots=True, eq=False)
class Hits:
    """Replays of one route, method, status, format and key; `timing` is their route's.

    `count` is of all, so that each 64th is timed however often somebody looks; `looked_at` of those told already.
    """

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

    def answered(self, served: Served) -> None:
        """Count an answer to a data request."""
        self._metrics.count("answers", outcome=served.reuse.outcome)
        self._metrics.count("answers_by_format", format=_format(served.answer))

    def finished(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that went the ordinary way, and name its span; `status` is 0 where its client left before."""
        route = route_of(scope)
        self._metrics.count("requests", route=route, status=str(status) if status else UNANSWERED)
        self._metrics.count("key_requests", key=self._key(key_label(scope)))
        self._metrics.timing("request_duration_seconds", route=route).took(seconds)
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
