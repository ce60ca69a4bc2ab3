"""An arrival of the workload: planned in a few facts, its record played when it is first read."""

from collections.abc import Callable
from typing import Any

from app.simulator.clock import stamp
from app.simulator.interaction import Form, Interaction, Sent
from app.simulator.scene import Scene

Key = tuple[str, str]
"""A filter of a query with its value, met by the rows that carry it."""

_LISTED = Form()


class Arrival(Interaction):
    """An interaction that is listed from ``seen`` until before ``gone`` (milliseconds; None: for good).

    ``keys`` are the conditions on attributes that it meets as long as it is listed. ``record`` and ``edits`` are played
    when they are first read, and forgotten once the record has changed for the last time: its bytes are kept.
    """

    __slots__ = ("_final", "_play", "gone", "keys", "order", "seen")

    def __init__(
        self,
        interaction_id: str,
        kind: str,
        start: int,
        play: Callable[[], Scene],
        *,
        keys: frozenset[Key],
        seen: int,
        gone: int | None,
    ) -> None:
        self.id, self.kind, self.start = interaction_id, kind, stamp(start)
        self.order = (start, -int(interaction_id.replace("-", ""), 16))
        self.keys, self.seen, self.gone = keys, seen, gone
        self._play = play
        self._moments, self._names, self._bytes = None, None, {}
        self._final: tuple[bytes, Sent] | None = None

    def __getattr__(self, name: str) -> Any:
        """``record`` and ``edits``, while they are not held."""
        if name not in ("record", "edits"):
            raise AttributeError(name)
        scene = self._play()
        Interaction.__init__(self, self.kind, scene.record, scene.edits)
        return getattr(self, name)

    def encoded(self, now: str, form: Form) -> bytes:
        """The record's JSON at that moment."""
        if self._final and form == _LISTED and now >= self._final[1].since:
            return self._final[0]
        body = super().encoded(now, form)
        if form == _LISTED and now >= self.moments()[-1]:
            self._final = (body, super().sent(now))
            del self.record, self.edits
            self._moments, self._bytes = None, {}
        return body

    def sent(self, now: str) -> Sent:
        """The version that is shown at that moment."""
        if self._final and now >= self._final[1].since:
            return self._final[1]
        return super().sent(now)

    def is_listed(self, now: int) -> bool:
        """Whether upstream shows it at ``now`` (milliseconds)."""
        return self.seen <= now and (self.gone is None or now < self.gone)
