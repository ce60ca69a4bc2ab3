"""The body of a purge: one member, of one meaning; everything else is refused in words that say what to write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.quota import MinInterval
from app.errors import InvalidParameters, ParameterFault, RateLimited
from app.http.cache_routes import Purge, read
from tests.support.clock import HandClock

KNOWN = "c506eb9b-f523-4616-8839-fbce3fd89c17"


def faults(body: bytes) -> list[ParameterFault]:
    with pytest.raises(InvalidParameters) as refused:
        read(body)
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"all": True}, Purge("all")),
        ({"query": "attr=VIP&from=2026-11-01"}, Purge("query", "attr=VIP&from=2026-11-01")),
        ({"query": ""}, Purge("query", "")),
        ({"interaction_id": KNOWN}, Purge("interaction", KNOWN)),
        ({"interaction_id": KNOWN.upper()}, Purge("interaction", KNOWN)),
        ({"customer_key": "0a" * 16}, Purge("customer", "0a" * 16)),
    ],
)
def test_one_member_says_what_to_forget(body: dict[str, Any], order: Purge) -> None:
    assert read(json.dumps(body).encode()) == order


@pytest.mark.parametrize("body", [b"", b"all", b"[]", b"null", b'"all"', b'{"all": tru', b"\xff", b"[" * 60_000])
def test_what_is_no_object_is_told_what_an_object_would_be(body: bytes) -> None:
    (fault,) = faults(body)
    assert (fault.parameter, fault.code) == ("body", "invalid-parameter")
    assert '{"all": true}' in fault.detail


@pytest.mark.parametrize("body", [{}, {"all": True, "query": "attr=VIP"}, {"query": "", "interaction_id": KNOWN}])
def test_none_and_two_members_are_refused(body: dict[str, Any]) -> None:
    (fault,) = faults(json.dumps(body).encode())
    assert (fault.parameter, fault.allowed) == ("body", ("all", "query", "interaction_id", "customer_key"))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"customer_key": "0A" * 16}, "customer_key"),
        ({"customer_key": "0a" * 15}, "customer_key"),
        ({"customer_key": "+15550100"}, "customer_key"),
        ({"customer_key": 7}, "customer_key"),
        ({"all": False}, "all"),
        ({"all": "true"}, "all"),
        ({"all": 1}, "all"),
        ({"query": None}, "query"),
        ({"query": ["attr=VIP"]}, "query"),
        ({"interaction_id": "7"}, "interaction_id"),
        ({"interaction_id": 7}, "interaction_id"),
    ],
)
def test_a_member_of_another_meaning_is_named(body: dict[str, Any], name: str) -> None:
    assert [fault.parameter for fault in faults(json.dumps(body).encode())] == [name]


def test_all_unknown_members_are_named_and_the_nearest_known_is_offered() -> None:
    found = faults(json.dumps({"al": True, "interactionid": KNOWN, "all": False}).encode())
    assert [(fault.parameter, fault.did_you_mean) for fault in found] == [
        ("al", "all"),
        ("interactionid", "interaction_id"),
        ("all", None),
    ]


def test_of_thousands_of_unknown_members_the_first_ten_are_told() -> None:
    body = json.dumps({f"m{number}": 0 for number in range(6_000)} | {"all": False}).encode()
    with pytest.raises(InvalidParameters) as refused:
        read(body)
    named = [fault.parameter for fault in refused.value.faults]
    assert named == [f"m{number}" for number in range(10)]
    assert refused.value.detail.endswith(" There are 5991 more faults that are not listed.")
    assert len(refused.value.detail) < 4_000
    assert refused.value.again().more == refused.value.more == 5_991


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_no_body_is_answered_by_anything_but_an_order_or_faults(body: bytes) -> None:
    assert faults(body)


def test_an_act_is_done_once_in_its_time_and_says_how_long_the_next_has_to_wait() -> None:
    clock = HandClock()
    pace = MinInterval(1.0, lambda: clock.monotonic)
    pace.take()
    clock.advance(0.75)
    with pytest.raises(RateLimited) as refused:
        pace.take()
    assert refused.value.retry_after_seconds == 0.25
    clock.advance(0.25)
    pace.take()
