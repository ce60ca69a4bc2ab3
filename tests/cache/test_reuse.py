"""What is done for a request, and which facts go together."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import JUST_RECEIVED_SECONDS, Action, Decision, Directives, Reuse, decide, refresh_early
from app.cache.stored import Stored

STORED = Stored(value=b"rows", size=4, stored_at=100.0, fresh_for=20.0, stale_for=50.0, revalidate_for=10.0)
SERVE, REFRESH = Decision(Action.SERVE), Decision(Action.SERVE_AND_REFRESH)
REFUSE = Decision(Action.REFUSE)
MISS = Decision(Action.FETCH, "uri-miss")
REFUSED = Decision(Action.FETCH, "request", stale_if_error=True)
TOO_STALE = Decision(Action.FETCH, "stale", stale_if_error=True)


@pytest.mark.parametrize(
    ("age", "decision"),
    [(0.0, SERVE), (20.0, SERVE), (20.1, REFRESH), (30.0, REFRESH), (30.1, TOO_STALE), (70.0, TOO_STALE), (70.1, MISS)],
)
def test_without_directives_fresh_is_served_stale_too_for_a_while_and_then_upstream_is_asked(
    age: float, decision: Decision
) -> None:
    assert decide(STORED, 100.0 + age) == decision


@pytest.mark.parametrize(
    ("age", "decision"), [(20.0, SERVE), (20.1, REFRESH), (30.1, REFRESH), (70.0, REFRESH), (70.1, MISS)]
)
def test_while_upstream_fails_all_that_covers_a_failure_is_served_at_once(age: float, decision: Decision) -> None:
    assert decide(STORED, 100.0 + age, is_failing=True) == decision


@pytest.mark.parametrize("directives", [Directives(max_age=60), Directives(max_stale=5), Directives(min_fresh=0)])
def test_what_a_client_refuses_it_refuses_also_while_upstream_fails(directives: Directives) -> None:
    assert decide(STORED, 130.0, directives, is_failing=True) == TOO_STALE


def test_with_nothing_stored_upstream_is_asked() -> None:
    assert decide(None, 100.0) == MISS


DIRECTED = [
    # max-age: nothing older, and nothing stale
    (Directives(max_age=10), 10.0, SERVE),
    (Directives(max_age=10), 10.1, REFUSED),
    (Directives(max_age=0), 0.0, SERVE),
    (Directives(max_age=0), 0.1, REFUSED),
    (Directives(max_age=1000), 20.0, SERVE),
    (Directives(max_age=1000), 20.1, TOO_STALE),
    (Directives(max_age=1000), 70.1, MISS),
    # max-stale: stale by no more; with max-age too, nothing older than that
    (Directives(max_stale=5), 20.0, SERVE),
    (Directives(max_stale=5), 25.0, REFRESH),
    (Directives(max_stale=5), 25.1, TOO_STALE),
    (Directives(max_stale=0), 20.1, TOO_STALE),
    (Directives(max_stale=math.inf), 70.0, REFRESH),
    (Directives(max_stale=math.inf), 70.1, MISS),
    (Directives(max_age=30, max_stale=math.inf), 30.0, REFRESH),
    (Directives(max_age=30, max_stale=math.inf), 30.1, TOO_STALE),
    (Directives(max_age=10, max_stale=math.inf), 10.1, REFUSED),
    # min-fresh: fresh for so much more, whatever max-stale says
    (Directives(min_fresh=12), 8.0, SERVE),
    (Directives(min_fresh=12), 8.1, REFUSED),
    (Directives(min_fresh=0), 20.0, SERVE),
    (Directives(min_fresh=0), 20.1, TOO_STALE),
    (Directives(min_fresh=1, max_stale=math.inf), 20.1, TOO_STALE),
    (Directives(min_fresh=10**9), JUST_RECEIVED_SECONDS, SERVE),
    (Directives(min_fresh=10**9), JUST_RECEIVED_SECONDS + 0.1, REFUSED),
    (Directives(max_age=2, min_fresh=10**9), 2.1, REFUSED),
    # only-if-cached: what would be served is, and upstream is never waited for
    (Directives(only_if_cached=True), 20.0, SERVE),
    (Directives(only_if_cached=True), 30.0, REFRESH),
    (Directives(only_if_cached=True), 30.1, REFUSE),
    (Directives(only_if_cached=True, max_stale=math.inf), 70.0, REFRESH),
    (Directives(only_if_cached=True), 70.1, REFUSE),
    (Directives(only_if_cached=True, max_age=10), 10.1, REFUSE),
    (Directives(only_if_cached=True, max_stale=5), 25.1, REFUSE),
    (Directives(only_if_cached=True, min_fresh=12), 8.1, REFUSE),
]


@pytest.mark.parametrize(("directives", "age", "decision"), DIRECTED)
def test_directives_shorten_what_is_served(directives: Directives, age: float, decision: Decision) -> None:
    assert decide(STORED, 100.0 + age, directives) == decision


def test_only_if_cached_with_nothing_stored_is_refused() -> None:
    assert decide(None, 100.0, Directives(only_if_cached=True)) == REFUSE


def test_a_short_life_is_not_made_shorter_by_a_min_fresh_beyond_it() -> None:
    brief = Stored(b"rows", 4, stored_at=100.0, fresh_for=3.0, stale_for=50.0)
    assert decide(brief, 103.0, Directives(min_fresh=60)) == SERVE
    assert decide(brief, 103.1, Directives(min_fresh=60)) == TOO_STALE


seconds = st.none() | st.floats(0, 200)
any_directives = st.builds(Directives, seconds, seconds | st.just(math.inf), seconds, st.booleans())
SERVED = (Action.SERVE, Action.SERVE_AND_REFRESH)


@given(st.floats(0, 200), any_directives)
def test_no_directive_but_max_stale_has_more_served_than_none_has(age: float, directives: Directives) -> None:
    willing = Directives(max_stale=None if directives.max_stale is None else math.inf)
    plain, decision = decide(STORED, 100.0 + age, willing), decide(STORED, 100.0 + age, directives)
    assert decision.action not in SERVED or decision == plain
    assert decision.stale_if_error is (decision.action is Action.FETCH and STORED.is_usable(100.0 + age))
    assert (decision.fwd is not None) == (decision.action is Action.FETCH)
    assert directives.only_if_cached or decision.action is not Action.REFUSE
    assert not (directives.only_if_cached and decision.action is Action.FETCH)


@given(st.floats(0, 200), any_directives, st.floats(0, 1_000))
def test_a_smaller_max_age_never_has_more_served(age: float, directives: Directives, more: float) -> None:
    lax = Directives((directives.max_age or 0) + more, directives.max_stale, directives.min_fresh)
    strict = Directives(directives.max_age or 0, directives.max_stale, directives.min_fresh)
    if decide(STORED, 100.0 + age, strict).action in SERVED:
        assert decide(STORED, 100.0 + age, lax).action in SERVED


@pytest.mark.parametrize(
    ("time_left", "fetch_seconds", "random_value", "early"),
    [
        (2.0, 1.0, math.exp(-2), True),
        (2.1, 1.0, math.exp(-2), False),
        (4.0, 2.0, math.exp(-2), True),
        (2.0, 1.0, 1.0, False),
        (0.0, 1.0, 1.0, True),
        (60.0, 0.0, 0.0, False),
        (60.0, 1.0, 0.0, True),
    ],
)
def test_a_refresh_comes_early_by_a_share_of_the_fetch_time(
    time_left: float, fetch_seconds: float, random_value: float, early: bool
) -> None:
    assert refresh_early(time_left, fetch_seconds, random_value) is early


def test_a_hot_answer_is_nearly_always_refreshed_before_it_is_stale_and_a_cold_one_seldom() -> None:
    dice = random.Random(20_261_123)

    def refreshed(requests_a_second: int) -> bool:
        times = (left / requests_a_second for left in range(15 * requests_a_second, 0, -1))
        return any(refresh_early(left, 0.5, dice.random()) for left in times)

    hot, cold = sum(refreshed(100) for _ in range(100)), 0
    for _ in range(100):
        cold += refresh_early(dice.uniform(0, 15), 0.5, dice.random())
    assert hot == 100
    assert cold < 15


def test_hit_and_fwd_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude"):
        Reuse(hit=True, fwd="stale")


@pytest.mark.parametrize(("stored", "collapsed"), [(True, False), (False, True)])
def test_only_a_forwarded_request_is_stored_or_collapsed(stored: bool, collapsed: bool) -> None:
    with pytest.raises(ValueError, match="forwarded"):
        Reuse(hit=True, stored=stored, collapsed=collapsed)


@pytest.mark.parametrize(
    ("reuse", "outcome"),
    [
        (Reuse(hit=True, ttl=0.0), "fresh"),
        (Reuse(hit=True), "fresh"),
        (Reuse(hit=True, ttl=-0.1, detail="stale-refreshing"), "stale"),
        (Reuse(hit=False, fwd="uri-miss", stored=True), "fetched"),
        (Reuse(hit=False, fwd="request", collapsed=True), "collapsed"),
        (Reuse(hit=False), "none"),  # only-if-cached with nothing stored
    ],
)
def test_each_record_is_one_word_for_metrics(reuse: Reuse, outcome: str) -> None:
    assert reuse.outcome == outcome


def test_what_is_served_is_served_with_or_without_a_refresh_behind() -> None:
    assert [one.serves for one in (SERVE, REFRESH, MISS, REFUSED, REFUSE)] == [True, True, False, False, False]


def test_what_was_received_five_seconds_ago_meets_any_min_fresh_and_later_no_more() -> None:
    beyond = Directives(min_fresh=10_000)
    assert [decide(STORED, 100.0 + age, beyond) for age in (5.0, 5.1)] == [SERVE, REFUSED]


def test_a_record_without_an_age_is_of_now() -> None:
    assert Reuse(hit=False).age == 0
