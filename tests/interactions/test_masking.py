"""Who sees what of a person: the customer, the notes, and card numbers."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from app.interactions.columns import with_attributes
from app.interactions.grains import INCLUDES
from app.interactions.masking import MASKED, Audience, customer_key, keyed_code, mask_customer, mask_text
from tests.interactions.records import CLEAR, CONTEXT, elements, facts, made, row, spans_of

CANARY = "+155501canary99"
NAME, TITLE, BODY = "Canary Customer", "canary title", "canary body"
CARD = "4111111111111111"  # the networks' test number
PERSONAL = made(
    customer=CANARY,
    details={"customer": CANARY},
    hooks=[{"hookType": "zendesk", "hookSubType": "user", "hookName": NAME, "hookId": "1"}],
    notes=[{"title": TITLE, "body": BODY}],
    interactionAttributes=[{"hookType": "card", "hookSubType": "interaction-attribute", "hookName": CARD}],
    customer_name=NAME,
)


def everything(audience: Audience) -> str:
    context = replace(CONTEXT, audience=audience)
    found = facts(PERSONAL, context)
    lists = [elements(include, found) for include in INCLUDES]
    return json.dumps([row(PERSONAL, context, with_attributes(["card"])), lists, to_builtins(spans_of(found))])


@pytest.mark.parametrize(
    ("audience", "seen"),
    [
        (MASKED, set[str]()),
        (Audience(clear=True), {CANARY, NAME}),
        (Audience(notes=True), {TITLE, BODY}),
        (Audience(clear=True, notes=True), {CANARY, NAME, TITLE, BODY}),
    ],
)
def test_each_audience_sees_what_it_may_in_row_lists_and_timeline(audience: Audience, seen: set[str]) -> None:
    shown = everything(audience)
    assert {secret for secret in (CANARY, NAME, TITLE, BODY, CARD) if secret in shown} == seen


def test_audiences_have_names_of_their_own() -> None:
    assert len({Audience(clear, notes).name for clear in (False, True) for notes in (False, True)}) == 4


@pytest.mark.parametrize(
    ("customer", "masked"),
    [
        ("+12125550123", "+12***23"),
        ("jordan.sample@example.com", "jor***om"),
        ("1001", "***"),
        ("+1555012", "***"),  # five of eight would be told
        ("+15550123", "***23"),
        ("155 501 23", "***23"),
        ("155501234", "***34"),
        ("1555012345", "155***45"),
        ("15550123@example.com", "***om"),
        ("sip:15550123@example.com", "sip***om"),
        ("(1) 55501 23", "***23"),
        ("x", "***"),
    ],
)
def test_the_prefix_and_the_last_two_characters_are_kept(customer: str, masked: str) -> None:
    assert mask_customer(customer) == masked


@given(st.text(min_size=1))
def test_at_least_four_characters_of_a_customer_stay_hidden(customer: str) -> None:
    kept = mask_customer(customer).replace("***", "", 1) if len(customer) >= 9 else ""
    assert len(customer) - len(kept) >= min(4, len(customer))


def test_no_customer_has_neither_mask_nor_key() -> None:
    for record in (made(), made(customer=""), made(customer=None)):
        shown = row(record, CLEAR)
        assert (shown["customer"], shown["customer_masked"], shown["customer_key"]) == (None, None, None)


def test_a_key_is_stable_for_one_secret_and_differs_between_secrets() -> None:
    assert customer_key("+15550123", b"an invented secret") == "a897f0bd0a30c793b6f50d48d5ebad71"
    assert customer_key("+15550123", b"another") != customer_key("+15550123", b"an invented secret")
    assert customer_key("+15550124", b"another") != customer_key("+15550123", b"another")


def test_a_key_joins_spellings_of_one_address() -> None:
    assert customer_key(" Jordan.Sample@Example.com ", b"one") == customer_key("jordan.sample@example.com", b"one")


def test_the_version_does_not_tell_customers_with_one_mask_apart() -> None:
    one, other = made(customer="+15550100123"), made(customer="+15550199923")
    assert row(one)["row_version"] == row(other)["row_version"]
    assert row(one)["row_version"] != row(made(customer="+15550100124"))["row_version"]


def test_the_names_of_the_audiences_say_what_they_see() -> None:
    audiences = [Audience(clear=clear, notes=notes) for clear in (False, True) for notes in (False, True)]
    assert [one.name for one in audiences] == ["masked", "masked+notes", "clear", "clear+notes"]


@pytest.mark.parametrize(
    ("text", "masked"), [("", "***"), ("12345", "***"), ("123456", "***56"), ("an attribute's value", "***ue")]
)
def test_of_any_text_the_last_two_characters_are_kept_where_four_more_stay_hidden(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_a_text_that_cannot_be_encoded_has_a_code_too() -> None:
    assert keyed_code("lone \ud800", b"an invented secret") != keyed_code("lone ", b"an invented secret")
