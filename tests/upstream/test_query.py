"""Conditions: how they are sent, and which rows meet them; and the blocks of a list."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.interactions.parts import Interaction
from app.interactions.records import decode
from app.interactions.times import started_at
from app.upstream.access import INTERACTION, INTERACTIONS, target
from app.upstream.query import (
    CONDITIONS,
    RowRange,
    UpstreamQuery,
    alternatives,
    blocks,
    has_name,
    has_pair,
    has_value,
    mismatch,
    parameters,
    timestamp,
)
from tests.upstream.support import attribute, row

FULL = UpstreamQuery(
    attribute_values=("b", "a", "b"),
    hook_type="zendesk",
    hook_sub_type="ticket",
    hook_id="415",
    contact_id="c0ffee00-0000-4000-8000-000000000001",
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=datetime(2026, 11, 2, tzinfo=UTC),
)


def test_every_condition_goes_out_once_under_its_one_spelling() -> None:
    assert parameters(FULL, 100, 900) == (
        ("attribute-value", "b"),
        ("attribute-value", "a"),
        ("hookType", "zendesk"),
        ("hookSubType", "ticket"),
        ("hookId", "415"),
        ("contactId", "c0ffee00-0000-4000-8000-000000000001"),
        ("start", "2026-11-01T00:00:00.000Z"),
        ("end", "2026-11-02T00:00:00.000Z"),
        ("offset", "100"),
        ("limit", "900"),
    )


def test_no_rival_spelling_stands_in_the_table() -> None:
    assert list(CONDITIONS) == ["attribute-value", "hookType", "hookSubType", "hookId", "contactId", "start", "end"]


def test_a_time_goes_out_in_utc_with_milliseconds() -> None:
    east = timezone(timedelta(hours=2))
    assert timestamp(datetime(2026, 11, 1, 1, 30, 0, 999_999, east)) == "2026-10-31T23:30:00.999Z"


def test_a_finer_start_is_rounded_down_and_a_finer_end_up() -> None:
    moment = datetime(2026, 11, 1, 0, 0, 0, 1_500, UTC)
    sent = dict(parameters(UpstreamQuery(start=moment, end=moment), 0, 10))
    assert (sent["start"], sent["end"]) == ("2026-11-01T00:00:00.001Z", "2026-11-01T00:00:00.002Z")


@pytest.mark.parametrize(
    "query",
    [
        UpstreamQuery(attribute_values=("",)),
        UpstreamQuery(attribute_values=("a", "")),
        UpstreamQuery(hook_type=""),
        UpstreamQuery(hook_sub_type=""),
        UpstreamQuery(hook_id=""),
        UpstreamQuery(contact_id=""),
        UpstreamQuery(attribute_values=("\ud800",)),
        UpstreamQuery(start=datetime(2026, 11, 1)),  # noqa: DTZ001 - the missing zone is the point
    ],
)
def test_an_empty_or_unsendable_value_is_refused(query: UpstreamQuery) -> None:
    with pytest.raises(ValueError, match=r"empty|zone|surrogates"):
        parameters(query, 0, 100)


def test_each_alternative_is_asked_by_itself_and_together_they_are_checked_here() -> None:
    either = UpstreamQuery(attribute_values=("c",), any_values=("a", "b", "c"))
    with pytest.raises(ValueError, match="OR"):
        parameters(either, 0, 100)
    each = alternatives(either)
    assert [one.attribute_values for one in each] == [("c", "a"), ("c", "b"), ("c",)]
    for values, is_asked_for in ((("a", "c"), True), (("a",), False), (("c",), True), (("d", "c"), True)):
        held = interaction(interactionAttributes=[attribute("order", value) for value in values])
        assert (mismatch(held, either) is None) is any(mismatch(held, one) is None for one in each) is is_asked_for
    assert mismatch(interaction(), UpstreamQuery(any_values=("a",))) == "attribute-value"
    assert alternatives(UpstreamQuery(hook_type="t")) == (UpstreamQuery(hook_type="t"),)


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, -1), (0, 1001)])
def test_no_page_is_larger_than_upstream_allows(offset: int, limit: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        parameters(UpstreamQuery(), offset, limit)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_survives_the_way_into_the_target(value: str) -> None:
    built = urlsplit(target(INTERACTIONS, {"tenant": "t"}, [("attribute-value", value)]))
    assert built.path == "/v1/tenants/t/interactions"
    assert parse_qsl(built.query, keep_blank_values=True) == [("attribute-value", value)]


def test_space_and_plus_are_percent_encoded() -> None:
    assert target(INTERACTIONS, {"tenant": "t"}, [("attribute-value", "a +&=#")]).endswith(
        "?attribute-value=a%20%2B%26%3D%23"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_no_segment_can_leave_its_place_in_the_path(segment: str) -> None:
    if segment in {".", ".."}:
        with pytest.raises(ValueError, match="segment"):
            target(INTERACTION, {"tenant": "t", "interaction": segment}, ())
    else:
        path = target(INTERACTION, {"tenant": "t", "interaction": segment}, ())
        assert path.startswith("/v1/tenants/t/interactions/")
        assert path.count("/") == 5
        assert not set(path) & set("?#\\ ")


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICKET = {"hookType": "zendesk", "hookSubType": "ticket", "hookId": "415"}
USER = {"hookType": "zendesk", "hookSubType": "user", "hookId": "26359162568", "hookName": "Jordan Sample"}


def interaction(**fields: Any) -> Interaction:
    decoded = decode(msgspec.json.encode(row("one", **fields)))
    assert decoded is not None
    return decoded.interaction


@pytest.mark.parametrize("place", ["hooks", "interactionAttributes"])
def test_a_value_is_found_in_either_array_and_compared_exactly(place: str) -> None:
    held = interaction(**{place: [attribute("order", "A 17 ")]})
    assert has_value(held.interaction_attributes, "A 17 ")
    assert not has_value(held.interaction_attributes, "A 17")
    assert not has_value(held.interaction_attributes, "a 17 ")


def test_the_display_name_of_a_crm_record_is_no_attribute_value() -> None:
    held = interaction(hooks=[USER])
    assert not has_value(held.interaction_attributes, "Jordan Sample")
    assert not has_name(held.interaction_attributes, "zendesk")


def test_a_name_is_compared_trimmed_on_both_sides() -> None:
    held = interaction(interactionAttributes=[attribute("order ", "17")])
    assert has_name(held.interaction_attributes, " order")
    assert has_pair(held.interaction_attributes, "order", "17")
    assert not has_name(held.interaction_attributes, "Order")


def test_name_and_value_must_stand_on_the_same_entry() -> None:
    held = interaction(interactionAttributes=[attribute("order", "17"), attribute("case", "18")])
    assert has_pair(held.interaction_attributes, "case", "18")
    assert not has_pair(held.interaction_attributes, "order", "18")


def test_an_entry_of_the_attribute_array_needs_no_subtype() -> None:
    held = interaction(interactionAttributes=[{"hookType": "order", "hookName": "17"}])
    assert has_pair(held.interaction_attributes, "order", "17")
    assert mismatch(held, UpstreamQuery(hook_type="order", hook_sub_type="interaction-attribute")) is None


def test_all_values_must_be_there() -> None:
    held = interaction(interactionAttributes=[attribute("order", "17"), attribute("case", "18")])
    assert mismatch(held, UpstreamQuery(attribute_values=("17", "18"))) is None
    assert mismatch(held, UpstreamQuery(attribute_values=("17", "19"))) == "attribute-value"


def test_each_hook_condition_may_be_met_by_another_entry() -> None:
    held = interaction(hooks=[TICKET, USER])
    assert mismatch(held, UpstreamQuery(hook_sub_type="ticket", hook_id="26359162568")) is None


@pytest.mark.parametrize(
    ("query", "failed"),
    [
        (UpstreamQuery(hook_type="salesforce-classic"), "hookType"),
        (UpstreamQuery(hook_sub_type="Case"), "hookSubType"),
        (UpstreamQuery(hook_id="416"), "hookId"),
        (UpstreamQuery(contact_id="c0ffee00-0000-4000-8000-000000000001"), "contactId"),
        (UpstreamQuery(start=NOON), "start"),
        (UpstreamQuery(end=NOON.replace(hour=10)), "end"),
    ],
)
def test_the_failed_condition_is_named_as_it_is_sent(query: UpstreamQuery, failed: str) -> None:
    assert mismatch(interaction(hooks=[TICKET]), query) == failed


def test_a_range_holds_its_start_and_not_its_end() -> None:
    held = interaction(startTimestamp="2026-11-20T12:00:00.000Z")
    assert mismatch(held, UpstreamQuery(start=NOON, end=NOON.replace(hour=13))) is None
    assert mismatch(held, UpstreamQuery(start=NOON.replace(hour=11), end=NOON)) == "end"


def test_a_time_without_zone_means_utc() -> None:
    assert mismatch(interaction(startTimestamp="2026-11-20T12:00:00"), UpstreamQuery(start=NOON)) is None


@pytest.mark.parametrize("start", [None, "soon", 5, "2026-11-20T25:00:00.000Z"])
@pytest.mark.parametrize(
    ("elsewhere", "shown"),
    [
        ({}, datetime(1970, 1, 1, tzinfo=UTC)),
        ({"details": {"startTimestamp": "2026-11-20T12:00:00.000Z"}}, NOON),
        ({"queues": [{"startTimestamp": "2026-11-20T12:00:00.000Z"}], "updated": "2026-11-20T13:00:00.000Z"}, NOON),
    ],
)
def test_a_start_that_cannot_be_read_is_compared_as_rows_show_it(
    start: object, elsewhere: dict[str, object], shown: datetime
) -> None:
    held = interaction(startTimestamp=start, **elsewhere)
    assert started_at(held) == shown
    later = shown + timedelta(milliseconds=1)
    assert mismatch(held, UpstreamQuery(start=shown, end=later)) is None
    assert mismatch(held, UpstreamQuery(start=later)) == "start"
    assert mismatch(held, UpstreamQuery(end=shown)) == "end"


def test_a_contact_is_compared_without_case_and_looked_for_in_details() -> None:
    query = UpstreamQuery(contact_id="C0FFEE00-0000-4000-8000-000000000001")
    contact = "c0ffee00-0000-4000-8000-000000000001"
    assert mismatch(interaction(contactId=contact), query) is None
    assert mismatch(interaction(details={"contactId": contact}), query) is None
    assert mismatch(interaction(contactId="other", details={"contactId": contact}), query) == "contactId"


@pytest.mark.parametrize(
    ("offset", "goal", "boundary"),
    [
        (0, 1, 100),
        (0, 100, 100),
        (60, 100, 100),
        (0, 101, 1000),
        (60, 101, 1000),
        (100, 101, 1000),
        (999, 1000, 1000),
        (1000, 1001, 2000),
        (1999, 9000, 2000),
        (31_000, 31_001, 32_000),
    ],
)
def test_boundaries_stand_at_every_thousand_and_at_100_where_no_more_is_wanted(
    offset: int, goal: int, boundary: int
) -> None:
    assert blocks(offset, goal, 1_000_000)[0].end == boundary


def test_blocks_are_whole_until_the_goal_is_covered() -> None:
    assert blocks(0, 1, 10_000) == [RowRange(0, 100)]
    assert blocks(0, 2_500, 10_000) == [RowRange(0, 1000), RowRange(1000, 1000), RowRange(2000, 1000)]
    assert blocks(100, 2_500, 10_000) == [RowRange(100, 900), RowRange(1000, 1000), RowRange(2000, 1000)]
    assert blocks(250, 1_001, 10_000) == [RowRange(250, 750), RowRange(1000, 1000)]
    assert blocks(100, 100, 10_000) == []


def test_no_block_reaches_past_the_most() -> None:
    assert blocks(0, 2_500, 1_500) == [RowRange(0, 1000), RowRange(1000, 500)]
    assert blocks(0, 50, 30) == [RowRange(0, 30)]
    assert blocks(1_500, 2_500, 1_500) == []
