"""How long a repeat is answered at once, and what ends it."""

import gc
from collections.abc import Generator
from dataclasses import replace
from itertools import islice
from weakref import ref

import pytest

from app.cache.stored import Stored
from app.http.sending import PART_BYTES
from app.http.unread import LARGE_BYTES
from tests.http.place import TARGET, Place
from tests.scenarios.repeating import scope_of


def test_a_repeat_is_answered_until_its_freshness_ends() -> None:
    place = Place()
    place.remember(place.served(place.kept()))
    assert place.hot_for() == 15
    assert len(place.hot) == 0


@pytest.mark.parametrize(("upstream_seconds", "hot_for"), [(0.5, 11), (0.9375, 7.5), (1, 7.5), (60, 7.5)])
def test_near_the_end_requests_go_where_an_early_refresh_may_be_set_off(
    upstream_seconds: float, hot_for: float
) -> None:
    """However slow upstream is, the first half of a lifetime is hot."""
    place = Place(upstream_seconds=upstream_seconds)
    place.remember(place.served(place.kept()))
    assert place.hot_for() == hot_for


def test_what_will_mean_another_question_is_remembered_until_then_from_when_it_came() -> None:
    place = Place()
    served = place.served(place.kept())
    place.remember(served, changes_in=4)
    assert place.hot_for() == 4
    assert not place.is_hot()
    place.clock.advance(3)
    place.remembered(served, changes_in=3)
    assert len(place.hot) == 0


@pytest.mark.parametrize(("valid_for", "hot_for"), [(4.0, 4.0), (60.0, 15.0)])
def test_nothing_is_repeated_to_a_credential_past_its_end(valid_for: float, hot_for: float) -> None:
    place = Place()
    place.remember(place.served(place.kept()), valid_for=valid_for)
    assert place.hot_for() == hot_for


def test_what_was_served_to_a_credential_in_its_last_moment_is_not_remembered() -> None:
    place = Place()
    place.remember(place.served(place.kept()), valid_for=0.0)
    assert len(place.hot) == 0


def test_the_answers_of_one_report_share_what_is_said_of_it_but_not_with_those_who_see_all() -> None:
    place = Place()
    home = place.kept()
    served = place.served(home)
    for path in ("/a", "/b"):
        place.came = scope_of(path)
        place.path.answered(place.came)
        place.remembered(served)
    place.came = scope_of("/clear")
    place.path.answered(place.came)
    all_of_it = replace(served.answer, masked=False)
    place.remembered(replace(served, answer=all_of_it))
    first, second, clear = (one.lookup for one in place.hot._ready.values())
    assert first is second
    assert clear is not first


def test_an_answer_that_was_overtaken_while_it_was_made_is_not_repeated() -> None:
    """One request codes an answer of v1 in a thread; meanwhile v2 lands and is served; then the first is remembered."""
    place = Place()
    overtaken = place.served(place.kept("v1"))
    place.clock.advance(5)
    place.remember(place.served(place.kept("v2")))
    assert place.is_hot()
    place.hot.clear()
    place.remember(overtaken)
    assert not place.is_hot()


def test_a_page_that_a_cursor_pins_is_repeated_from_its_own_snapshot() -> None:
    place = Place()
    pinned = place.served(place.kept("v1"))
    place.kept("v2")
    place.remember(pinned, version="v1")
    assert place.hot_for() == 15


def test_a_newer_report_ends_it_at_once() -> None:
    place = Place()
    place.remember(place.served(place.kept("v1")))
    place.kept("v2")
    assert len(place.hot) == 0
    assert not place.is_hot()


def test_a_purge_ends_it_at_once_even_while_a_slow_reader_holds_the_answer() -> None:
    place = Place()
    held = place.served(place.kept())
    place.remember(held)
    assert place.is_hot()
    place.snapshots.purge(lambda _key, _report: True)
    assert len(place.hot) == 0
    place.remember(held)
    assert not place.is_hot()


def test_another_answer_in_its_place_in_the_store_ends_it_within_a_second() -> None:
    place = Place()
    home = place.kept()
    held = place.served(home)
    place.remember(held)
    assert place.is_hot()
    place.served(home)
    place.clock.advance(1)
    assert not place.is_hot()


@pytest.mark.parametrize("lost", ["answer", "snapshot", "newest"])
def test_whatever_the_store_lets_go_of_ends_it_within_a_second(lost: str) -> None:
    place = Place()
    held = place.served(place.kept())
    place.remember(held)
    keys = {"answer": held.key, "snapshot": place.plan.snapshot_key("v1"), "newest": place.plan.key}
    assert place.is_hot()
    place.store.delete(keys[lost])
    place.clock.advance(1)
    assert not place.is_hot()
    assert len(place.hot) == 0


def test_no_body_and_no_report_outlives_the_store_here() -> None:
    place = Place()
    place.remember(place.served(place.kept()))
    assert place.is_hot()
    (one,) = place.hot._ready.values()
    answer, purge_token = one.answer, ref(next(iter(place.snapshots._purge_tokens)))
    place.came = {}
    place.store.delete(place.plan.key)
    place.store.delete(one.lookup.snapshot_key)
    place.store.delete(one.answer_key)
    gc.collect()
    assert answer() is None
    assert purge_token() is None
    assert len(place.hot) == 0


def test_what_is_asked_for_most_looks_so_to_the_store() -> None:
    place = Place()
    served = place.served(place.kept())
    place.remember(served)
    for number in range(30):
        stored = Stored(b"", 60_000, place.clock.monotonic, 15, 60)
        place.store.put(b"primary %d" % number, stored)
        place.store.put(b"derived %d" % number, replace(stored, size=9_000), derived=True)
        place.clock.advance(0.45)
        assert place.is_hot()
    assert place.store.evictions >= 15


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_only_requests_over_http_are_looked_at(kind: str) -> None:
    assert Place().path.answered({"type": kind}) is None


def test_what_did_not_come_by_the_hot_path_is_not_remembered() -> None:
    place = Place()
    served = place.served(place.kept())
    place.came = scope_of(TARGET)
    place.remembered(served)
    place.remember(replace(served, home=None))
    assert len(place.hot) == 0


def test_what_the_clock_was_set_back_behind_goes_the_long_way_which_says_so() -> None:
    place = Place(fresh_for=100)
    served = place.served(place.kept())
    place.remember(served)
    assert place.is_hot()
    place.clock.step(wall=-10)
    place.clock.step(monotonic=1)
    assert not place.is_hot()
    place.remembered(served)
    assert len(place.hot) == 0
    place.clock.step(wall=10)
    place.remember(served)
    assert place.is_hot()


def test_a_large_answer_is_counted_from_before_its_first_message_until_its_sending_ends_or_is_given_up() -> None:
    place = Place(store_bytes=40 * LARGE_BYTES)
    place.remember(place.served(place.kept("v"), LARGE_BYTES))
    for takes in (1, 2, 10):
        messages = place.path.answered(place.came)
        assert isinstance(messages, Generator)
        assert len(list(islice(messages, takes))) == min(takes, 1 + LARGE_BYTES // PART_BYTES)
        assert place.unread._held.total() == (LARGE_BYTES if takes < 10 else 0)
        messages.close()
        assert place.unread._sending == {}


def test_a_large_answer_that_is_not_begun_is_not_counted() -> None:
    place = Place(store_bytes=40 * LARGE_BYTES)
    place.remember(place.served(place.kept("v"), LARGE_BYTES))
    assert place.is_hot()
    assert place.unread._sending == {}
