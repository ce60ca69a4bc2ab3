"""The rules behind the columns, where neither the samples nor the simulator reach."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from app.interactions.columns import with_attributes
from app.interactions.service_level import ServiceLevel
from tests.interactions.records import CONTEXT, made, row

START, END = "2026-03-02T15:00:00.000Z", "2026-03-02T15:10:00.000Z"
TENANT = "2f6d4c1e-0000-4000-8000-0123456789ab"


def at(second: int) -> str:
    return f"2026-03-02T15:00:{second:02}.000Z"


def stay(
    seconds: float | None = None, *, answered: bool = False, start: int = 0, **fields: object
) -> dict[str, object]:
    exit_type = {"queueExitType": "success"} if answered else {}
    return {"startTimestamp": at(start), "endTimestamp": at(59), "queueTime": seconds, **exit_type, **fields}


LEFT: dict[str, object] = {"endTimestamp": END, "customerAbandonTime": 5}


@pytest.mark.parametrize(
    ("outcome", "queues", "fields"),
    [
        ("not_applicable", [], LEFT),
        ("met", [stay(20, answered=True)], {}),
        ("missed", [stay(20.001, answered=True)], {}),
        ("met", [stay(None, answered=True, endTimestamp=at(20))], {}),  # 20 by its times
        ("met", [stay(99, timeToAnswer=3)], {}),
        ("excluded", [stay(20)], LEFT),
        ("missed", [stay(20.001)], LEFT),
        ("excluded", [stay(30, queueName="Sales")], LEFT),
        ("missed", [stay(30.001, queueName="Sales")], LEFT),
        ("missed", [stay(None)], {**LEFT, "ivrAbandoned": True}),  # left in the IVR, by another mark
        ("missed", [stay(5), stay(5, start=9)], LEFT),  # left the first one waiting, not the customer
        ("missed", [stay(5)], {"endTimestamp": END}),  # neither answered nor abandoned
        ("missed", [stay(5, start=9), stay(30)], {"endTimestamp": END}),  # the first is the earlier one
        ("not_applicable", [stay(None, endTimestamp=None)], {}),
        ("missed", [stay(None, endTimestamp=None)], {"endTimestamp": END}),
        ("missed", [stay(None, endTimestamp=None)], {"customerAbandonTime": 5}),  # left, though no end is told yet
        ("met", [stay(29, answered=True, queueName="Sales")], {}),  # its own threshold is 30
    ],
)
def test_the_first_queue_entry_decides_the_service_level(
    outcome: str, queues: list[dict[str, object]], fields: dict[str, object]
) -> None:
    found = row(
        made(queues=queues, **fields), replace(CONTEXT, service_level=ServiceLevel(sla_by_queue={"Sales": 30.0}))
    )
    assert found["sla_outcome"] == outcome
    assert found["is_sla_met"] == (outcome == "met")
    assert found["is_sla_eligible"] == (outcome in ("met", "missed"))
    assert found["is_short_abandon"] == (outcome == "excluded")


@pytest.mark.parametrize(
    ("abandon_seconds", "waited", "is_short"),
    [
        (None, 20, True),  # the service level's 20
        (None, 20.001, False),
        (5.0, 5, True),
        (5.0, 5.001, False),
        (60.0, 60, True),
        (60.0, 60.001, False),
        (60.0, None, False),
    ],
)
@pytest.mark.parametrize("abandons", ["ignore", "count"])
def test_a_short_abandon_is_left_out_of_the_service_level_or_counts_against_it(
    abandons: Literal["ignore", "count"], abandon_seconds: float | None, waited: float | None, is_short: bool
) -> None:
    context = replace(CONTEXT, service_level=ServiceLevel(abandon_seconds=abandon_seconds, sla_abandons=abandons))
    found = row(made(queues=[stay(waited, startTimestamp=None)], **LEFT), context)
    is_eligible = abandons == "count" or not is_short
    assert found["is_short_abandon"] == is_short
    assert found["sla_outcome"] == ("missed" if is_eligible else "excluded")
    assert (found["is_sla_met"], found["is_sla_eligible"]) == (False, is_eligible)


def test_the_abandon_threshold_decides_nothing_for_those_who_were_answered_or_left_elsewhere() -> None:
    context = replace(CONTEXT, service_level=ServiceLevel(abandon_seconds=60.0))
    for queues, fields, outcome in (
        ([stay(30, answered=True)], {}, "missed"),
        ([stay(5), stay(5, start=9)], LEFT, "missed"),
        ([], {"ivrAbandoned": True, "ivrAbandonTime": 3}, "not_applicable"),
        ([stay(3, answered=True)], {"customerHoldAbandoned": True}, "met"),
    ):
        found = row(made(queues=queues, **fields), context)
        assert (found["sla_outcome"], found["is_short_abandon"]) == (outcome, False)


@pytest.mark.parametrize(
    ("handling", "legs", "fields"),
    [
        (None, [{"agentTalkTime": 60}], {"customerHolds": 0}),
        (None, [], {"customerHoldTime": 5}),
        (65.5, [{"agentTalkTime": 60, "agentWrapUpTime": 5.5}], {"customerHolds": 0}),
        (75.5, [{"agentTalkTime": 60, "agentWrapUpTime": 5.5}], {"customerHoldTime": 10}),
        (65.5, [{"agentTalkTime": 60}, {"agentWrapUpTime": 5.5}], {}),  # nothing is known of holds
        (0.3, [{"agentTalkTime": 0.1, "agentWrapUpTime": 0.2}], {}),
        (0.0, [{"agentWrapUpTime": 0}], {}),
        (None, [{"agentTalkTime": 1.7e308, "agentWrapUpTime": 1.7e308}], {}),
    ],
)
def test_talk_hold_and_wrap_up_are_added_where_wrap_up_is_known(
    handling: float | None, legs: list[dict[str, object]], fields: dict[str, object]
) -> None:
    assert row(made(agents=legs, **fields))["talk_hold_wrap_seconds"] == handling


@pytest.mark.parametrize(
    ("stage", "seconds", "fields"),
    [
        (None, None, {}),
        (None, None, {"ivrAbandoned": False, "ivrAbandonTime": 3, "customerHoldAbandoned": False}),
        ("ivr", 3.0, {"ivrAbandoned": True, "ivrAbandonTime": 3}),
        ("ivr", 0.0, {"ivrAbandonTime": 0}),
        ("ivr", None, {"ivrAbandoned": True}),
        ("hold", None, {"customerHoldAbandoned": True, "queues": [stay(5, answered=True)]}),
        ("queue", 5.0, {"customerAbandonTime": 5, "queues": [stay(5)]}),
        ("queue", 5.0, {"customerAbandonTime": 5, "queues": [stay(5, start=9), stay(5, answered=True)]}),
        ("other", 5.0, {"customerAbandonTime": 5, "queues": [stay(5, answered=True)]}),
        ("other", 0.0, {"customerAbandonTime": 0}),
    ],
)
def test_an_abandon_has_a_stage_and_the_time_upstream_says(
    stage: str | None, seconds: float | None, fields: dict[str, object]
) -> None:
    found = row(made(**fields))
    assert (found["abandon_stage"], found["abandon_seconds"]) == (stage, seconds)
    assert found["is_abandoned"] == (stage is not None)


ENDED = {"startTimestamp": START, "endTimestamp": END}
TALKED = {"conversationStartTimestamp": START, "conversationEndTimestamp": END}
STRETCHES = ("customerTalkTimes", "customerHoldTimes", "customerResponseTimes", "monitors")
SETTLED = datetime(2026, 3, 2, 16, 10, tzinfo=UTC)  # an hour after END


@pytest.mark.parametrize(
    ("final", "fields", "as_of"),
    [
        (True, {}, SETTLED),
        (False, {}, SETTLED - timedelta(milliseconds=1)),
        (False, {"endTimestamp": None}, SETTLED),
        (True, {"segments": [ENDED], "agents": [ENDED], "queues": [ENDED]}, SETTLED),
        (False, {"segments": [ENDED, {"startTimestamp": START}]}, SETTLED),
        (False, {"agents": [{}]}, SETTLED),
        (False, {"agents": [{**ENDED, "conversationStartTimestamp": START}]}, SETTLED),
        (True, {"agents": [{**ENDED, **TALKED}]}, SETTLED),
        (True, {"agents": [{**ENDED, "conversationEndTimestamp": END}]}, SETTLED),
        (False, {"queues": [{"startTimestamp": START}]}, SETTLED),
        (True, {"agents": [{**ENDED, "talkTimes": [ENDED]}], **{name: [ENDED] for name in STRETCHES}}, SETTLED),
        (False, {"agents": [{**ENDED, "talkTimes": [ENDED, {"startTimestamp": START}]}]}, SETTLED),
        *((False, {name: [ENDED, {"startTimestamp": START}]}, SETTLED) for name in STRETCHES),
        (False, {"updated": "2026-03-02T15:10:00.001Z"}, SETTLED),
        (False, {"notes": [{"updated": "2026-03-02T16:00:00Z"}]}, SETTLED),
        (False, {"flagTimestamp": "2026-03-02T16:00:00Z"}, SETTLED),
    ],
)
def test_final_is_what_has_ended_with_its_children_and_had_no_event_for_the_settling_time(
    final: bool, fields: dict[str, object], as_of: datetime
) -> None:
    assert row(made(**{**ENDED, **fields}), replace(CONTEXT, as_of=as_of))["is_final"] == final


LATEST = "2026-03-02T17:00:00.000Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"flagTimestamp": LATEST},
        {"updated": LATEST},
        {"segments": [{"endTimestamp": LATEST}]},
        {"agents": [{"conversationEndTimestamp": LATEST}]},
        {"agents": [{"talkTimes": [{"endTimestamp": LATEST}]}]},
        {"queues": [{"startTimestamp": LATEST}]},
        {"hooks": [{"timestamp": LATEST}]},
        {"interactionAttributes": [{"timestamp": LATEST}]},
        {"notes": [{"created": LATEST}]},
        {"customerTalkTimes": [{"endTimestamp": LATEST}]},
        {"customerHoldTimes": [{"endTimestamp": LATEST}]},
        {"customerResponseTimes": [{"endTimestamp": LATEST}]},
        {"monitors": [{"endTimestamp": LATEST}]},
        {"endTimestamp": None, "details": {"endTimestamp": LATEST}},
    ],
)
def test_the_last_event_is_the_latest_time_anywhere(fields: dict[str, object]) -> None:
    assert row(made(**{**ENDED, **fields}))["last_event_at"] == LATEST


@pytest.mark.parametrize(
    ("times", "latest"),
    [
        ((at(1), at(2)), "second"),
        ((at(2), at(1)), "first"),
        (("2026-03-02T15:00:01.000900Z", "2026-03-02T15:00:01.000100Z"), "second"),
        (("2026-03-02T15:00:01.001Z", "2026-03-02T15:00:01.000999Z"), "first"),
        ((None, at(1)), "second"),
        ((at(1), None), "first"),
    ],
)
def test_of_two_writes_in_one_millisecond_the_later_in_the_list_is_the_latest(
    times: tuple[str | None, ...], latest: str
) -> None:
    writes = [
        {"hookType": "a", "hookName": value, "timestamp": time}
        for value, time in zip(("first", "second"), times, strict=True)
    ]
    assert row(made(interactionAttributes=writes), columns=with_attributes(["a"]))["attr_a"] == latest


def test_a_start_upstream_does_not_name_is_the_earliest_time_there_is() -> None:
    assert row(made(details={"startTimestamp": START}, endTimestamp=END))["started_at"] == START
    assert row(made(hooks=[{"timestamp": START}], endTimestamp=END))["started_at"] == START
    assert row(made())["started_at"] == row(made())["last_event_at"] == "1970-01-01T00:00:00.000Z"


def test_durations_fall_back_to_the_times() -> None:
    found = row(made(**ENDED, queues=[stay(start=7)]))
    assert (found["duration_seconds"], found["ivr_seconds"]) == (600.0, 7.0)
    assert row(made(startTimestamp=END, endTimestamp=START))["duration_seconds"] is None


def test_sums_keep_milliseconds_and_never_leave_the_range_of_floats() -> None:
    def talk(*seconds: float) -> object:
        return row(made(agents=[{"agentTalkTime": one} for one in seconds]))["talk_seconds"]

    assert talk(0.1, 0.2) == 0.3
    assert talk(1.7e308, 1.7e308) is None
    assert talk() is None


def test_agents_are_those_who_took_it_by_the_start_of_their_legs() -> None:
    def leg(agent: str, start: int, **fields: object) -> dict[str, object]:
        return {"agentId": agent, "agentName": agent.upper(), "startTimestamp": at(start), **fields}

    talked = {"conversationStartTimestamp": at(30)}
    found = row(
        made(agents=[leg("c", 9, **talked), leg("a", 1, agentWorkAccepted=False), leg("b", 5, agentWorkAccepted=True)])
    )
    assert (found["offer_count"], found["rejected_offer_count"], found["agent_count"]) == (3, 1, 2)
    assert (found["first_agent_id"], found["first_agent_name"]) == ("b", "B")
    assert (found["last_agent_id"], found["last_agent_name"]) == ("c", "C")
    assert (found["is_answered"], found["answered_at"]) == (True, at(30))


def test_details_fill_in_what_the_root_lacks() -> None:
    agents = [{"dispositionName": "Sold"}, {"dispositionName": "Call back"}, {"dispositionName": None}]
    details = {"contactId": "c", "csat": 4, "agents": agents}
    found = row(made(details=details))
    assert (found["contact_id"], found["csat_score"], found["disposition_name"]) == ("c", 4.0, "Call back")
    found = row(made(details=details, contactId="r", customerSatisfactionScore=9, dispositionName="Root"))
    assert (found["contact_id"], found["csat_score"], found["disposition_name"]) == ("r", 9.0, "Root")


@pytest.mark.parametrize(
    ("count", "fields"),
    [
        (0, {}),
        (2, {"segments": [{"segmentStartType": start} for start in ("interaction", "transfer", "transfer")]}),
        (1, {"customerTransfers": 1, "segments": [{"segmentStartType": "transfer"}] * 2}),
        (0, {"customerTransfers": 0, "segments": [{"segmentStartType": "transfer"}]}),
    ],
)
def test_transfers_are_upstreams_count_else_the_segments_that_start_by_one(
    count: int, fields: dict[str, object]
) -> None:
    found = row(made(**fields))
    assert (found["transfer_count"], found["is_transferred"]) == (count, count > 0)


@pytest.mark.parametrize(
    ("holds", "time", "shown"),
    [
        (0, None, (0, 0.0)),
        (0.0, None, (0, 0.0)),
        (2, 45, (2, 45.0)),
        (None, 45, (None, 45.0)),
        (1, None, (1, None)),
        (0, 45, (0, 45.0)),  # upstream's time wins
        (0, 0, (0, 0.0)),
        (0, -45, (0, 0.0)),  # no time at all
    ],
)
def test_without_a_hold_the_time_on_hold_is_nought(
    holds: float | None, time: float | None, shown: tuple[int | None, float | None]
) -> None:
    found = row(made(customerHolds=holds, customerHoldTime=time))
    assert (found["hold_count"], found["hold_seconds"]) == shown


def test_the_configured_tenant_stands_in_and_the_end_type_waits_for_the_end() -> None:
    segments = [{"segmentEndType": "success", "startTimestamp": START}]
    assert row(made(segments=segments))["end_type"] is None
    assert row(made(segments=segments, endTimestamp=END))["end_type"] == "success"
    assert row(made())["tenant_id"] == TENANT
