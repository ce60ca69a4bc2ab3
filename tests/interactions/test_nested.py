"""The nested lists of the documented interaction and of odd ones, element by element."""

import pytest

from app.interactions.facts import Context
from app.interactions.grains import INCLUDES
from app.interactions.settling import ATTRIBUTE
from tests.interactions.records import CLEAR, CONTEXT, elements, facts, made, sample

AGENT = "eaff3f40-658d-11e7-9259-cb127bd0d17b"
QUEUE = "ae708610-6592-11e7-9259-cb127bd0d17b"
SEGMENT = "cec87c20-dc50-11e8-9eb7-c23298e321eb"
DAY = "2018-10-30T"


def nested(name: str, record: object, context: Context = CONTEXT) -> list[list[object]]:
    """The values of each element."""
    [include] = [include for include in INCLUDES if include.name == name]
    return [list(element.values()) for element in elements(include, facts(record, context))]


GOLDEN: dict[str, list[list[object]]] = {
    "attributes": [
        ["unattachedAttr", "valueTwo", f"{DAY}14:34:03.134Z", "flow", None, ATTRIBUTE],
        ["customAttributeWithResource", "valueOne", f"{DAY}14:34:03.131Z", "flow", AGENT, ATTRIBUTE],
        ["customAttributeUsingIvrInput", "1234567", f"{DAY}14:34:32.863Z", "flow", AGENT, ATTRIBUTE],  # trimmed
    ],
    "agents": [
        [
            *("d5cf57f0-dc50-11e8-9b97-f353dfbfdfa9", SEGMENT, "b71dd480-dc50-11e8-801c-016c5936a3b5"),
            *(QUEUE, "Support", AGENT, "Alex Example", 486),
            *(f"{DAY}14:33:57.743Z", f"{DAY}14:34:33.402Z", f"{DAY}14:34:03.014Z", f"{DAY}14:34:32.848Z"),
            *(5.125, 5.125, 29.834, 29.834, 29.834, 30.689, None),  # upstream's 5.125, not 5.271 by the times
            *(1, True),
        ],
    ],
    "queues": [
        [
            *("d505ed70-dc50-11e8-96a8-3d6bfcf7af8f", SEGMENT, QUEUE, "Support", "queue", "ivr", "success", AGENT),
            *(f"{DAY}14:33:56.423Z", f"{DAY}14:34:03.014Z", 6.591, 6.591, 6.591, 1, 0),
            *(20.0, "met", True, False, False, False, False, True, True),
        ],
    ],
    "segments": [
        [
            *(SEGMENT, 0, "interaction", "success", AGENT),
            *(f"{DAY}14:33:45.954Z", f"{DAY}14:34:33.402Z", 47.448, None, None, None, False),
        ],
    ],
    "notes": [
        [
            *("e2f65910-dc50-11e8-9f0e-21353d459805", AGENT, "Example Note Title", "Example Note Body"),
            *(f"{DAY}14:34:19.000Z", f"{DAY}14:34:27.000Z"),
        ],
    ],
    "talk_times": [
        ["d5cf57f0-dc50-11e8-9b97-f353dfbfdfa9", AGENT, QUEUE, f"{DAY}14:34:03.014Z", f"{DAY}14:34:33.375Z", 30.361]
    ],
}


@pytest.mark.parametrize("name", [include.name for include in INCLUDES])
def test_the_documented_interaction_gives_the_golden_lists(name: str) -> None:
    assert nested(name, sample("interaction-voice-answered"), CLEAR) == GOLDEN[name]


def test_without_the_scope_a_note_keeps_only_what_is_not_text() -> None:
    [note] = nested("notes", sample("interaction-voice-answered"))
    assert note == [*GOLDEN["notes"][0][:2], None, None, *GOLDEN["notes"][0][4:]]


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
