"""Rows of every grain worked out by hand from the records and INTERFACE §9, each as what differs from another.

The columns that every row repeats of its interaction come from the hand-made row of it; `row_version` is left out.
Fields that the samples' README calls completed are read like others, and prove nothing of upstream.
"""

from tests.interactions.expected import ALEX, KIM, ROBIN, SALES, SUPPORT, Row
from tests.interactions.expected import KINDS as PARENTS
from tests.interactions.expected import SAMPLES as SAMPLE_PARENTS

Parts = dict[str, list[Row]]

# In the order of INTERFACE §9.
HEAD: Row = {
    "interaction_id": "",
    "position": 0,
    "tenant_id": "",
    "interaction_started_at": "",
    "channel_type": None,
    "direction": None,
}
BLANK: dict[str, Row] = {
    "queue_entries": {
        "queue_entry_id": None,
        "segment_id": None,
        "queue_id": None,
        "queue_name": None,
        "queue_type": None,
        "entry_type": None,
        "exit_type": None,
        "agent_id": None,
        "entered_at": None,
        "left_at": None,
        "queue_seconds": None,
        "time_to_answer_seconds": None,
        "sla_seconds": None,
        "length_at_entry": None,
        "length_at_exit": None,
        "sla_threshold_seconds": 20.0,
        "sla_outcome": "not_applicable",
        "is_answered": False,
        "is_abandoned": False,
        "is_short_abandon": False,
        "is_flow_out": False,
        "is_requeue": False,
        "is_sla_met": False,
        "is_sla_eligible": False,
    },
    "agent_legs": {
        "agent_leg_id": None,
        "segment_id": None,
        "session_id": None,
        "queue_id": None,
        "queue_name": None,
        "agent_id": None,
        "agent_name": None,
        "tenant_agent_id": None,
        "offered_at": None,
        "released_at": None,
        "conversation_started_at": None,
        "conversation_ended_at": None,
        "offer_seconds": None,
        "accept_seconds": None,
        "conversation_seconds": None,
        "talk_seconds": None,
        "handle_seconds": None,
        "focus_seconds": None,
        "wrap_up_seconds": None,
        "talk_time_count": 0,
        "is_accepted": False,
    },
    "segments": {
        "segment_id": None,
        "segment_number": None,
        "start_type": None,
        "end_type": None,
        "to_agent_id": None,
        "segment_started_at": None,
        "segment_ended_at": None,
        "segment_seconds": None,
        "cancel_seconds": None,
        "transfer_seconds": None,
        "consult_seconds": None,
        "is_cancelled": False,
    },
    "interaction_attributes": {
        "attribute_event_id": None,
        "hook_id": None,
        "name": None,
        "name_raw": None,
        "value": None,
        "set_at": None,
        "set_by": None,
        "agent_id": None,
        "is_latest": False,
    },
    "notes": {
        "note_id": None,
        "agent_id": None,
        "title": None,
        "body": None,
        "created_at": None,
        "updated_at": None,
    },
    "talk_times": {
        "agent_leg_id": None,
        "agent_id": None,
        "queue_id": None,
        "talk_started_at": None,
        "talk_ended_at": None,
        "talk_seconds": None,
    },
}


def parts(parent: Row, **rows: list[Row]) -> Parts:
    """Rows of every grain, each whole: what it repeats of its interaction, its place, and what differs from a blank."""
    repeated = {name: parent[name] for name in ("interaction_id", "tenant_id", "channel_type", "direction")}
    repeated["interaction_started_at"] = parent["started_at"]
    return {
        grain: [blank | repeated | {"position": position} | row for position, row in enumerate(rows.get(grain, []))]
        for grain, blank in BLANK.items()
    }


_AGENT = "eaff3f40-658d-11e7-9259-cb127bd0d17b"
_QUEUE = "ae708610-6592-11e7-9259-cb127bd0d17b"
_LEG = "d5cf57f0-dc50-11e8-9b97-f353dfbfdfa9"
_SEGMENT = "cec87c20-dc50-11e8-9eb7-c23298e321eb"

