"""Conditions on columns as parameters: each value is read by its column's type, and a fault says what it takes."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from app.errors import Forbidden, InvalidParameters
from app.http.parameters import condition, is_moment
from app.http.parse import changes_in, needs_time_zone, pairs_of, parse
from app.interactions.grains import GRAINS, Grain
from app.queries.operators import operators_of
from app.queries.query import Filter
from tests.http.scene import SCENE, TRUSTED, asked, encoded, fault, viewed

UUID = "f4895fe0-6714-11e7-9259-cb127bd0d17b"
ENTRIES = replace(SCENE, grain=GRAINS["queue_entries"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("end_type=success", Filter("end_type", ("success",))),
        ("end_type=b&end_type=a", Filter("end_type", ("a", "b"))),
        ("end_type[]=b&end_type[]=a", Filter("end_type", ("a", "b"))),
        ("queue_name.prefix=Su", Filter("queue_name", ("Su",), "prefix")),
        (
            "end_type.ne=b&end_type.ne[]=a",
            Filter("end_type", ("a", "b"), "ne"),
        ),
        ("duration_seconds.gte=60", Filter("duration_seconds", (60.0,), "gte")),
        ("duration_seconds.lt=6.591", Filter("duration_seconds", (6.591,), "lt")),
        ("csat_score=-1e2", Filter("csat_score", (-100.0,))),
        ("hold_count.gt=0", Filter("hold_count", (0,), "gt")),
        ("is_answered=true", Filter("is_answered", (True,))),
        ("is_answered.ne=true", Filter("is_answered", (True,), "ne")),
        ("csat_score.null=true", Filter("csat_score", (True,), "null")),
        ("started_on=2026-11-01", Filter("started_on", (date(2026, 11, 1),))),
        ("ended_at.gte=2026-11-02", Filter("ended_at", (datetime(2026, 11, 2, 5, tzinfo=UTC),), "gte")),
        ("answered_at.lt=now-24h", Filter("answered_at", (datetime(2026, 11, 22, 6, 40, tzinfo=UTC),), "lt")),
        ("sla_outcome=met", Filter("sla_outcome", ("met",))),
        ("sla_outcome.prefix=m", Filter("sla_outcome", ("m",), "prefix")),
        ("customer_key=abc", Filter("customer_key", ("abc",))),
        (f"interaction_id={UUID}", Filter("interaction_id", (UUID,))),
        (f"interaction_id={UUID.upper()}", Filter("interaction_id", (UUID.upper(),))),
        ("interaction_id.gte=8", Filter("interaction_id", ("8",), "gte")),
        ("interaction_id.prefix=f4895", Filter("interaction_id", ("f4895",), "prefix")),
    ],
)
def test_a_value_is_read_by_the_type_of_its_column(text: str, expected: Filter) -> None:
    assert asked(text).filters == (expected,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hold_count.gt=x", "must be a whole number"),
        ("hold_count=1.5", "must be a whole number"),
        ("duration_seconds=nan", "must be a number"),
        ("duration_seconds=1e999", "must be a number"),
        ("duration_seconds=", "must be a number"),
        ("is_answered=yes", "must be one of true, false"),
        ("csat_score.null=1", "must be one of true, false"),
        ("started_on=2026-W44-7", "must be a date"),
        ("started_on=now", "must be a date"),
        ("ended_at.gte=yesterday", "is not a time"),
        ("sla_outcome=Met", "must be one of met"),
        ("end_type=", "must not be empty"),
        ("interaction_id=abc", "must be a UUID"),
        ("interaction_id=", "must be a UUID"),
        ("tenant_id.ne=abc", "must be a UUID"),
        ("duration_seconds.gte=1&duration_seconds.gte=2", "may be given once"),
    ],
)
def test_a_value_of_another_type_is_refused_with_words_that_say_what_to_write(text: str, words: str) -> None:
    found = fault(text)
    assert words in found.detail
    assert found.parameter == text.partition("=")[0]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("duration_second", "duration_seconds"),
        ("duration_seconds.ge", "duration_seconds.gte"),
        ("duration_seconds.prefix", "duration_seconds"),
        ("first_queue_nam.prefix", "first_queue_name.prefix"),
        ("queue_name.prefx", "queue_name.prefix"),
        ("is_answered.gt", "is_answered"),
        ("queue_name.", "queue_name"),
        ("first_queue", "first_queue_id"),
        ("start", "from"),
    ],
)
def test_a_condition_that_does_not_exist_is_refused_and_the_nearest_named(name: str, near: str | None) -> None:
    found = fault(f"{name}=1")
    assert (found.code, found.did_you_mean) == ("unknown-parameter", near)


def test_parameters_that_are_no_conditions_keep_their_meaning() -> None:
    query = asked(f"contact_id={UUID}&attr_name=x&attr.limit=1")
    assert query.filters == ()
    assert query.search.attr_pairs == (("limit", "1"),)


@pytest.mark.threat("T12")
@pytest.mark.parametrize("name", ["customer", "customer.ne", "customer.prefix", "customer.gt", "customer.null"])
def test_a_column_that_is_hidden_cannot_be_searched(name: str) -> None:
    assert "pii=clear" in fault(f"{name}=true").detail
    assert [one.name for one in asked(f"{name}=true&pii=clear", TRUSTED).filters] == ["customer"]
    with pytest.raises(Forbidden):
        asked(f"{name}=true&pii=clear")


def test_titles_and_texts_of_notes_are_searched_by_those_who_may_read_them() -> None:
    notes = replace(SCENE, grain=GRAINS["notes"])
    query = parse(pairs_of(b"title.prefix=refund&body.null=false"), notes, TRUSTED)
    assert query.filters == (Filter("body", (False,), "null"), Filter("title", ("refund",), "prefix"))


def test_a_condition_is_part_of_every_key_and_pins_the_cursor() -> None:
    texts = ("", "hold_count=1", "hold_count=2", "hold_count.ne=1", "hold_count.gte=1", "agent_count=1")
    queries = [asked(text) for text in texts]
    assert len({query.key_parts() for query in queries}) == len({query.identity() for query in queries}) == len(texts)
    assert all(query.is_filtered_here() for query in queries[1:])
    assert asked(encoded(*queries[3].given)).identity() == queries[3].identity()


def test_conditions_on_times_count_where_the_zone_and_the_moment_do() -> None:
    for text, is_local, is_relative in (
        ("entered_at.gte=2026-11-01", True, False),
        ("entered_at.gte=now/d", True, True),
        ("entered_at=now-1h", False, True),
        ("entered_at[]=now-1h", False, True),
        ("entered_at.null=true", False, False),
        ("queue_name=now/d", False, False),
        ("started_at.gte=now/d", False, False),  # no column of this grain
    ):
        pairs = pairs_of(text.encode())
        assert needs_time_zone(pairs, ENTRIES.grain) is is_local
        assert (changes_in(pairs, ENTRIES) is not None) is is_relative


@pytest.mark.parametrize("grain", GRAINS.values(), ids=GRAINS)
def test_every_column_of_every_grain_has_the_operators_of_its_type(grain: Grain) -> None:
    for column in grain.columns.values():
        suffixes = {one.suffix for one in operators_of(column.type)}
        for suffix in ("", "ne", "gt", "gte", "lt", "lte", "prefix", "null", "like"):
            name = f"{column.name}.{suffix}" if suffix else column.name
            assert (condition(name, grain) is not None) is (suffix in suffixes)
            assert is_moment(name, grain) is (column.type == "time" and suffix != "null")


def test_one_interaction_takes_no_conditions() -> None:
    with pytest.raises(InvalidParameters):
        viewed("hold_count=1")
