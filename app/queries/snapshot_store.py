"""Where snapshots are kept: each snapshot under its own version, and for each question the version that is current."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from app.cache.store import Kept, MemoryStore, ValueKind
from app.cache.stored import PurgeToken, Stored
from app.cooperative import Turns
from app.queries.fetch_plan import FetchPlan
from app.queries.rules import Lifetime
from app.queries.snapshot import Snapshot

JITTER = 0.1
_HELD_BYTES = 40  # what a partition costs beside the runs, by the record

Concerns = Callable[[bytes, Snapshot | None], bool]


def snapshot_key(plan: FetchPlan, version: str) -> bytes:
    """Where one snapshot of the plan's answer is stored."""
    return b"snapshot %b %b" % (plan.key, version.encode())


@dataclass(eq=False)
class SnapshotStore:
    """Snapshots in a store. A cursor names a version, so that an older snapshot is found as long as it is kept.

    Past its freshness a snapshot is served at once for `revalidate_seconds`, and at all for `stale_seconds`.
    `random`, of [0, 1), parts the ends of lifetimes that began together; none gets longer than `most_fresh_seconds` by
    it.
    """

    _store: MemoryStore
    stale_seconds: float
    random: Callable[[], float] = lambda: 0.5
    most_fresh_seconds: float = inf
    revalidate_seconds: float = inf
    _purge_tokens: WeakSet[PurgeToken] = field(default_factory=WeakSet, init=False)
    _newest: WeakValueDictionary[bytes, PurgeToken] = field(default_factory=WeakValueDictionary, init=False)

    def __len__(self) -> int:
        """The number of stored values: snapshots and all that was made of them."""
        return len(self._store)

    def current(self, plan: FetchPlan) -> Stored[Snapshot] | None:
        """The newest snapshot, fresh or stale; if the question is pinned, its snapshot."""
        if plan.version:
            return self.snapshot(plan, plan.version)
        newest: Stored[str] | None = self._store.get(plan.key)
        return self.snapshot(plan, newest.value) if newest else None

    def snapshot(self, plan: FetchPlan, version: str) -> Stored[Snapshot] | None:
        """The snapshot of this version, if it is still stored."""
        return self._store.get(snapshot_key(plan, version))

    def begun(self, plan: FetchPlan, earlier: PurgeToken | None = None) -> PurgeToken:
        """The token of a snapshot that is about to be fetched, or read on from one whose token is `earlier`."""
        purge_token = PurgeToken(plan.question_key, purged=earlier is not None and earlier.purged)
        self._purge_tokens.add(purge_token)
        return purge_token

    def keep(
        self,
        plan: FetchPlan,
        snapshot: Snapshot,
        received: float,
        purge_token: PurgeToken | None = None,
    ) -> tuple[Stored[Snapshot], bool]:
        """The snapshot with its lifetime from `received` on (monotonic seconds), and whether the store took it.

        It takes nothing that a purge has reached since it was `begun`. A snapshot that is not kept leaves no older one
        in its place, which would be refreshed in vain for as long as it is stale.
        """
        self._forget_deleted(plan, snapshot)
        purge_token = purge_token or self.begun(plan)
        fresh_for, stale_for = self._lifetimes(plan.lifetime(snapshot), is_shared=snapshot.is_held)
        revalidate_for = min(self.revalidate_seconds, stale_for)
        stored = Stored(
            snapshot, snapshot.size, received, fresh_for, stale_for, purge_token, revalidate_for, snapshot.runs
        )
        # Of what is held a snapshot is composed anew without a call: a window that moves leaves one with each poll.
        kind: ValueKind = "derived" if snapshot.is_held else "primary"
        kept = self._store.put(snapshot_key(plan, snapshot.version), stored, kind=kind, known_as=plan.key)
        if kept:
            self._store.put(plan.key, stored.holding(snapshot.version, len(snapshot.version)), kind=kind)
        elif (older := self._store.get(plan.key)) and older.stored_at < received:
            self._store.delete(plan.key)
        self._supersede(plan.key, snapshot.version, purge_token)
        return stored, kept

    def may_hold(self, snapshot: Snapshot, rows: int) -> bool:
        """Whether so many rows like those of the snapshot, all there are, find room at once."""
        size = sum(run.size + _HELD_BYTES * run.count for run in snapshot.runs)
        return self._store.may_hold(size * rows // max(1, snapshot.rows))

    def kept(self, snapshot: Stored[Snapshot], kind: ValueKind) -> Kept[Any]:
        """The values of that kind that are made of the snapshot's records, and of others."""
        return Kept(self._store, snapshot, kind)

    def _supersede(self, question_key: bytes, version: str, token: PurgeToken) -> None:
        """Have what is replayed of a question end where newer facts answer it."""
        newest = self._store.get(question_key)
        if newest is not None and newest.value != version:
            token.superseded = True
            return
        before = self._newest.get(question_key)
        if before is not None and before is not token:
            before.superseded = True
        self._newest[question_key] = token

    def _lifetimes(self, lifetime: Lifetime, *, is_shared: bool) -> tuple[float, float]:
        """Seconds of freshness, up to JITTER longer or shorter, and of staleness to an end that stays (FAULTS 1.3).

        What many questions share is compared once for all of them, whenever the first of them ends.
        """
        if not lifetime.allows_stale:
            return lifetime.seconds, 0.0
        jittered = lifetime.seconds * (1 if is_shared else 1 + JITTER * (2 * self.random() - 1))
        fresh_for = min(jittered, self.most_fresh_seconds)
        return fresh_for, lifetime.seconds + self.stale_seconds - fresh_for

    def _forget_deleted(self, plan: FetchPlan, snapshot: Snapshot) -> None:
        """Where upstream no longer knows an interaction, what it once said of it goes (FAULTS 2.1, row 26)."""
        if plan.is_of_one and not snapshot.rows and self.current(plan):
            self.purge(lambda of, older: of == plan.key and older is not None and older.rows > 0)

    def snapshots(self) -> Iterator[Snapshot]:
        """Every snapshot that is stored."""
        return (one.value for one in self._stored() if isinstance(one.value, Snapshot))

    def _stored(self) -> Iterator[Stored[Any]]:
        return self._store.values("primary", "derived")

    def purge(self, concerns: Concerns) -> int:
        """As `purging`, at once."""
        work = self.purging(concerns)
        try:
            while True:
                next(work)
        except StopIteration as ended:
            return int(ended.value)

    def purging(self, concerns: Concerns) -> Turns[int]:
        """Forget each snapshot that `concerns` says yes to, and all that was made of it; how many were stored.

        It is told the key of the question, and the snapshot: None for one that is under way, or was not kept. What is
        under way goes on for those who wait for it, and is not stored.
        """
        stored, tokens = dict[PurgeToken, Snapshot](), [*self._purge_tokens]
        for one in self._stored():
            if isinstance(one.value, Snapshot):
                stored[one.purge_token] = one.value
            yield
        purged = 0
        for purge_token in tokens:
            if concerns(purge_token.question_key, stored.get(purge_token)):
                purge_token.purged = True
                purged += purge_token in stored
            yield
        yield from self._store.drop_purged()
        return purged
