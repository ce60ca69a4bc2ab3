"""Coverage against a model that counts minutes, and which collection a question may be answered from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.holdings.collection import EVER, Coverage, Interval, Span, conditions_of, implies
from app.upstream.query import EVERYTHING, UpstreamQuery

MINUTES = 24
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return MIDNIGHT + timedelta(minutes=minute)


def span(start: int, end: int) -> Span:
    return Span(at(start), at(end))


def minutes(one: Span) -> set[int]:
    return {minute for minute in range(MINUTES) if one.start <= at(minute) < one.end}


spans = st.tuples(st.integers(0, MINUTES), st.integers(0, MINUTES)).map(lambda ends: span(min(ends), max(ends)))
steps = st.lists(st.tuples(st.sampled_from(["add", "remove", "merge"]), spans), max_size=12)


@given(steps, spans)
def test_coverage_holds_what_was_added_and_not_taken_away(taken: list[tuple[str, Span]], asked: Span) -> None:
    coverage, compared = Coverage(), dict[int, float]()
    for now, (step, one) in enumerate(taken):
        if step == "add":
            coverage = coverage.added(Interval(one, float(now)))
            compared |= dict.fromkeys(minutes(one), float(now))
        elif step == "remove":
            coverage = coverage.without(one)
            compared = {minute: when for minute, when in compared.items() if minute not in minutes(one)}
        else:
            ages = [coverage.compared_at(span(minute, minute + 1)) for minute in range(MINUTES)]
            coverage = coverage.merged()
            older = [coverage.compared_at(span(minute, minute + 1)) for minute in range(MINUTES)]
            assert [age is None for age in ages] == [age is None for age in older]
            compared = {minute: when for minute, when in enumerate(older) if when is not None}
            assert all(when <= (ages[minute] or 0.0) for minute, when in compared.items())
    intervals = [one.span for one in coverage.intervals]
    assert all(one.start < one.end for one in intervals)
    assert all(one.end <= following.start for one, following in pairwise(intervals))
    lacking = minutes(asked) - set(compared)
    gaps = coverage.gaps(asked)
    assert set().union(*map(minutes, gaps)) == lacking
    assert all(one.start < one.end for one in gaps)
    assert coverage.holds(asked) == (not lacking)
    if minutes(asked):
        oldest = None if lacking else min(compared[minute] for minute in minutes(asked))
        assert coverage.compared_at(asked) == oldest


def test_what_is_read_again_parts_the_interval_that_it_lies_in() -> None:
    whole = Coverage().added(Interval(span(0, 10), 1.0))
    assert [(one.span, one.compared_at) for one in whole.added(Interval(span(4, 6), 2.0)).intervals] == [
        (span(0, 4), 1.0),
        (span(4, 6), 2.0),
        (span(6, 10), 1.0),
    ]
    assert whole.within(span(0, 10)) == whole.intervals


def test_intervals_that_touch_are_as_old_as_the_older() -> None:
    parts = Coverage().added(Interval(span(0, 4), 7.0)).added(Interval(span(4, 6), 5.0))
    assert parts.merged().intervals == (Interval(span(0, 6), 5.0),)
    apart = Coverage().added(Interval(span(0, 4), 7.0)).added(Interval(span(5, 6), 5.0))
    assert apart.merged() == apart


def test_a_range_without_start_is_held_once_a_walk_has_met_its_end() -> None:
    since_ever = Span(EVER, at(6))
    assert not Coverage().added(Interval(span(0, 6), 1.0)).holds(since_ever)
    assert Coverage().added(Interval(since_ever, 1.0)).holds(since_ever)


def test_nothing_is_always_held() -> None:
    assert Coverage().holds(span(3, 3))
    assert Coverage().added(Interval(span(3, 3), 1.0)) == Coverage()


VIP = UpstreamQuery(attribute_values=("VIP",))
GOLD = UpstreamQuery(attribute_values=("VIP", "gold"))
TICKET = UpstreamQuery(attribute_values=("VIP",), hook_type="zendesk", hook_sub_type="ticket")


@pytest.mark.parametrize(
    ("asked", "collection", "expected"),
    [
        (VIP, EVERYTHING, True),
        (VIP, VIP, True),
        (GOLD, VIP, True),
        (VIP, GOLD, False),
        (TICKET, VIP, True),
        (VIP, TICKET, False),
        (TICKET, UpstreamQuery(hook_type="salesforce"), False),
        (EVERYTHING, UpstreamQuery(contact_id="c"), False),
    ],
)
def test_a_question_implies_whatever_asks_for_less(
    asked: UpstreamQuery, collection: UpstreamQuery, expected: bool
) -> None:
    assert implies(asked, collection) is expected


def test_a_collection_is_a_question_without_its_range_whatever_the_order_of_its_values() -> None:
    asked = UpstreamQuery(attribute_values=("gold", "VIP", "gold"), start=at(0), end=at(1))
    assert conditions_of(asked) == GOLD
