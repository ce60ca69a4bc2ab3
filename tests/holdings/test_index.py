"""The index of a run never hides a record that meets a condition, and spares runs that hold none from being decoded."""

from typing import Any
from unittest import mock

import pytest

from app.holdings.index import TERMS, Wanted, terms
from app.holdings.packing import Block
from app.holdings.supersets import narrowed
from app.interactions.parts import Interaction
from app.upstream.query import CONDITIONS, EVERYTHING, UpstreamQuery, mismatch
from tests.holdings.support import NOW, day, place, record, row

CONTACT = "5A3D6F0E-1b2c-4d5e-8f90-a1b2c3d4e5f6"
LINK = {"hookType": " salesforce ", "hookSubType": "case", "hookId": "00Q", "hookName": "Case 17"}
ATTRIBUTES = [
    {"hookType": "orderNumber ", "hookSubType": "interaction-attribute", "hookName": " 17 "},
    {"hookType": "tier", "hookName": "VIP"},
    {"hookType": "empty", "hookName": None},
    {"hookType": "word", "hookName": "Größe \U0001f4de"},
]
RECORD: dict[str, Any] = {**row(1, NOW), "hooks": [LINK], "interactionAttributes": ATTRIBUTES, "contactId": CONTACT}

MET = [
    UpstreamQuery(attribute_values=(" 17 ",)),
    UpstreamQuery(attribute_values=("VIP", " 17 ")),
    UpstreamQuery(attribute_values=("Größe \U0001f4de",)),
    UpstreamQuery(any_values=("nobody's", "VIP")),
    UpstreamQuery(attribute_values=("VIP",), any_values=("nobody's", " 17 ")),
    UpstreamQuery(hook_type="orderNumber"),
    UpstreamQuery(hook_type=" salesforce"),
    UpstreamQuery(hook_sub_type="case"),
    UpstreamQuery(hook_sub_type="interaction-attribute"),
    UpstreamQuery(hook_id="00Q"),
    UpstreamQuery(contact_id=CONTACT.swapcase()),
    EVERYTHING,
]
NOT_MET = [
    UpstreamQuery(attribute_values=("17",)),
    UpstreamQuery(attribute_values=("VIP", "17")),
    UpstreamQuery(attribute_values=("Case 17",)),  # no attribute
    UpstreamQuery(any_values=("17", "vip")),
    UpstreamQuery(hook_type="order"),
    UpstreamQuery(hook_id="00q"),
    UpstreamQuery(contact_id=CONTACT[:-1]),
]


def interaction(given: dict[str, Any]) -> Interaction:
    return record(given).interaction


@pytest.mark.parametrize("asked", MET, ids=repr)
def test_a_record_that_meets_the_conditions_may_be_in_its_run(asked: UpstreamQuery) -> None:
    assert mismatch(interaction(RECORD), asked) is None
    assert Wanted(asked).may_occur(terms([interaction(row(2, NOW)), interaction(RECORD)]))


@pytest.mark.parametrize("asked", NOT_MET, ids=repr)
def test_where_no_record_has_a_term_the_run_is_passed_over(asked: UpstreamQuery) -> None:
    assert mismatch(interaction(RECORD), asked) is not None
    assert not Wanted(asked).may_occur(terms([interaction(RECORD)]))


def test_a_contact_named_in_the_details_alone_is_found() -> None:
    within = interaction({**row(1, NOW), "details": {"contactId": CONTACT}})
    asked = UpstreamQuery(contact_id=CONTACT.lower())
    assert mismatch(within, asked) is None
    assert Wanted(asked).may_occur(terms([within]))


def test_every_condition_has_its_terms_but_the_range_and_the_kinds_that_are_few() -> None:
    assert {one.field for one in CONDITIONS.values()} - {*TERMS} == {"start", "end", "hook_sub_type"}


async def test_of_a_thousand_records_the_runs_with_the_value_alone_are_decoded_once() -> None:
    at = place(day(1_000))
    at.upstream.put({**row(500, NOW.replace(hour=1)), "interactionAttributes": ATTRIBUTES})
    composition = (await at.answer(start=NOW.replace(hour=0))).composition
    runs, decoded = {id(piece.run.block) for piece in composition.pieces}, list[Block]()
    records = Block.records

    def counted(block: Block) -> list[Interaction]:
        decoded.append(block)
        return records(block)

    with mock.patch.object(Block, "records", counted):
        for value, rows in ((" 17 ", 1), ("17", 0), (" 17 ", 1)):
            found = await narrowed(composition, UpstreamQuery(attribute_values=(value,)), at.context(None))
            assert found.rows == sum(piece.count for piece in found.pieces) == rows
    assert len(runs) > 10
    assert len(decoded) == 1
