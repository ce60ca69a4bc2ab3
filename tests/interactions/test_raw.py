"""A record as upstream sent it: its bytes, and no card number."""

import json
from typing import Any

import pytest

from app.interactions.raw import without_cards
from tests.interactions.records import SAMPLES, made

CARD = "4111 1111 1111 1111"  # a test number that no bank gives out
ODD = b'{ "interactionId" : "\\u0061", "x":1.10,"x": 1e999, "hooks" : [ { "hookName": null } ]}'
WHOLE = [path for path in sorted(SAMPLES.glob("*.json")) if path.stem != "token"]


@pytest.mark.parametrize("raw", [ODD, *(path.read_bytes() for path in WHOLE)])
def test_without_a_card_not_a_byte_is_another(raw: bytes) -> None:
    assert bytes(without_cards(raw)) == raw


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (CARD, "**** **** **** 1111"),
        (f"paid by {CARD.replace(' ', '')}.", "paid by ************1111."),
        (4111111111111111, "************1111"),
        ("1234567", "1234567"),
        ([CARD], [CARD]),
    ],
)
@pytest.mark.parametrize("name", ["hooks", "interactionAttributes"])
def test_cards_in_attributes_are_hidden_from_everybody(name: str, value: Any, shown: Any) -> None:
    record = made(
        **{name: [{"hookType": CARD, "hookName": value}, None, {"hookName": CARD}], "notes": [{"body": CARD}]}
    )
    expected = record | {name: [{"hookType": CARD, "hookName": shown}, None, {"hookName": "**** **** **** 1111"}]}
    assert json.loads(bytes(without_cards(json.dumps(record).encode()))) == expected


def test_cards_are_found_where_upstream_breaks_the_shape() -> None:
    record = made(hooks={"hookName": CARD}, interactionAttributes=[[{"hookName": CARD}]])
    assert b"4111" not in bytes(without_cards(json.dumps(record).encode()))
