"""Explanations of the cache, for which upstream is not asked: the stored report, its lifetime, and a miss's cost."""

from datetime import timedelta
from typing import Any, get_args

import pytest
from msgspec import to_builtins

from app.queries.cursor import Cursor
from app.queries.explain import WORDS, MissCost, miss_cost, sent, stored_snapshot
from app.queries.fetch_plan import FetchPlan
from app.queries.query import ALL_ROWS, InteractionQuery, Order, Search
from app.queries.rules import Rule
from tests.queries.support import NOW, Desk, desk, interaction, interactions, query, rules, with_attribute

ANY_ORDER = Order("duration_seconds", descending=False)
LONG_AGO = Search(start=NOW - timedelta(days=60), end=NOW - timedelta(hours=10))


def told(at: Desk, asked: InteractionQuery) -> dict[str, Any]:
    plan = at.queries.planner.plan(asked)
    report: dict[str, Any] = to_builtins(stored_snapshot(plan, at.queries.snapshots.current(plan), at.clock.monotonic))
    return report


def asking(search: Search) -> FetchPlan:
    return desk().queries.planner.plan(query(search=search))


def test_every_rule_of_lifetimes_has_its_sentence() -> None:
    assert set(WORDS) == set(get_args(Rule))
    assert all(words.endswith(".") for words in WORDS.values())


async def test_nothing_is_known_of_what_is_not_stored_and_no_property_is_missing() -> None:
    at = desk(interactions(3))
    before = told(at, query())
    assert (before.pop("stored"), before.pop("state")) == (False, "absent")
    assert set(before.values()) == {None}
    await at.page(query())
    assert set(told(at, query())) == {"stored", "state", *before}


async def test_a_report_is_fresh_then_stale_and_its_times_are_those_of_the_clock() -> None:
    at = desk(interactions(3))
    await at.page(query())
    at.clock.advance(5)
    fresh = told(at, query())
    assert (fresh["stored"], fresh["state"], fresh["age_seconds"], fresh["time_left_seconds"]) == (True, "fresh", 5, 10)
    assert (fresh["fresh_for_seconds"], fresh["stale_for_seconds"]) == (15, 3600)
    assert (fresh["rows_stored"], fresh["blocks"], fresh["complete"], fresh["total"]) == (3, 1, True, 3)
    assert fresh["as_of"] == "2026-11-23T06:40:00.000Z"
    assert fresh["bytes"] > 500
    at.clock.advance(12)
    stale = told(at, query())
    assert (stale["state"], stale["age_seconds"], stale["time_left_seconds"]) == ("stale", 17, -2)
    assert (stale["revalidate_for_seconds"], stale["stale_for_seconds"]) == (30, 3600)
    at.clock.advance(28)
    assert told(at, query())["state"] == "stale"
    at.clock.advance(1)
    assert told(at, query())["state"] == "stale-if-error"
    assert at.upstream.calls == 1


async def test_a_report_that_was_read_in_part_says_how_far() -> None:
    at = desk(interactions(250))
    await at.page(query())
    part = told(at, query())
    assert (part["rows_stored"], part["total"], part["complete"]) == (100, 250, False)


@pytest.mark.parametrize(
    ("rows", "search", "name"),
    [
        (interactions(2), Search(), "open"),
        ([interaction(0, hours_ago=30, is_open=True)], LONG_AGO, "open"),
        ([interaction(0, hours_ago=30)], LONG_AGO, "settled"),
        ([], Search(), "empty-open"),
        ([], LONG_AGO, "empty-settled"),
    ],
)
async def test_the_rule_is_the_one_that_gave_the_lifetime(rows: list[Any], search: Search, name: Rule) -> None:
    at = desk(rows)
    await at.page(query(search=search))
    assert told(at, query(search=search))["rule"] == {"name": name, "words": WORDS[name]}


async def test_a_cursor_is_told_of_the_snapshot_it_is_pinned_to() -> None:
    at = desk(interactions(30))
    cursor = (await at.page(query())).next_cursor
    at.upstream.rows.insert(0, interaction(99, hours_ago=1))
    at.clock.advance(16)
    await at.page(query())
    await at.completed()
    pinned = told(at, query(cursor=cursor))
    assert (pinned["state"], pinned["rows_stored"], pinned["time_left_seconds"]) == ("pinned", 30, -1)
    assert told(at, query())["rows_stored"] == 31


