"""Rows worked out by hand from the records and INTERFACE §8, each as what differs from the one it builds on.

Times of day are those of the record; arithmetic stands beside what upstream does not send as it is shown.
`row_version` is a hash, no hand makes one: it is left out here and has tests of its own.
"""

from typing import Any

Row = dict[str, Any]

SECRET = b"an invented secret"  # printf '%s' +15550123 | openssl dgst -sha256 -hmac 'an invented secret' | cut -c1-32

# An interaction that nobody queued, took or left; in the order of INTERFACE §8.
NOTHING: Row = {
    "interaction_id": "",
    "tenant_id": "",
    "contact_id": None,
    "channel_type": None,
    "direction": None,
    "flow_id": None,
    "flow_name": None,
    "contact_point": None,
    "customer_masked": None,
    "customer_key": None,
    "customer": None,
    "started_at": "",
    "ended_at": None,
    "last_event_at": "",
    "started_on": "",
    "started_hour": 0,
    "duration_seconds": None,
    "ivr_seconds": None,
    "queue_entry_count": 0,
    "queue_seconds": None,
    "time_to_answer_seconds": None,
    "first_queue_id": None,
    "first_queue_name": None,
    "last_queue_id": None,
    "last_queue_name": None,
    "queue_exit_type": None,
    "agent_count": 0,
    "offer_count": 0,
    "rejected_offer_count": 0,
    "first_agent_id": None,
    "first_agent_name": None,
    "last_agent_id": None,
    "last_agent_name": None,
    "answered_at": None,
    "conversation_seconds": None,
    "talk_seconds": None,
    "hold_count": None,
    "hold_seconds": None,
    "wrap_up_seconds": None,
    "handle_seconds": None,
    "talk_hold_wrap_seconds": None,
    "customer_talk_seconds": None,
    "customer_conversation_seconds": None,
    "abandon_seconds": None,
    "abandon_stage": None,
    "segment_count": 0,
    "transfer_count": 0,
    "end_type": None,
    "csat_score": None,
    "disposition_name": None,
    "note_count": 0,
    "attribute_count": 0,
    "sla_outcome": "not_applicable",
    "is_queued": False,
    "is_answered": False,
    "is_abandoned": False,
    "is_short_abandon": False,
    "is_transferred": False,
    "is_sla_met": False,
    "is_sla_eligible": False,
    "is_final": False,
}

MET = {"sla_outcome": "met", "is_sla_met": True, "is_sla_eligible": True}
MISSED = {"sla_outcome": "missed", "is_sla_met": False, "is_sla_eligible": True}
NO_HOLD = {"hold_count": 0, "hold_seconds": 0.0}
VOICE_IN = {"channel_type": "voice", "direction": "inbound"}


def queued(first: tuple[str, str], last: tuple[str, str] | None = None, count: int = 1) -> Row:
    last = last or first
    return {
        "is_queued": True,
        "queue_entry_count": count,
        "first_queue_id": first[0],
        "first_queue_name": first[1],
        "last_queue_id": last[0],
        "last_queue_name": last[1],
    }


def taken(first: tuple[str, str], last: tuple[str, str] | None = None, agents: int = 1, offers: int = 1) -> Row:
    last = last or first
    return {
        "is_answered": True,
        "agent_count": agents,
        "offer_count": offers,
        "first_agent_id": first[0],
        "first_agent_name": first[1],
        "last_agent_id": last[0],
        "last_agent_name": last[1],
    }


def spoken(agents: float, customer: float) -> Row:
    """Conversation, talk and handling are equal in all our records; the customer's side has figures of its own."""
    return {
        "conversation_seconds": agents,
        "talk_seconds": agents,
        "handle_seconds": agents,
        "customer_talk_seconds": customer,
        "customer_conversation_seconds": customer,
    }


_DOCUMENTED_TENANT = "2336d1ec-c956-47e1-b3b1-fe8fde81b2b4"
_DOCUMENTED_FLOW = "28219e00-82b6-11e7-b08f-6e56a766befb"

# No sample of an abandon has `queues`: so not queued, and left at a stage that is none of the three known ones.
_LEFT = {"is_abandoned": True, "abandon_stage": "other", "segment_count": 1, "end_type": "customer-disconnect"}

