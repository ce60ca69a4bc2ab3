"""What is shown of custom attributes, name by name."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.interactions.columns import reader, with_attributes
from app.interactions.facts import Context, Facts
from app.interactions.grains import INCLUDES
from app.interactions.masking import Audience, as_shown, by_name, hides, is_listed, mask_text, seen_by, treatments
from app.interactions.records import decode
from app.settings import load
from tests.interactions.records import elements

SECRET = b"invented-secret-number-one"
VALUES = {"account": "1234-5678", "ssn": "078-05-1120", "tier": "VIP", "reason": "billing"}
CONTEXT = Context("tenant", datetime(2026, 11, 23, tzinfo=UTC), pseudonym_secret=SECRET)
CLEAR = Audience(clear=True)
ATTRIBUTES = next(include for include in INCLUDES if include.name == "attributes")


def facts(policy: str = "", audience: Audience | None = None, **values: str) -> Facts:
    """Those of a record with these attributes, as an audience sees them."""
    rows = load({"attribute_policy": policy}, environ={}, env_file=None).attribute_policy
    hooks = [
        {"hookType": f" {name} ", "hookName": value, "hookSubType": "interaction-attribute", "interactionHookId": name}
        for name, value in (values or VALUES).items()
    ]
    record: dict[str, Any] = {"interactionId": "1", "customer": "+15550100", "interactionAttributes": hooks}
    decoded = decode(json.dumps(record).encode())
    assert decoded
    context = replace(CONTEXT, attribute_policy=by_name(rows), audience=audience or CONTEXT.audience)
    return Facts(decoded.interaction, context)


def listed(of: Facts) -> dict[str, Any]:
    return {element["name"]: element["value"] for element in elements(ATTRIBUTES, of)}


def column(of: Facts, name: str) -> Any:
    (found,) = [one for one in with_attributes([name]) if one.name == f"attr_{name}"]
    return reader([found])(of)[0]


@pytest.mark.parametrize(
    "named", ["gr\u00f6\u00dfe", "gro\u0308\u00dfe", "GRO\u0308SSE", "\u00a0Gr\u00f6\u1e9ee", "\uff47r\u00f6sse"]
)
@pytest.mark.parametrize("sent", ["gr\u00f6\u00dfe", "Gro\u0308\u00dfe", "GR\u00d6SSE"])
def test_a_name_is_covered_in_whatever_form_of_unicode_it_is_sent(named: str, sent: str) -> None:
    assert listed(facts(f"{named}=drop", None, **{sent: "1234", "other": "shown"})) == {"other": "shown"}
    [hashed], [also] = (listed(facts(f"{named}=hash", None, **{name: "1234"})).values() for name in (sent, named))
    assert hashed == also != "1234"


def test_without_a_policy_all_is_shown() -> None:
    assert listed(facts()) == VALUES


@pytest.mark.parametrize("policy", ["", "account=allow", "account=allow,*=allow"])
def test_a_policy_that_allows_all_hides_nothing(policy: str) -> None:
    assert not hides(facts(policy).context.attribute_policy)


@pytest.mark.parametrize("policy", ["account=mask", "*=hash", "account=allow,ssn=drop"])
def test_a_policy_hides_something_where_it_does_anything_else(policy: str) -> None:
    assert hides(facts(policy).context.attribute_policy)


def test_each_treatment_in_masked_views() -> None:
    of = facts("account=mask,ssn=drop,reason=hash,tier=allow")
    shown = listed(of)
    assert shown["account"] == "***78"
    assert "ssn" not in shown
    assert shown["tier"] == "VIP"
    assert len(shown["reason"]) == 32
    assert set(shown["reason"]) <= set("0123456789abcdef")
    for name in VALUES:
        assert column(of, name) == shown.get(name)
    assert len(of.attributes) == 3


def test_clear_views_show_all_but_what_is_dropped() -> None:
    of = facts("account=mask,ssn=drop,reason=hash", CLEAR)
    assert listed(of) == {name: value for name, value in VALUES.items() if name != "ssn"}
    assert column(of, "ssn") is None


@pytest.mark.parametrize("spelt", ["SSN=drop", " ssn = DROP ", "Ssn=drop"])
def test_neither_capitals_nor_blanks_undo_a_policy(spelt: str) -> None:
    assert "ssn" not in listed(facts(spelt))


def test_a_star_is_every_name_that_is_not_listed() -> None:
    shown = listed(facts("*=mask,tier=allow"))
    assert shown == {"account": "***78", "ssn": "***20", "tier": "VIP", "reason": "***ng"}
    assert listed(facts("*=drop")) == {}


def test_hashes_join_equal_values_of_one_attribute_and_nothing_else() -> None:
    one = listed(facts("*=hash", a="x", b="x"))
    assert one["a"] != one["b"]
    assert listed(facts("*=hash", a=" x "))["a"] == one["a"]
    assert listed(facts("*=hash", a="y"))["a"] != one["a"]
    of = facts("*=hash", a="+15550100")
    from_customer = reader([c for c in with_attributes([]) if c.name == "customer_key"])(of)[0]
    assert listed(of)["a"] != from_customer


def test_what_looks_like_a_card_is_masked_whatever_the_policy() -> None:
    card = "4111 1111 1111 1111"
    for policy in ("", "card=allow"):
        for audience in (CONTEXT.audience, CLEAR):
            assert listed(facts(policy, audience, card=card)) == {"card": "**** **** **** 1111"}


def test_the_version_of_a_row_does_not_tell_what_is_hidden() -> None:
    """Else a hidden value could be found by trying; and it is the same in every view."""
    version = reader([one for one in with_attributes([]) if one.name == "row_version"])
    rows = [version(facts("ssn=drop", ssn=value))[0] for value in ("078-05-1120", "078-05-1121")]
    assert rows[0] == rows[1]
    assert version(facts(ssn="078-05-1120"))[0] != version(facts(ssn="078-05-1121"))[0]
    assert version(facts("ssn=mask"))[0] == version(facts("ssn=mask", CLEAR))[0] != version(facts())[0]


@pytest.mark.parametrize(("text", "shown"), [("", "***"), ("12345", "***"), ("123456", "***56")])
def test_a_short_value_vanishes_altogether(text: str, shown: str) -> None:
    assert mask_text(text) == shown


def test_a_clear_view_is_bound_by_what_is_dropped_alone() -> None:
    policy = facts("account=mask,ssn=drop,reason=hash,*=drop,tier=allow").context.attribute_policy
    assert seen_by(policy, clear=False) == policy
    assert seen_by(policy, clear=True) == {
        "account": "allow",
        "ssn": "drop",
        "reason": "allow",
        "*": "drop",
        "tier": "allow",
    }


@pytest.mark.parametrize(
    ("policy", "met"),
    [
        ("", {"allow"}),
        ("ssn=drop", {"allow", "drop"}),
        ("*=mask,tier=allow,ssn=hash", {"allow", "mask", "hash"}),
        ("*=drop", {"drop"}),
    ],
)
def test_the_treatments_that_some_attribute_may_meet(policy: str, met: set[str]) -> None:
    assert treatments(facts(policy).context.attribute_policy) == met


def test_a_name_is_listed_however_it_is_spelt() -> None:
    policy = facts(" SSN = drop,*=mask").context.attribute_policy
    assert is_listed("ssn ", policy)
    assert not is_listed("tier", policy)


def test_an_interaction_is_shown_with_its_links_and_without_what_is_hidden_in_either_array() -> None:
    hook = {"hookSubType": "interaction-attribute", "hookName": "1234567"}
    link = {"hookType": "zendesk", "hookSubType": "ticket", "hookId": "415", "interactionHookId": "3"}
    kept, gone = (
        {**hook, "hookType": "account", "interactionHookId": "1"},
        {**hook, "hookType": "ssn", "interactionHookId": "2"},
    )
    record = {"interactionId": "1", "interactionAttributes": [kept], "hooks": [link, gone, kept]}
    decoded = decode(json.dumps(record).encode())
    assert decoded
    shown = as_shown(decoded.interaction, facts("account=mask,ssn=drop").context.attribute_policy, SECRET)
    assert [(hook.hook_type, hook.hook_name) for hook in shown.interaction_attributes] == [("account", "***67")]
    assert [(hook.hook_type, hook.hook_id) for hook in shown.hooks] == [("zendesk", "415")]
