"""An interaction as it changes with time, and its JSON: in a list or alone, with or without nulls (S16)."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from app.simulator.clock import stamp
from app.simulator.scene import Edit, Record


class Form(NamedTuple):
    """How upstream shows a record: in a list, or as the ``one`` answer with details; with or without ``nulls``."""

    one: bool = False
    nulls: bool = False


class Sent(NamedTuple):
    """A row as it was sent: its ``version``, a number that grows with every change; ``since`` when it shows this.

    ``event`` is the latest time that it tells itself: some changes leave none.
    """

    id: str
    start: str
    version: int
    since: str
    event: str
    is_open: bool


# Every field of UPSTREAM §6, by the object it belongs to: the null switch fills in the absent ones (§6.8).

_IDS = ("tenantId", "interactionId")

ROOT = (
    "interactionId", "tenantId", "channelType", "direction", "startTimestamp", "endTimestamp", "customer",
    "contactPoint", "contactId", "flowId", "flowName", "interactionTime", "ivrTime", "ivrAbandoned", "ivrAbandonTime",
    "customerAbandonTime", "customerHoldAbandoned", "customerConversationTime", "customerTalkTime", "customerHolds",
    "customerHoldTime", "thirdPartyTime", "customerTransfers", "customerSatisfactionScore", "campaignId", "leadId",
    "flagged", "flagTimestamp", "flagType", "audioRecording", "artifactsSummary", "updated", "dispositionName",
)  # fmt: skip

ARRAYS = (
    "customerTalkTimes", "customerHoldTimes", "customerResponseTimes", "monitors", "segments", "agents", "queues",
    "hooks", "interactionAttributes", "notes",
)  # fmt: skip

_HOOK = (
    *_IDS, "interactionHookId", "hookType", "hookName", "hookSubType", "hookId", "hookBy", "hookedBy", "agentId",
    "timestamp",
)  # fmt: skip

NESTED: dict[str, tuple[str, ...]] = {
    "segments": (
        *_IDS, "interactionSegmentId", "segmentNumber", "segmentStartType", "segmentEndType", "startTimestamp",
        "endTimestamp", "segmentTime", "segmentToAgentId", "segmentCancelled", "segmentCancelTime", "agentId",
        "interactionAgentId", "transfer", "transferTime", "addParticipant", "addParticipantTime",
        "addParticipantHandedOff", "segmentConsultTime", "segmentExtensionType", "segmentExtensionValue",
        "segmentThirdParty",
    ),
    "agents": (
        *_IDS, "interactionAgentId", "agentId", "agentName", "tenantAgentId", "platformAgentId", "sessionId",
        "interactionSegmentId", "queueId", "startTimestamp", "endTimestamp", "conversationStartTimestamp",
        "conversationEndTimestamp", "agentWorkAccepted", "agentWorkOfferTime", "agentWorkAcceptedTime",
        "agentConversationTime", "agentTalkTime", "agentHandleTime", "agentFocusTime",
    ),
    "talkTimes": (
        *_IDS, "interactionAgentTalkTimeId", "interactionAgentId", "agentId", "queueId", "startTimestamp",
        "endTimestamp", "agentTalkTime",
    ),
    "queues": (
        *_IDS, "interactionQueueId", "queueId", "queueName", "platformQueueId", "queueType", "queueEntryType",
        "queueExitType", "queueEntryLength", "queueExitLength", "startTimestamp", "endTimestamp", "queueTime",
        "slaTime", "timeToAnswer", "agentId", "interactionSegmentId",
    ),
    "hooks": _HOOK,
    "interactionAttributes": _HOOK,
    "notes": (*_IDS, "noteId", "agentId", "title", "body", "created", "updated"),
    "customerTalkTimes": (*_IDS, "interactionCustomerTalkTimeId", "startTimestamp", "endTimestamp", "customerTalkTime"),
}  # fmt: skip


def encode(record: Record, form: Form) -> bytes:
    """A record's JSON in a form; the order of its keys differs from record to record (UPSTREAM §5)."""
    shown = {key: value for key, value in record.items() if key != "details"}
    shown = _filled(shown) if form.nulls else _dropped(shown)
    if form.one:
        shown["details"] = record.get("details") or details(record)
    return to_json(turned(shown, _turn(record)))


