"""The schedule of rechecks: how old what is held of one record may be, and when it is read again (HOLDINGS §4)."""

from bisect import bisect_right
from dataclasses import dataclass
from math import ceil, floor, log2

OPEN_SHARE = 0.5  # of the time since its last event, an open record may go unchecked
GRID_SHARE = 0.25  # of a wait, by which a due time may be put off at most, so that neighbours fall due together


@dataclass(frozen=True, slots=True)
class Schedule:
    """The settings of the schedule, in seconds: `open_seconds` is the least wait of open records.

    `rungs` are ascending: an ended record is read again when so much time has passed since its last event, once each.
    """

    open_seconds: float
    rungs: tuple[float, ...]

    def due_at(self, last_event_at: float, checked_at: float, *, is_open: bool) -> float | None:
        """When a record that was read at `checked_at` is to be read again, on the grid; None past the last rung."""
        due = self._due(last_event_at, checked_at, is_open=is_open)
        return None if due is None else _on_grid(due, due - checked_at)

    def _due(self, last_event_at: float, checked_at: float, *, is_open: bool) -> float | None:
        quiet = max(0.0, checked_at - last_event_at)
        if is_open:
            return checked_at + max(self.open_seconds, OPEN_SHARE * quiet)
        passed = bisect_right(self.rungs, quiet)
        return checked_at - quiet + self.rungs[passed] if passed < len(self.rungs) else None


def _on_grid(due: float, wait: float) -> float:
    """The due time rounded up to whole steps: the largest power of two seconds within a share of the wait.

    Powers of two divide each other, so that records of different waits fall due together too.
    """
    step = 2.0 ** floor(log2(GRID_SHARE * wait))
    return ceil(due / step) * step
