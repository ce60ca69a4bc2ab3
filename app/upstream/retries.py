"""Whether a failed attempt is made again, and after which pause (FAULTS 1.2 and 2.1, column Att.)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.errors import UpstreamError, UpstreamThrottled
from app.owners import Owners, service_itself
from app.upstream.limits import Limits
from app.upstream.window import Window


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try: for a caller who waits for so many seconds at most, or in the `background`, for none.

    `owners` share the turns of the calls, which are in the background as long as there are none.
    """

    wait_seconds: float = 0.0
    background: bool = False
    owners: Owners = field(default_factory=service_itself, compare=False)

    def attempts(self, limits: Limits) -> int:
        """How many attempts a call may take in all."""
        return limits.background_attempts if self.background else limits.foreground_attempts

    def slot_wait(self, limits: Limits) -> float:
        """Seconds that a call may wait for a slot."""
        return limits.background_slot_wait_seconds if self.background else limits.slot_wait_seconds


FOREGROUND = Effort()


@dataclass(frozen=True, slots=True)
class Left:
    """What a reading has left at a moment: attempts, seconds of its caller's wait, seconds of its own life."""

    attempts: int
    wait_seconds: float
    total_seconds: float
    background: bool = False


def pause_after(error: UpstreamError, failed: int, left: Left, limits: Limits, random: float) -> float | None:
    """Seconds to pause before another attempt after `failed` of them; None where there is none.

    Without a pause named by upstream it is `random`, of [0, 1), of a bound that doubles: "full jitter".
    """
    if not error.retried or left.attempts < 1:
        return None
    pause = error.retry_after_seconds
    if pause is None:
        pause = random * min(limits.retry_base_seconds * 2 ** (failed - 1), limits.retry_most_seconds)
        return pause if pause < left.total_seconds else None
    return pause if pause < min(_patience(error, left), left.total_seconds) else None


def _patience(error: UpstreamError, left: Left) -> float:
    """How long a pause named by upstream may be: somebody must still wait at its end, unless nobody ever did.

    Being throttled is not waited for behind the callers' backs: who asks once the gate is open refreshes as well.
    """
    is_nobodys = left.background and not isinstance(error, UpstreamThrottled)
    return left.total_seconds if is_nobodys else left.wait_seconds


class Budget:
    """A fifth of the first attempts in a window may be made again: retries never make an outage much worse."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._firsts = Window(limits.window_seconds, monotonic)
        self._retries = Window(limits.window_seconds, monotonic)

    def count_first(self) -> None:
        """A call is attempted for the first time."""
        self._firsts.add()

    def take(self) -> bool:
        """Whether one more retry is within the budget, which it then uses."""
        allowed = max(self._limits.retry_least, self._limits.retry_share * self._firsts.count())
        if self._retries.count() + 1 > allowed:
            return False
        self._retries.add()
        return True
