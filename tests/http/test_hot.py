"""What a request shares with its repeats is all that may shape its answer; what is remembered stays within a bound."""

import gc
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.types import Scope

from app.http.conditional import CONDITIONS
from app.http.counting import Hits
from app.http.hot import (
    FAMILIAR,
    LONG_WAY,
    OVERHEAD_BYTES,
    STANDING_BYTES,
    AnswerRef,
    HotAnswers,
    HotKey,
    Lookup,
    Ready,
    hot_key,
)
from app.http.responses import Answer, representation_headers, reuse_headers
from app.metrics import Timing
from tests.scenarios.repeating import scope_of

SHAPING = ("accept", "accept-encoding", "authorization", "x-api-key")
HITS = Hits(None, "anonymous", "json", Timing(()))
ANSWER = Answer(b"{}", "identity", '"tag"', "application/json", datetime(2026, 11, 23, tzinfo=UTC))

ONE = OVERHEAD_BYTES + sum(len(value) for _name, value in representation_headers(ANSWER, ANSWER.last_modified))


def key_of(number: int, length: int = 0) -> HotKey:
    return (b"/interactions", b"_=%d" % number + b"x" * length, "http", "", b"localhost:8080", None, None, None, None)


def ready(plan: bytes = b"question", *, masked: bool = True) -> Ready:
    """As a request leaves it that was answered, and repeated once."""
    fixed = tuple(representation_headers(ANSWER, ANSWER.last_modified))
    said = reuse_headers(
        ANSWER,
        age=3,
        time_left=12,
        revalidate_for=30,
        stale_for=300,
        cache_status="cxfacade; hit; ttl=12",
        timings={"cache": 1},
    )
    lookup = Lookup(plan, bytes(bytearray(32)), "0123456789abcdef", masked, 900.25, said)
    return Ready(
        answer=AnswerRef(ANSWER, lambda _: None, key_of(0)),
        etag=dict(fixed)[b"etag"],
        answer_key=bytes(bytearray(32)),
        lookup=lookup,
        hits=HITS,
        until=1_000.25,
        headers=fixed,
        not_modified=fixed[2:5:2],
        sure_until=900.25,
    )


def remember(hot: HotAnswers, key: HotKey, plan: bytes = b"question") -> None:
    one = ready(plan)
    one.lookup = hot.known(one.lookup)
    hot.remember(key, one)


def test_ten_thousand_distinct_requests_stay_within_the_bound_and_the_newest_are_kept() -> None:
    hot = HotAnswers(1_000_000)
    for number in range(10_000):
        remember(hot, key_of(number), b"question %d" % (number % 7))
        assert hot.bytes_held <= 1_000_000
    assert len(hot) == (1_000_000 - 7 * STANDING_BYTES) // (ONE + len("/interactions_=9999httplocalhost:8080"))
    assert hot.find(key_of(9_999))
    assert hot.find(key_of(9_999 - len(hot))) is None


def test_long_requests_count_by_their_length() -> None:
    hot = HotAnswers(100_000)
    for number in range(100):
        remember(hot, key_of(number, length=8_000))
    assert len(hot) == (100_000 - STANDING_BYTES) // (ONE + 8_000 + 40)


def test_a_request_too_long_for_the_bound_is_not_remembered() -> None:
    hot = HotAnswers(10_000)
    remember(hot, key_of(1, length=10_000))
    assert (len(hot), hot.bytes_held) == (0, 0)


@pytest.mark.parametrize("queries", [1, 1_000])
def test_what_is_remembered_takes_no_more_memory_than_it_counts(queries: int) -> None:
    hot = HotAnswers(100_000_000)
    gc.collect()
    tracemalloc.start()
    for number in range(1_000):
        remember(hot, key_of(number), b"question %d" % (number % queries))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.75 * hot.bytes_held < taken <= hot.bytes_held


def test_a_question_is_forgotten_with_all_its_requests_and_no_others() -> None:
    hot = HotAnswers(1_000_000)
    for number in range(6):
        remember(hot, key_of(number), b"even" if number % 2 == 0 else b"odd")
    hot.forget_question(b"even")
    hot.forget_question(b"unknown")
    assert [number for number in range(6) if hot.find(key_of(number))] == [1, 3, 5]


KEYS = st.integers(0, 4)
STEPS = st.lists(
    st.tuples(st.just("remember"), KEYS, st.integers(0, 2))
    | st.tuples(st.just("forget"), KEYS, st.none())
    | st.tuples(st.just("forget_question"), st.integers(0, 2), st.none())
    | st.tuples(st.just("clear"), st.none(), st.none()),
    max_size=30,
)


@given(STEPS)
def test_it_remembers_just_what_a_table_would(steps: list[tuple[str, int, int]]) -> None:
    hot, table = HotAnswers(1_000_000), dict[int, int]()
    for act, number, plan in steps:
        if act == "remember":
            remember(hot, key_of(number), b"%d" % plan)
            table[number] = plan
        elif act == "forget":
            hot.forget(key_of(number))
            table.pop(number, None)
        elif act == "forget_question":
            hot.forget_question(b"%d" % number)
            table = {one: of for one, of in table.items() if of != number}
        else:
            hot.clear()
            table = {}
        found = {number: hot.find(key_of(number)) for number in range(5)}
        assert {one: int(ready.lookup.plan) for one, ready in found.items() if ready} == table
        assert bool(hot.bytes_held) == bool(table)
        requests = [key for of in hot._of_question.values() for lookup in of for key in lookup.requests]
        assert len(requests) == len(set(requests)) == len(table) == len(hot)


