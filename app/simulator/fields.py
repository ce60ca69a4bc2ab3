"""Every field of UPSTREAM §6, by the object it stands in: what the null switch fills in (§6.8)."""

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
    *_IDS,
    "interactionHookId",
    "hookType",
    "hookName",
    "hookSubType",
    "hookId",
    "hookBy",
    "hookedBy",
    "agentId",
    "timestamp",
)

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
