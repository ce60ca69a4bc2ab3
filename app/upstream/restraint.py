"""What holds calls back: a breaker for each class of calls, and the gate that upstream closes by asking for a pause."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Self

from app.errors import UpstreamCircuitOpen, UpstreamError, UpstreamThrottled, Verdict
from app.observe.lines import BREAKER
from app.observe.metrics import Metrics
from app.upstream.breaker import Breaker, State
from app.upstream.gate import Gate
from app.upstream.limits import Limits
from app.upstream.urls import INTERACTION, INTERACTIONS, TOKENS

CLASSES = {INTERACTIONS.endpoint: "list", INTERACTION.endpoint: "item", TOKENS.endpoint: "login"}
OPENNESS: dict[State, int] = {"closed": 0, "half-open": 1, "open": 2}

logger = logging.getLogger("cxfacade.upstream")


class Restraint:
    """The breakers and the gate of one tenant."""

    def __init__(
        self, limits: Limits, monotonic: Callable[[], float], random: Callable[[], float], metrics: Metrics
    ) -> None:
        self._breakers = {endpoint: Breaker(limits, monotonic, random) for endpoint in CLASSES}
        self._gate = Gate(limits.throttled_seconds, limits.throttled_most_seconds, monotonic)
        for endpoint, breaker in self._breakers.items():
            metrics.watch("upstream_breaker", partial(_openness, breaker), endpoint=endpoint)
        metrics.watch("upstream_throttled_seconds", self._gate.left)

    def check(self, endpoint: str) -> None:
        """Raises UpstreamThrottled or UpstreamCircuitOpen where no call of this class may be sent now."""
        if left := self._gate.left():
            raise UpstreamThrottled("The upstream asked for a pause, which is kept.", retry_after_seconds=left)
        wait = self._breakers[endpoint].wait()
        if wait is not None:
            raise UpstreamCircuitOpen("The upstream failed repeatedly and is left alone.", retry_after_seconds=wait)

    def admit(self, endpoint: str) -> "Pass":
        """A pass for one call that is sent now. Raises as `check`."""
        self.check(endpoint)
        return Pass(self, endpoint, self._breakers[endpoint].admit())

    def settle(self, endpoint: str, admitted: int, shown: Verdict) -> None:
        """What an admitted call has shown."""
        breaker = self._breakers[endpoint]
        before = breaker.state
        breaker.settle(admitted, shown)
        if shown == "success":
            self._gate.reset()
        if breaker.state != before:
            logger.warning(BREAKER, CLASSES[endpoint], breaker.state, before)

    def throttle(self, seconds: float | None) -> float:
        """Upstream asked for a pause of so many seconds, or of a time unsaid; how long the gate is closed now."""
        self._gate.close(seconds)
        return self._gate.left()

    @property
    def throttled_seconds(self) -> float:
        """Seconds until the gate opens, 0 where it is open."""
        return self._gate.left()

    def wait(self, endpoint: str) -> float | None:
        """Seconds until the breaker lets a call of this class through, None where it does now."""
        return self._breakers[endpoint].wait()

    def is_failing(self, endpoint: str) -> bool:
        """Whether the last call of this class that counts has failed."""
        return self._breakers[endpoint].is_failing

    def states(self) -> dict[str, State]:
        """How each class of calls stands."""
        return {name: self._breakers[endpoint].state for endpoint, name in CLASSES.items()}


def _openness(breaker: Breaker) -> float:
    return OPENNESS[breaker.state]


class Pass:
    """Leave to send one call, to be entered while that goes on; what it ends with is told to breaker and gate."""

    def __init__(self, restraint: Restraint, endpoint: str, admitted: int) -> None:
        self._restraint = restraint
        self._endpoint = endpoint
        self._admitted = admitted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        """Where upstream asked for a pause, the gate closes, and the error says for how long."""
        if isinstance(error, UpstreamThrottled):
            error.retry_after_seconds = self._restraint.throttle(error.retry_after_seconds)
        self._restraint.settle(self._endpoint, self._admitted, verdict(error))


def verdict(error: BaseException | None) -> Verdict:
    """What the end of a call tells the breaker."""
    if error is None:
        return "success"
    return error.verdict if isinstance(error, UpstreamError) else "uncounted"
