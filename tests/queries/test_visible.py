"""How a search is answered where attributes are hidden: decided from the search and the policy alone."""

from dataclasses import replace
from typing import Any

import pytest

from app.interactions.facts import Context, Facts
from app.interactions.masking import Audience, by_name
from app.queries.explain import stored_snapshot, total_of
from app.queries.query import Search
from app.queries.visible import meets, visibility_of
from app.settings import load
from tests.queries.support import NOW, TENANT, desk, interactions, query, record, with_attribute

CARD, SHOWN_CARD = "4111 1111 1111 1111", "**** **** **** 1111"
HASH = "0123456789abcdef0123456789abcdef"
CLEAR = Audience(clear=True)
ONE_NAME = Search(attr_names=("pin",))


def context(policy: str, audience: Audience | None = None) -> Context:
    rows = load({"attribute_policy": policy}, environ={}, env_file=None).attribute_policy
    known = Context(TENANT, NOW, pseudonym_secret=b"invented", attribute_policy=by_name(rows))
    return replace(known, audience=audience or known.audience)


def pair(value: str, name: str = "pin") -> Search:
    return Search(attr_pairs=((name, value),))


def value(*values: str) -> Search:
    return Search(attr=values)


@pytest.mark.parametrize(
    "search", [Search(contact_id="one"), value("4711"), pair("4711"), ONE_NAME, value("***", HASH), Search(hook_id="1")]
)
@pytest.mark.parametrize("policy", ["", "pin=allow", "pin=allow,*=allow"])
def test_where_nothing_is_hidden_all_is_told(search: Search, policy: str) -> None:
    visibility = visibility_of(search, context(policy))
    assert (visibility.told, visibility.is_guarded, visibility.is_narrowed_here) == (search, False, False)
    assert visibility.key(TENANT) == search.key(TENANT)


@pytest.mark.parametrize(
    ("policy", "search"),
    [
        ("pin=drop", pair("4711")),
        ("pin=drop", pair("4711", " PIN ")),
        ("pin=drop", pair("***")),
        ("pin=drop", ONE_NAME),
        ("pin=drop", Search(hook_type="pin", contact_id="one")),
        ("pin=drop", Search(attr=("gold",), attr_names=("pin", "tier"))),
        ("*=drop", value("4711")),
        ("*=drop,tier=allow", pair("4711")),
        ("*=drop,tier=allow", ONE_NAME),
        ("pin=mask", pair("4711")),
        ("pin=mask", pair("***4711")),
        ("pin=mask", pair(HASH)),
        ("*=mask", value("4711")),
        ("*=mask", value("***", "4711")),
        ("pin=hash", pair("4711")),
        ("pin=hash", pair("***")),
        ("pin=hash", pair(HASH.upper())),
        ("*=hash,tier=mask", value("4711")),
        ("", value(CARD)),
        ("pin=mask", pair(CARD, "tier")),
    ],
)
def test_what_cannot_be_shown_is_asked_in_vain(policy: str, search: Search) -> None:
    visibility = visibility_of(search, context(policy))
    assert visibility.in_vain
    assert visibility.told == search  # as of what nobody has
    assert visibility.key(TENANT) != search.key(TENANT)


@pytest.mark.parametrize(
    ("policy", "search", "told", "left"),
    [
        ("pin=mask", pair("***"), ONE_NAME, pair("***")),
        ("pin=mask", pair("***11"), ONE_NAME, pair("***11")),
        ("pin=hash", pair(HASH), ONE_NAME, pair(HASH)),
        ("pin=mask", value("***"), Search(), value("***")),
        ("pin=mask", value("***", "gold"), value("gold"), value("***")),
        ("*=hash,tier=allow", value(HASH), Search(), value(HASH)),
        ("", value(SHOWN_CARD), Search(), value(SHOWN_CARD)),
        ("", pair(SHOWN_CARD), ONE_NAME, pair(SHOWN_CARD)),
        ("pin=mask", value(HASH), value(HASH), Search()),
        ("pin=mask", value("*67#"), value("*67#"), Search()),
        ("*=drop,tier=allow", Search(hook_type="zendesk"), Search(), Search(hook_type="zendesk")),
        ("*=drop,zendesk=allow", Search(hook_type="zendesk"), Search(hook_type="zendesk"), Search()),
        (
            "*=drop",
            Search(hook_type="zendesk", hook_subtype="ticket"),
            Search(hook_subtype="ticket"),
            Search(hook_type="zendesk"),
        ),
    ],
)
def test_what_can_be_a_hidden_form_is_not_told(policy: str, search: Search, told: Search, left: Search) -> None:
    visibility = visibility_of(search, context(policy))
    assert (visibility.told, visibility.left, visibility.in_vain) == (told, left, False)