GOLDEN = parts(
    {
        "interaction_id": "c506eb9b-f523-4616-8839-fbce3fd89c17",
        "tenant_id": "87165f24-f1d4-4b2e-acec-05ac94e0ead4",
        "started_at": "2018-10-30T14:33:45.954Z",
        "channel_type": "voice",
        "direction": "inbound",
    },
    queue_entries=[
        {
            "queue_entry_id": "d505ed70-dc50-11e8-96a8-3d6bfcf7af8f",
            "segment_id": _SEGMENT,
            "queue_id": _QUEUE,
            "queue_name": "Support",
            "queue_type": "queue",
            "entry_type": "ivr",
            "exit_type": "success",
            "agent_id": _AGENT,
            "entered_at": "2018-10-30T14:33:56.423Z",
            "left_at": "2018-10-30T14:34:03.014Z",
            "queue_seconds": 6.591,
            "time_to_answer_seconds": 6.591,
            "sla_seconds": 6.591,
            "length_at_entry": 1,
            "length_at_exit": 0,
            "sla_outcome": "met",  # 6.591 ≤ 20
            "is_answered": True,
            "is_sla_met": True,
            "is_sla_eligible": True,
        }
    ],
    agent_legs=[
        {
            "agent_leg_id": _LEG,
            "segment_id": _SEGMENT,
            "session_id": "b71dd480-dc50-11e8-801c-016c5936a3b5",
            "queue_id": _QUEUE,
            "queue_name": "Support",
            "agent_id": _AGENT,
            "agent_name": "Alex Example",
            "tenant_agent_id": 486,
            "offered_at": "2018-10-30T14:33:57.743Z",
            "released_at": "2018-10-30T14:34:33.402Z",
            "conversation_started_at": "2018-10-30T14:34:03.014Z",
            "conversation_ended_at": "2018-10-30T14:34:32.848Z",
            "offer_seconds": 5.125,  # as upstream says, not the 5.271 of the times
            "accept_seconds": 5.125,
            "conversation_seconds": 29.834,
            "talk_seconds": 29.834,
            "handle_seconds": 29.834,
            "focus_seconds": 30.689,
            "talk_time_count": 1,
            "is_accepted": True,
        }
    ],
    segments=[
        {
            "segment_id": _SEGMENT,
            "segment_number": 0,
            "start_type": "interaction",
            "end_type": "success",
            "to_agent_id": _AGENT,
            "segment_started_at": "2018-10-30T14:33:45.954Z",
            "segment_ended_at": "2018-10-30T14:34:33.402Z",
            "segment_seconds": 47.448,
        }
    ],
    interaction_attributes=[  # the same three stand in both arrays
        {
            "attribute_event_id": "d905f1e0-dc50-11e8-9eb7-c23298e321eb",
            "hook_id": "d9f18a60-dc50-11e8-ae11-dad54383b88d",
            "name": "unattachedAttr",
            "name_raw": "unattachedAttr",
            "value": "valueTwo",
            "set_at": "2018-10-30T14:34:03.134Z",
            "set_by": "flow",
            "is_latest": True,
        },
        {
            "attribute_event_id": "d9057cb0-dc50-11e8-9eb7-c23298e321eb",
            "hook_id": "da8dca60-dc50-11e8-ae11-dad54383b88d",
            "name": "customAttributeWithResource",
            "name_raw": "customAttributeWithResource",
            "value": "valueOne",
            "set_at": "2018-10-30T14:34:03.131Z",
            "set_by": "flow",
            "agent_id": _AGENT,
            "is_latest": True,
        },
        {
            "attribute_event_id": "eabe3af0-dc50-11e8-9eb7-c23298e321eb",
            "hook_id": "ec6cfc60-dc50-11e8-ae11-dad54383b88d",
            "name": "customAttributeUsingIvrInput",
            "name_raw": "customAttributeUsingIvrInput ",
            "value": "1234567",
            "set_at": "2018-10-30T14:34:32.863Z",
            "set_by": "flow",
            "agent_id": _AGENT,
            "is_latest": True,
        },
    ],
    notes=[
        {
            "note_id": "e2f65910-dc50-11e8-9f0e-21353d459805",
            "agent_id": _AGENT,
            "title": "Example Note Title",
            "body": "Example Note Body",
            "created_at": "2018-10-30T14:34:19.000Z",
            "updated_at": "2018-10-30T14:34:27.000Z",
        }
    ],
    talk_times=[
        {
            "agent_leg_id": _LEG,
            "agent_id": _AGENT,
            "queue_id": _QUEUE,
            "talk_started_at": "2018-10-30T14:34:03.014Z",
            "talk_ended_at": "2018-10-30T14:34:33.375Z",
            "talk_seconds": 30.361,
        }
    ],
)

