"""When a call has to wait: a circuit breaker for each class of calls, and the pause that upstream asks for."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from app.errors import UpstreamCircuitOpen, UpstreamError, UpstreamThrottled, Verdict
from app.observe.logs import BREAKER
from app.observe.metrics import Metrics
from app.upstream.access import INTERACTION, INTERACTIONS, TOKENS, Limits
from app.upstream.breaker import Breaker, Gate, State

CLASSES = {INTERACTIONS.name: "list", INTERACTION.name: "item", TOKENS.name: "login"}
OPENNESS: dict[State, int] = {"closed": 0, "half-open": 1, "open": 2}

logger = logging.getLogger("cxfacade.upstream")


class Restraint:
    """The breakers of one tenant, by the names of the endpoints, and its gate for pauses."""

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
        wait = self.wait(endpoint)
        if wait is not None:
            raise UpstreamCircuitOpen("The upstream failed repeatedly and is left alone.", retry_after_seconds=wait)

    @contextmanager
    def admit(self, endpoint: str) -> Iterator[None]:
        """Let one call through, and learn from the error it ends with, if any. Raises as `check`.

        A pause that upstream asks for closes the gate; the error then says for how long.
        """
        self.check(endpoint)
        admitted = self._breakers[endpoint].admit()
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
            self._settle(endpoint, admitted, verdict)

    def _settle(self, endpoint: str, admitted: int, verdict: Verdict) -> None:
        breaker = self._breakers[endpoint]
        before = breaker.state
        breaker.settle(admitted, verdict)
        if verdict == "success":
            self._gate.reset()
        if breaker.state != before:
            logger.warning(BREAKER, CLASSES[endpoint], breaker.state, before)

    @property
    def throttled_seconds(self) -> float:
        """Seconds until the pause is over, 0 where there is none."""
        return self._gate.left()

    def wait(self, endpoint: str) -> float | None:
        """Seconds until the breaker lets a call of this class through, None where it does now."""
        return self._breakers[endpoint].wait()

    def is_failing(self, endpoint: str) -> bool:
        """Whether the last call of this class that counts has failed."""
        return self._breakers[endpoint].is_failing

    def states(self) -> dict[str, State]:
        """The state of the breaker of each class of calls."""
        return {name: self._breakers[endpoint].state for endpoint, name in CLASSES.items()}


def _openness(breaker: Breaker) -> float:
    return OPENNESS[breaker.state]
