"""Whether a failed attempt is made again, and after which pause (FAULTS 1.2 and 2.1, column Att.)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.errors import UpstreamError, UpstreamThrottled
from app.owners import Owners, service_itself
from app.upstream.access import Limits
from app.upstream.breaker import Window


@dataclass(frozen=True, slots=True)
class Effort:
    """Effort of a reading: for a caller who waits for `wait_seconds` at most, or in the `background`.

    `owners` share the slots; calls without owners come last.
    """

    wait_seconds: float = 0.0
    background: bool = False
    owners: Owners = field(default_factory=service_itself, compare=False)

    def attempts(self, limits: Limits) -> int:
        """The most attempts of a call."""
        return limits.background_attempts if self.background else limits.foreground_attempts

    def slot_wait(self, limits: Limits) -> float:
        """The longest wait of a call for a slot, in seconds."""
        return limits.background_slot_wait_seconds if self.background else limits.slot_wait_seconds


FOREGROUND = Effort()


@dataclass(frozen=True, slots=True)
class Remaining:
    """Attempts left to a reading, seconds left of its caller's wait and of its own life."""

    attempts: int
    wait_seconds: float
    total_seconds: float
    background: bool = False


def pause_after(error: UpstreamError, failed: int, left: Remaining, limits: Limits, random: float) -> float | None:
    """Seconds to pause before another attempt, after `failed` of them; None where there is none.

    A pause that upstream asks for is waited for where it fits into the caller's wait; in the background into the life
    of the reading, unless upstream throttles: the next caller refreshes as well. Without such a pause it is the share
    `random`, of [0, 1), of a bound that doubles: full jitter.
    """
    if not error.retried or left.attempts < 1:
        return None
    pause = error.retry_after_seconds
    if pause is None:
        pause = random * min(limits.retry_base_seconds * 2 ** (failed - 1), limits.retry_most_seconds)
        return pause if pause < left.total_seconds else None
    is_patient = left.background and not isinstance(error, UpstreamThrottled)
    most = left.total_seconds if is_patient else min(left.wait_seconds, left.total_seconds)
    return pause if pause < most else None


class Budget:
    """Retry budget: a share of the first attempts in a window, so that retries never make an outage much worse."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._firsts = Window(limits.window_seconds, monotonic)
        self._retries = Window(limits.window_seconds, monotonic)

    def count_first(self) -> None:
        """Count the first attempt of a call."""
        self._firsts.add()

    def take(self) -> bool:
        """Use one retry of the budget; whether there was one left."""
        allowed = max(self._limits.retry_least, self._limits.retry_share * self._firsts.count())
        if self._retries.count() + 1 > allowed:
            return False
        self._retries.add()
        return True
