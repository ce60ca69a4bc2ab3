"""Bytes to records: what does not fit is mended and counted, what is no record is told apart."""

import json

import msgspec
import pytest

from app.errors import UpstreamShape
from app.interactions.records import MOST_PARTS, MOST_REPAIRS, array_of, decode, decoded
from app.interactions.settling import ATTRIBUTE
from tests.interactions.records import facts, made, row, sample


def repaired(text: str) -> int:
    decoded = decode(f'{{"interactionId": "a", {text}}}'.encode())
    assert decoded is not None
    return decoded.repaired


@pytest.mark.parametrize(
    "raw", [b"{}", b"null", b"5", b"[]", b'"a"', b'{"interactionId": ""}', b'{"interactionId": 5}']
)
def test_without_a_usable_id_there_is_no_record(raw: bytes) -> None:
    assert decode(raw) is None


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"interactionId": "a"', b'{"interactionId": "a"} x', b'{"x": NaN}'])
def test_what_is_not_json_is_a_fault_of_upstream(raw: bytes) -> None:
    with pytest.raises(UpstreamShape):
        decode(raw)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('"customer": "+15550123", "segments": [], "details": null, "neverSeen": 5', 0),
        ('"segments": null, "agents": [{"talkTimes": null}], "queues": [null]', 0),
        ('"interactionTime": 5', 0),
        ('"startTimestamp": "2018-10-30T14:33:45"', 0),
        ('"customer": 5', 1),
        ('"interactionTime": "5"', 1),
        ('"interactionTime": 1e400', 1),
        ('"interactionTime": -1e400, "customer": 1e400', 2),
        ('"interactionTime": true', 1),
        ('"customerHolds": -1', 1),
        ('"startTimestamp": "2018-10-30T24:00:00.000Z"', 0),
        ('"startTimestamp": "2018-10-30T24:00:00.001Z"', 1),
        ('"startTimestamp": "9999-12-31T24:00:00.000Z"', 1),
        ('"customerHolds": 1.0, "queues": [{"queueEntryLength": 2.0, "queueExitLength": 0.0}]', 0),
        ('"customerHolds": 1.5', 1),
        ('"customerHolds": 9007199254740994.0', 1),
        ('"customerHolds": ' + "9" * 5000 + ', "interactionTime": ' + "9" * 5000, 2),
        ('"interactionTime": -0.001, "agents": [{"agentTalkTime": -1}], "queues": [{"queueTime": -5}]', 3),
        ('"customerSatisfactionScore": -1', 0),
        ('"customer": 5, "neverSeen": ' + "9" * 5000, 1),
        ('"customer": 5, "agents": [{"neverSeen": [[' + "9" * 5000 + ', {"a": 1e999}]]}]', 1),
        ('"segments": {}', 1),
        ('"segments": [5, {"segmentNumber": "0", "segmentTime": []}]', 3),
        ('"agents": [{"talkTimes": [{"agentTalkTime": "x"}, 7]}]', 2),
        ('"details": {"csat": "9", "agents": 5}', 2),
        ('"customer": 5, "neverSeen": 1e400', 1),
    ],
)
def test_only_values_of_the_wrong_type_count_as_repairs(text: str, count: int) -> None:
    assert repaired(text) == count


def test_a_lone_surrogate_becomes_a_replacement_character_and_a_pair_stays() -> None:
    name = rb"\ud800 \ud83d\ude00 \\ud800 \udc00\ud800"
    text = rb'{"interactionId": "a", "flowName": "%b", "x\udfff": {"\udfff": "\udfff"}}' % name
    assert row(text)["flow_name"] == "� 😀 \\ud800 ��"


def test_an_unknown_field_may_be_deep() -> None:
    deep = "[" * 200 + "]" * 200
    assert repaired(f'"neverSeen": {deep}') == 0
    assert repaired(f'"neverSeen": {deep}, "customer": 5') == 1


@pytest.mark.parametrize("text", ["{" * 3 * (MOST_PARTS + 1), '{"a": "\\\\"} \\ ' * (MOST_PARTS + 1)])
def test_braces_in_a_text_are_no_parts(text: str) -> None:
    assert facts(made(notes=[{"body": text}])).interaction.notes[0].body == text


