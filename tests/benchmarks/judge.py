"""The judge of a day of dashboards: how often upstream sent what, from the simulator's journal alone. Pure.

Each row of a list call is one of four: the `first` of its interaction; `changed` since it was sent last; sent again as
it was because its allowance had run out (`due`); or again before that (`early`). Of early rows those have a cause that
a call sends between due or changed ones (`beside`); those that the conditions of the call are sent for the first time,
or after the allowance of what these were sent: another question was sent them before; the newest of a call, where a
page of these conditions ended with it, as its millisecond may hold more; the newest of a range that is asked for alone,
to see whether it still is; the row whose times the probe asks for, by a range of a few milliseconds; and those of a
call that shows that a row sent before is gone. Beside that the schedule is played for each row alone, from its first
reading on, as long as it is there: so often it was `owed` to be read again.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, inf

from app.simulator.clock import parse_time
from app.simulator.interaction import Sent
from app.simulator.state import Call
from tests.benchmarks.stretch import Verdict

POLL_SECONDS = 60  # the longest pause of boards that show all rows of a range
PLACE = ("start", "end", "offset", "limit")  # what a call tells beside its conditions
PUT_OFF = 1.25  # of an allowance: so late a row may be read again, and one poll later
SHOWN_SECONDS = 7 * 86_400  # after its last event, no board shows a row that it has not shown before
SETTLED_SECONDS = 3600  # after the last event of an interaction that has ended
PROBE_MILLISECONDS = 3  # of a range

Conditions = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Allowances:
    """How old a reading may become, in seconds: CXF_RECHECK_OPEN_SECONDS and CXF_RECHECK_SECONDS by default."""

    open_seconds: float = 60
    rungs: tuple[float, ...] = (300, 3600, 86_400, 604_800)

    def due(self, row: Sent, at: int) -> float:
        """When a row that was read at `at` is to be read again (milliseconds); infinity past the last rung."""
        event = parse_time(row.event)
        if row.is_open:
            return at + max(1000 * self.open_seconds, (at - event) / 2)
        return min((due for rung in self.rungs if (due := event + 1000 * rung) > at), default=inf)


@dataclass(slots=True)
class Judge:
    """Reads the calls of a journal in their order."""

    allowances: Allowances = field(default_factory=Allowances)
    verdict: Verdict = field(default_factory=Verdict)
    _known: dict[str, tuple[Sent, float, bool]] = field(default_factory=dict)
    _promised: dict[str, dict[Conditions, float]] = field(default_factory=dict)
    _owed: dict[str, tuple[Sent, float]] = field(default_factory=dict)
    _sent: dict[tuple[Conditions, str], float] = field(default_factory=dict)  # until when it need not be sent again
    _ended: set[tuple[Conditions, str]] = field(default_factory=set)
    _there: list[tuple[str, str]] = field(default_factory=list)  # start and id of each row, the oldest first

    def read(self, calls: Iterable[Call]) -> None:
        """Take in calls; all but lists are passed over."""
        for call in calls:
            if call.kind == "list":
                self._read(call)

    def _read(self, call: Call) -> None:
        verdict, known, at = self.verdict, self._known, parse_time(call.at)
        verdict.calls += 1
        verdict.counting += ("limit", "0") in call.query
        conditions = frozenset(one for one in call.query if one[0] not in PLACE)
        has_cause = {call.rows[0].id} if call.rows and (conditions, call.rows[0].id) in self._ended else set()
        gone = self._gone(call, conditions)
        if _is_probe(call) or gone or ("limit", "1") in call.query:
            has_cause.update(row.id for row in call.rows)
        if not conditions:
            self._forget(gone, at)
        needed, early = list[int](), list[tuple[int, bool]]()  # places; the early with whether nothing caused it
        for place, row in enumerate(call.rows):
            self._play(row, at, conditions)
            last, due, was_settled = known.get(row.id, _NEVER)
            if last is None:
                verdict.first += 1
                insort(self._there, (row.start, row.id))
            elif last.version != row.version:
                verdict.changed += 1
                needed.append(place)
            else:
                verdict.settled_again += was_settled
                if at < due:
                    verdict.early += 1
                    verdict.settled_early += was_settled
                    is_needless = row.id not in has_cause and at < self._sent.get((conditions, row.id), -inf)
                    early.append((place, was_settled and is_needless))
                    continue
                verdict.due += 1
                needed.append(place)
            is_settled = not row.is_open and at - parse_time(row.event) >= 1000 * SETTLED_SECONDS
            known[row.id] = (row, self.allowances.due(row, at), is_settled)
        between = range(min(needed, default=0), max(needed, default=0))
        verdict.beside += sum(place in between for place, _ in early)
        verdict.uncaused += sum(is_uncaused for place, is_uncaused in early if place not in between)
        self._sent.update({(conditions, row.id): self.allowances.due(row, at) for row in call.rows})
        if len(call.rows) > 1 and ("limit", str(len(call.rows))) in call.query:
            self._ended.add((conditions, call.rows[-1].id))

    def _gone(self, call: Call, conditions: Conditions) -> list[tuple[str, str]]:
        """Rows sent before by these conditions that the call would have sent, were they still there."""
        asked, rows = dict(call.query), {row.id for row in call.rows}
        if asked["limit"] == "0" or asked.get("offset", "0") != "0":
            return []
        is_whole = len(rows) < int(asked["limit"])
        low = asked.get("start", "") if is_whole else min(row.start for row in call.rows) + _AFTER
        first, end = bisect_left(self._there, (low,)), bisect_left(self._there, (asked.get("end", _AFTER),))
        there = self._there[first:end]
        return [one for one in there if one[1] not in rows and (conditions, one[1]) in self._sent]

    def _forget(self, gone: Iterable[tuple[str, str]], at: int) -> None:
        """Nothing is owed any more of rows that upstream no longer has."""
        for one in gone:
            self._there.remove(one)
            self._next(*self._owed.pop(one[1]), at)
            del self._promised[one[1]]

    def _play(self, row: Sent, at: int, conditions: Conditions) -> None:
        """Count the readings that the schedule owed until now, and see whether this one is as early as promised.

        A row that was sent for conditions, too, is held twice, and each time with a promise of its own.
        """
        last, due = self._owed.get(row.id, (row, self.allowances.due(row, at)))
        self._owed[row.id] = row, self._next(last, due, at)
        promised = self._promised.get(row.id, {})
        self.verdict.late += at > max(promised.values(), default=inf)
        due = self.allowances.due(row, at)
        is_shown = due < parse_time(row.event) + 1000 * SHOWN_SECONDS
        promise = at + PUT_OFF * (due - at) + 1000 * POLL_SECONDS if is_shown else inf
        self._promised[row.id] = {**(promised if conditions else {}), conditions: promise}

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
        self.verdict.late += sum(max(promised.values()) < at for promised in self._promised.values())


def _is_probe(call: Call) -> bool:
    asked = dict(call.query)
    if "start" not in asked or "end" not in asked:
        return False
    return parse_time(asked["end"]) - parse_time(asked["start"]) <= PROBE_MILLISECONDS


_AFTER = "~"  # later than the text of any time that it follows, or stands for
_NEVER: tuple[None, float, bool] = (None, inf, False)