SAMPLES: dict[str, Row] = {
    "list-voice-abandoned": NOTHING
    | VOICE_IN
    | NO_HOLD
    | _LEFT
    | {
        "interaction_id": "e6952d50-eca3-11e7-ba92-25b49e03c3e7",
        "tenant_id": _DOCUMENTED_TENANT,
        "flow_id": _DOCUMENTED_FLOW,
        "contact_point": "+15550110",
        "customer_masked": "***42",
        "customer_key": "1549f560bf16ccc788cc86e894a243e9",
        "started_at": "2017-12-29T14:23:57.471Z",
        "ended_at": "2017-12-29T14:24:38.625Z",
        "last_event_at": "2017-12-29T14:24:38.625Z",
        "started_on": "2017-12-29",
        "started_hour": 9,  # 14 − 5
        "duration_seconds": 41.154,
        "abandon_seconds": 41.149,
        "is_final": True,
    },
    "list-timerange-abandoned": NOTHING
    | VOICE_IN
    | NO_HOLD
    | _LEFT
    | {
        "interaction_id": "a17b02c0-f57d-11e7-ba92-25b49e03c3e7",
        "tenant_id": _DOCUMENTED_TENANT,
        "flow_id": _DOCUMENTED_FLOW,
        "flow_name": "COMPLETED-NOT-FROM-DOCS",
        "contact_point": "+15550110",
        "customer_masked": "***42",
        "customer_key": "1549f560bf16ccc788cc86e894a243e9",
        "started_at": "2018-01-09T20:42:38.962Z",
        "ended_at": "2018-01-09T20:43:03.979Z",
        "last_event_at": "2018-01-09T20:43:03.979Z",
        "started_on": "2018-01-09",
        "started_hour": 15,  # 20 − 5
        "duration_seconds": 25.017,
        "ivr_seconds": 0.081,
        "abandon_seconds": 25.012,
        "is_final": True,
    },
    "interaction-voice-abandoned": NOTHING
    | VOICE_IN
    | NO_HOLD
    | _LEFT
    | {
        "interaction_id": "b2109780-db83-11e7-9709-c2b07aa3bee9",
        "tenant_id": _DOCUMENTED_TENANT,
        "flow_id": _DOCUMENTED_FLOW,
        "contact_point": "+15550111",
        "customer_masked": "***57",
        "customer_key": "a3418cf4142789bdc581af325110031e",
        "started_at": "2017-12-07T19:20:33.394Z",
        "ended_at": "2017-12-07T19:22:07.638Z",
        "last_event_at": "2017-12-07T19:22:07.638Z",
        "started_on": "2017-12-07",
        "started_hour": 14,  # 19 − 5
        "duration_seconds": 94.244,
        "abandon_seconds": 94.166,
        "is_final": True,
    },
    "interaction-nulls-included": NOTHING
    | {
        "interaction_id": "9998bf60-db84-11e7-9709-c2b07aa3bee9",
        "tenant_id": "0e73a980-6557-11e6-b1b9-ca81484488df",
        "flow_id": "f3207a30-1a2a-11e7-9873-1b92cd79a0c3",
        "contact_point": "+15550112",
        "customer_masked": "***68",
        "customer_key": "07cc886e8a6fcd1de214d2c7a105de89",
        "started_at": "2017-12-07T19:27:01.827Z",
        "ended_at": "2017-12-07T19:27:48.405Z",
        "last_event_at": "2017-12-07T19:27:48.405Z",  # the segment ended 13.613 s before
        "started_on": "2017-12-07",
        "started_hour": 14,
        "duration_seconds": 46.578,
        "customer_talk_seconds": 22.72,
        "customer_conversation_seconds": 22.72,
        "segment_count": 1,
        "end_type": "success",
        "csat_score": 10.0,
        "is_final": True,
    },
    "list-zendesk-ticket": NOTHING
    | VOICE_IN
    | {
        "interaction_id": "00000000-0000-4000-8000-c0117e7edead",
        "tenant_id": _DOCUMENTED_TENANT,
        "flow_id": _DOCUMENTED_FLOW,
        "started_at": "2017-11-09T14:10:15.719Z",
        "ended_at": "2017-11-09T14:12:05.323Z",
        "last_event_at": "2017-11-09T14:13:07.077Z",  # the segment runs on for 61.754 s
        "started_on": "2017-11-09",
        "started_hour": 9,
        "duration_seconds": 109.604,
        "customer_talk_seconds": 102.243,
        "customer_conversation_seconds": 102.243,
        "segment_count": 1,
        "end_type": "success",
        "is_final": True,  # two CRM links are no attributes
    },
}


def until(ended: str, last_event: str | None = None) -> Row:
    """Times of day on the simulator's example day; the last event is the end unless wrap-up runs on."""
    return {
        "ended_at": f"2026-03-02T{ended}.000Z",
        "last_event_at": f"2026-03-02T{last_event or ended}.000Z",
        "is_final": True,
    }


def answered_at(time: str) -> Row:
    return {"answered_at": f"2026-03-02T{time}.000Z"}


