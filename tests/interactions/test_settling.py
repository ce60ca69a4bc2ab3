"""A record as it is decoded: each child once, and no card number in any text of any view."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from app.interactions import cards
from app.interactions.cards import mask_cards
from app.interactions.columns import with_attributes
from app.interactions.facts import Context
from app.interactions.grains import INCLUDES
from app.interactions.masking import Audience
from tests.interactions.records import CLEAR, CONTEXT, elements, facts, made, row, shown_raw, spans_of

START, END = "2026-03-02T15:00:00.000Z", "2026-03-02T15:10:00.000Z"
ENDED = {"startTimestamp": START, "endTimestamp": END}
CARD = "4111-1111.1111\u00a01111"  # a test number that no bank gives out
UUID = "41111111-1111-1111-8000-000000000000"
SHOWN = "****-****.****\u00a01111"
KEYS = {
    "segments": "interactionSegmentId",
    "agents": "interactionAgentId",
    "queues": "interactionQueueId",
    "notes": "noteId",
    "customerTalkTimes": "interactionCustomerTalkTimeId",
    "customerHoldTimes": "interactionCustomerHoldTimeId",
    "customerResponseTimes": "interactionCustomerResponseTimeId",
    "hooks": "interactionHookId",
}


def everything(record: object, context: Context = CLEAR) -> object:
    """Row, nested lists and timeline."""
    found = facts(record, context)
    return [
        row(record, context, with_attributes(["card"])),
        [elements(one, found) for one in INCLUDES],
        to_builtins(spans_of(found)),
    ]


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_a_child_sent_twice_under_one_key_counts_once_as_its_later_copy_says(name: str, key: str) -> None:
    talk = {"interactionAgentTalkTimeId": "talk", "startTimestamp": START, "agentTalkTime": 5}
    early = {
        key: "one",
        "startTimestamp": START,
        "queueTime": 1,
        "agentTalkTime": 1,
        "segmentEndType": "cancelled",
        "title": "early",
        "body": "early",
        "hookType": "a",
        "hookName": "early",
        "talkTimes": [talk],
    }
    late = {
        key: "one",
        **ENDED,
        "queueTime": 2,
        "agentTalkTime": 2,
        "segmentEndType": "success",
        "title": "late",
        "body": "late",
        "hookType": "a",
        "hookName": "late",
    }
    other = {key: "other", **ENDED, "hookName": "x", "queueTime": 4, "agentTalkTime": 4}
    nameless = [{**ENDED, "hookName": "y"}, {**ENDED, "hookName": "z"}]
    twice = {**talk, "endTimestamp": END}
    sent = made(**ENDED, **{name: [early, other, {**late, "talkTimes": [talk, twice]}, *nameless]})
    meant = made(**ENDED, **{name: [{**late, "talkTimes": [twice]}, other, *nameless]})
    fewer = made(**ENDED, **{name: [{**late, "talkTimes": [twice]}, other, nameless[0]]})
    assert everything(sent) == everything(meant)
    assert name in ("customerTalkTimes", "customerResponseTimes") or everything(sent) != everything(fewer)


def test_a_hook_in_both_arrays_counts_once_as_the_attributes_own_array_says() -> None:
    hook = {"interactionHookId": "h", "hookType": "card", "hookSubType": "interaction-attribute"}
    found = row(
        made(hooks=[{**hook, "hookName": "early"}], interactionAttributes=[{**hook, "hookName": "late"}]),
        columns=with_attributes(["card"]),
    )
    assert (found["attribute_count"], found["attr_card"]) == (1, "late")


TEXTS = made(
    **ENDED,
    **dict.fromkeys(("channelType", "direction", "flowName", "contactPoint", "customer", "dispositionName"), CARD),
    segments=[{**ENDED, "segmentStartType": CARD, "segmentEndType": CARD}],
    agents=[{**ENDED, "agentName": CARD, "agentWorkAccepted": True, "conversationStartTimestamp": START}],
    queues=[{**ENDED, "queueId": "q", "queueName": CARD, "queueEntryType": CARD, "queueExitType": CARD}],
    hooks=[{"hookType": CARD, "hookName": CARD, "hookSubType": CARD, "hookedBy": CARD}],
    interactionAttributes=[
        {"hookType": "card", "hookName": CARD},
        {"hookType": CARD, "hookName": CARD, "hookBy": CARD},
    ],
    notes=[{"title": CARD, "body": f"Paid with {CARD}."}],
    details={"agents": [{"dispositionName": CARD}]},
    fieldFromTheFuture={CARD: [CARD, 4111111111111111]},
)


@pytest.mark.parametrize("audience", [Audience(clear, notes) for clear in (False, True) for notes in (False, True)])
def test_no_view_shows_a_card_number_wherever_it_stands(audience: Audience) -> None:
    shown = json.dumps(everything(TEXTS, replace(CONTEXT, audience=audience)), ensure_ascii=False)
    assert "4111" not in shown
    assert shown.count(SHOWN) >= 20


def with_ids(written: str) -> dict[str, object]:
    """A record with this id wherever a view shows one, its own aside."""
    ids = dict.fromkeys(("agentId", "queueId", "interactionSegmentId", "segmentToAgentId"), written)
    return made(
        **ENDED,
        **dict.fromkeys(("tenantId", "contactId", "flowId"), written),
        segments=[{**ids, **ENDED}],
        agents=[{**ids, **ENDED, "interactionAgentId": written, "agentWorkAccepted": True, "talkTimes": [ids]}],
        queues=[{**ids, **ENDED, "interactionQueueId": written}],
        hooks=[{**ids, "hookType": "zendesk"}],
        interactionAttributes=[{**ids, "hookType": "a", "hookName": "b"}],
        notes=[{**ids, "noteId": written}],
    )


@pytest.mark.parametrize("audience", [Audience(clear, notes) for clear in (False, True) for notes in (False, True)])
@pytest.mark.parametrize("written", [CARD, "4111111111111111", "4111-1111-1111-1111-aaaaaaaaaaaaaaaa"])
def test_no_view_shows_a_card_number_for_an_id(audience: Audience, written: str) -> None:
    shown = json.dumps(everything(with_ids(written), replace(CONTEXT, audience=audience)), ensure_ascii=False)
    assert "4111" not in shown
    assert shown.count("1111") >= 25
    in_details = made(details={"contactId": written})
    assert str(row(in_details)["contact_id"]).startswith("****")


def test_a_uuid_is_an_identity_whatever_its_digits_look_like_and_so_is_the_interactions_own_id() -> None:
    for one in (UUID, "a-short-id-1"):
        assert json.dumps(everything(with_ids(one))).count(one) >= 25
    mixed = row({**with_ids(UUID), "flowId": CARD, "interactionId": "4111111111111111"})
    assert (mixed["first_agent_id"], mixed["flow_id"]) == (UUID, SHOWN)
    assert mixed["interaction_id"] == "4111111111111111"


pieces = st.sampled_from([CARD, "4111", "1111", "378282246310005", " ", "é", "x", "\x00", UUID, UUID[:-1]])
written = st.lists(pieces, min_size=1, max_size=6).map("".join)


@given(st.lists(written, min_size=11, max_size=11))
def test_a_record_is_masked_as_each_of_its_texts_is_by_itself(texts: list[str]) -> None:
    """Whether it is looked through closely is decided by all of them together."""
    name, body, queue, exit_type, agent, disposition, sub_type, tenant, segment, queue_id, talk = texts
    record = made(
        flowName=name,
        tenantId=tenant,
        notes=[{"body": body}],
        queues=[{"queueName": queue, "queueExitType": exit_type, "queueId": queue_id}],
        agents=[{"agentName": agent, "talkTimes": [{"agentId": talk}]}],
        details={"agents": [{"dispositionName": disposition}]},
        hooks=[{"hookSubType": sub_type}],
        segments=[{"interactionSegmentId": segment}],
    )
    settled = facts(record).interaction
    [note], [entry], [leg], [hook], [stretch] = (
        settled.notes, settled.queues, settled.agents, settled.hooks, settled.segments,
    )  # fmt: skip
    assert settled.details
    assert [settled.flow_name, note.body, entry.queue_name, entry.queue_exit_type, leg.agent_name] == [
        mask_cards(text) for text in texts[:5]
    ]
    assert [settled.details.agents[0].disposition_name, hook.hook_sub_type] == [*map(mask_cards, texts[5:7])]
    assert [settled.tenant_id, stretch.interaction_segment_id, entry.queue_id, leg.talk_times[0].agent_id] == [
        one if cards.UUID.fullmatch(one) else mask_cards(one) for one in texts[7:]
    ]


def test_a_disposition_in_details_alone_is_masked_too() -> None:
    assert row(made(details={"agents": [{"dispositionName": CARD}]}))["disposition_name"] == SHOWN


def test_the_raw_record_shows_none_either() -> None:
    raw = shown_raw(json.dumps(TEXTS).encode())
    assert b"4111" not in raw
    assert json.loads(raw)["fieldFromTheFuture"] == {SHOWN: [SHOWN, "************1111"]}


def test_of_too_many_digits_each_becomes_a_star_however_many_texts_they_stand_in() -> None:
    """Attributes have what their values are looked through for to themselves."""
    digits = "7" * 1_000
    hooks = [{"interactionHookId": f"h{at}", "hookSubType": "crm", "hookName": digits} for at in range(20)]
    values = [{"interactionHookId": f"a{at}", "hookType": "x", "hookName": digits} for at in range(20)]
    told = json.dumps(everything(made(hooks=hooks, interactionAttributes=values)))
    assert (told.count(digits), told.count("*" * 1_000)) == (2 * 8, 2 * 12)


def test_of_a_card_under_a_policy_that_hashes_all_digits_count() -> None:
    """Two cards with the same last four digits are two values."""
    context = replace(CONTEXT, attribute_policy={"card": "hash"})
    codes = [
        row(made(interactionAttributes=[{"hookType": "card", "hookName": card}]), context, with_attributes(["card"]))
        for card in ("4111111111111111", "4000000000061111")
    ]
    assert codes[0]["attr_card"] != codes[1]["attr_card"]
