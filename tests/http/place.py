"""A hot path with the store it stands on, without any framework behind it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from starlette.types import Scope

from app.cache.reuse import Reuse
from app.cache.store import MemoryStore
from app.cache.stored import Stored
from app.http.counting import Requests
from app.http.hot import HotAnswers
from app.http.hotpath import HotPath, remember
from app.http.response_cache import Served
from app.http.responses import Answer
from app.http.unread import LARGE_BYTES, Unread
from app.metrics import Metrics
from app.queries.fetch_plan import FetchPlan, Terms
from app.queries.lifetime import Lifetime
from app.queries.snapshot import Snapshot
from app.queries.snapshot_store import SnapshotStore
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading
from tests.scenarios.repeating import Field, scope_of
from tests.support.clock import HandClock

TARGET = "/interactions?attr=1234567"
AS_OF = datetime(2026, 11, 23, 6, 40, tzinfo=UTC)


async def unread(_asked: UpstreamQuery, _position: Position, _rows: int, _terms: Terms) -> Reading:
    raise AssertionError


@dataclass
class Place:
    """All of it, on a clock turned by hand."""

    clock: HandClock = field(default_factory=HandClock)
    fresh_for: float = 15
    upstream_seconds: float = 0
    store_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.store_bytes, lambda: self.clock.monotonic)
        self.hot = HotAnswers(100_000)
        self.snapshots = SnapshotStore(self.store, stale_seconds=60, replaced=self.hot.forget_question)
        lifetime = Lifetime(self.fresh_for, "open")
        self.plan = FetchPlan(b"question", UpstreamQuery(), unread, lambda _report: lifetime, is_blocked=lambda: False)
        self.unread = Unread(most_bytes=LARGE_BYTES)
        self.path = HotPath(
            hot=self.hot,
            store=self.store,
            unread=self.unread,
            monotonic=lambda: self.clock.monotonic,
            wall=lambda: self.clock.wall,
            new_request_id=lambda: "new",
        )
        self.metrics = Metrics()
        self.requests = Requests(self.metrics)
        self.came: Scope = {}

    def kept(self, version: str = "v1") -> Stored[Snapshot]:
        """A report that has just been received, as the store has it."""
        snapshot = Snapshot(version, AS_OF, UpstreamQuery(), None, False, upstream_seconds=self.upstream_seconds)
        stored, kept = self.snapshots.keep(self.plan, snapshot, self.clock.monotonic)
        assert kept
        return stored

    def served(self, home: Stored[Snapshot], repeated: int = 1) -> Served:
        """The answer made of a report, as the store has it."""
        answer = Answer(
            home.value.version.encode() * repeated, "identity", f'"{home.value.version}"', "text/plain", AS_OF
        )
        key = b"answer " + home.value.version.encode()
        self.store.put(key, home.holding(answer, answer.size), derived=True)
        return Served(answer, Reuse(hit=True), home, home, key)

    def is_hot(self, *headers: Field) -> bool:
        """Whether the request is answered at once."""
        self.came = scope_of(TARGET, *headers)
        return self.path.answered(self.came) is not None

    def remember(self, served: Served, *, version: str | None = None, **bounds: float) -> None:
        """Have a request that went the long way remembered, with what it was served."""
        assert not self.is_hot()
        self.remembered(served, version=version, **bounds)

    def remembered(
        self,
        served: Served,
        *,
        version: str | None = None,
        changes_in: float | None = None,
        valid_for: float | None = None,
    ) -> None:
        """Likewise, for the request that came last."""
        plan = replace(self.plan, version=version)
        hits = self.requests.hits(self.came, served.answer, "anonymous")
        remember(
            self.hot,
            self.came,
            served,
            plan,
            self.clock.monotonic,
            wall=self.clock.wall,
            hits=hits,
            changes_in=changes_in,
            valid_for=valid_for,
        )

    def hot_for(self, step: float = 0.25) -> float:
        """Seconds from now on for which repeats are answered at once."""
        began = self.clock.monotonic
        while self.is_hot():
            self.clock.advance(step)
        return self.clock.monotonic - began
