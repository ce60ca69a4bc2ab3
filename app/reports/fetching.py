"""What upstream is asked, and what is kept of it: a new report for a question, or its report read on."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from app.cache.stored import Validity
from app.clock import Clock
from app.collector import held_back
from app.errors import UpstreamError, UpstreamForbidden
from app.interactions.masking import MASKED
from app.owners import Owners
from app.reports.page import Found
from app.reports.question import Question, Terms
from app.reports.report import Opened, begun, extended
from app.reports.rules import Rules
from app.reports.snapshots import Snapshots
from app.reports.successes import Successes
from app.tracing import span
from app.turns import in_turns, let_go
from app.upstream.query import UpstreamQuery
from app.upstream.reading import Position, Reading


class Cost(NamedTuple):
    """Calls to upstream, and the seconds during which one was under way."""

    calls: int
    seconds: float = 0.0


@dataclass
class Fetching:
    """The work of one flight: it looks into the store once more, asks upstream, and stores."""

    snapshots: Snapshots
    clock: Clock
    rules: Rules
    successes: Successes = field(default_factory=Successes, init=False)

    async def begin(
        self,
        question: Question,
        rows: int,
        replaced: str | None,
        owners: Owners | None = None,
        *,
        background: bool = False,
    ) -> Found:
        """A new report in place of the version `replaced`, unless another flight has just landed with one."""
        stored = self.snapshots.current(question)
        if stored and stored.value.version != replaced and stored.is_fresh(self.clock.monotonic()):
            return Found(Opened(stored.value), stored)
        received, as_of, validity = self.clock.monotonic(), self.clock.wall(), self.snapshots.begun(question)
        terms = Terms(self.rules.most_calls, owners, background)
        reading = await self._read(question, question.asked, Position(), min(rows, self.rules.step_rows), terms)
        context = self.rules.context_at(as_of, reading.time_zone, MASKED)
        opened = await begun(question.key, question.asked, reading, context)
        cost = Cost(reading.calls, reading.upstream_seconds)
        records, reading = [*reading.records], replace(reading, records=())
        await let_go(records)
        opened, cost = await self._read_on(question, opened, rows, cost, terms)
        return self._keep(question, opened, received, validity, cost)

    async def extend(self, question: Question, rows: int, known: Found, owners: Owners | None = None) -> Found:
        """The report read on where it ends, unless another flight has just done so; `known` cost calls already."""
        spent = Cost(known.upstream_calls)
        stored = self.snapshots.snapshot(question, known.report.version)
        if stored and stored.value.rows > known.report.rows:
            known = Found(Opened(stored.value), stored)
        if self.rules.is_enough(known.report, rows):
            return known
        validity = self.snapshots.begun(question, known.stored.validity)
        opened, cost = await self._read_on(question, known.opened, rows, spent, Terms(self.rules.most_calls, owners))
        cost = Cost(cost.calls - spent.calls, cost.seconds)
        return self._keep(question, opened, known.stored.stored_at, validity, cost)

    async def _read_on(
        self, question: Question, opened: Opened, rows: int, cost: Cost, terms: Terms
    ) -> tuple[Opened, Cost]:
        """The report with at least `rows` rows, or as far as the calls of a request reach, and the cost of it all.

        Each step is packed, and its decoded records are let go of, before the next is read.
        """
        while not self.rules.is_enough(opened.report, rows) and cost.calls < terms.most_calls:
            report = opened.report
            goal = report.offset + min(rows - report.rows, self.rules.step_rows)
            left = terms._replace(most_calls=terms.most_calls - cost.calls)
            reading = await self._read(question, report.asked, report.place, goal, left)
            opened = await extended(opened, reading, self.rules.context_of(report, MASKED))
            cost = Cost(cost.calls + reading.calls, cost.seconds + reading.upstream_seconds)
            records, reading = [*reading.records], replace(reading, records=())
            await let_go(records)
        return opened, cost

    async def _read(
        self, question: Question, asked: UpstreamQuery, place: Position, rows: int, terms: Terms
    ) -> Reading:
        """What upstream says; what it denies us is forgotten, however long ago it was fetched (FAULTS 1.3).

        A search denied is the whole tenant denied; one interaction alone, since any client may send any id.
        """
        try:
            with span("fetch"), held_back(rows):
                reading = await question.read(asked, place, rows, terms)
            self.successes.note(question.key, self.clock.wall())
            return reading
        except UpstreamError as error:
            is_all = isinstance(error, UpstreamForbidden) and not question.is_of_one
            if not error.stale_may_cover:
                await in_turns(self.snapshots.purging(lambda of, _report: is_all or of == question.key))
            raise

    def _keep(self, question: Question, opened: Opened, received: float, validity: Validity, cost: Cost) -> Found:
        stored, kept = self.snapshots.keep(question, opened.report, received, validity)
        return Found(opened, stored, fetched=True, kept=kept, upstream_seconds=cost.seconds, upstream_calls=cost.calls)
