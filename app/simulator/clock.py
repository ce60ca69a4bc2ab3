"""The simulated clock, and the text forms of time that upstream writes and reads."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

HOUR = 3_600_000
DAY = 24 * HOUR
"""In milliseconds, as all simulated time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = _EPOCH.replace(tzinfo=None)
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)


def stamp(ms: int) -> str:
    """Milliseconds since 1970 as upstream's text; these texts sort as the times do."""
    return (_NAIVE_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def milliseconds(moment: datetime) -> int:
    """A datetime with zone as whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def parse_time(text: str) -> int:
    """Milliseconds since 1970 for each form of UPSTREAM §3: hour 24, no seconds, no zone, a space; else ValueError."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    day, hour, minute, second, fraction, zone = found.groups()
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(
        hours=_bounded(hour, 24), minutes=_bounded(minute, 59), seconds=_bounded(second, 60)
    )
    offset = timedelta(0)
    if zone and zone not in "Zz":
        sign = -1 if zone[0] == "-" else 1
        offset = sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return milliseconds(moment - offset) + int(((fraction or "") + "000")[:3])


def _bounded(digits: str | None, highest: int) -> int:
    number = int(digits or 0)
    if number > highest:
        raise ValueError(digits)
    return number


class SimulatedClock:
    """A wall clock that can be set, advanced, frozen and let run; ``real`` gives seconds of monotonic time."""

    def __init__(self, anchor: datetime, *, frozen: bool, real: Callable[[], float] = time.monotonic) -> None:
        self._shown = milliseconds(anchor)
        self._real = real
        self._since: float | None = None if frozen else real()

    @property
    def frozen(self) -> bool:
        return self._since is None

    def now(self) -> int:
        """Milliseconds since 1970, simulated."""
        return self._shown + (0 if self._since is None else int((self._real() - self._since) * 1000))

    def set(self, ms: int) -> None:
        self._shown = ms
        if self._since is not None:
            self._since = self._real()

    def advance(self, seconds: float) -> None:
        self.set(self.now() + round(seconds * 1000))

    def freeze(self, frozen: bool = True) -> None:
        self._shown = self.now()
        self._since = None if frozen else self._real()