def test_what_is_sent_is_named_in_upstream_s_words_with_the_values_as_asked() -> None:
    search = Search(attr=("a", "b"), contact_id="c", start=NOW, hook_type="Zendesk", hook_subtype="ticket")
    assert to_builtins(sent(asking(search))) == [
        {"name": "attribute-value", "value": "a"},
        {"name": "attribute-value", "value": "b"},
        {"name": "hookType", "value": "Zendesk"},
        {"name": "hookSubType", "value": "ticket"},
        {"name": "contactId", "value": "c"},
        {"name": "start", "value": "2026-11-23T06:40:00.000Z"},
    ]
    assert sent(asking(Search())) == []


@pytest.mark.parametrize(
    ("limit", "offset", "total", "cost"),
    [
        (1, 0, None, MissCost(1, 100)),
        (100, 0, None, MissCost(1, 100)),
        (101, 0, None, MissCost(1, 1000)),
        (100, 1, None, MissCost(1, 1000)),
        (1000, 1500, None, MissCost(3, 3000)),
        (1000, 9000, None, MissCost(3, 3000)),  # a snapshot holds no more
        (1000, 0, 40, MissCost(1, 40)),
        (1000, 0, 140, MissCost(1, 140)),
        (10, 0, 0, MissCost(1, 0)),
    ],
)
def test_a_miss_costs_whole_blocks_up_to_the_last_row_wanted(
    limit: int, offset: int, total: int | None, cost: MissCost
) -> None:
    assert miss_cost(query(limit=limit, offset=offset), total, rules()) == cost


@pytest.mark.parametrize(
    ("limit", "total", "cost"),
    [
        (ALL_ROWS, None, MissCost(1, 1000)),
        (ALL_ROWS, 0, MissCost(1, 1)),
        (ALL_ROWS, 10**12 + 1, MissCost(10**9 + 1, 10**12 + 1)),
        (1001, 10**12, MissCost(2, 1001)),
    ],
)
def test_a_stream_costs_every_block_of_what_there_is(limit: int, total: int | None, cost: MissCost) -> None:
    assert miss_cost(query(limit=limit), total, rules()) == cost


def test_a_miss_costs_no_more_calls_than_one_request_may_make() -> None:
    assert miss_cost(query(limit=1000, offset=90_000), None, rules(most_rows=100_000)) == MissCost(10, 10_000)
    assert miss_cost(query(limit=1000, offset=90_000), 4500, rules(most_rows=100_000)) == MissCost(5, 4500)


async def test_the_rows_told_are_the_rows_read() -> None:
    for asked in (query(limit=10), query(limit=150), query(limit=1000, offset=700), query(order=ANY_ORDER)):
        at = desk(interactions(950))
        await at.page(asked)
        assert miss_cost(asked, 950, rules()).rows_read == at.upstream.spans[-1][1]


@pytest.mark.parametrize(
    ("total", "cost"), [(None, MissCost(1, 1000)), (700, MissCost(1, 700)), (1001, MissCost(1, 1000))]
)
def test_another_order_needs_all_rows_and_no_more_than_one_answer_may_hold(total: int | None, cost: MissCost) -> None:
    assert miss_cost(query(order=ANY_ORDER), total, rules()) == cost


def test_a_time_zone_that_is_not_known_costs_one_call_more() -> None:
    assert miss_cost(query(), None, rules(), asks_time_zone=True) == MissCost(2, 100)


def test_nothing_that_is_paid_brings_back_a_snapshot() -> None:
    cursor = Cursor("v1", 10, b"", None, None)
    assert miss_cost(query(cursor=cursor), None, rules()) == MissCost(0, 0)


async def test_a_name_that_upstream_spells_otherwise_is_sent_as_upstream_spells_it() -> None:
    at = desk([interaction(0, **with_attribute("n ", "v"))])
    at.upstream.raw_names["n"] = "n "
    plan = at.queries.planner.plan(query(search=Search(attr_names=("n",))))
    assert {"name": "hookType", "value": "n "} in to_builtins(sent(plan))
