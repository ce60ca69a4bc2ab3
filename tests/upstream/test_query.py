"""The spellings that are sent."""

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.upstream.query import SPELLINGS, UpstreamQuery, parameters, timestamp
from app.upstream.urls import INTERACTION, INTERACTIONS, target

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
    assert list(SPELLINGS) == ["attribute-value", "hookType", "hookSubType", "hookId", "contactId", "start", "end"]


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