def to_json(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def details(record: Record) -> Record:
    """The ``details`` of a single answer, which keep their nulls and sometimes lack ``csat`` (UPSTREAM §6.7)."""
    repeated = ("interactionId", "startTimestamp", "endTimestamp", "customer", "contactPoint", "contactId", "direction")
    shown = {key: record.get(key) for key in (*repeated, "channelType")}
    if _turn(record) % 3:
        shown["csat"] = record.get("customerSatisfactionScore")
    titles = {note.get("agentId"): note.get("title") for note in record.get("notes", ())}
    shown["agents"] = [
        {
            "resourceId": leg.get("agentId"),
            "agentName": leg.get("agentName"),
            "conversationStartTimestamp": leg.get("conversationStartTimestamp"),
            "conversationEndTimestamp": leg.get("conversationEndTimestamp"),
            "noteTitle": titles.get(leg.get("agentId")),
            "dispositionName": record.get("dispositionName"),
        }
        for leg in record.get("agents", ())
    ]
    return shown


def turned(value: Any, turn: int) -> Any:
    """The same JSON value with the keys of every object rotated by ``turn``."""
    if isinstance(value, dict):
        keys = list(value)
        shift = turn % len(keys) if keys else 0
        return {key: turned(value[key], turn) for key in keys[shift:] + keys[:shift]}
    if isinstance(value, list):
        return [turned(element, turn) for element in value]
    return value


def _turn(record: Record) -> int:
    return int(record["interactionId"][:8], 16)


def _dropped(record: Record) -> Record:
    """Without null scalars anywhere and without empty arrays at the root."""
    return {key: _without_nulls(value) for key, value in record.items() if value is not None and value != []}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [{k: _without_nulls(v) for k, v in row.items() if v is not None} for row in value]
    return value


def _filled(record: Record) -> Record:
    """With every documented field: scalars null, root arrays empty, nested objects filled likewise."""
    empty: Record = dict.fromkeys(ROOT) | {name: [] for name in ARRAYS}
    return empty | {key: _filled_rows(key, value) for key, value in record.items()}


def _filled_rows(key: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    empty: Record = dict.fromkeys(NESTED.get(key, ()))
    if key == "agents":
        empty["talkTimes"] = []
    return [empty | {k: _filled_rows(k, v) for k, v in row.items()} for row in value]


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

_NEVER = "9999"
_BEGINNINGS = ("startTimestamp", "timestamp", "created")


class Interaction:
    """A record with all it will ever hold; ``now``, as upstream's text, decides how much of it is shown."""

    __slots__ = ("_bytes", "_moments", "_names", "_sent", "edits", "id", "kind", "record", "start")

    def __init__(self, kind: str, record: Record, edits: list[Edit] | None = None) -> None:
        self.kind = kind
        self.record = record
        self.edits = [(stamp(when), fields) for when, fields in sorted(edits or (), key=lambda edit: edit[0])]
        self.id: str = record["interactionId"]
        self.start: str = record["startTimestamp"]
        self._moments: list[str] | None = None
        self._bytes: dict[tuple[int, Form], bytes] = {}
        self._sent: Sent | None = None
        self._names: frozenset[str | None] | None = None

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

    def may_name(self, name: str) -> bool:
        """Whether one of the interaction's hooks, already written or yet to come, has this name."""
        if self._names is None:
            self._names = frozenset(hook.get("hookName") for hook in self.record.get("hooks") or ())
        return name in self._names

    def encoded(self, now: str, form: Form) -> bytes:
        """The record's JSON at that moment; the bytes are kept until the record changes."""
        state = (self._state(now), form)
        if state not in self._bytes:
            if any(kept != state[0] for kept, _ in self._bytes):
                self._bytes.clear()
            self._bytes[state] = encode(self.at(now), form)
        return self._bytes[state]

    def sent(self, now: str) -> Sent:
        """The version that is shown at that moment."""
        version = self._state(now)
        if self._sent is None or self._sent.version != version:
            since, event = self.moments()[version - 1], max(_times(self.at(now)))
            is_open = (self.record.get("endTimestamp") or _NEVER) > now
            self._sent = Sent(self.id, self.start, version, since, event, is_open)
        return self._sent

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
    return sorted(sorted(rows, key=attrgetter("id")), key=attrgetter("start"), reverse=True)


def as_of(thing: Record, now: str) -> Record:
    """An object as known at ``now``: without children that have not begun, without figures of an end to come."""
    hidden: set[str] = set()
    for moment, fields in WITHHELD.items():
        if (thing.get(moment) or "") > now:
            hidden |= fields
    shown: Record = {}
    for key, value in thing.items():
        seen = [as_of(row, now) for row in value if _begins(row) <= now] if isinstance(value, list) else value
        if key not in hidden and (seen != [] or value == []):
            shown[key] = seen
    return shown


def _begins(row: Record) -> str:
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
