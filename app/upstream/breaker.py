"""When upstream is left alone to recover, and how it is tried again."""

from collections.abc import Callable
from typing import Literal

from app.errors import Verdict
from app.upstream.limits import Limits
from app.upstream.window import Window

State = Literal["closed", "open", "half-open"]


class Breaker:
    """One class of calls: closed, until failures open it; then one probe at a time (FAULTS 1.2).

    `random` is of [0, 1). A pass is given by `admit` and given back, with what came of it, by `settle`. A verdict on a
    call that was let through while the breaker was closed counts for nothing once it is open.
    """

    def __init__(self, limits: Limits, monotonic: Callable[[], float], random: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._random = random
        self._attempts = Window(limits.window_seconds, monotonic)
        self._failures = Window(limits.window_seconds, monotonic)
        self._in_a_row = 0
        self._successes = 0
        self._open_for = limits.breaker_open_seconds
        self._until: float | None = None
        self._era = 0  # counts openings and closings: a pass of another era is out of date
        self._probe: int | None = None

    @property
    def state(self) -> State:
        """Closed, open, or open for one probe at a time."""
        if self._until is None:
            return "closed"
        return "open" if self._monotonic() < self._until else "half-open"

    @property
    def is_failing(self) -> bool:
        """Whether the last call that counts has failed."""
        return self._until is not None or self._in_a_row > 0

    def wait(self) -> float | None:
        """Seconds until a call may be let through, None where one may be now; while a probe is out, one at least."""
        if self._until is None:
            return None
        left = self._until - self._monotonic()
        if left <= 0 and self._probe is None:
            return None
        return max(left, 1.0) if self._probe is not None else left

    def admit(self) -> int:
        """A pass for one call, which `wait` has said may be let through."""
        if self._until is not None:
            self._probe = self._era
        return self._era

    def settle(self, admitted: int, verdict: Verdict) -> None:
        """Take back a pass, with what the call showed."""
        if admitted != self._era:
            return
        if self._until is not None:
            self._settle_probe(verdict)
        elif verdict != "uncounted":
            self._count(verdict)

    def _settle_probe(self, verdict: Verdict) -> None:
        self._probe = None
        if verdict == "failure":
            self._open_for = min(2 * self._open_for, self._limits.breaker_most_seconds)
            self._open()
        elif verdict == "success":
            self._successes += 1
            if self._successes >= self._limits.breaker_successes:
                self._close()

    def _count(self, verdict: Verdict) -> None:
        self._attempts.add()
        if verdict == "success":
            self._in_a_row = 0
            return
        self._failures.add()
        self._in_a_row += 1
        attempts = self._attempts.count()
        is_ratio = attempts >= self._limits.breaker_attempts
        if self._in_a_row >= self._limits.breaker_failures or (
            is_ratio and self._failures.count() >= self._limits.breaker_share * attempts
        ):
            self._open()

    def _open(self) -> None:
        jitter = 1 + self._limits.breaker_jitter * (2 * self._random() - 1)
        self._until = self._monotonic() + self._open_for * jitter
        self._era += 1
        self._successes = 0

    def _close(self) -> None:
        self._until = None
        self._era += 1
        self._in_a_row = 0
        self._open_for = self._limits.breaker_open_seconds
        self._attempts.clear()
        self._failures.clear()
