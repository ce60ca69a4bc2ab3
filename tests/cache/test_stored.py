"""Lifetimes at their edges."""

from dataclasses import replace
from typing import Any

import pytest

from app.cache.stored import PurgeToken, Stored

STORED: Stored[Any] = Stored(value=b"rows", size=4, stored_at=100.0, fresh_for=10.0, stale_for=5.0, revalidate_for=2.0)


@pytest.mark.parametrize(
    ("now", "age", "time_left", "fresh", "usable"),
    [
        (90.0, 0.0, 10.0, True, True),
        (100.0, 0.0, 10.0, True, True),
        (110.0, 10.0, 0.0, True, True),
        (110.5, 10.5, -0.5, False, True),
        (115.0, 15.0, -5.0, False, True),
        (115.5, 15.5, -5.5, False, False),
    ],
)
def test_a_value_is_fresh_then_stale_then_too_old(
    now: float, age: float, time_left: float, fresh: bool, usable: bool
) -> None:
    assert STORED.age(now) == age
    assert STORED.time_left(now) == time_left
    assert STORED.is_fresh(now) is fresh
    assert STORED.is_usable(now) is usable


@pytest.mark.parametrize(("now", "may"), [(100.0, True), (112.0, True), (112.1, False), (115.0, False)])
def test_past_its_freshness_it_may_be_revalidated_behind_for_a_while(now: float, may: bool) -> None:
    assert STORED.may_be_revalidated(now) is may


def test_unless_it_is_said_none_is_revalidated_behind() -> None:
    assert not Stored(value=b"rows", size=4, stored_at=100.0, fresh_for=10.0, stale_for=5.0).may_be_revalidated(110.5)


def test_a_value_is_current_while_it_is_fresh_and_no_newer_facts_are_known() -> None:
    value = replace(STORED, purge_token=PurgeToken())
    assert [value.is_current(now) for now in (110.0, 110.5)] == [True, False]
    value.purge_token.superseded = True
    assert not value.is_current(110.0)


def test_another_value_may_have_the_same_lifetimes_and_validity() -> None:
    other = STORED.holding("a name", 6)
    assert replace(other, value=STORED.value, size=STORED.size, purge_token=PurgeToken()) == STORED
    assert (other.value, other.size) == ("a name", 6)
    assert other.purge_token is STORED.purge_token
