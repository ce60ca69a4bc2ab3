"""The state that the connections of one server share."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from uvicorn.server import ServerState

from app.http.forwarding import NOTHING_FORWARDED, Forwarding
from app.http.telemetry import Sampled
from app.listener.limits import ListenerLimits
from app.listener.replay import ReplayCache, date_now
from app.observe.lines import CONNECTION_ENDED
from app.owners import owner_of

if TYPE_CHECKING:
    from app.listener.connection import Connection

CLOSE = (b"connection", b"close")
Field = tuple[bytes, bytes]
Count = Callable[[str], None]


class DatedHeaders(list[Field]):
    """The fields of every answer of a server; as uvicorn (0.54) adds them to those of an answer, they have its Date.

    The Date of uvicorn's own ticks may be earlier than Last-Modified, which must not be (RFC 9110 §8.8.2.1).
    """

    def __add__(self, fields: Iterable[Field]) -> list[Field]:  # type: ignore[override] # as it is called
        return [(b"date", date_now()), *self, *fields]


class ListenerState(ServerState):
    """The server's bounds, replays, connections by owner and lines about clients; `count` is told each reason.

    A proxy that `forwarding` trusts may hold any number of connections, with everybody behind it.
    """

    def __init__(
        self,
        limits: ListenerLimits,
        count: Count | None = None,
        forwarding: Forwarding = NOTHING_FORWARDED,
        replays: ReplayCache | None = None,
    ) -> None:
        super().__init__()
        self.replays = replays
        self.forwarding = forwarding
        self.limits = limits
        self.count = count
        self.cuts = Sampled(logging.getLogger("cxfacade.listener"))
        self._of_owner: Counter[str] = Counter()
        self._admitted = 0

    @property  # an attribute of uvicorn's, which sets it once a second
    def default_headers(self) -> DatedHeaders:
        """The fields of every answer."""
        return self._default_headers

    @default_headers.setter
    def default_headers(self, fields: Iterable[Field]) -> None:
        self._default_headers = DatedHeaders(fields)
        self.is_ending = CLOSE in self._default_headers

    def watch_closes(self) -> None:
        """Once a second: uvicorn closes where an application fails, and tells the connection nothing of it."""
        for connection in cast("set[Connection]", self.connections):
            connection.watch_close()

    def admit(self, peer: str) -> str | None:
        """Why one more connection of this address is over a bound; None where it is not, and is counted."""
        if self.limits.connections and self._admitted >= self.limits.connections:
            return "too-many-connections"
        owner, most = owner_of(peer), self.limits.connections_per_peer
        if most and self._of_owner[owner] >= most and not self.forwarding.is_trusted(peer):
            return "too-many-of-one-address"
        self._of_owner[owner] += 1
        self._admitted += 1
        return None

    def leaves(self, peer: str) -> None:
        """A connection that was admitted is gone."""
        owner = owner_of(peer)
        self._of_owner[owner] -= 1
        self._admitted -= 1
        if not self._of_owner[owner]:
            del self._of_owner[owner]

    def say(self, what: str) -> None:
        """Count and write that a client was refused or cut off: the slug of its problem, or one of ours."""
        if self.count is not None:
            self.count(what)
        self.cuts.say(what, CONNECTION_ENDED, {"reason": what})
