"""An interaction as it changes with time: open, ended, edited late."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Protocol

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
"""What is not known before a moment has come: the moment's field and the figures that go with it."""

_BEGINNINGS = ("startTimestamp", "timestamp", "created")


class Row(Protocol):
    """What the list is made of; ``now`` is always simulated time as upstream's text."""

    id: str
    start: str
    kind: str

    def at(self, now: str, /) -> Record:
        """The record as it stands."""

    def hooks(self, now: str, /) -> list[Record]:
        """The hooks written so far."""

    def contact(self) -> str | None:
        """The contact, if the record has one."""

    def encoded(self, now: str, /, wanted: Form) -> bytes:
        """The record's JSON as it stands."""


class Interaction:
    """One record with everything that will ever be in it, shown as far as time has come."""

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
        return [hook for hook in self.record.get("hooks") or () if hook["timestamp"] <= now]

    def contact(self) -> str | None:
        contact: str | None = self.record.get("contactId")
        return contact

    def encoded(self, now: str, wanted: Form) -> bytes:
        state = (self._state(now), wanted)
        if state not in self._bytes:
            if any(kept != state[0] for kept, _ in self._bytes):
                self._bytes.clear()
            self._bytes[state] = encode(self.at(now), wanted)
        return self._bytes[state]

    def moments(self) -> list[str]:
        """Every instant at which the record changes, in order; the first is its start."""
        if self._moments is None:
            edited = [when for when, _ in self.edits]
            self._moments = sorted({*_times(self.record), *edited})
        return self._moments

    def _state(self, now: str) -> int:
        return bisect_right(self.moments(), now)


def as_of(thing: Record, now: str) -> Record:
    """What is known of an object at ``now``: nothing that has not begun, no figure of what has not ended."""
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
    """When a nested object came to be; empty if it carries no time."""
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
