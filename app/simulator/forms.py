"""The JSON of a record: in a list or alone with its details, its nulls dropped or filled in (S16)."""

import json
from typing import Any, NamedTuple

from app.simulator.scene import Record


class Form(NamedTuple):
    """How upstream shows a record: in a list, or as the ``one`` answer with details; with or without ``nulls``."""

    one: bool = False
    nulls: bool = False


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
