"""What the connections of one server share."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from uvicorn.server import ServerState

from app.edge.sampling import Sampled
from app.listener.limits import ListenerLimits

if TYPE_CHECKING:
    from app.listener.guarded import Guarded

CLOSE = (b"connection", b"close")

Count = Callable[[str], None]


def ignore(_reason: str) -> None:
    """Where nobody counts."""


class ListenerState(ServerState):
    """The server's bounds, its connections by address, and its lines about clients; `count` is told each reason."""

    def __init__(self, limits: ListenerLimits, count: Count = ignore) -> None:
        super().__init__()
        self.limits = limits
        self.count = count
        self.cuts = Sampled(logging.getLogger("cxfacade.listener"))
        self._of_peer: Counter[str] = Counter()

    def watch_closes(self) -> None:
        """Once a second: uvicorn closes where an application fails, and tells the connection nothing of it."""
        for connection in cast("set[Guarded]", self.connections):
            connection.watch_close()

    def admit(self, peer: str) -> bool:
        """Whether one more connection of this address is within the bound; if so it is counted until it `leaves`."""
        if self._of_peer[peer] >= self.limits.connections_per_peer:
            return False
        self._of_peer[peer] += 1
        return True

    def leaves(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        self._of_peer[peer] -= 1
        if not self._of_peer[peer]:
            del self._of_peer[peer]

    def say(self, what: str) -> None:
        """Count and write that a client was refused or cut off: the slug of its problem, or one of ours."""
        self.count(what)
        self.cuts.say(what, "connection ended: %(reason)s", {"reason": what})