@pytest.mark.parametrize(
    ("policy", "search", "is_guarded"),
    [
        ("pin=mask", value("gold"), True),
        ("pin=drop", value("gold"), True),
        ("pin=mask", pair("gold", "tier"), True),
        ("pin=mask", ONE_NAME, False),
        ("pin=mask", Search(hook_type="pin"), False),
        ("pin=mask", Search(hook_id="1"), False),
        ("pin=drop", Search(attr_names=("tier",)), True),
        ("pin=drop", Search(hook_type="zendesk"), False),
        ("pin=drop", Search(hook_type="zendesk", hook_subtype="ticket"), True),
        ("pin=drop", Search(hook_subtype="interaction-attribute"), True),
        ("pin=drop", Search(hook_id="1"), True),
        ("pin=drop", Search(contact_id="one"), False),
        ("pin=mask", value("***"), False),
    ],
)
def test_rows_are_looked_at_where_something_hidden_may_match(policy: str, search: Search, is_guarded: bool) -> None:
    visibility = visibility_of(search, context(policy))
    assert visibility.is_guarded is is_guarded
    assert (visibility.key(TENANT) == visibility.told.key(TENANT)) is not is_guarded


def test_a_report_is_shared_by_views_that_find_the_same_and_by_no_others() -> None:
    keys = {
        (policy, clear): visibility_of(value("gold"), context(policy, Audience(clear=clear, notes=clear))).key(TENANT)
        for policy in ("", "pin=mask", "pin=hash", "pin=drop", "pin=drop,tier=mask")
        for clear in (False, True)
    }
    assert keys["pin=mask", True] == keys["pin=hash", True] == keys["", True] == keys["", False]
    assert keys["pin=drop", True] == keys["pin=drop", False]
    assert len({*keys.values()}) == 6


def attributes(**given: str) -> list[dict[str, Any]]:
    return [with_attribute(name, text)["interactionAttributes"][0] for name, text in given.items()]


@pytest.mark.parametrize(
    ("left", "is_met"),
    [
        (Search(), True),
        (value("***11"), True),
        (value("***12"), False),
        (value(SHOWN_CARD, "gold"), True),
        (value(CARD), False),
        (pair("***11"), True),
        (pair("***11", "tier"), False),
        (pair(SHOWN_CARD, "card"), True),
        (Search(attr_names=("tier", " pin ")), True),
        (Search(attr_names=("ssn",)), False),
        (Search(hook_type="zendesk"), True),
        (Search(hook_type="pin"), True),
        (Search(hook_type="ssn"), False),
    ],
)
def test_what_is_left_is_met_by_what_is_shown(left: Search, is_met: bool) -> None:
    given = attributes(pin="123411", tier="gold", card=CARD, ssn="078-05-1120")
    hooks = [{"hookType": "zendesk", "hookSubType": "ticket", "hookId": "415"}]
    facts = Facts(
        record({"interactionId": "1", "interactionAttributes": given, "hooks": hooks}).interaction,
        context("pin=mask,ssn=drop"),
    )
    assert meets(facts, left) is is_met


def two_of_three_hidden(count: int) -> list[dict[str, Any]]:
    """So many rows that all hold one value, one in three of them where it is shown."""
    rows = interactions(count)
    return [{**row, **with_attribute(("tier", "pin", "pin")[n % 3], "gold")} for n, row in enumerate(rows)]


async def test_upstreams_count_of_hidden_matches_is_told_nowhere() -> None:
    asked = query(search=value("gold"))
    for count, total in ((900, 300), (2400, None)):
        at = desk(two_of_three_hidden(count), context=context("pin=mask"))
        page = await at.page(asked)
        assert (page.total, page.truncated) == (total, False)
        assert at.upstream.spans == [(0, min(count, 1000))]
        plan = at.queries.planner.plan(asked)
        stored = at.queries.snapshots.current(plan)
        assert stored is not None
        assert stored_snapshot(plan, stored, at.clock.monotonic).total == total_of(plan, stored.value) == total
    whole = await at.page(query(search=value("gold"), limit=1000))
    assert (len(whole.selection.rows), whole.total) == (800, 800)


async def test_who_sees_all_is_told_upstreams_count() -> None:
    asked = query(search=value("gold"))
    at = desk(two_of_three_hidden(2400), context=context("pin=mask"))
    page = await at.page(replace(asked, view=replace(asked.view, audience=CLEAR)))
    assert (page.total, at.upstream.spans) == (2400, [(0, 100)])


async def test_a_question_in_vain_costs_one_call_that_brings_no_rows() -> None:
    at = desk(two_of_three_hidden(30), context=context("pin=drop"))
    for _ in range(2):
        page = await at.page(query(search=pair("gold")))
        assert (page.total, page.selection.rows, page.truncated) == (0, [], False)
        assert page.found.snapshot.time_zone == at.upstream.zone
    assert (at.upstream.tenancies, at.upstream.spans) == (1, [])
