"""What upstream is asked, and what is kept of it: a new report for a question, or its report read on."""

from dataclasses import dataclass, field

from app.cache.stored import Validity
from app.clock import Clock
from app.errors import UpstreamError, UpstreamForbidden
from app.interactions.masking import MASKED
from app.reports.page import Found
from app.reports.question import Question
from app.reports.report import Opened, begun, extended
from app.reports.rules import Rules
from app.reports.snapshots import Snapshots
from app.reports.successes import Successes
from app.tracing import span
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading


@dataclass
class Fetching:
    """The work of one flight: it looks into the store once more, asks upstream, and stores."""

    snapshots: Snapshots
    clock: Clock
    rules: Rules
    successes: Successes = field(default_factory=Successes, init=False)

    async def begin(self, question: Question, rows: int, replaced: str | None, *, background: bool = False) -> Found:
        """A new report in place of the version `replaced`, unless another flight has just landed with one."""
        stored = self.snapshots.current(question)
        if stored and stored.value.version != replaced and stored.is_fresh(self.clock.monotonic()):
            return Found(Opened(stored.value), stored)
        received, as_of, validity = self.clock.monotonic(), self.clock.wall(), self.snapshots.begun(question)
        reading = await self._read(question, question.asked, Position(), rows, background=background)
        context = self.rules.context_at(as_of, reading.time_zone, MASKED)
        opened = await begun(question.key, question.asked, reading, context)
        return self._keep(question, opened, received, validity, reading.upstream_seconds)

    async def extend(self, question: Question, rows: int, known: Found) -> Found:
        """The report read on where it ends, unless another flight has just done so."""
        stored = self.snapshots.snapshot(question, known.report.version)
        if stored and stored.value.rows > known.report.rows:
            known = Found(Opened(stored.value), stored)
        report = known.report
        if self.rules.is_enough(report, rows):
            return known
        validity = self.snapshots.begun(question, known.stored.validity)
        reading = await self._read(question, report.asked, report.place, report.offset + rows - report.rows)
        opened = await extended(known.opened, reading, self.rules.context_of(report, MASKED))
        return self._keep(question, opened, known.stored.stored_at, validity, reading.upstream_seconds)

    async def _read(
        self, question: Question, asked: UpstreamQuery, place: Position, rows: int, *, background: bool = False
    ) -> Reading:
        """What upstream says; what it denies us is forgotten, however long ago it was fetched (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            with span("fetch"):
                reading = await question.read(asked, place, rows, background)
            self.successes.note(question.key, self.clock.wall())
            return reading
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not question.is_of_one
            if not error.stale_may_cover:
                self.snapshots.purge(lambda of, _report: is_all or of == question.key)
            raise

    def _keep(
        self, question: Question, opened: Opened, received: float, validity: Validity, upstream_seconds: float
    ) -> Found:
        stored, kept = self.snapshots.keep(question, opened.report, received, validity)
        return Found(opened, stored, fetched=True, kept=kept, upstream_seconds=upstream_seconds)