SUPPORT = ("a0afa2f8-ada2-5272-a1c4-c9d0b1eeffc1", "Support")
SALES = ("8d36e33b-1d50-54f2-aa8c-d505c9f52fc9", "Sales")
ALEX = ("923693eb-15cf-53c7-b8c2-3d879b490678", "Alex Example")
ROBIN = ("9d16548f-9d68-5ac8-8e6a-b1d1e189aec0", "Robin Sample")
KIM = ("d34034d3-843a-5007-a414-19476a25618e", "Kim Mockford")

VOICE = (
    NOTHING
    | VOICE_IN
    | NO_HOLD
    | {
        "interaction_id": "00000000-0000-4000-8000-000000000001",
        "tenant_id": "87165f24-f1d4-4b2e-acec-05ac94e0ead4",
        "contact_id": "62204f1d-ed87-5310-9d2c-46cb5d295e7d",
        "flow_id": "05c283c3-ce11-53b2-8a1a-ed5c5ad97e21",
        "flow_name": "Main Menu",
        "contact_point": "+15550100",
        "customer_masked": "***23",
        "customer_key": "a897f0bd0a30c793b6f50d48d5ebad71",
        "started_at": "2026-03-02T15:00:00.000Z",
        "last_event_at": "2026-03-02T15:00:00.000Z",
        "started_on": "2026-03-02",
        "started_hour": 10,  # 15 − 5: summer time begins on the 8th
        "segment_count": 1,
    }
)
IN_IVR = {"ivr_seconds": 10.0}
ANSWERED = (
    VOICE
    | IN_IVR
    | MET  # 20 ≤ 20
    | queued(SUPPORT)
    | taken(ALEX)
    | answered_at("15:00:30")
    | {"queue_seconds": 20.0, "time_to_answer_seconds": 20.0, "queue_exit_type": "success", "end_type": "success"}
)
DIGITAL_FLOW = {"flow_id": "2a4294b9-60e1-50e8-9e9d-dbcd9baa0e5d", "flow_name": "Digital"}
DIGITAL = ANSWERED | MISSED | DIGITAL_FLOW
DIGITAL |= {"ivr_seconds": 1.0, "wrap_up_seconds": 5.0}  # and no hold
BY_MAIL = {"customer_masked": "jor***om", "customer_key": "9424fe940a3ecf0796928fbb0e092b74"}
BY_CHAT = {"customer_masked": "jor***le", "customer_key": "1fb65c0e1cec55f87a2c838978f73618"}
CASE = {"customer_masked": "cas***00", "customer_key": "05cf87ab8ef263e0f3b4c6df93861b6a"}
LEFT = {"is_abandoned": True, "end_type": "customer-disconnect"}

