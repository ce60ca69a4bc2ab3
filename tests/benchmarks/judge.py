"""The judge of a day of dashboards: how often upstream sent what, from the simulator's journal alone. Pure.

Each row of a list call is one of four: the `first` of its interaction; `changed` since it was sent last; sent again as
it was because its allowance had run out (`due`); or again before that (`early`), which nobody needed. Beside that the
schedule is played for each row alone, from its first reading on: so often it was `owed` to be read again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, inf

from app.simulator.clock import parse_time
from app.simulator.interaction import Sent
from app.simulator.state import Call
from tests.benchmarks.stretch import Verdict

POLL_SECONDS = 60  # the longest pause of boards that show all rows of a range
PUT_OFF = 1.25  # of an allowance: so late a row may be read again, and one poll later
SETTLED_SECONDS = 3600  # after the last change of an interaction that has ended


@dataclass(frozen=True, slots=True)
class Allowances:
    """How old a reading may become, in seconds: CXF_RECHECK_OPEN_SECONDS and CXF_RECHECK_SECONDS by default."""

    open_seconds: float = 60
    rungs: tuple[float, ...] = (300, 3600, 86_400, 604_800)

    def due(self, row: Sent, at: int) -> float:
        """When a row that was read at `at` is to be read again (milliseconds); infinity past the last rung."""
        since = parse_time(row.since)
        if row.is_open:
            return at + max(1000 * self.open_seconds, (at - since) / 2)
        return min((due for rung in self.rungs if (due := since + 1000 * rung) > at), default=inf)


@dataclass(slots=True)
class Judge:
    """Reads the calls of a journal in their order."""

    allowances: Allowances = field(default_factory=Allowances)
    verdict: Verdict = field(default_factory=Verdict)
    _known: dict[str, tuple[Sent, float, bool]] = field(default_factory=dict)
    _promised: dict[str, float] = field(default_factory=dict)
    _owed: dict[str, tuple[Sent, float]] = field(default_factory=dict)

    def read(self, calls: Iterable[Call]) -> None:
        """Take in calls; all but lists are passed over."""
        for call in calls:
            if call.kind == "list":
                self._read(call)

    def _read(self, call: Call) -> None:
        verdict, known, at = self.verdict, self._known, parse_time(call.at)
        verdict.calls += 1
        verdict.counting += ("limit", "0") in call.query
        first, again, early = verdict.first, verdict.changed + verdict.due, verdict.early
        for row in call.rows:
            self._play(row, at)
            last, due, was_settled = known.get(row.id, _NEVER)
            if last is None:
                verdict.first += 1
            elif last.version != row.version:
                verdict.changed += 1
            else:
                verdict.settled_again += was_settled
                if at < due:
                    verdict.early += 1
                    verdict.settled_early += was_settled
                    continue
                verdict.due += 1
            is_settled = not row.is_open and at - parse_time(row.since) >= 1000 * SETTLED_SECONDS
            known[row.id] = (row, self.allowances.due(row, at), is_settled)
        if verdict.first == first and verdict.changed + verdict.due > again:
            verdict.beside += verdict.early - early

    def _play(self, row: Sent, at: int) -> None:
        """Count the readings that the schedule owed until now, and see whether this one is as early as promised."""
        last, due = self._owed.get(row.id, (row, self.allowances.due(row, at)))
        self._owed[row.id] = row, self._next(last, due, at)
        self.verdict.late += at > self._promised.get(row.id, inf)
        wait = self.allowances.due(row, at) - at
        self._promised[row.id] = at + PUT_OFF * wait + 1000 * POLL_SECONDS

    def _next(self, row: Sent, due: float, at: int) -> float:
        """The first due time after `at`; those before are counted."""
        while due <= at:
            self.verdict.owed += 1
            due = self.allowances.due(row, ceil(due))
        return due

    def end(self, at: int) -> None:
        """Nothing more is read: count the readings owed until now (milliseconds), and rows that are late by then."""
        for row, due in self._owed.values():
            self._next(row, due, at)
        self.verdict.late += sum(promised < at for promised in self._promised.values())


_NEVER: tuple[None, float, bool] = (None, inf, False)
