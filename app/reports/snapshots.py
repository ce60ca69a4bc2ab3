"""Where reports are kept: each snapshot under its own version, and for each question the version that is current."""

from app.cache.store import Store
from app.cache.stored import Stored
from app.clock import Clock
from app.reports.question import Question
from app.reports.report import Report


class Snapshots:
    """Reports in a store. A cursor names a version, so that an older snapshot is found as long as it is kept."""

    def __init__(self, store: Store, clock: Clock, stale_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._stale_seconds = stale_seconds

    def current(self, question: Question) -> Stored[Report] | None:
        """The report to answer from, if one is stored and fresh; if the question is pinned, its snapshot at any age."""
        if question.version:
            return self.snapshot(question, question.version)
        newest: Stored[str] | None = self._store.get(question.key)
        stored = self.snapshot(question, newest.value) if newest else None
        return stored if stored and stored.is_fresh(self._clock.monotonic()) else None

    def snapshot(self, question: Question, version: str) -> Stored[Report] | None:
        """The report of this version, if it is still stored."""
        return self._store.get(question.snapshot_key(version))

    def keep(self, question: Question, report: Report, received: float) -> tuple[Stored[Report], bool]:
        """The report with its lifetime from `received` on (monotonic seconds), and whether the store took it."""
        fresh_for = question.lifetime(report).seconds
        stored = Stored(report, report.size, received, fresh_for, self._stale_seconds)
        kept = self._store.put(question.snapshot_key(report.version), stored)
        if kept:
            newest = Stored(report.version, len(report.version), received, fresh_for, self._stale_seconds)
            self._store.put(question.key, newest)
        return stored, kept
