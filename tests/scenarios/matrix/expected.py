"""What a client is told in a cell of the matrix, as FAULTS 1.1, 1.4 and 1.5 say."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from types import EllipsisType

import httpx

from tests.scenarios.matrix.answers import THEIR_WORDS
from tests.scenarios.matrix.scene import Scene
from tests.scenarios.matrix.setting import FRESH, REVALIDATE, STALE
from tests.support.counted import value_of
from tests.support.facade import TENANT

VARY = {"authorization", "x-api-key", "accept", "accept-encoding"}
STATUSES = {200, 404, 502, 503, 504}
LONGEST_IF_ERROR = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """An error by its slug; `retry_after` seconds, None where trying again changes nothing."""

    status: int
    slug: str
    retry_after: int | None = None

    def check(
        self, answer: httpx.Response, scene: Scene, *, last_success: datetime | EllipsisType | None = None
    ) -> None:
        """Hold an answer against it; `...` leaves open whether it says when upstream last answered."""
        lawful(answer, scene)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (self.status, self.slug)
        assert told.get("retry_after_seconds") == self.retry_after
        if self.slug != "not-found" and not isinstance(last_success, EllipsisType):  # a 404 is a success of upstream's
            expected = last_success and f"{last_success:%Y-%m-%dT%H:%M:%S.000Z}"
            assert told.get("last_success_at") == expected


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows by the names of their flows; None: the one of upstream's last answer, and `more`.

    `counted` is a counter of the façade's that such rows raise.
    """

    names: tuple[str, ...] | None = None
    more: tuple[str, ...] = ()
    counted: str = ""
    field: dict[str, str] = field(default_factory=dict)

    def check(
        self, answer: httpx.Response, scene: Scene, *, last_success: datetime | EllipsisType | None = None
    ) -> None:
        """Hold an answer that was fetched just now against it, as nothing usable was stored."""
        self.check_fetched(answer, scene, fwd="uri-miss")

    def check_fetched(self, answer: httpx.Response, scene: Scene, *, fwd: str) -> None:
        """Likewise, whatever it was fetched for."""
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-status"] == f"cxfacade; fwd={fwd}; stored; ttl={FRESH}"
        assert answer.headers["age"] == "0"
        _cached(answer, FRESH)
        self.check_rows(answer, scene)

    def check_refreshed(self, answer: httpx.Response, scene: Scene) -> None:
        """Hold an answer that was fetched behind an earlier one against it."""
        assert answer.status_code == 200, answer.text
        age = int(answer.headers["age"])
        assert answer.headers["cache-status"] == f"cxfacade; hit; ttl={FRESH - age}"
        _cached(answer, FRESH)
        self.check_rows(answer, scene)

    def check_rows(self, answer: httpx.Response, scene: Scene) -> None:
        """The rows alone."""
        rows = rows_of(answer)
        names = (f"answer {len(scene.upstream.requests)}",) if self.names is None else self.names
        assert tuple(row["flow_name"] for row in rows) == names + self.more
        assert not self.counted or value_of(scene.facade.services.metrics, self.counted)
        for row in rows:
            assert self.field.items() <= row.items()


def rows_of(answer: httpx.Response) -> list[dict[str, object]]:
    """The rows of a list, or the one row that an interaction is."""
    told = answer.json()
    rows: list[dict[str, object]] = told.get("items", [told])
    return rows


def fresh(answer: httpx.Response, scene: Scene, name: str) -> None:
    """Hold an answer from the store, within its freshness, against FAULTS 1.1."""
    assert answer.status_code == 200
    assert answer.headers["cache-status"] == f"cxfacade; hit; ttl={ttl(scene)}"
    assert answer.headers["age"] == str(scene.age)
    _cached(answer, FRESH)
    assert [row["flow_name"] for row in rows_of(answer)] == [name]


def stale(answer: httpx.Response, scene: Scene, name: str, detail: str) -> None:
    """Likewise past its freshness."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-status"] == f"cxfacade; hit; ttl={ttl(scene)}; detail=stale-{detail}"
    assert answer.headers["age"] == str(scene.age)
    _cached(answer, scene.age)
    assert [row["flow_name"] for row in rows_of(answer)] == [name]


def ttl(scene: Scene) -> int:
    """Seconds of freshness left, rounded down: half a second past freshness is stale."""
    return math.floor(FRESH - scene.clock.monotonic + scene.answered_at)


def lawful(answer: httpx.Response, scene: Scene) -> None:
    """Hold an error against what all errors have in common (FAULTS 1.5)."""
    told, wait = answer.json(), answer.headers.get("retry-after")
    assert answer.status_code in STATUSES - {200}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert told["status"] == answer.status_code
    assert told["type"] == f"/problems/{told['code']}"
    assert told["retryable"] is (wait is not None)
    assert (wait is not None) is (answer.status_code in (503, 504))
    assert wait is None or (1 <= int(wait) <= 300 and told["retry_after_seconds"] == int(wait))
    assert {name.strip().lower() for name in answer.headers["vary"].split(",")} >= VARY
    seen = answer.text + repr(answer.headers.raw)
    for theirs in (THEIR_WORDS, f":{scene.upstream.port}", TENANT.tenant_id, TENANT.username, "httpx", "Traceback"):
        assert theirs not in seen


def _cached(answer: httpx.Response, lifetime: int) -> None:
    """`max-age` counts from when upstream was asked; of either grace the field says the rest, capped (FAULTS 1.4)."""
    past = min(0, int(answer.headers["cache-status"].partition("ttl=")[2].partition(";")[0]))
    behind, covering = max(0, REVALIDATE + past), min(LONGEST_IF_ERROR, STALE + past)
    told = f"private, max-age={lifetime}, stale-while-revalidate={behind}, stale-if-error={covering}"
    assert answer.headers["cache-control"] == told
    assert {name.strip().lower() for name in answer.headers["vary"].split(",")} >= VARY
