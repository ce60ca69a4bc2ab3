"""The roll: the workload's rows that are listed at a moment, found by range and attribute without looking at each."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter

from app.simulator.arrival import Arrival, Key
from app.simulator.arrivals import RETENTION_DAYS
from app.simulator.clock import DAY, parse_time
from app.simulator.interaction import Interaction
from app.simulator.query import Query
from app.simulator.tenant import SimulatorOptions
from app.simulator.workload import Day, arrivals_of

_ALL: Key = ("", "")
_ORDER = attrgetter("order")
_KEYED = frozenset({"attribute-value", "hook-name", "hookType", "hookSubType"})


class WorkingDays:
    """The arrivals of a tenant's days; the history begins ``history_days`` before ``anchor`` (milliseconds)."""

    def __init__(self, options: SimulatorOptions, anchor: int) -> None:
        self._options = options
        self._first_start = anchor - options.history_days * DAY
        self._span = range(0)
        self._roll = Roll(())

    def rows(self, now: int) -> list[Interaction]:
        """The rows listed at ``now`` (milliseconds), newest first."""
        return [*self._at(now).found(frozenset(), None, None)]

    def narrowed(self, query: Query, now: int) -> tuple[list[Interaction], Query]:
        """Rows listed at ``now``, newest first, and the query without the filters that all of them meet."""
        met = [one for one in query.filters if one[0] in _KEYED or one[0] in ("start", "end")]
        starts, ends = ([parse_time(value) for value in query.values(name)] for name in ("start", "end"))
        keys = frozenset(one for one in met if one[0] in _KEYED)
        rows = self._at(now).found(keys, max(starts, default=None), min(ends, default=None))
        return [*rows], replace(query, filters=tuple(one for one in query.filters if one not in met))

    def _at(self, now: int) -> "Roll":
        span = range(max(self._first_start // DAY, now // DAY - RETENTION_DAYS), now // DAY + 1)
        if span != self._span:
            chosen = self._options
            days = [
                Day(day, chosen.seed, chosen.per_weekday, chosen.time_zone, chosen.tenant_id) for day in span
            ]  # fmt: skip
            known = (row for day in days for row in arrivals_of(day))
            self._span = span
            self._roll = Roll(row for row in known if row.order[0] >= self._first_start)
        return self._roll.at(now)


class Roll:
    """The rows listed at a moment in the order of their starts, for each condition that some meet."""

    def __init__(self, rows: Iterable[Arrival]) -> None:
        changes = [(row.seen, row.order, row) for row in rows]
        changes += [(row.gone, row.order, row) for _, _, row in changes if row.gone is not None]
        self._changes = sorted(changes, key=lambda change: change[:2])
        self._start_over()

    def _start_over(self) -> None:
        self._made = 0
        self._now = -1
        self._lists: defaultdict[Key, list[Arrival]] = defaultdict(list)

    def at(self, now: int) -> "Roll":
        """This roll as of ``now`` (milliseconds)."""
        if now < self._now:
            self._start_over()
        self._now = now
        while self._made < len(self._changes) and self._changes[self._made][0] <= now:
            moment, _, row = self._changes[self._made]
            self._made += 1
            for rows in [self._lists[key] for key in (_ALL, *row.keys)]:
                if moment == row.gone:
                    rows.remove(row)
                else:
                    insort(rows, row, key=_ORDER)
        return self

    def found(self, keys: frozenset[Key], start: int | None, end: int | None) -> list[Arrival]:
        """The rows that meet all ``keys`` and begin within [start, end) (milliseconds), newest first."""
        rows = min((self._lists.get(key, []) for key in keys or (_ALL,)), key=len)
        low, high = (
            place if ms is None else bisect_left(rows, ms, key=_start) for ms, place in ((start, 0), (end, len(rows)))
        )
        within = rows[low:high][::-1]
        return within if len(keys) < 2 else [row for row in within if keys <= row.keys]


def _start(row: Arrival) -> int:
    return row.order[0]
