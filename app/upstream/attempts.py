"""The attempts of one reading: made again as far as its deadline, its caller and the budget allow (FAULTS 1.2)."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.errors import UpstreamError, UpstreamThrottled, UpstreamUnanswered
from app.observe.lines import UPSTREAM_ALARM
from app.upstream.retries import Effort, Left, pause_after
from app.upstream.session import UpstreamSession

T = TypeVar("T")

logger = logging.getLogger("cxfacade.upstream")


class Attempts:
    """How often one reading has asked, and may still ask.

    `has_sent`: a call has left. `is_final`: whatever comes now is not worth another attempt, as a login has failed.
    """

    def __init__(self, line: UpstreamSession, effort: Effort) -> None:
        now = line.clock.monotonic()
        self.deadline = now + line.access.fetch_seconds
        self.effort = effort
        self.has_sent = False
        self.is_final = False
        self._line = line
        self._waits_until = now + effort.wait_seconds
        self._may_repeat = True

    async def made(self, endpoint: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` gives, in the end. Raises the error of the last one."""
        self._line.budget.count_first()
        failed = 0
        while True:
            try:
                return await attempt()
            except UpstreamError as error:
                failed += 1
                pause = self._pause(endpoint, error, failed)
                if pause is None:
                    self._alarm(error)
                    raise
                self._line.metrics.count("upstream_retries", endpoint=endpoint, reason=error.code)
            await self._line.clock.sleep(pause)

    def _pause(self, endpoint: str, error: UpstreamError, failed: int) -> float | None:
        """Seconds until another attempt, None where there is none.

        A connection that had been closed before it was used again costs nothing, once (FAULTS 2.1, row 34). A gate
        found closed is waited for by those only who have begun: the others had better come again.
        """
        limits, now = self._line.access.limits, self._line.clock.monotonic()
        left = Left(
            attempts=self.effort.attempts(limits) - failed,
            wait_seconds=self._waits_until - now,
            total_seconds=self.deadline - now,
            background=self.effort.background,
        )
        if self.is_final or (isinstance(error, UpstreamThrottled) and not self.has_sent):
            return None
        if isinstance(error, UpstreamUnanswered) and self._may_repeat and left.attempts:
            self._may_repeat = False
            return 0.0
        pause = pause_after(error, failed, left, limits, self._line.random())
        if pause is None or (self._line.restraint.wait(endpoint) or 0) > pause or not self._line.budget.take():
            return None
        return pause

    def _alarm(self, error: UpstreamError) -> None:
        if error.alarm:
            self._line.metrics.count("upstream_alarms", reason=error.code)
            logger.error(UPSTREAM_ALARM, error.code)
