"""Circuit breakers and pauses: when upstream is left alone to recover, and how it is tried again; sliding windows."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from app.errors import UpstreamCircuitOpen, UpstreamError, UpstreamThrottled, Verdict
from app.observe.lines import BREAKER
from app.observe.metrics import Metrics
from app.upstream.access import INTERACTION, INTERACTIONS, TOKENS, Limits
from app.workers import ALONE, THROTTLE_GATE, SharedGate, Worker

AWAKE_SECONDS = 0.001  # a sleep until a gate opens may end so much too early
BUCKETS = 10
State = Literal["closed", "open", "half-open"]
CLASSES = {INTERACTIONS.name: "list", INTERACTION.name: "item", TOKENS.name: "login"}
OPENNESS: dict[State, int] = {"closed": 0, "half-open": 1, "open": 2}

logger = logging.getLogger("cxfacade.upstream")


class Breaker:
    """Circuit breaker of one class of calls: closed until failures open it, then half-open for one probe (FAULTS 1.2).

    `random` is of [0, 1). `admit` gives a pass, `settle` takes it back with the verdict on the call. A call admitted
    before the breaker opened or closed has no say afterwards.
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
        """Closed, open, or half-open: open for one probe at a time."""
        if self._until is None:
            return "closed"
        return "open" if self._monotonic() < self._until else "half-open"

    def openness(self) -> int:
        """The state as a number: 0 closed, 1 half-open, 2 open."""
        return OPENNESS[self.state]

    @property
    def is_failing(self) -> bool:
        """Whether the last call that counts has failed."""
        return self._until is not None or self._in_a_row > 0

    def wait(self) -> float | None:
        """Seconds until a call may be admitted, at least 1 while a probe is out; None where it may be now."""
        if self._until is None:
            return None
        left = self._until - self._monotonic()
        if left <= 0 and self._probe is None:
            return None
        return max(left, 1.0) if self._probe is not None else left

    def admit(self) -> int:
        """A pass for one call; ask `wait` first."""
        if self._until is not None:
            self._probe = self._era
        return self._era

    def settle(self, admitted: int, verdict: Verdict) -> None:
        """Take back a pass, with the verdict on its call."""
        if admitted != self._era:
            return
        if self._until is None:
            if verdict != "uncounted":
                self._count(verdict)
            return
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
        attempts, limits = self._attempts.count(), self._limits
        is_often = attempts >= limits.breaker_attempts and self._failures.count() >= limits.breaker_share * attempts
        if is_often or self._in_a_row >= limits.breaker_failures:
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


class Gate:
    """Closed for a pause of `first` seconds, of twice as many the next time, up to `most`, until it is `reset`.

    Responses that were under way when it closed may ask for it again: they only prolong the pause. Other workers keep
    it closed, too, and go on doubling where this one has stopped.
    """

    def __init__(
        self, first: float, most: float, monotonic: Callable[[], float], shared: SharedGate | None = None
    ) -> None:
        self._first = self._next = first
        self._most = most
        self._monotonic = monotonic
        self._shared = shared or SharedGate()
        self._until = self._changed_at = float("-inf")

    def close(self, seconds: float | None = None) -> None:
        """Close it for `seconds`; without them for its own pause, unless it is closed already."""
        if seconds is None:
            if self.left() > 0:
                return
            seconds = self._shared.pause(self._next, self._changed_at)
            self._next = min(2 * seconds, self._most)
        self._until = max(self._until, self._monotonic() + seconds)
        self._tell(self._until)

    def left(self) -> float:
        """Seconds until it opens, 0 where it is open."""
        return max(self._left_of(self._until), self.left_elsewhere())

    def left_elsewhere(self) -> float:
        """Seconds until it opens for the other workers, as they have closed it."""
        return self._left_of(self._shared.until())

    def reset(self, *, opens_elsewhere: bool = False) -> None:
        """Let the next pause be the first again. A gate that is closed stays closed, for others unless told so."""
        if opens_elsewhere or self._shared.pause(self._next, self._changed_at) != self._first:
            self._next = self._first
            self._tell(0.0 if opens_elsewhere else self._until)

    def _tell(self, until: float) -> None:
        self._changed_at = self._monotonic()
        self._shared.tell(until, self._next, self._changed_at)

    def _left_of(self, until: float) -> float:
        left = until - self._monotonic()
        return left if left > AWAKE_SECONDS else 0.0


class Window:
    """Counts the events of the last `seconds` on the monotonic clock, in tenths of them."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._bucket = seconds / BUCKETS
        self._monotonic = monotonic
        self._counts: deque[list[int]] = deque()  # number of the bucket, and events in it

    def add(self) -> None:
        """Count one event."""
        number = self._number()
        if not self._counts or self._counts[-1][0] != number:
            self._counts.append([number, 0])
        self._counts[-1][1] += 1
        self._forget()

    def count(self) -> int:
        """The number of events in the window."""
        self._forget()
        return sum(count for _, count in self._counts)

    def clear(self) -> None:
        """Forget all events."""
        self._counts.clear()

    def _number(self) -> int:
        return int(self._monotonic() // self._bucket)

    def _forget(self) -> None:
        oldest = self._number() - BUCKETS
        while self._counts and self._counts[0][0] <= oldest:
            self._counts.popleft()


class Restraint:
    """The breakers of one tenant, by the names of the endpoints, and its gate for pauses."""

    def __init__(
        self,
        limits: Limits,
        monotonic: Callable[[], float],
        random: Callable[[], float],
        metrics: Metrics,
        worker: Worker = ALONE,
    ) -> None:
        self.breakers = {endpoint: Breaker(limits, monotonic, random) for endpoint in CLASSES}
        shared = worker.gate(THROTTLE_GATE)
        self._gate = Gate(limits.throttled_seconds, limits.throttled_most_seconds, monotonic, shared)
        for endpoint, breaker in self.breakers.items():
            metrics.watch("upstream_breaker", breaker.openness, endpoint=endpoint)
        metrics.watch("upstream_throttled_seconds", self._gate.left)

    def check(self, endpoint: str) -> None:
        """Raises UpstreamThrottled or UpstreamCircuitOpen where no call of this class may be sent now."""
        if left := self._gate.left():
            raise UpstreamThrottled("The upstream asked for a pause, which is kept.", retry_after_seconds=left)
        wait = self.breakers[endpoint].wait()
        if wait is not None:
            raise UpstreamCircuitOpen("The upstream failed repeatedly and is left alone.", retry_after_seconds=wait)

    @contextmanager
    def admit(self, endpoint: str) -> Iterator[None]:
        """Let one call through; a pause that upstream asks for closes the gate. Raises as `check`."""
        self.check(endpoint)
        breaker = self.breakers[endpoint]
        admitted = breaker.admit()
        verdict: Verdict = "uncounted"
        try:
            yield
            verdict = "success"
        except UpstreamError as error:
            verdict = error.verdict
            if isinstance(error, UpstreamThrottled):
                self._gate.close(error.retry_after_seconds)
                error.retry_after_seconds = self._gate.left()
            raise
        finally:
            before = breaker.state
            breaker.settle(admitted, verdict)
            if verdict == "success":
                self._gate.reset()
            if breaker.state != before:
                logger.warning(BREAKER, CLASSES[endpoint], breaker.state, before)

    def is_blocked(self, endpoint: str) -> bool:
        """Whether no call of this class may be sent now."""
        return self._gate.left() > 0 or self.breakers[endpoint].wait() is not None
