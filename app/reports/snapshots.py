"""Where reports are kept: each snapshot under its own version, and for each question the version that is current."""

from collections.abc import Callable, Iterator
from math import inf
from weakref import WeakSet

from app.cache.store import Store
from app.cache.stored import Stored, Validity
from app.reports.lifetime import Lifetime
from app.reports.question import Question
from app.reports.report import Report
from app.turns import Turns

JITTER = 0.1

Concerns = Callable[[bytes, Report | None], bool]


class Snapshots:
    """Reports in a store. A cursor names a version, so that an older snapshot is found as long as it is kept.

    Past its freshness a report is served at once for `revalidate_seconds`, at all for `stale_seconds`: the upper bound.
    `replaced` is told the key of a question whenever a report of it was fetched or is purged. `random`, of [0, 1),
    parts the ends of lifetimes that began together; none gets longer than `most_fresh_seconds` by it.
    """

    def __init__(
        self,
        store: Store,
        stale_seconds: float,
        *,
        replaced: Callable[[bytes], None] = lambda _question: None,
        random: Callable[[], float] = lambda: 0.5,
        most_fresh_seconds: float = inf,
        revalidate_seconds: float = inf,
    ) -> None:
        self._store = store
        self._stale_seconds = stale_seconds
        self._replaced = replaced
        self._random = random
        self._most_fresh_seconds = most_fresh_seconds
        self._revalidate_seconds = revalidate_seconds
        self._validities: WeakSet[Validity] = WeakSet()

    def __len__(self) -> int:
        """How many values are stored, reports and what was made of them."""
        return len(self._store)

    def current(self, question: Question) -> Stored[Report] | None:
        """The newest report, fresh or stale; if the question is pinned, its snapshot."""
        if question.version:
            return self.snapshot(question, question.version)
        newest: Stored[str] | None = self._store.get(question.key)
        return self.snapshot(question, newest.value) if newest else None

    def snapshot(self, question: Question, version: str) -> Stored[Report] | None:
        """The report of this version, if it is still stored."""
        return self._store.get(question.snapshot_key(version))

    def begun(self, question: Question, earlier: Validity | None = None) -> Validity:
        """The validity of a report that is about to be fetched, or read on: then `earlier` is that of what there is."""
        validity = Validity(question.key, over=earlier is not None and earlier.over)
        self._validities.add(validity)
        return validity

    def keep(
        self, question: Question, report: Report, received: float, validity: Validity | None = None
    ) -> tuple[Stored[Report], bool]:
        """The report with its lifetime from `received` on (monotonic seconds), and whether the store took it.

        It does not take what a purge has reached since it was `begun`. A report that is not kept leaves no older one in
        its place, which would be refreshed in vain for as long as it is stale.
        """
        self._forget_deleted(question, report)
        validity = validity or self.begun(question)
        fresh_for, stale_for = self._lifetimes(question.lifetime(report))
        revalidate_for = min(self._revalidate_seconds, stale_for)
        stored = Stored(report, report.size, received, fresh_for, stale_for, validity, revalidate_for)
        kept = self._store.put(question.snapshot_key(report.version), stored, known_as=question.key)
        if kept:
            self._store.put(question.key, stored.holding(report.version, len(report.version)))
        elif (older := self._store.get(question.key)) and older.stored_at < received:
            self._store.delete(question.key)
        self._replaced(question.key)
        return stored, kept

    def _lifetimes(self, lifetime: Lifetime) -> tuple[float, float]:
        """Seconds of freshness, up to JITTER longer or shorter, and of staleness to an end that stays (FAULTS 1.3)."""
        if not lifetime.allows_stale:
            return lifetime.seconds, 0.0
        jittered = lifetime.seconds * (1 + JITTER * (2 * self._random() - 1))
        fresh_for = min(jittered, self._most_fresh_seconds)
        return fresh_for, lifetime.seconds + self._stale_seconds - fresh_for

    def _forget_deleted(self, question: Question, report: Report) -> None:
        """Where upstream no longer knows an interaction, what it once said of it goes (FAULTS 2.1, row 26)."""
        if question.is_of_one and not report.rows and self.current(question):
            self.purge(lambda of, older: of == question.key and older is not None)

    def reports(self) -> Iterator[Report]:
        """Every report that is stored."""
        return (one.value for one in self._store.primary() if isinstance(one.value, Report))

    def purge(self, concerns: Concerns) -> int:
        """As `purging`, at once."""
        work = self.purging(concerns)
        while True:
            try:
                next(work)
            except StopIteration as ended:
                return int(ended.value)

    def purging(self, concerns: Concerns) -> Turns[int]:
        """Forget each report that `concerns` says yes to, and all that was made of it; how many were stored.

        It is told the key of the question, and the report: None for one that is under way, or was not kept. What is
        under way goes on for those who wait for it, and is not stored.
        """
        reports, validities = dict[Validity, Report](), [*self._validities]
        for one in self._store.primary():
            if isinstance(one.value, Report):
                reports[one.validity] = one.value
            yield
        purged = 0
        for validity in validities:
            if concerns(validity.of, reports.get(validity)):
                validity.over = True
                self._replaced(validity.of)
                purged += validity in reports
            yield
        yield from self._store.drop_purged()
        return purged
