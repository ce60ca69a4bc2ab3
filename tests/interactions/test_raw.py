"""A record as upstream sent it: its bytes, and no card number."""

import json
from typing import Any

import pytest

from app.interactions.records import as_sent, without_cards
from tests.interactions.records import SAMPLES, made, shown_raw

CARD = "4111 1111 1111 1111"  # a test number that no bank gives out
UUID = "41111111-1111-1111-1111-111111111111"  # all digits: an identity is left alone
ODD = b'{ "interactionId" : "\\u0061", "x":1.10,"x": 1e999, "hooks" : [ { "hookName": null } ]}'
WHOLE = [path for path in sorted(SAMPLES.glob("*.json")) if path.stem != "token"]


@pytest.mark.parametrize("raw", [ODD, *(path.read_bytes() for path in WHOLE)])
def test_without_a_card_not_a_byte_is_another(raw: bytes) -> None:
    assert shown_raw(raw) == raw


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (CARD, "**** **** **** 1111"),
        (f"paid by {CARD.replace(' ', '')}.", "paid by ************1111."),
        (4111111111111111, "************1111"),
        ("1234567", "1234567"),
        ([CARD], ["**** **** **** 1111"]),
        ({CARD: {"x": [f"{CARD}\n"]}}, {"**** **** **** 1111": {"x": ["**** **** **** 1111\n"]}}),
        (UUID, UUID),
        (4111111111111111.0, "************1111.0"),
        ("4111111111111112", "4111111111111112"),
    ],
)
@pytest.mark.parametrize("name", ["hooks", "flowName", "neverSeen"])
def test_cards_are_hidden_from_everybody_wherever_they_stand(name: str, value: Any, shown: Any) -> None:
    assert json.loads(shown_raw(json.dumps(made(**{name: value})).encode())) == made(**{name: shown})


def test_a_record_is_as_it_was_sent_but_for_what_no_text_can_hold() -> None:
    assert as_sent(ODD) == ODD
    assert as_sent(rb'{"a" : "\ud800\ud83d\ude00", "a":1e999}') == rb'{"a" : "\ufffd\ud83d\ude00", "a":1e999}'


def test_cards_are_found_where_upstream_breaks_the_shape() -> None:
    record = made(hooks={"hookName": CARD}, interactionAttributes=[[{"hookName": CARD}]])
    assert b"4111" not in shown_raw(json.dumps(record).encode())


def test_a_card_is_found_however_json_writes_it_and_its_neighbours_stay_as_they_were() -> None:
    raw = rb'{"a" : 1.10, "b":"\u0034111 1111\u00a01111 1111 \" \ud800", "a":1e999, "c":"\u0034"}'
    shown = '{"a" : 1.10, "b":"**** ****\u00a0**** 1111 \\" \ufffd", "a":1e999, "c":"\\u0034"}'
    assert shown_raw(raw).decode() == shown


def test_of_many_digits_each_becomes_a_star_but_in_identities_and_times() -> None:
    parts = [UUID, "2026-11-01T00:00:30.000Z"] * 5_000
    record = made(neverSeen=["4111111111111111-" * 10_000, *parts, "a 41", 41])
    shown = json.loads(shown_raw(json.dumps(record).encode()))
    assert shown["neverSeen"] == [f"{'*' * 16}-" * 10_000, *parts, "a 41", 41]


def test_a_record_of_many_texts_is_looked_through_in_as_many_steps() -> None:
    texts = ["٤" * 13] * 1_000
    steps = sum(1 for _ in without_cards(json.dumps(texts).encode()))
    assert steps == len(texts)
