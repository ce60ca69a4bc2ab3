"""An interaction as it changes with time: open, then ended, then edited late."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from app.simulator.clock import stamp
from app.simulator.forms import Form, encode
from app.simulator.scene import Edit, Record

WITHHELD: dict[str, frozenset[str]] = {
    "endTimestamp": frozenset({
        "endTimestamp", "interactionTime", "ivrAbandoned", "ivrAbandonTime", "customerAbandonTime",
        "customerHoldAbandoned", "customerConversationTime", "customerTalkTime", "customerHoldTime", "customerHolds",
        "thirdPartyTime", "customerTransfers", "customerSatisfactionScore", "segmentEndType", "segmentTime",
        "segmentCancelled", "segmentCancelTime", "segmentToAgentId", "queueTime", "slaTime", "timeToAnswer",
        "queueExitType", "queueExitLength", "agentTalkTime", "agentWrapUpTime", "customerResponseTime",
    }),
    "conversationStartTimestamp": frozenset({
        "conversationStartTimestamp", "agentWorkAccepted", "agentWorkOfferTime", "agentWorkAcceptedTime",
    }),
    "conversationEndTimestamp": frozenset({
        "conversationEndTimestamp", "agentConversationTime", "agentHandleTime", "agentFocusTime",
    }),
    "updated": frozenset({"updated"}),
}  # fmt: skip
"""Fields that stay hidden until a moment has come, by the field that holds the moment."""

_BEGINNINGS = ("startTimestamp", "timestamp", "created")


class Interaction:
    """A record with all it will ever hold; ``now``, as upstream's text, decides how much of it is shown."""

    __slots__ = ("_bytes", "_moments", "edits", "id", "kind", "record", "start")

    def __init__(self, kind: str, record: Record, edits: list[Edit] | None = None) -> None:
        self.kind = kind
        self.record = record
        self.edits = [(stamp(when), fields) for when, fields in sorted(edits or (), key=lambda edit: edit[0])]
        self.id: str = record["interactionId"]
        self.start: str = record["startTimestamp"]
        self._moments: list[str] | None = None
        self._bytes: dict[tuple[int, Form], bytes] = {}

    def at(self, now: str) -> Record:
        """The record at that moment."""
        shown = as_of(self.record, now)
        if "endTimestamp" not in shown:
            shown["customerHolds"] = sum("customerHoldTime" in hold for hold in shown.get("customerHoldTimes", ()))
            if "queues" not in shown:
                shown.pop("ivrTime", None)
        for when, fields in self.edits:
            if when <= now:
                shown |= fields
        if "updated" in self.record:
            shown["updated"] = self.moments()[self._state(now) - 1]
        return shown

    def hooks(self, now: str) -> list[Record]:
        """The hooks written so far."""
        return [hook for hook in self.record.get("hooks") or () if hook["timestamp"] <= now]

    def contact(self) -> str | None:
        contact: str | None = self.record.get("contactId")
        return contact

    def encoded(self, now: str, form: Form) -> bytes:
        """The record's JSON at that moment; the bytes are kept until the record changes."""
        state = (self._state(now), form)
        if state not in self._bytes:
            if any(kept != state[0] for kept, _ in self._bytes):
                self._bytes.clear()
            self._bytes[state] = encode(self.at(now), form)
        return self._bytes[state]

    def moments(self) -> list[str]:
        """Every instant at which the record changes, in order; the first is its start."""
        if self._moments is None:
            edited = [when for when, _ in self.edits]
            self._moments = sorted({*_times(self.record), *edited})
        return self._moments

    def _state(self, now: str) -> int:
        return bisect_right(self.moments(), now)


def newest_first(rows: Iterable[Interaction]) -> list[Interaction]:
    """Upstream's only order: by start, ties by ``interactionId`` (S15)."""
    return sorted(sorted(rows, key=lambda row: row.id), key=lambda row: row.start, reverse=True)


def as_of(thing: Record, now: str) -> Record:
    """An object as known at ``now``: without children that have not begun, without figures of an end to come."""
    hidden: set[str] = set()
    for moment, fields in WITHHELD.items():
        if (thing.get(moment) or "") > now:
            hidden |= fields
    shown: Record = {}
    for key, value in thing.items():
        seen = [as_of(row, now) for row in value if begins(row) <= now] if isinstance(value, list) else value
        if key not in hidden and (seen != [] or value == []):
            shown[key] = seen
    return shown


def begins(row: Record) -> str:
    """The time at which a nested object begins; empty if it carries none."""
    return next((row[field] for field in _BEGINNINGS if field in row), "")


def _times(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield from _times(inner)
            elif inner and (key.endswith("Timestamp") or key in ("timestamp", "created", "updated")):
                yield inner
    elif isinstance(value, list):
        for inner in value:
            yield from _times(inner)
