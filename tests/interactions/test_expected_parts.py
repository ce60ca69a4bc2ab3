"""Every row of every grain against rows worked out by hand: samples, the simulator's kinds, and what neither holds."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from app.interactions.grains import GRAINS
from app.interactions.service_level import ServiceLevel
from app.simulator.kinds import KINDS as ALL_KINDS
from app.simulator.kinds import example
from tests.interactions.expected import Row
from tests.interactions.expected_parts import BLANK, HEAD, KINDS, MET, MISSED, SAMPLES, SHORT, Parts, at, parts
from tests.interactions.records import CLEAR, CONTEXT, made, sample
from tests.interactions.records import parts as found_in


class Case(NamedTuple):
    """A small record, and by grain its rows as what differs from a blank one."""

    record: dict[str, object]
    rows: dict[str, list[Row]]


START, END = at("15:00:00"), at("15:10:00")
PARENT: Row = {
    "interaction_id": made()["interactionId"],
    "tenant_id": CONTEXT.tenant_id,  # as the record names none
    "started_at": START,
    "channel_type": None,
    "direction": None,
}
GAVE_UP: dict[str, object] = {"endTimestamp": END, "customerAbandonTime": 600}
FLOW_OUT: Row = {"is_flow_out": True} | MISSED
ABANDONED: Row = {"is_abandoned": True}
ANSWERED: Row = {"is_answered": True}
REQUEUE: Row = {"is_requeue": True}


def stay(entered: str, left: str | None = None, seconds: float | None = None, **fields: object) -> dict[str, object]:
    return {"startTimestamp": at(entered), "endTimestamp": left and at(left), "queueTime": seconds, **fields}


def stayed(entered: str, left: str | None = None, seconds: float | None = None, **columns: Any) -> Row:
    return {"entered_at": at(entered), "left_at": left and at(left), "queue_seconds": seconds, **columns}


FIRST = ("15:00:10", "15:00:40", 30.0)
LEG: dict[str, object] = {"agentId": "a", "startTimestamp": at("15:00:15"), "agentWorkAccepted": True}
TAKEN: Row = {"agent_id": "a", "offered_at": at("15:00:15"), "is_accepted": True}


def write(event: str | None, name: str | None, value: str | None, time: str | None = "15:00:01") -> dict[str, object]:
    return {"interactionHookId": event, "hookType": name, "hookName": value, "timestamp": time and at(time)}


def written(event: str | None, name: str, value: str | None, time: str | None = "15:00:01", **columns: Any) -> Row:
    named = {"name": name, "name_raw": name, "attribute_event_id": event, "value": value, "set_at": time and at(time)}
    return named | columns


LATEST = {"is_latest": True}
CUSTOM = {"hookSubType": "interaction-attribute"}

CASES: dict[str, Case] = {
    "two queues time out, and the customer leaves the third within seconds": Case(
        made(
            startTimestamp=START,
            **GAVE_UP,
            queues=[stay("15:01:10", "15:01:15", 5), stay(*FIRST), stay("15:00:40", "15:01:10", 30)],
        ),
        {
            "queue_entries": [
                stayed(*FIRST) | FLOW_OUT,
                stayed("15:00:40", "15:01:10", 30.0) | FLOW_OUT | REQUEUE,
                stayed("15:01:10", "15:01:15", 5.0) | ABANDONED | SHORT | REQUEUE,
            ]
        },
    ),
    "transferred, and left waiting for the second agent": Case(
        made(
            startTimestamp=START,
            **GAVE_UP,
            agents=[LEG],
            queues=[stay("15:00:10", "15:00:20", 10, timeToAnswer=10), stay("15:01:00", "15:01:20", 20.001)],
        ),
        {
            "agent_legs": [TAKEN],
            "queue_entries": [
                stayed("15:00:10", "15:00:20", 10.0, time_to_answer_seconds=10.0) | ANSWERED | MET,
                stayed("15:01:00", "15:01:20", 20.001) | ABANDONED | MISSED,
            ],
        },
    ),
    "an agent refuses, and the customer waits on in another queue": Case(
        made(
            startTimestamp=START,
            agents=[LEG | {"agentWorkAccepted": False}],
            queues=[stay(*FIRST), stay("15:00:40")],
        ),
        {
            "agent_legs": [TAKEN | {"is_accepted": False}],
            "queue_entries": [stayed(*FIRST) | FLOW_OUT, stayed("15:00:40") | REQUEUE],
        },
    ),
    "an agent takes it after the second queue only": Case(
        made(
            startTimestamp=START,
            endTimestamp=END,
            agents=[LEG | {"startTimestamp": at("15:00:45")}],
            queues=[stay(*FIRST), stay("15:00:40", "15:00:50", 10, queueExitType="success")],
        ),
        {
            "agent_legs": [TAKEN | {"offered_at": at("15:00:45")}],
            "queue_entries": [
                stayed(*FIRST) | FLOW_OUT,
                stayed("15:00:40", "15:00:50", 10.0, exit_type="success") | ANSWERED | REQUEUE | MET,
            ],
        },
    ),
    "an agent took it, as the conversation says, before a queue and one without times": Case(
        made(
            startTimestamp=START,
            agents=[{"agentId": "a", "conversationStartTimestamp": at("15:00:20")}],
            queues=[stay("15:00:10", "15:00:20", 10, timeToAnswer=10), stay("15:00:40"), {"queueName": "Sales"}],
        ),
        {
            "agent_legs": [{"agent_id": "a", "conversation_started_at": at("15:00:20"), "is_accepted": True}],
            "queue_entries": [
                stayed("15:00:10", "15:00:20", 10.0, time_to_answer_seconds=10.0) | ANSWERED | MET,
                stayed("15:00:40"),
                {"queue_name": "Sales"},
            ],
        },
    ),
    "put on a machine after the queue": Case(
        made(startTimestamp=START, endTimestamp=END, queues=[stay("15:00:10", "15:00:15", 5)]),
        {"queue_entries": [stayed("15:00:10", "15:00:15", 5.0) | FLOW_OUT]},  # however soon
    ),
    "left on hold, while another queue is tried": Case(
        made(startTimestamp=START, endTimestamp=END, customerHoldAbandoned=True, queues=[stay(*FIRST)]),
        {"queue_entries": [stayed(*FIRST) | FLOW_OUT]},  # the stage is hold, not queue
    ),
    "left the queue, of which the end is not told yet": Case(
        made(startTimestamp=START, customerAbandonTime=600, queues=[stay("15:00:10")]),
        {"queue_entries": [stayed("15:00:10") | ABANDONED | MISSED]},  # nobody waits there
    ),
    "a conversation says that an offer was taken where upstream does not": Case(
        made(
            startTimestamp=START,
            agents=[
                {"agentId": "b", "queueId": "q"},  # without a start: last
                {"agentId": "c", "startTimestamp": at("15:00:20"), "conversationStartTimestamp": at("15:00:25")},
                LEG | {"queueId": "r", "agentWorkAccepted": False, "conversationStartTimestamp": at("15:00:16")},
            ],
            queues=[
                stay("15:00:10", queueId="r"),
                stay("15:00:11", queueId="r", queueName="Returns"),
                stay("15:00:12", queueId="r", queueName="Renamed"),  # the first name counts
            ],
        ),
        {
            "agent_legs": [
                TAKEN
                | {"queue_id": "r", "queue_name": "Returns", "is_accepted": False}
                | {"conversation_started_at": at("15:00:16")},
                {"agent_id": "c", "offered_at": at("15:00:20"), "is_accepted": True}
                | {"conversation_started_at": at("15:00:25")},
                {"agent_id": "b", "queue_id": "q"},  # a queue that is not among those entered has no name
            ],
            "queue_entries": [
                stayed("15:00:10", queue_id="r"),
                stayed("15:00:11", queue_id="r", queue_name="Returns") | REQUEUE,
                stayed("15:00:12", queue_id="r", queue_name="Renamed") | REQUEUE,
            ],
        },
    ),
    "attributes written again": Case(
        made(
            startTimestamp=START,
            hooks=[
                write("1", "tier", "gold", "15:00:09") | CUSTOM,
                write("2", "tier ", "silver", "15:00:05") | CUSTOM | {"hookBy": "flow", "agentId": "a"},
                write("3", "zendesk", "Jordan Sample") | {"hookSubType": "user", "hookedBy": "7"},
                write("4", "wish", "tea") | CUSTOM,
            ],
            interactionAttributes=[
                write("5", "wish", "coffee") | CUSTOM | {"hookedBy": "7", "hookId": "h"},
                write("4", "wish", "cocoa") | CUSTOM,  # again, as it is now
                write("6", "mood", "good", None) | CUSTOM,
                write("7", "mood", None) | CUSTOM,
                write(None, "mood ", "fair", "15:00:00") | CUSTOM,
                write("8", None, "of nothing") | CUSTOM,
            ],
        ),
        {
            "interaction_attributes": [
                written("1", "tier", "gold", "15:00:09") | LATEST,
                written("2", "tier", "silver", "15:00:05", name_raw="tier ", set_by="flow", agent_id="a"),
                written("4", "wish", "cocoa"),
                written("5", "wish", "coffee", set_by="7", hook_id="h") | LATEST,  # of one time, by place
                written("6", "mood", "good", None),
                written("7", "mood", None) | LATEST,  # not set any more
                written(None, "mood", "fair", "15:00:00", name_raw="mood "),
                {"attribute_event_id": "8", "value": "of nothing", "set_at": at("15:00:01")},
            ],
        },
    ),
    "segments out of order, one of them twice": Case(
        made(
            startTimestamp=START,
            segments=[
                {"interactionSegmentId": "2", "segmentNumber": 1, "startTimestamp": at("15:02:00"), "transferTime": 3},
                {"interactionSegmentId": "1", "segmentStartType": "interaction", "startTimestamp": START},
                {"interactionSegmentId": "2", "startTimestamp": at("15:02:00"), "segmentConsultTime": 4.5},
                {"interactionSegmentId": "3", "segmentCancelled": False, "segmentCancelTime": 1},
            ],
        ),
        {
            "segments": [
                {"segment_id": "1", "start_type": "interaction", "segment_started_at": START},
                {"segment_id": "2", "segment_started_at": at("15:02:00"), "consult_seconds": 4.5},
                {"segment_id": "3", "cancel_seconds": 1.0},
            ]
        },
    ),
    "notes as they are listed": Case(
        made(
            startTimestamp=START,
            notes=[
                {"noteId": "2", "title": "<b>later</b>", "created": at("15:20:00"), "updated": at("15:21:00")},
                {"noteId": "1", "agentId": "a", "body": "Invented.", "created": at("15:05:00")},
            ],
        ),
        {
            "notes": [
                {"note_id": "2", "title": "<b>later</b>", "created_at": at("15:20:00"), "updated_at": at("15:21:00")},
                {"note_id": "1", "agent_id": "a", "body": "Invented.", "created_at": at("15:05:00")},
            ]
        },
    ),
    "talk of two legs, one that lasts": Case(
        made(
            startTimestamp=START,
            agents=[
                {"interactionAgentId": "2", "startTimestamp": at("15:01:00"), "queueId": "q"}
                | {"talkTimes": [{"startTimestamp": at("15:01:05"), "agentId": "b"}]},
                {"interactionAgentId": "1", "startTimestamp": at("15:00:30"), "agentId": "a"}
                | {"talkTimes": [{"queueId": "r", "agentTalkTime": 7}, {"agentTalkTime": 2.5, "agentId": "c"}]},
            ],
        ),
        {
            "agent_legs": [
                {"agent_leg_id": "1", "offered_at": at("15:00:30"), "agent_id": "a", "talk_time_count": 2},
                {"agent_leg_id": "2", "offered_at": at("15:01:00"), "queue_id": "q", "talk_time_count": 1},
            ],
            "talk_times": [
                {"agent_leg_id": "1", "agent_id": "a", "queue_id": "r", "talk_seconds": 7.0},
                {"agent_leg_id": "1", "agent_id": "c", "talk_seconds": 2.5},
                {"agent_leg_id": "2", "agent_id": "b", "queue_id": "q", "talk_started_at": at("15:01:05")},
            ],
        },
    ),
    "a record of nothing": Case(made(startTimestamp=START), {}),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_sample_gives_the_parts_worked_out_by_hand(name: str) -> None:
    assert found_in(sample(name), CLEAR) == SAMPLES[name]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_kind_of_the_simulator_gives_the_parts_worked_out_by_hand(kind: str) -> None:
    assert found_in(example(kind)) == KINDS[kind]


@pytest.mark.parametrize("name", CASES)
def test_a_small_record_gives_the_parts_worked_out_by_hand(name: str) -> None:
    record, rows = CASES[name]
    assert found_in(record, CLEAR) == parts(PARENT, **rows)


def test_a_masked_view_differs_in_the_texts_of_notes_alone() -> None:
    masked: Parts = SAMPLES["interaction-voice-answered"]
    masked = masked | {"notes": [note | {"title": None, "body": None} for note in masked["notes"]]}
    assert found_in(sample("interaction-voice-answered")) == masked


SALES = {"sla_by_queue": {"Sales": 30.0}}
OF_30: Row = {"sla_threshold_seconds": 30.0}


@pytest.mark.parametrize(
    ("kind", "settings", "position", "differs"),
    [
        ("voice-transfer", SALES, 1, OF_30 | MET),  # 30 ≤ 30
        ("voice-overflow", SALES, 1, OF_30 | MET),  # 25 ≤ 30
        ("voice-transfer", {"sla_seconds": 15.0}, 0, {"sla_threshold_seconds": 15.0, "is_sla_met": False} | MISSED),
        ("voice-queue-abandon", {"abandon_seconds": 90.0}, 0, SHORT | {"is_sla_eligible": False}),  # 90 ≤ 90
        ("voice-queue-abandon", {"abandon_seconds": 89.0}, 0, {}),
        ("voice-short-abandon", {"abandon_seconds": 3.0}, 0, MISSED | {"is_short_abandon": False}),  # 4 > 3
        ("voice-short-abandon", {"sla_abandons": "count"}, 0, MISSED),  # and still short
        ("voice-overflow", {"abandon_seconds": 60.0}, 0, {}),  # the queue gave up, not the customer
    ],
)
def test_the_settings_of_the_service_level_bear_on_each_entry(
    kind: str, settings: dict[str, Any], position: int, differs: Row
) -> None:
    context = replace(CONTEXT, service_level=ServiceLevel(**settings))
    assert found_in(example(kind), context)["queue_entries"][position] == (
        KINDS[kind]["queue_entries"][position] | differs
    )


def test_rows_worked_out_by_hand_have_all_columns_of_every_grain_but_the_version() -> None:
    named = {grain.name: list(grain.columns) for grain in GRAINS.values() if grain.is_of_parts}
    assert {grain: [*HEAD, "row_version", *blank] for grain, blank in BLANK.items()} == named
