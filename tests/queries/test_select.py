"""Filter, sort, page and columns: from the records of a report to the rows of one answer."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app import cooperative
from app.interactions.columns import ListType
from app.interactions.facts import Context, Facts
from app.interactions.grains import GRAINS
from app.interactions.masking import Audience
from app.queries.cursor import Cursor
from app.queries.operators import FILTERS
from app.queries.query import Filter, Order, Search, View
from app.queries.select import Selection, row_of, select, shape
from app.queries.snapshot import DecodedSnapshot
from app.queries.snapshot_building import begun
from app.upstream.query import UpstreamQuery
from tests.queries.support import (
    COLUMN_BY_NAME,
    NOW,
    TENANT,
    VIEW,
    identity,
    interaction,
    interactions,
    query,
    reading,
    record,
    with_attribute,
)

CONTEXT = Context(tenant_id=TENANT, as_of=NOW)


async def opened(rows: list[dict[str, Any]]) -> DecodedSnapshot:
    return await begun(b"key", UpstreamQuery(), reading(rows), CONTEXT)


async def selected(rows: list[dict[str, Any]], **asked: Any) -> Selection:
    plan = query(**asked)
    return await cooperative.run(select(await opened(rows), plan, GRAINS, CONTEXT, plan.page_range))


def numbers(selection: Selection) -> list[int]:
    return [int(str(row[0])[-12:]) for row in selection.rows]


def at(position: int) -> Cursor:
    return Cursor("v", position, b"", None, None)


@pytest.mark.parametrize(
    ("asked", "expected", "following"),
    [
        ({"limit": 3}, [0, 1, 2], 3),
        ({"limit": 3, "offset": 4}, [4, 5, 6], 7),
        ({"limit": 3, "offset": 8}, [8, 9], None),
        ({"limit": 3, "offset": 7}, [7, 8, 9], None),
        ({"limit": 3, "offset": 10}, [], None),
        ({"limit": 3, "cursor": at(3)}, [3, 4, 5], 6),
        ({"limit": 3, "cursor": at(9)}, [9], None),
        ({"limit": 3, "cursor": at(10)}, [], None),
        ({"limit": 10}, list(range(10)), None),
    ],
)
async def test_a_page_is_a_slice_and_knows_where_the_next_one_begins(
    asked: dict[str, Any], expected: list[int], following: int | None
) -> None:
    selection = await selected(interactions(10), **asked)
    assert numbers(selection) == expected
    assert selection.following == (following and (following, 0))


EVEN = Filter("direction", ("inbound",))


async def test_a_page_of_filtered_rows_goes_on_at_the_next_row_that_matches() -> None:
    rows = [interaction(number, direction=("inbound", "outbound")[number % 2]) for number in range(10)]
    first = await selected(rows, limit=2, filters=(EVEN,))
    assert (numbers(first), first.following) == ([0, 2], (4, 0))
    second = await selected(rows, limit=2, filters=(EVEN,), cursor=at(4))
    assert (numbers(second), second.following) == ([4, 6], (8, 0))
    skipped = await selected(rows, limit=2, offset=3, filters=(EVEN,))
    assert (numbers(skipped), skipped.following) == ([6, 8], None)


QUEUED: dict[str, Any] = {
    "queues": [{"queueId": "q1", "queueName": "Support"}, {"queueId": "q2", "queueName": "Sales"}]
}
SERVED: dict[str, Any] = {
    "agents": [{"agentId": "a1", "agentWorkAccepted": True}, {"agentId": "a2", "agentWorkAccepted": False}]
}
LEFT = {"ivrAbandoned": True}

# One row that a filter keeps and one that it drops, for each filter.
KEPT: dict[str, tuple[str | bool, dict[str, Any], dict[str, Any]]] = {
    "channel_type": ("sms", {"channelType": "sms"}, {"channelType": "SMS"}),
    "direction": ("inbound", {"direction": "inbound"}, {}),
    "queue_id": ("q2", QUEUED, {}),
    "queue_name": ("Sales", QUEUED, {"queues": [{"queueName": "sales"}]}),
    "agent_id": ("a1", SERVED, {"agents": [{"agentId": "a1", "agentWorkAccepted": False}]}),
    "flow_id": ("f", {"flowId": "f"}, {"flowId": "g"}),
    "is_abandoned": (True, LEFT, {}),
    "is_final": (False, {"is_open": True}, {}),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_each_filter_keeps_what_shows_its_value_and_drops_the_rest(name: str) -> None:
    value, kept, dropped = KEPT[name]
    rows = [interaction(0, **dropped), interaction(1, **kept)]
    assert numbers(await selected(rows, filters=(Filter(name, (value,)),))) == [1]
    assert numbers(await selected(rows, filters=(Filter(name, ("nothing like it",)),))) == []


async def test_values_of_one_filter_are_alternatives_and_filters_are_all_to_hold() -> None:
    rows = [
        interaction(0, direction="inbound", channelType="sms"),
        interaction(1, direction="outbound", channelType="sms"),
        interaction(2, direction="inbound", channelType="email"),
        interaction(3, direction="inbound", channelType="voice"),
    ]
    filters = (Filter("channel_type", ("email", "sms")), Filter("direction", ("inbound",)))
    assert numbers(await selected(rows, filters=filters)) == [0, 2]


async def test_named_attributes_are_checked_here() -> None:
    rows = [
        interaction(0, **with_attribute("account ", "1")),
        interaction(1, **with_attribute("other", "1")),
        interaction(2, **with_attribute("account", "2")),
    ]
    assert numbers(await selected(rows, search=Search(attr_pairs=(("account", "1"),)))) == [0]
    assert numbers(await selected(rows, search=Search(attr_names=("account",)))) == [0, 2]
    assert numbers(await selected(rows, search=Search(attr_names=("account", "other")))) == []


@pytest.mark.parametrize(("descending", "expected"), [(False, [2, 0, 3, 1, 4]), (True, [0, 3, 2, 1, 4])])
async def test_another_order_is_of_all_rows_with_nulls_last_and_ties_by_identity(
    descending: bool, expected: list[int]
) -> None:
    durations = {0: 9.0, 1: None, 2: 1.0, 3: 9.0, 4: None}
    rows = [
        interaction(number, is_open=True, **({"interactionTime": seconds} if seconds else {}))
        for number, seconds in reversed(durations.items())
    ]
    order = Order("duration_seconds", descending)
    whole = await selected(rows, order=order)
    assert (numbers(whole), whole.following) == (expected, None)
    part = await selected(rows, order=order, limit=2)
    assert (numbers(part), part.following) == (expected[:2], (2, 0))
    rest = await selected(rows, order=order, cursor=at(2))
    assert numbers(rest) == expected[2:]


async def test_times_are_in_order_whatever_zone_upstream_tells_them_in() -> None:
    ends = ("2026-10-12T16:00:00.000+02:00", "2026-10-12T15:00:00Z", "2026-10-12T09:30:00-05:00", None)
    rows = [interaction(number, is_open=True, endTimestamp=end) for number, end in enumerate(ends)]
    assert numbers(await selected(rows, order=Order("ended_at", descending=False))) == [0, 2, 1, 3]
    assert numbers(await selected(rows, order=Order("ended_at"))) == [1, 2, 0, 3]


@pytest.mark.parametrize("name", COLUMN_BY_NAME)
async def test_every_column_can_be_sorted_by(name: str) -> None:
    rows = [interaction(0, hours_ago=2), interaction(1, **SERVED, **QUEUED), interaction(2, is_open=True, customer="x")]
    for descending in (False, True):
        assert sorted(numbers(await selected(rows, order=Order(name, descending)))) == [0, 1, 2]


async def test_columns_are_shown_in_the_order_asked_under_the_names_asked_then_the_nested_lists() -> None:
    view = View((("when", "started_at"), ("id", "interaction_id"), ("again", "interaction_id")), include=("queues",))
    selection = await selected([interaction(0, **QUEUED)], view=view)
    assert selection.names == ("when", "id", "again", "queues")
    *types, of_queues = selection.types
    assert types == ["time", "uuid", "uuid"]
    assert isinstance(of_queues, ListType)
    ((when, one, again, queues),) = selection.rows
    assert (when, one, again) == (datetime(2026, 10, 12, 14, 40, tzinfo=UTC), identity(0), identity(0))
    assert isinstance(queues, list)
    assert [queue[of_queues.names.index("queue_name")] for queue in queues] == ["Support", "Sales"]


async def test_no_rows_still_have_names_and_types() -> None:
    selection = await selected([])
    assert (selection.names, selection.types, selection.rows) == (("interaction_id",), ("uuid",), [])
    assert shape(VIEW, COLUMN_BY_NAME) == (selection.names, selection.types)


async def test_the_audience_of_the_context_decides_what_is_shown() -> None:
    one = record(interaction(0, customer="+15550100")).interaction
    view = replace(VIEW, columns=(("customer", "customer"), ("masked", "customer_masked")))
    masked = row_of(Facts(one, CONTEXT), view, COLUMN_BY_NAME)
    clear = row_of(Facts(one, replace(CONTEXT, audience=Audience(clear=True))), view, COLUMN_BY_NAME)
    assert masked == Selection(("customer", "masked"), ("string", "string"), [(None, "***00")], None)
    assert clear == replace(masked, rows=[("+15550100", "***00")])


async def test_rows_are_skipped_among_those_that_match_what_is_shown() -> None:
    context = replace(CONTEXT, attribute_policy={"pin": "mask"})
    rows = [interaction(n, hours_ago=1 + n, **with_attribute("pin", f"4711{n % 2}{n % 2}")) for n in range(6)]
    plan = query(search=Search(attr=("***11",)), offset=1)
    held = await opened(rows)
    assert numbers(await cooperative.run(select(held, plan, GRAINS, context, plan.page_range))) == [3, 5]


@pytest.mark.threat("T47")
@pytest.mark.parametrize("passed", [0, 30])
async def test_each_row_is_ordered_and_let_go_of_in_a_turn_of_its_own(passed: int) -> None:
    """A record may have thousands, and to free those that a cursor passes over takes time, too."""
    legs = [{"agentId": f"a{number}"} for number in range(40)]
    view = View((("agent_id", "agent_id"),), grain="agent_legs")
    plan = query(view=view, order=Order("agent_id"), cursor=at(passed), limit=2)
    held = await opened([interaction(0, agents=legs)])
    turns = select(held, plan, GRAINS, CONTEXT, plan.page_range)
    assert len([*turns]) > 4 * len(legs), "to look at each, to order them twice, and to let each go"