CANCELLED = {"segment_number": 0, "start_type": "interaction", "end_type": "customer-disconnect", "is_cancelled": True}

SAMPLES: dict[str, Parts] = {
    "interaction-voice-answered": GOLDEN,
    "list-voice-abandoned": parts(
        SAMPLE_PARENTS["list-voice-abandoned"],
        segments=[
            CANCELLED
            | {
                "segment_id": "e80733e0-eca3-11e7-9429-6aa21fb32015",
                "segment_started_at": "2017-12-29T14:23:57.471Z",
                "segment_ended_at": "2017-12-29T14:24:38.620Z",
                "segment_seconds": 41.149,
                "cancel_seconds": 41.149,
            }
        ],
    ),
    "list-timerange-abandoned": parts(
        SAMPLE_PARENTS["list-timerange-abandoned"],
        segments=[
            CANCELLED
            | {
                "segment_id": "a1a2fd20-f57d-11e7-9429-6aa21fb32015",
                "segment_started_at": "2018-01-09T20:42:38.962Z",
                "segment_ended_at": "2018-01-09T20:43:03.974Z",
                "segment_seconds": 25.012,
                "cancel_seconds": 25.012,
            }
        ],
    ),
    "interaction-voice-abandoned": parts(
        SAMPLE_PARENTS["interaction-voice-abandoned"],
        segments=[
            CANCELLED
            | {
                "segment_id": "b2233520-db83-11e7-b86d-6aa612aefe9d",
                "segment_started_at": "2017-12-07T19:20:33.394Z",
                "segment_ended_at": "2017-12-07T19:22:07.560Z",
                "segment_seconds": 94.166,
                "cancel_seconds": 94.166,
            }
        ],
    ),
    "interaction-nulls-included": parts(
        SAMPLE_PARENTS["interaction-nulls-included"],
        segments=[
            {
                "segment_id": "99a96130-db84-11e7-b86d-6aa612aefe9d",
                "segment_number": 0,
                "start_type": "interaction",
                "end_type": "success",
                "to_agent_id": "0383c270-6b93-11e6-83b4-ca81484488df",
                "segment_started_at": "2017-12-07T19:27:01.827Z",
                "segment_ended_at": "2017-12-07T19:27:34.792Z",
                "segment_seconds": 32.965,
            }
        ],
    ),
    "list-zendesk-ticket": parts(
        SAMPLE_PARENTS["list-zendesk-ticket"],
        segments=[
            {
                "segment_id": "b5927370-c557-11e7-9c00-e7ff9ff8d805",
                "segment_number": 0,
                "start_type": "interaction",
                "end_type": "success",
                "segment_started_at": "2017-11-09T14:10:15.719Z",
                "segment_ended_at": "2017-11-09T14:13:07.077Z",
                "segment_seconds": 171.358,
            }
        ],  # two CRM links are no attributes
    ),
}


def made_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def at(time: str) -> str:
    """A time of day on the simulator's example day."""
    return f"2026-03-02T{time}.000Z"


SAM = ("5713dd99-67fe-5c1d-9660-998369c86795", "Sam Specimen")
BILLING = ("cae782ca-c268-5d95-8c99-995c09b0ef8c", "Billing")
_SHORT_IDS = {ALEX: 416, ROBIN: 417, SAM: 418, KIM: 419}

MET: Row = {"sla_outcome": "met", "is_sla_met": True, "is_sla_eligible": True}
MISSED: Row = {"sla_outcome": "missed", "is_sla_eligible": True}
ABANDONED: Row = {"exit_type": "abandon", "is_abandoned": True}
SHORT: Row = {"sla_outcome": "excluded", "is_short_abandon": True}
REQUEUE: Row = {"is_requeue": True}


