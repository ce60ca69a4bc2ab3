"""Token buckets: never more than their size at once, never more than their rate in the long run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.quota import MINUTE, Bucket, Buckets

PAUSES = st.lists(st.floats(0, 100), min_size=1, max_size=200)


@given(size=st.integers(1, 50), pauses=PAUSES)
def test_no_more_is_taken_than_fits_and_flows_in(size: int, pauses: list[float]) -> None:
    bucket, now, taken = Bucket(size, size, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0
        assert taken <= size + now * size / MINUTE + 1e-6
        assert 0 <= bucket.left() <= size


@given(size=st.integers(1, 1_000), pauses=PAUSES)
def test_whoever_waits_as_told_gets_one(size: int, pauses: list[float]) -> None:
    bucket, now = Bucket(size, 0.0, 0.0), 0.0
    for pause in pauses:
        now += pause
        if wait := bucket.take(now):
            assert wait <= MINUTE / size
            now += wait + 1e-6
            assert bucket.take(now) == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(1, 0.0, 100.0)
    assert bucket.take(50.0) > 0


@pytest.mark.parametrize(("tokens", "seconds"), [(0.0, 20), (0.5, 10), (2.94, 2)])
def test_when_there_is_more_is_told_in_whole_seconds(tokens: float, seconds: int) -> None:
    assert Bucket(3, tokens, 0.0).more_in() == seconds


def test_a_bucket_of_another_size_has_what_was_left() -> None:
    buckets = Buckets(10)
    assert [buckets.of("a", 1, 0.0).take(0.0) for _ in range(2)] == [0, 60]
    assert [buckets.of("a", size, 0.0).take(0.0) for size in (2, 1)] == [30, 60]
    assert buckets.of("b", 3, 0.0).left() == 3
    assert buckets.of("b", 1, 0.0).left() == 1
    assert [buckets.of("b", 3, at).take(at) > 0 for at in (0.0, 0.0, 20.0, 20.0)] == [False, True, False, True]


def test_a_bucket_that_is_below_empty_says_that_none_are_left_and_when_there_is_one() -> None:
    bucket = Bucket(60, 60, 0.0)
    bucket.limit(-2.0, 0.0)
    assert (bucket.left(), bucket.more_in(), bucket.take(0.0)) == (0, 3, 3)
    bucket.limit(10.0, 1.0)
    assert bucket.tokens == -1


def test_those_used_last_are_remembered() -> None:
    buckets = Buckets(2)
    for name in ("a", "b", "a", "c"):
        buckets.of(name, 1, 0.0).take(0.0)
    assert len(buckets._buckets) == 2
    assert buckets.of("a", 1, 0.0).take(0.0) > 0
    assert buckets.of("b", 1, 0.0).take(0.0) == 0
