"""When upstream last answered each question: kept after the answer itself is too old, to be told with a failure."""

from collections import OrderedDict
from datetime import datetime

MOST = 10_000


class Successes:
    """The last success of each question, by its key; of too many the oldest is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._moments: OrderedDict[bytes, datetime] = OrderedDict()

    def note(self, key: bytes, moment: datetime) -> None:
        """Upstream answered the question at this wall time."""
        self._moments[key] = moment
        self._moments.move_to_end(key)
        if len(self._moments) > self._most:
            self._moments.popitem(last=False)

    def last(self, key: bytes) -> datetime | None:
        """When it last did, if that is known."""
        return self._moments.get(key)
