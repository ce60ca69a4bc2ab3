"""The parameters of summaries: canonical, strict, and bound to the columns and measures of their grain."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Forbidden, InvalidParameters, ParameterFault
from app.http.parse import named_zone, pairs_of, parse
from app.http.summary_parameters import SUMMARY_PARAMETERS
from app.interactions.grains import GRAINS
from app.queries.query import NEWEST_FIRST, Filter, InteractionQuery
from app.summaries.summary import Summary
from tests.http.scene import READER, SCENE, TRUSTED

ENTRIES = replace(SCENE, grain=GRAINS["queue_entries"])


def asked(text: str, viewer: Any = READER, scene: Any = ENTRIES) -> InteractionQuery:
    return parse(pairs_of(text.encode()), scene, viewer, of_summary=True)


def faults(text: str, **more: Any) -> list[ParameterFault]:
    with pytest.raises(InvalidParameters) as caught:
        asked(text, **more)
    return list(caught.value.faults)


def fault(text: str, **more: Any) -> ParameterFault:
    (only,) = faults(text, **more)
    return only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Summary()),
        ("by=queue_name", Summary(by=("queue_name",))),
        ("by=queue_name,%20is_answered", Summary(by=("queue_name", "is_answered"))),
        (
            "measures=service_level,p90:queue_seconds,sum:is_answered,count",
            Summary(measures=("service_level", "p90:queue_seconds", "sum:is_answered", "count")),
        ),
        ("interval=30m", Summary(interval="30m")),
        ("interval=day&time_zone=Asia/Kolkata", Summary(interval="day", time_zone="Asia/Kolkata")),
        ("interval=hour&fill=zero&at=left_at", Summary(interval="hour", fill=True, at="left_at")),
        ("sort=-count", Summary(sort=("count", True))),
        ("by=queue_name&sort=queue_name", Summary(by=("queue_name",), sort=("queue_name", False))),
        ("measures=max:position&sort=max_position", Summary(measures=("max:position",), sort=("max_position", False))),
        ("interval=day&sort=-interval_start", Summary(interval="day", sort=("interval_start", True))),
    ],
)  # fmt: skip
def test_a_summary_is_read_from_its_parameters(text: str, expected: Summary) -> None:
    assert asked(text).summary == expected


def test_all_columns_of_the_table_are_shown_unless_some_are_chosen() -> None:
    of = "by=queue_name&interval=day&measures=count,service_level"
    names = ("interval_start", "interval_seconds", "queue_name", "count", "service_level")
    assert asked(of).view.columns == tuple((name, name) for name in names)
    assert asked(f"{of}&fields=SL:service_level,queue_name").view.columns == (
        ("SL", "service_level"),
        ("queue_name", "queue_name"),
    )


def test_all_groups_are_shown_unless_fewer_are_asked_for() -> None:
    assert asked("").limit == ENTRIES.max_rows
    assert asked("limit=3").limit == 3
    for none in ("0", "all"):
        words = "limit must be a whole number, 1 or more; leave it out for all groups."
        assert (fault(f"limit={none}").parameter, fault(f"limit={none}").detail) == ("limit", words)


def test_rows_are_chosen_as_in_the_list() -> None:
    query = asked("attr=VIP&from=now-1h&queue_name.prefix=Su&channel_type=voice&measures=count&sort=count")
    assert query.search.attr == ("VIP",)
    assert query.filters == (Filter("channel_type", ("voice",)), Filter("queue_name", ("Su",), "prefix"))
    assert query.order == NEWEST_FIRST, "the order is of the groups, not of the rows"


@pytest.mark.parametrize(
    ("text", "parameter", "words", "near"),
    [
        ("by=queue_nam", "by", "names no column of /schema/queue-entries in place 1", "queue_name"),
        ("by=queue", "by", "Did you mean queue_name, queue_entry_id or queue_id?", "queue_name"),
        ("by=agent", "by", "Did you mean agent_id?", "agent_id"),
        ("by=answered", "by", "Did you mean is_answered?", "is_answered"),
        ("by=queue_name,queue_name", "by", "twice", None),
        ("by=a,b,c,d,e", "by", "more than 4", None),
        ("measures=service_levl", "measures", "names no measure of /schema/queue-entries in place 1", "service_level"),
        ("measures=count,p90:queue_second", "measures", "in place 2", "p90:queue_seconds"),
        ("measures=sum:queue_name", "measures", "in place 1", "sum:queue_seconds"),
        ("measures=p80:queue_seconds", "measures", "in place 1", None),
        ("measures=count,count", "measures", "twice", None),
        ("measures=", "measures", "names no measure", None),
        ("interval=2h", "interval", "must be one of 15m", None),
        ("interval=houre", "interval", "must be one of 15m", "hour"),
        ("time_zone=Mars/Base", "time_zone", "time zone database", None),
        ("time_zone=../../etc/passwd", "time_zone", "time zone database", None),
        ("time_zone=right/UTC", "time_zone", "time zone database", None),
        ("time_zone=localtime", "time_zone", "time zone database", None),
        ("interval=day&fill=one", "fill", "must be zero.", None),
        ("fill=zero", "fill", "send interval with it", None),
        ("at=left_at", "at", "send interval with it", None),
        ("interval=day&at=queue_name", "at", "must be one of interaction_started_at, entered_at, left_at", None),
        ("sort=coun", "sort", "names no column of this summary", "count"),
        ("fields=count,queue_name", "fields", "lists more than the 1 columns there are", None),
        ("by=queue_name&fields=count,x", "fields", "names no column of this summary in place 2", None),
        ("cursor=x", "cursor", "is not a parameter", None),
        ("offset=1", "offset", "is not a parameter", None),
        ("include=notes", "include", "is not a parameter", None),
        ("measure=count", "measure", "is not a parameter", "measures"),
        ("group=queue_name", "group", "is not a parameter", "by"),
        ("by=queue_name&by=is_answered", "by", "may be given once", None),
    ],
)
def test_a_fault_says_what_to_write_instead(text: str, parameter: str, words: str, near: str | None) -> None:
    found = fault(text)
    assert (found.parameter, found.did_you_mean) == (parameter, near)
    assert words in found.detail


def test_a_refused_column_is_not_told_again_where_it_is_sorted_by() -> None:
    assert [one.parameter for one in faults("by=queue_nam&measures=cont&sort=-cont&fields=queue_nam")] == [
        "by",
        "measures",
    ]


def test_too_many_measures_are_refused() -> None:
    columns = [one.name for one in GRAINS["queue_entries"].columns.values()]
    terms = [f"distinct:{name}" for name in columns]
    assert len(asked(f"measures={','.join(terms[:30])}").summary.measures) == 30  # type: ignore[union-attr]
    assert "more than 30" in fault(f"measures={','.join((*terms, *terms)[:31])}").detail


@pytest.mark.threat("T12")
@pytest.mark.parametrize("text", ["by=customer", "measures=distinct:customer", "measures=count,distinct:customer"])
def test_what_masked_views_hide_is_grouped_and_counted_in_clear_ones_alone(text: str) -> None:
    assert "pii=clear" in fault(text, scene=SCENE).detail
    assert asked(f"{text}&pii=clear", TRUSTED, SCENE).summary
    with pytest.raises(Forbidden):
        asked(f"{text}&pii=clear", READER, SCENE)
    assert asked("by=customer_masked,customer_key&measures=distinct:customer_key", scene=SCENE).summary


def test_the_zone_that_is_named_is_that_of_days_among_the_parameters() -> None:
    assert str(named_zone(pairs_of(b"time_zone=Asia/Kolkata"), ENTRIES)) == "Asia/Kolkata"
    assert named_zone(pairs_of(b"time_zone=nowhere&from=2026-11-01"), ENTRIES) is None
    assert named_zone(pairs_of(b"from=2026-11-01"), ENTRIES) is None


def test_everything_that_decides_the_table_is_part_of_the_key() -> None:
    texts = (
        "", "by=queue_name", "by=is_answered", "measures=service_level", "interval=day", "interval=hour",
        "interval=day&fill=zero", "interval=day&at=left_at", "time_zone=UTC", "sort=count", "sort=-count", "limit=3",
        "fields=n:count", "format=csv", "queue_name=Sales",
    )  # fmt: skip
    bare = [replace(asked(text), asked=(), given=()) for text in texts]
    assert len({query.key_parts() for query in bare}) == len(texts)


@pytest.mark.parametrize("name", SUMMARY_PARAMETERS)
def test_every_row_tells_the_documentation_what_it_needs(name: str) -> None:
    row = SUMMARY_PARAMETERS[name]
    assert row.name == name
    assert row.description.endswith(".")


NAMES = st.sampled_from([*SUMMARY_PARAMETERS, "attr.x", "zzz", "queue_seconds.gte", "queue_name"])
VALUES = st.text(max_size=8) | st.sampled_from(
    [
        "queue_name",
        "count",
        "service_level",
        "sum:queue_seconds",
        "p90:",
        ":x",
        "day",
        "zero",
        "UTC",
        "-count",
        "1",
        "now",
    ]
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sampled_from([READER, TRUSTED]))
def test_any_parameters_make_a_summary_or_are_refused(pairs: list[tuple[str, str]], viewer: Any) -> None:
    with suppress(InvalidParameters, Forbidden):
        assert parse(pairs, ENTRIES, viewer, of_summary=True).summary is not None