@pytest.mark.parametrize(
    "fields",
    [
        {"notes": [{}] * (MOST_PARTS + 1)},
        {"notes": [{"body": '"'}] * (MOST_PARTS + 1)},
        {"agents": [{"talkTimes": [{}] * (MOST_PARTS // 2)}] * 3},
        {"interactionTime": "x", "notes": [{}] * (MOST_PARTS + 1)},
    ],
)
def test_a_record_of_too_many_parts_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(UpstreamShape, match="more parts, or more ill values"):
        decode(json.dumps(made(**fields)).encode())


@pytest.mark.parametrize(("ill", "is_read"), [(MOST_REPAIRS, True), (MOST_REPAIRS + 1, False)])
def test_a_record_of_too_many_ill_values_is_refused(ill: int, is_read: bool) -> None:
    raw = json.dumps(made(notes=[{"body": 5}] * ill)).encode()
    if is_read:
        decoded = decode(raw)
        assert decoded is not None
        assert decoded.repaired == ill
    else:
        with pytest.raises(UpstreamShape, match="more parts, or more ill values"):
            decode(raw)


def test_the_fields_of_a_part_are_looked_up_once_however_many_are_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[object] = []
    fields_of = msgspec.structs.fields

    def counted(struct: type[msgspec.Struct]) -> object:
        looked_up.append(struct)
        return fields_of(struct)

    monkeypatch.setattr(msgspec.structs, "fields", counted)
    ill = decode(json.dumps(made(notes=[{"body": 5}] * 1000)).encode())
    assert ill is not None
    assert ill.repaired == len(ill.interaction.notes) == 1000
    assert len(looked_up) == len(set(looked_up))


def test_what_is_stored_of_records_comes_back_as_it_was() -> None:
    raws = [
        b'{"interactionId": "a", "x":1e400, "startTimestamp": "0001-01-01T00:00:00+05:00"}',
        b'{ "interactionId":"b", "endTimestamp": "9999-12-31T23:59:59.999999-05:00", "flowName": "\\ud800"}',
    ]
    interactions = [known.interaction for known in map(decode, raws) if known]
    assert decoded(array_of(interactions)) == interactions
    assert [str(one.start_timestamp or one.end_timestamp) for one in decoded(array_of(interactions))] == [
        "0001-01-01 00:00:00+05:00",
        "9999-12-31 23:59:59.999999-05:00",
    ]
    assert decoded(array_of([])) == []


def hook(name: str, value: str, **fields: str) -> dict[str, str]:
    return {"hookType": name, "hookName": value, "hookSubType": ATTRIBUTE, **fields}


def values(**fields: object) -> list[str | None]:
    return [one.hook_name for one in facts(made(**fields)).interaction.interaction_attributes]


def test_attributes_are_the_union_of_both_arrays_each_once() -> None:
    one, other = hook("a", "1", interactionHookId="x"), hook("b", "2", interactionHookId="y")
    assert values(hooks=[one], interactionAttributes=[one, other]) == ["1", "2"]
    assert values(hooks=[one, other]) == ["1", "2"]
    assert values(interactionAttributes=[other]) == ["2"]


def test_without_ids_attributes_are_told_apart_by_all_they_say() -> None:
    early, late = hook("a", "1", timestamp="2026-03-02T15:00:00Z"), hook("a", "1", timestamp="2026-03-02T15:00:01Z")
    assert values(hooks=[early, late], interactionAttributes=[late, early, hook("a", "2")]) == ["1", "1", "2"]


def test_an_attribute_needs_a_subtype_among_hooks_but_not_in_its_own_array() -> None:
    bare = {"hookType": "a", "hookName": "1"}
    assert values(hooks=[bare]) == []
    assert values(interactionAttributes=[bare]) == ["1"]


@pytest.mark.parametrize("fields", [{}, {"timestamp": "2026-03-02T15:00:00Z"}, {"interactionHookId": "x"}])
def test_an_attribute_in_both_arrays_counts_once_with_a_subtype_or_without(fields: dict[str, str]) -> None:
    bare = {"hookType": "a", "hookName": "1", **fields}
    assert values(hooks=[hook("a", "1", **fields)], interactionAttributes=[bare]) == ["1"]
    assert values(interactionAttributes=[bare, hook("a", "1", **fields)]) == ["1"]
    assert values(hooks=[bare], interactionAttributes=[bare]) == ["1"]
    assert len(facts(made(hooks=[bare], interactionAttributes=[bare])).interaction.hooks) == 1


def test_crm_links_are_no_attributes() -> None:
    interaction = facts(sample("list-zendesk-ticket")).interaction
    assert [link.hook_id for link in interaction.hooks] == ["415", "26359162568"]
    assert interaction.interaction_attributes == ()
    assert json.loads(json.dumps(row(sample("list-zendesk-ticket"))))["attribute_count"] == 0
