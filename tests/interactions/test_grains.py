"""Every grain of the table: what its rows hide, and the work they cost."""

import sys
from itertools import count
from typing import Any

import pytest

from app.interactions.columns import reader
from app.interactions.grains import GRAINS, INCLUDES, Grain
from app.interactions.parts import Interaction, Part
from tests.interactions.records import CLEAR, CONTEXT, facts, made
from tests.interactions.strategies import core, fields, is_repeated, is_struct

CARD = "4111 1111 1111 1111"  # a test number that no bank gives out
every_grain = pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)


def texts(struct: type[Part], numbers: "count[int]") -> dict[str, Any]:
    """An object with a card number in each of its texts, no two alike, and one of each of its parts."""
    filled: dict[str, Any] = {}
    for name, kind in fields(struct):
        inner = core(kind)
        if is_struct(inner):
            one = texts(inner, numbers)
            filled[name] = [one] if is_repeated(kind) else one
        elif inner is str:
            filled[name] = f"{name} {next(numbers)}: {CARD}"
    return filled


@every_grain
def test_no_text_of_any_view_shows_a_card_number(grain: Grain) -> None:
    """Whatever field it stands in, ids among them."""
    record = texts(Interaction, count())
    del record["interactionAttributes"][0]["hookSubType"]  # else it would be a CRM link
    shown = [column for column in grain.columns.values() if column.type in ("string", "uuid", "enum")]
    read = reader(shown)
    for context in (CONTEXT, CLEAR):
        found = [text for row in grain.rows(facts(made(**record), context)) for text in read(row) if text]
        assert [text for text in found if CARD in str(text)] == []
        assert sum("**** **** **** 1111" in str(text) for text in found) > len(shown) // 3


def many(parts: int) -> dict[str, object]:
    """A record with so many parts of each kind. Agents took it after its queues, of which no name is known."""
    hook = {"hookType": "pin", "hookName": "4711"}
    leg = {"queueId": "one", "agentWorkAccepted": True, "startTimestamp": "2026-03-02T16:00:00Z", "talkTimes": [{}]}
    return made(
        queues=[{"queueId": "one", "startTimestamp": "2026-03-02T15:00:00Z"}] * parts,
        agents=[leg] * parts,
        segments=[{}] * parts,
        notes=[{}] * parts,
        interactionAttributes=[{**hook, "interactionHookId": str(number)} for number in range(parts)],
    )


def calls(grain: Grain, parts: int) -> int:
    """How often a function is entered, or gone on with, while the rows of such a record are read."""
    found, entered = facts(many(parts)), 0

    def seen(_frame: object, event: str, _what: object) -> None:
        nonlocal entered
        entered += event in {"call", "c_call"}

    read, lists = reader([*grain.columns.values()]), () if grain.is_of_parts else INCLUDES
    sys.setprofile(seen)
    try:
        rows = [*map(read, grain.rows(found)), *(element for one in lists for element in one.elements(found))]
    finally:
        sys.setprofile(None)
    assert len(rows) == (parts if grain.is_of_parts else 1 + parts * len(INCLUDES))
    return entered


@pytest.mark.threat("T47")
@every_grain
def test_the_work_for_a_record_grows_as_its_parts_do(grain: Grain) -> None:
    """A record may have thousands: what each looks up in all the others would hold the loop for long."""
    assert calls(grain, 200) < 2.2 * calls(grain, 100)
