"""Lines about what clients get wrong: one of each kind in a second, then how many more there were (FAULTS T52)."""

import asyncio
import logging
from collections.abc import Hashable, Mapping

from app.observe.lines import Line

SECONDS = 1.0


class Sampled:
    """Writes to `logger` at INFO, from within an event loop; a `kind` is one of few."""

    def __init__(self, logger: logging.Logger, seconds: float = SECONDS) -> None:
        self._logger = logger
        self._seconds = seconds
        self._kept: dict[Hashable, int] = {}

    def say(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        """Write the line, filled in with `facts`, unless there was one of this kind within the last second."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if kind in self._kept:
            self._kept[kind] += 1
            return
        self._write(line, facts)
        self._watch(kind, line, facts)

    def _watch(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        self._kept[kind] = 0
        asyncio.get_running_loop().call_later(self._seconds, self._over, kind, line, facts)

    def _over(self, kind: Hashable, line: Line, facts: Mapping[str, object]) -> None:
        suppressed = self._kept.pop(kind)
        if suppressed:
            self._write(line.and_more, {**facts, "suppressed": suppressed})
            self._watch(kind, line, facts)

    def _write(self, line: Line, facts: Mapping[str, object]) -> None:
        self._logger.info(line, facts, extra=dict(facts))
