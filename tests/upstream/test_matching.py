"""Whether a record is what was asked for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.interactions.records import Interaction, attributes, decode
from app.interactions.times import started_at
from app.upstream.matching import CONDITIONS, has_name, has_pair, has_value, mismatch
from app.upstream.query import SPELLINGS, UpstreamQuery
from tests.upstream.support import attribute, row

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TICKET = {"hookType": "zendesk", "hookSubType": "ticket", "hookId": "415"}
USER = {"hookType": "zendesk", "hookSubType": "user", "hookId": "26359162568", "hookName": "Jordan Sample"}


def interaction(**fields: Any) -> Interaction:
    decoded = decode(msgspec.json.encode(row("one", **fields)))
    assert decoded is not None
    return decoded.interaction


def test_there_is_a_check_for_every_condition_that_is_sent() -> None:
    assert [condition.name for condition in CONDITIONS] == list(SPELLINGS)


@pytest.mark.parametrize("place", ["hooks", "interactionAttributes"])
def test_a_value_is_found_in_either_array_and_compared_exactly(place: str) -> None:
    held = interaction(**{place: [attribute("order", "A 17 ")]})
    assert has_value(attributes(held), "A 17 ")
    assert not has_value(attributes(held), "A 17")
    assert not has_value(attributes(held), "a 17 ")


def test_the_display_name_of_a_crm_record_is_no_attribute_value() -> None:
    held = interaction(hooks=[USER])
    assert not has_value(attributes(held), "Jordan Sample")
    assert not has_name(attributes(held), "zendesk")


def test_a_name_is_compared_trimmed_on_both_sides() -> None:
    held = interaction(interactionAttributes=[attribute("order ", "17")])
    assert has_name(attributes(held), " order")
    assert has_pair(attributes(held), "order", "17")
    assert not has_name(attributes(held), "Order")


def test_name_and_value_must_stand_on_the_same_entry() -> None:
    held = interaction(interactionAttributes=[attribute("order", "17"), attribute("case", "18")])
    assert has_pair(attributes(held), "case", "18")
    assert not has_pair(attributes(held), "order", "18")


def test_an_entry_of_the_attribute_array_needs_no_subtype() -> None:
    held = interaction(interactionAttributes=[{"hookType": "order", "hookName": "17"}])
    assert has_pair(attributes(held), "order", "17")
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