def entry(number: int, entered: str, queue: tuple[str, str] = SUPPORT, segment: int = 2, by: str = "ivr") -> Row:
    """A queue entry while the customer waits: no outcome yet."""
    return {
        "queue_entry_id": made_id(number),
        "segment_id": made_id(segment),
        "queue_id": queue[0],
        "queue_name": queue[1],
        "queue_type": "queue",
        "entry_type": by,
        "entered_at": at(entered),
        "length_at_entry": 1,
    }


def left(time: str, after: float) -> Row:
    return {"left_at": at(time), "queue_seconds": after, "sla_seconds": after, "length_at_exit": 0}


def answered(agent: tuple[str, str], time: str, after: float) -> Row:
    """Left for an agent; whether that was in time is added by MET or MISSED."""
    return left(time, after) | {
        "exit_type": "success",
        "agent_id": agent[0],
        "time_to_answer_seconds": after,
        "is_answered": True,
    }


def offered(number: int, agent: tuple[str, str], time: str, queue: tuple[str, str] | None, segment: int = 2) -> Row:
    """A leg when it begins; the session's id is the one before the leg's."""
    return {
        "agent_leg_id": made_id(number),
        "segment_id": made_id(segment),
        "session_id": made_id(number - 1),
        "queue_id": queue and queue[0],
        "queue_name": queue and queue[1],
        "agent_id": agent[0],
        "agent_name": agent[1],
        "tenant_agent_id": _SHORT_IDS[agent],
        "offered_at": at(time),
    }


def accepted(time: str, after: float = 5.0) -> Row:
    return {
        "conversation_started_at": at(time),
        "offer_seconds": after,
        "accept_seconds": after,
        "is_accepted": True,
    }


def spoke(until: str, seconds: float, released: str | None = None, wrap_up: float | None = None, talks: int = 1) -> Row:
    """Conversation, talk, handling and focus are equal in all our kinds; without wrap-up the agent is free at once."""
    return {
        "conversation_ended_at": at(until),
        "released_at": at(released or until),
        "conversation_seconds": seconds,
        "talk_seconds": seconds,
        "handle_seconds": seconds,
        "focus_seconds": seconds,
        "wrap_up_seconds": wrap_up,
        "talk_time_count": talks,
    }


def segment(number: int, nth: int, started: str, agent: tuple[str, str] | None = ALEX, by: str = "transfer") -> Row:
    return {
        "segment_id": made_id(number),
        "segment_number": nth,
        "start_type": by,
        "to_agent_id": agent and agent[0],
        "segment_started_at": at(started),
    }


def ended(time: str, seconds: float, by: str = "success") -> Row:
    return {"segment_ended_at": at(time), "segment_seconds": seconds, "end_type": by}


def cancelled(time: str, seconds: float, by: str = "customer-disconnect") -> Row:
    return ended(time, seconds, by) | {"cancel_seconds": seconds, "is_cancelled": True}


def talk(
    leg: int,
    agent: tuple[str, str],
    started: str,
    until: str,
    seconds: float,
    *,
    queue: tuple[str, str] | None = SUPPORT,
) -> Row:
    """Talk times of the simulator name no queue: it is the leg's."""
    return {
        "agent_leg_id": made_id(leg),
        "agent_id": agent[0],
        "queue_id": queue and queue[0],
        "talk_started_at": at(started),
        "talk_ended_at": at(until),
        "talk_seconds": seconds,
    }


# The first twenty seconds in a queue, the first leg and the first segment are the same in most kinds.
WAITING = entry(3, "15:00:10")
ENTRY = WAITING | answered(ALEX, "15:00:30", 20.0) | MET
LEG = offered(5, ALEX, "15:00:25", SUPPORT) | accepted("15:00:30")
UNANSWERED = segment(2, 0, "15:00:00", None, "interaction")
SEGMENT = segment(2, 0, "15:00:00", by="interaction")
CALLER: Row = {
    "name": "callerName",
    "name_raw": "callerName",
    "value": "Jordan Sample",
    "attribute_event_id": made_id(9),
    "hook_id": made_id(8),
    "set_at": at("15:00:30"),
    "set_by": "flow",
    "is_latest": True,
}
FLOWN = entry(3, "15:00:01", by="flow")


