"""The nested lists of the documented interaction and of odd ones: its lists are views of the hand-made rows."""

import pytest

from app.interactions.facts import Context
from app.interactions.grains import INCLUDES
from app.interactions.settling import ATTRIBUTE
from tests.interactions.expected_parts import BLANK
from tests.interactions.expected_parts import GOLDEN as GRAINS_OF_GOLDEN
from tests.interactions.records import CLEAR, CONTEXT, elements, facts, made, sample

GOLDEN: dict[str, list[list[object]]] = {
    name: [[row[column] for column in BLANK[grain]] for row in GRAINS_OF_GOLDEN[grain]]
    for name, grain in {
        "agents": "agent_legs",
        "queues": "queue_entries",
        "segments": "segments",
        "notes": "notes",
        "talk_times": "talk_times",
    }.items()
} | {
    "attributes": [
        [*(row[column] for column in ("name", "value", "set_at", "set_by", "agent_id")), ATTRIBUTE]
        for row in GRAINS_OF_GOLDEN["interaction_attributes"]
    ]
}


def nested(name: str, record: object, context: Context = CONTEXT) -> list[list[object]]:
    """The values of each element."""
    [include] = [include for include in INCLUDES if include.name == name]
    return [list(element.values()) for element in elements(include, facts(record, context))]


@pytest.mark.parametrize("name", [include.name for include in INCLUDES])
def test_the_documented_interaction_gives_the_golden_lists(name: str) -> None:
    assert nested(name, sample("interaction-voice-answered"), CLEAR) == GOLDEN[name]


@pytest.mark.parametrize("name", [include.name for include in INCLUDES])
def test_an_empty_record_has_empty_lists(name: str) -> None:
    assert nested(name, made()) == []


def test_crm_links_follow_the_attributes_and_show_their_names_in_clear_views_only() -> None:
    links = sample("list-zendesk-ticket")["hooks"]
    attribute = {"hookType": "VIP ", "hookName": "4111 1111 1111 1111"}
    record = made(hooks=links, interactionAttributes=[attribute])
    agent = "e05468e0-82b1-11e7-b08f-6e56a766befb"
    ticket = ["zendesk", None, "2017-11-09T14:10:54.947Z", "26303434627", agent, "ticket"]
    user = ["zendesk", None, "2017-11-09T14:11:30.737Z", "26303434627", agent, "user"]
    card = ["VIP", "**** **** **** 1111", None, None, None, ATTRIBUTE]
    assert nested("attributes", record) == [card, ticket, user]
    assert nested("attributes", record, CLEAR) == [card, ticket, [user[0], "Jordan Sample", *user[2:]]]


def test_parts_come_by_their_start_and_those_without_one_last() -> None:
    starts = [None, "2026-03-02T15:00:02Z", "2026-03-02T16:00:01+01:00", None]
    segments = [{"segmentNumber": number, "startTimestamp": start} for number, start in enumerate(starts)]
    assert [segment[1] for segment in nested("segments", made(segments=segments))] == [2, 1, 0, 3]


def test_a_stretch_of_talk_takes_agent_and_queue_from_its_leg() -> None:
    leg = {"agentId": "a", "queueId": "q", "talkTimes": [{"agentTalkTime": 1}, {"agentId": "b", "queueId": "r"}]}
    assert [talk[1:3] for talk in nested("talk_times", made(agents=[leg]))] == [["a", "q"], ["b", "r"]]
