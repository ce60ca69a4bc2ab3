"""The examples of every kind: plain figures, always the same."""

import pytest

from app.simulator import KINDS, example
from app.simulator.interaction import Interaction


def test_there_are_kinds_enough_to_test_a_flattener_with() -> None:
    assert len(KINDS) >= 16
    assert all(kind.words for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_stable_and_fresh(kind: str) -> None:
    first = example(kind)
    first["segments"].clear()
    assert example(kind) == example(kind) != first


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_adds_up(kind: str) -> None:
    record = example(kind)
    assert record["startTimestamp"] == "2026-03-02T15:00:00.000Z"
    if "endTimestamp" in record:
        assert record["interactionTime"] == _between(record["startTimestamp"], record["endTimestamp"])
    for queue in record.get("queues", ()):
        if "endTimestamp" in queue:
            assert queue["queueTime"] == _between(queue["startTimestamp"], queue["endTimestamp"])
    for leg in record.get("agents", ()):
        if "conversationEndTimestamp" in leg:
            talked = _between(leg["conversationStartTimestamp"], leg["conversationEndTimestamp"])
            assert leg["agentConversationTime"] == talked
    if record.get("queues"):
        assert record["ivrTime"] == _between(record["startTimestamp"], record["queues"][0]["startTimestamp"])


def test_an_answered_call_reads_as_written() -> None:
    record = example("voice-answered")
    assert (record["interactionTime"], record["ivrTime"], record["customerTalkTime"]) == (210, 10, 180)
    assert record["queues"][0]["timeToAnswer"] == 20
    assert record["segments"][0]["endTimestamp"] == "2026-03-02T15:04:00.000Z"
    assert (
        Interaction("voice-answered", record)
        .at("2026-03-02T15:00:20.000Z")
        .keys()
        .isdisjoint({"agents", "endTimestamp"})
    )


def _between(start: str, end: str) -> float:
    def seconds(text: str) -> float:
        hour, minute, rest = text[11:-1].split(":")
        return int(hour) * 3600 + int(minute) * 60 + float(rest)

    return seconds(end) - seconds(start)