def _one(leg: Row, ended_segment: Row, *talks: Row, **more: list[Row]) -> dict[str, list[Row]]:
    """A call answered after twenty seconds by one agent."""
    first = {"queue_entries": [ENTRY], "agent_legs": [LEG | leg], "segments": [SEGMENT | ended_segment]}
    return first | {"talk_times": list(talks)} | more


def _written(
    wait: float, began: str, answer: str, until: tuple[str, float], free: tuple[str, float]
) -> dict[str, list[Row]]:
    """A written interaction: offered for 8 s, wrapped up in 5, without talk, and answered after the twenty seconds."""
    leg = offered(5, ALEX, began, SUPPORT) | accepted(answer, 8.0) | spoke(*until, free[0], 5.0, talks=0)
    return {
        "queue_entries": [FLOWN | answered(ALEX, answer, wait) | MISSED],
        "agent_legs": [leg],
        "segments": [SEGMENT | ended(*free)],
    }


_KINDS: dict[str, dict[str, list[Row]]] = {
    "voice-answered": _one(
        spoke("15:03:30", 180.0, "15:04:00", 30.0),
        ended("15:04:00", 240.0),
        talk(5, ALEX, "15:00:30", "15:03:30", 180.0),
    ),
    "voice-holds": _one(  # holds are no rows
        spoke("15:04:15", 225.0, "15:04:35", 20.0, talks=3),
        ended("15:04:35", 275.0),
        talk(5, ALEX, "15:00:30", "15:01:30", 60.0),
        talk(5, ALEX, "15:02:00", "15:03:30", 90.0),
        talk(5, ALEX, "15:03:45", "15:04:15", 30.0),
    ),
    "voice-uneven-talk": _one(
        spoke("15:02:10", 100.0, "15:02:20", 10.0, talks=2),
        ended("15:02:20", 140.0),
        talk(5, ALEX, "15:00:30", "15:01:30", 60.5) | {"talk_ended_at": "2026-03-02T15:01:30.500Z"},
        talk(5, ALEX, "15:01:30", "15:02:10", 40.25) | {"talk_ended_at": "2026-03-02T15:02:10.250Z"},
    ),
    "voice-ivr-abandon": {"segments": [UNANSWERED | cancelled("15:00:12", 12.0)]},
    "voice-queue-abandon": {
        "queue_entries": [WAITING | left("15:01:40", 90.0) | ABANDONED | MISSED],  # 90 > 20
        "segments": [UNANSWERED | cancelled("15:01:40", 100.0)],
    },
    "voice-short-abandon": {
        "queue_entries": [WAITING | left("15:00:14", 4.0) | ABANDONED | SHORT],  # 4 ≤ 20
        "segments": [UNANSWERED | cancelled("15:00:14", 14.0)],
    },
    "voice-hold-abandon": _one(  # left, but not while queued
        spoke("15:02:15", 105.0),
        ended("15:02:15", 135.0, "customer-disconnect"),
        talk(5, ALEX, "15:00:30", "15:01:30", 60.0),
    ),
    "voice-transfer": {
        "queue_entries": [
            ENTRY,
            entry(9, "15:01:30", SALES, 8, "transfer") | answered(ROBIN, "15:02:00", 30.0) | MISSED,  # 30 > 20
        ],
        "agent_legs": [
            LEG | spoke("15:01:30", 60.0),
            offered(11, ROBIN, "15:01:55", SALES, 8)
            | accepted("15:02:00")
            | spoke("15:04:00", 120.0, "15:04:15", 15.0),
        ],
        "segments": [
            SEGMENT | ended("15:01:30", 90.0),
            segment(8, 1, "15:01:30", ROBIN) | ended("15:04:15", 165.0),
        ],
        "talk_times": [
            talk(5, ALEX, "15:00:30", "15:01:30", 60.0),
            talk(11, ROBIN, "15:02:00", "15:04:00", 120.0, queue=SALES),
        ],
    },
    "voice-transfer-chain": {
        "queue_entries": [
            ENTRY,
            entry(9, "15:01:10", SALES, 8, "transfer") | answered(ROBIN, "15:01:35", 25.0) | MISSED,
            entry(15, "15:02:15", BILLING, 14, "transfer") | answered(SAM, "15:02:40", 25.0) | MISSED,
            entry(21, "15:03:20", SUPPORT, 20, "transfer") | answered(KIM, "15:03:45", 25.0) | MISSED,
        ],
        "agent_legs": [
            LEG | spoke("15:01:10", 40.0),
            offered(11, ROBIN, "15:01:30", SALES, 8) | accepted("15:01:35") | spoke("15:02:15", 40.0),
            offered(17, SAM, "15:02:35", BILLING, 14) | accepted("15:02:40") | spoke("15:03:20", 40.0),
            offered(23, KIM, "15:03:40", SUPPORT, 20) | accepted("15:03:45") | spoke("15:05:15", 90.0),
        ],
        "segments": [
            SEGMENT | ended("15:01:10", 70.0),
            segment(8, 1, "15:01:10", ROBIN) | ended("15:02:15", 65.0),
            segment(14, 2, "15:02:15", SAM) | ended("15:03:20", 65.0),
            segment(20, 3, "15:03:20", KIM) | ended("15:05:15", 115.0),
        ],
        "talk_times": [
            talk(5, ALEX, "15:00:30", "15:01:10", 40.0),
            talk(11, ROBIN, "15:01:35", "15:02:15", 40.0, queue=SALES),
            talk(17, SAM, "15:02:40", "15:03:20", 40.0, queue=BILLING),
            talk(23, KIM, "15:03:45", "15:05:15", 90.0),
        ],
    },
    "voice-transfer-back": {
        "queue_entries": [
            ENTRY,
            entry(9, "15:01:20", SALES, 8, "transfer") | answered(ROBIN, "15:01:35", 15.0) | MET,
            entry(15, "15:02:25", SUPPORT, 14, "transfer") | answered(ALEX, "15:02:40", 15.0) | MET,
        ],
        "agent_legs": [
            LEG | spoke("15:01:20", 50.0),
            offered(11, ROBIN, "15:01:30", SALES, 8) | accepted("15:01:35") | spoke("15:02:25", 50.0),
            offered(17, ALEX, "15:02:35", SUPPORT, 14) | accepted("15:02:40") | spoke("15:03:50", 70.0),
        ],
        "segments": [
            SEGMENT | ended("15:01:20", 80.0),
            segment(8, 1, "15:01:20", ROBIN) | ended("15:02:25", 65.0),
            segment(14, 2, "15:02:25", ALEX) | ended("15:03:50", 85.0),
        ],
        "talk_times": [
            talk(5, ALEX, "15:00:30", "15:01:20", 50.0),
            talk(11, ROBIN, "15:01:35", "15:02:25", 50.0, queue=SALES),
            talk(17, ALEX, "15:02:40", "15:03:50", 70.0),
        ],
    },
    "voice-conference": {
        "queue_entries": [ENTRY],
        "agent_legs": [
            LEG | spoke("15:01:30", 60.0),
            offered(10, ROBIN, "15:01:30", None, 8) | accepted("15:01:35") | spoke("15:03:05", 90.0),
        ],
        "segments": [
            SEGMENT | ended("15:01:30", 90.0),
            segment(8, 1, "15:01:30", ROBIN, "add-participant") | ended("15:03:05", 95.0, "interaction-end"),
        ],
        "talk_times": [
            talk(5, ALEX, "15:00:30", "15:01:30", 60.0),
            talk(10, ROBIN, "15:01:35", "15:03:05", 90.0, queue=None),
        ],
    },
    "voice-rejected-offers": {
        "queue_entries": [WAITING | answered(ALEX, "15:01:05", 55.0) | MISSED],
        "agent_legs": [
            offered(5, ROBIN, "15:00:20", SUPPORT) | {"released_at": at("15:00:40"), "offer_seconds": 20.0},
            offered(7, SAM, "15:00:40", SUPPORT) | {"released_at": at("15:01:00"), "offer_seconds": 20.0},
            offered(9, ALEX, "15:01:00", SUPPORT) | accepted("15:01:05") | spoke("15:03:35", 150.0, "15:03:45", 10.0),
        ],
        "segments": [SEGMENT | ended("15:03:45", 225.0)],
        "talk_times": [talk(9, ALEX, "15:01:05", "15:03:35", 150.0)],
    },
    "voice-overflow": {
        "queue_entries": [
            WAITING | left("15:01:10", 60.0) | MISSED | {"exit_type": "timeout", "is_flow_out": True},
            entry(4, "15:01:10", SALES) | answered(ALEX, "15:01:35", 25.0) | MISSED | REQUEUE,
        ],
        "agent_legs": [
            offered(6, ALEX, "15:01:30", SALES) | accepted("15:01:35") | spoke("15:03:15", 100.0),
        ],
        "segments": [SEGMENT | ended("15:03:15", 195.0)],
        "talk_times": [talk(6, ALEX, "15:01:35", "15:03:15", 100.0, queue=SALES)],
    },
    "voice-self-service": {"segments": [UNANSWERED | ended("15:01:15", 75.0, "interaction-end")]},
    "voice-survey": _one(
        spoke("15:02:30", 120.0),
        ended("15:02:30", 150.0),  # 13 s before the interaction
        talk(5, ALEX, "15:00:30", "15:02:30", 120.0),
    ),
    "voice-outbound": {
        "agent_legs": [
            offered(4, ALEX, "15:00:00", None) | accepted("15:00:03", 3.0) | spoke("15:01:33", 90.0, "15:01:43", 10.0),
        ],
        "segments": [SEGMENT | ended("15:01:43", 103.0)],
        "talk_times": [talk(4, ALEX, "15:00:03", "15:01:33", 90.0, queue=None)],
    },
    "voice-click-to-call": {"segments": [UNANSWERED | cancelled("15:00:25", 25.0, "cancelled")]},
    "voice-legacy": _one(
        spoke("15:01:50", 80.0),
        ended("15:01:50", 110.0),
        talk(5, ALEX, "15:00:30", "15:01:50", 80.0),
        interaction_attributes=[
            CALLER
            | {"name": "accountNumber", "name_raw": "accountNumber", "value": "1234500"}
            | {"attribute_event_id": made_id(7), "hook_id": made_id(6)}
        ],
    ),
    "voice-zendesk": _one(
        spoke("15:02:20", 110.0, "15:03:20", 60.0),
        ended("15:03:20", 200.0),
        talk(5, ALEX, "15:00:30", "15:02:20", 110.0),
        interaction_attributes=[CALLER],  # the ticket and the user, of the same name, are no attributes
    ),
    "voice-salesforce": _one(
        spoke("15:02:50", 140.0, "15:03:10", 20.0),
        ended("15:03:10", 190.0),
        talk(5, ALEX, "15:00:30", "15:02:50", 140.0),
    ),
    "voice-open-in-queue": {"queue_entries": [WAITING], "segments": [UNANSWERED]},
    "voice-open-in-conversation": _one({}, {}),
    "sms": _written(48.0, "15:00:41", "15:00:49", ("15:04:49", 240.0), ("15:04:54", 294.0)),
    "email": _written(908.0, "15:15:01", "15:15:09", ("15:25:09", 600.0), ("15:25:14", 1514.0)),
    "email-backlog": _written(10_208.0, "17:50:01", "17:50:09", ("18:00:09", 600.0), ("18:00:14", 10_814.0)),
    "email-outbound": {
        "agent_legs": [
            offered(4, ALEX, "15:00:01", None) | accepted("15:00:03", 2.0) | spoke("15:05:03", 300.0, talks=0)
        ],
        "segments": [SEGMENT | ended("15:05:03", 303.0)],
    },
    "messaging": _written(28.0, "15:00:21", "15:00:29", ("15:07:29", 420.0), ("15:07:34", 454.0)),
    "messaging-abandon": {
        "queue_entries": [FLOWN | left("15:01:01", 60.0) | ABANDONED | MISSED],
        "segments": [UNANSWERED | cancelled("15:01:01", 61.0)],
    },
    "work-item": _written(308.0, "15:05:01", "15:05:09", ("15:11:49", 400.0), ("15:11:54", 714.0)),
    "work-item-open": {"queue_entries": [FLOWN], "segments": [UNANSWERED]},
}
_KINDS["voice-whole-seconds"] = _KINDS["voice-answered"]  # but for the contact, which no part repeats

KINDS: dict[str, Parts] = {kind: parts(PARENTS[kind], **rows) for kind, rows in _KINDS.items()}