def shared_by(scope: Scope) -> HotKey | None:
    return hot_key(scope, dict(scope["headers"]))


NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,20}\Z").map(str.encode)
VALUES = st.binary(max_size=12)
TARGETS = st.builds("/{}?{}".format, st.text("ab.%2", max_size=4), st.text("ab&=%2", max_size=6))
INERT = st.dictionaries(
    NAMES.filter(lambda name: name not in LONG_WAY and name.decode() not in (*SHAPING, "host"))
    | st.sampled_from([*CONDITIONS, b"x-request-id"]),
    VALUES,
    max_size=5,
)
REQUESTS = st.fixed_dictionaries(
    {
        "target": TARGETS,
        "host": st.sampled_from([b"127.0.0.1:8080", b"127.0.0.1", b"localhost", b""]),
        "method": st.sampled_from(["GET", "HEAD"]),
        "scheme": st.sampled_from(["http", "https"]),
        "root_path": st.sampled_from(["", "/below"]),
        "shaping": st.dictionaries(st.sampled_from(SHAPING).map(str.encode), VALUES, max_size=4),
        "inert": INERT,
    }
)


def scope_from(request: Mapping[str, Any]) -> Scope:
    fields = {**request["shaping"], **request["inert"]}
    changes = {name: request[name] for name in ("method", "scheme", "root_path")}
    return scope_of(request["target"], (b"host", request["host"]), *fields.items(), **changes)


@given(REQUESTS, REQUESTS, st.sampled_from(["target", "host", "method", "scheme", "root_path", "shaping", "inert"]))
def test_flipping_an_input_makes_another_key_just_where_it_may_shape_an_answer(
    one: dict[str, Any], other: dict[str, Any], flipped: str
) -> None:
    assume(one[flipped] != other[flipped])
    same = flipped in ("method", "inert")
    assert (shared_by(scope_from(one)) == shared_by(scope_from({**one, flipped: other[flipped]}))) is same


@given(REQUESTS, REQUESTS)
def test_requests_share_a_key_only_if_they_share_all_that_shapes(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(one != other)
    shared = all(one[name] == other[name] for name in ("target", "host", "scheme", "root_path", "shaping"))
    assert (shared_by(scope_from(one)) == shared_by(scope_from(other))) is shared


@given(REQUESTS, NAMES, VALUES, VALUES)
def test_a_field_that_comes_twice_goes_the_long_way(
    request: dict[str, Any], name: bytes, value: bytes, other: bytes
) -> None:
    scope = scope_from(request)
    scope["headers"] += [(name, value), (name, other)]
    assert shared_by(scope) is None


@given(REQUESTS, st.sampled_from([*sorted(LONG_WAY), b"x_y", b"_", b"accept_encoding"]), VALUES)
def test_what_may_matter_otherwise_goes_the_long_way(request: dict[str, Any], name: bytes, value: bytes) -> None:
    scope = scope_from(request)
    scope["headers"].append((name, value))
    assert shared_by(scope) is None


@given(REQUESTS, st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "QUERY"]))
def test_only_reading_is_repeated(request: dict[str, Any], method: str) -> None:
    assert shared_by({**scope_from(request), "method": method}) is None


def test_a_server_that_gives_no_raw_path_is_served_the_long_way() -> None:
    scope = scope_of("/interactions?attr=1234567")
    assert shared_by(scope)
    for raw_path in (None, b""):
        assert shared_by({**scope, "raw_path": raw_path}) is None
    del scope["raw_path"]
    assert shared_by(scope) is None


def test_no_field_that_needs_no_closer_look_is_one_that_may_matter() -> None:
    assert FAMILIAR.isdisjoint(LONG_WAY)
    assert not [name for name in FAMILIAR if b"_" in name or name != name.lower()]


def test_what_it_takes_is_charged_as_it_grows_and_shrinks() -> None:
    charged: list[int] = []
    hot = HotAnswers(20_000, charged.append)
    for number in range(30):
        remember(hot, key_of(number), b"question %d" % (number % 3))
        assert sum(charged) == hot.bytes_held
    hot.forget_question(b"question 1")
    assert sum(charged) == hot.bytes_held > 0
    hot.clear()
    assert sum(charged) == hot.bytes_held == 0


def test_an_answer_that_has_to_make_room_for_its_own_request_is_forgotten_with_it() -> None:
    """The store lets go of the answer while the request is being remembered."""
    one = ready()
    hot = HotAnswers(20_000, lambda cost: hot.forget_answer(one.answer) if cost > 0 else None)
    one.answer = AnswerRef(ANSWER, hot.forget_answer, key_of(7))
    hot.remember(key_of(7), one)
    assert (len(hot), hot.bytes_held, hot._of_question) == (0, 0, {})


def test_an_answer_that_is_gone_takes_only_the_request_it_is_remembered_for() -> None:
    hot = HotAnswers(20_000)
    remember(hot, key_of(1))
    known = hot.find(key_of(1))
    assert known
    hot.forget_answer(AnswerRef(ANSWER, hot.forget_answer, key_of(1)))
    hot.forget_answer(AnswerRef(ANSWER, hot.forget_answer, key_of(2)))
    assert hot.find(key_of(1)) is known