KINDS: dict[str, Row] = {
    "voice-answered": ANSWERED
    | spoken(180.0, 180.0)
    | until("15:03:30", "15:04:00")  # wrap-up
    | {"duration_seconds": 210.0, "wrap_up_seconds": 30.0, "talk_hold_wrap_seconds": 210.0},  # 180 + 0 + 30
    "voice-holds": ANSWERED
    | spoken(225.0, 225.0)
    | until("15:04:15", "15:04:35")
    | {"duration_seconds": 255.0, "customer_talk_seconds": 180.0, "wrap_up_seconds": 20.0}
    | {"hold_count": 2, "hold_seconds": 45.0, "talk_hold_wrap_seconds": 290.0},  # 30 + 15; 225 + 45 + 20
    "voice-uneven-talk": ANSWERED
    | spoken(100.0, 100.0)  # the leg's talk, not 60.5 + 40.25 of its talkTimes
    | until("15:02:10", "15:02:20")
    | {"duration_seconds": 130.0, "wrap_up_seconds": 10.0, "talk_hold_wrap_seconds": 110.0},
    "voice-whole-seconds": ANSWERED
    | spoken(180.0, 180.0)
    | until("15:03:30", "15:04:00")
    | {"contact_id": None, "duration_seconds": 210.0, "wrap_up_seconds": 30.0, "talk_hold_wrap_seconds": 210.0},
    "voice-ivr-abandon": VOICE
    | LEFT
    | until("15:00:12")
    | {"duration_seconds": 12.0, "ivr_seconds": 12.0, "abandon_seconds": 12.0, "abandon_stage": "ivr"},
    "voice-queue-abandon": VOICE
    | IN_IVR
    | LEFT
    | MISSED  # 90 > 20
    | queued(SUPPORT)
    | until("15:01:40")
    | {"duration_seconds": 100.0, "queue_seconds": 90.0, "queue_exit_type": "abandon"}
    | {"abandon_seconds": 100.0, "abandon_stage": "queue"},
    "voice-short-abandon": VOICE
    | IN_IVR
    | LEFT
    | queued(SUPPORT)
    | until("15:00:14")
    | {"duration_seconds": 14.0, "queue_seconds": 4.0, "queue_exit_type": "abandon"}
    | {"abandon_seconds": 14.0, "abandon_stage": "queue"}
    | {"sla_outcome": "excluded", "is_short_abandon": True},  # 4 ≤ 20
    "voice-hold-abandon": ANSWERED
    | spoken(105.0, 105.0)
    | LEFT
    | until("15:02:15")
    | {"duration_seconds": 135.0, "customer_talk_seconds": 60.0, "hold_count": 1, "hold_seconds": 45.0}
    | {"abandon_stage": "hold"},
    "voice-transfer": ANSWERED
    | queued(SUPPORT, SALES, count=2)
    | taken(ALEX, ROBIN, agents=2, offers=2)
    | spoken(180.0, 180.0)  # 60 + 120
    | until("15:04:00", "15:04:15")
    | {"duration_seconds": 240.0, "queue_seconds": 50.0, "wrap_up_seconds": 15.0}  # 20 + 30
    | {"segment_count": 2, "transfer_count": 1, "is_transferred": True, "talk_hold_wrap_seconds": 195.0},
    "voice-transfer-chain": ANSWERED
    | queued(SUPPORT, SUPPORT, count=4)
    | taken(ALEX, KIM, agents=4, offers=4)
    | spoken(210.0, 210.0)  # 40 + 40 + 40 + 90
    | until("15:05:15")
    | {"duration_seconds": 315.0, "queue_seconds": 95.0}  # 20 + 25 + 25 + 25
    | {"segment_count": 4, "transfer_count": 3, "is_transferred": True},
    "voice-transfer-back": ANSWERED
    | queued(SUPPORT, SUPPORT, count=3)
    | taken(ALEX, ALEX, agents=2, offers=3)  # Alex twice
    | spoken(170.0, 170.0)  # 50 + 50 + 70
    | until("15:03:50")
    | {"duration_seconds": 230.0, "queue_seconds": 50.0}  # 20 + 15 + 15
    | {"segment_count": 3, "transfer_count": 2, "is_transferred": True},
    "voice-conference": ANSWERED
    | taken(ALEX, ROBIN, agents=2, offers=2)
    | spoken(150.0, 150.0)  # 60 + 90
    | until("15:03:05")
    | {"duration_seconds": 185.0, "segment_count": 2, "end_type": "interaction-end"},
    "voice-rejected-offers": ANSWERED
    | MISSED  # 55 > 20
    | taken(ALEX, offers=3)
    | answered_at("15:01:05")
    | spoken(150.0, 150.0)
    | until("15:03:35", "15:03:45")
    | {"duration_seconds": 215.0, "queue_seconds": 55.0, "time_to_answer_seconds": 55.0}
    | {"rejected_offer_count": 2, "wrap_up_seconds": 10.0, "talk_hold_wrap_seconds": 160.0},
    "voice-overflow": ANSWERED
    | MISSED  # the first queue gave up after 60
    | queued(SUPPORT, SALES, count=2)
    | answered_at("15:01:35")
    | spoken(100.0, 100.0)
    | until("15:03:15")
    | {"duration_seconds": 195.0, "queue_seconds": 85.0, "time_to_answer_seconds": 25.0},  # 60 + 25; the second's
    "voice-self-service": VOICE
    | until("15:01:15")
    | {"duration_seconds": 75.0, "ivr_seconds": 75.0, "end_type": "interaction-end"},
    "voice-survey": ANSWERED
    | spoken(120.0, 120.0)
    | until("15:02:43")
    | {"duration_seconds": 163.0, "csat_score": 8.0},
    "voice-outbound": VOICE
    | taken(ALEX)
    | answered_at("15:00:03")
    | spoken(90.0, 90.0)
    | until("15:01:33", "15:01:43")
    | {"direction": "outbound", "contact_point": "outbound", "end_type": "success"}
    | {"flow_id": "e756261a-7c02-5bd9-b9be-e57c85028af9", "flow_name": "Dialler"}
    | {"duration_seconds": 93.0, "wrap_up_seconds": 10.0, "talk_hold_wrap_seconds": 100.0},
    "voice-click-to-call": VOICE
    | until("15:00:25")
    | {"direction": "agent-initiated", "contact_point": "click to call", "flow_id": None, "flow_name": None}
    | {"duration_seconds": 25.0, "end_type": "cancelled"},
    "voice-legacy": ANSWERED
    | spoken(80.0, 80.0)
    | until("15:01:50")
    | {"duration_seconds": 110.0, "attribute_count": 1},
    "voice-zendesk": ANSWERED
    | spoken(110.0, 110.0)
    | until("15:02:20", "15:03:20")
    | {"duration_seconds": 140.0, "wrap_up_seconds": 60.0, "talk_hold_wrap_seconds": 170.0, "attribute_count": 1},
    "voice-salesforce": ANSWERED
    | spoken(140.0, 140.0)
    | until("15:02:50", "15:03:10")
    | {"duration_seconds": 170.0, "wrap_up_seconds": 20.0, "talk_hold_wrap_seconds": 160.0},
    "voice-open-in-queue": VOICE
    | IN_IVR
    | queued(SUPPORT)
    | {"last_event_at": "2026-03-02T15:00:10.000Z"},  # not_applicable while the customer waits
    "voice-open-in-conversation": ANSWERED | {"last_event_at": "2026-03-02T15:00:30.000Z", "end_type": None},
    "sms": DIGITAL
    | answered_at("15:00:49")
    | spoken(240.0, 240.0)
    | until("15:04:49", "15:04:54")
    | {"channel_type": "sms", "duration_seconds": 289.0, "customer_talk_seconds": 0.0}
    | {"queue_seconds": 48.0, "time_to_answer_seconds": 48.0, "talk_hold_wrap_seconds": 245.0},
    "email": DIGITAL
    | BY_MAIL
    | answered_at("15:15:09")
    | spoken(600.0, 600.0)
    | until("15:25:09", "15:25:14")
    | {"channel_type": "email", "contact_point": "support@example.com", "customer_talk_seconds": 0.0}
    | {"duration_seconds": 1509.0, "queue_seconds": 908.0, "time_to_answer_seconds": 908.0}
    | {"talk_hold_wrap_seconds": 605.0},
    "email-backlog": DIGITAL
    | BY_MAIL
    | answered_at("17:50:09")
    | spoken(600.0, 600.0)
    | until("18:00:09", "18:00:14")
    | {"channel_type": "email", "contact_point": "support@example.com", "customer_talk_seconds": 0.0}
    | {"duration_seconds": 10_809.0, "queue_seconds": 10_208.0, "time_to_answer_seconds": 10_208.0}
    | {"talk_hold_wrap_seconds": 605.0, "is_final": False},  # it ended within the hour
    "email-outbound": VOICE
    | BY_MAIL
    | taken(ALEX)
    | answered_at("15:00:03")
    | spoken(300.0, 300.0)
    | until("15:05:03")
    | {"channel_type": "email", "direction": "outbound", "contact_point": "outbound-email", "end_type": "success"}
    | DIGITAL_FLOW
    | {"duration_seconds": 303.0, "customer_talk_seconds": 0.0},
    "messaging": DIGITAL
    | BY_CHAT
    | answered_at("15:00:29")
    | spoken(420.0, 420.0)
    | until("15:07:29", "15:07:34")
    | {"channel_type": "messaging", "contact_point": "web-chat", "customer_talk_seconds": 0.0}
    | {"duration_seconds": 449.0, "queue_seconds": 28.0, "time_to_answer_seconds": 28.0}
    | {"talk_hold_wrap_seconds": 425.0},
    "messaging-abandon": VOICE
    | BY_CHAT
    | LEFT
    | MISSED  # 60 > 20
    | queued(SUPPORT)
    | until("15:01:01")
    | DIGITAL_FLOW
    | {"channel_type": "messaging", "contact_point": "web-chat", "ivr_seconds": 1.0, "queue_seconds": 60.0}
    | {"duration_seconds": 61.0, "queue_exit_type": "abandon", "abandon_seconds": 61.0, "abandon_stage": "queue"},
    "work-item": DIGITAL
    | CASE
    | answered_at("15:05:09")
    | spoken(400.0, 400.0)
    | until("15:11:49", "15:11:54")
    | {"channel_type": "work-item", "direction": "agent-initiated", "contact_point": "work-items"}
    | {"duration_seconds": 709.0, "customer_talk_seconds": 0.0}
    | {"queue_seconds": 308.0, "time_to_answer_seconds": 308.0, "talk_hold_wrap_seconds": 405.0},
    "work-item-open": VOICE
    | CASE
    | queued(SUPPORT)
    | DIGITAL_FLOW
    | {"channel_type": "work-item", "contact_point": "work-items", "ivr_seconds": 1.0}
    | {"last_event_at": "2026-03-02T15:00:01.000Z"},
}
