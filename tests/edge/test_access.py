"""Who asks, and what they may see."""

from typing import Any

import pytest
from starlette.datastructures import Headers

from app.edge.access import Viewer, identify
from app.errors import BadRequest, Forbidden, Unauthorized
from app.interactions.masking import Audience
from app.settings import load

CREDENTIALS = [
    {"Authorization": "Bearer cxf_demo_x"},
    {"Authorization": "Basic Y3hmX2RlbW9feDo="},
    {"Authorization": ""},
    {"X-API-Key": "cxf_demo_x"},
    {"X-API-Key": ""},
]


def identified(headers: dict[str, str] | None = None, **changes: Any) -> Viewer:
    return identify(Headers(headers or {}), load(changes, environ={}, env_file=None))


def test_without_a_key_one_is_anonymous_with_the_scopes_configured_for_that() -> None:
    assert identified() == Viewer("anonymous", frozenset({"read"}))
    assert identified(anonymous_scopes="read,pii:read").scopes == {"read", "pii:read"}


def test_where_anonymous_clients_are_not_allowed_a_key_is_needed() -> None:
    with pytest.raises(Unauthorized):
        identified(allow_anonymous=False)


@pytest.mark.parametrize("headers", CREDENTIALS)
def test_a_key_nobody_knows_is_refused_also_where_none_is_needed(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorized) as caught:
        identified(headers)
    assert "cxf_demo_x" not in caught.value.detail


def test_two_credentials_are_one_too_many() -> None:
    both = Headers(raw=[(b"authorization", b"Bearer a"), (b"x-api-key", b"a")])
    twice = Headers(raw=[(b"x-api-key", b"a"), (b"x-api-key", b"a")])
    for headers in (both, twice):
        with pytest.raises(BadRequest):
            identify(headers, load({}, environ={}, env_file=None))


def test_a_missing_scope_is_named() -> None:
    viewer = Viewer("v", frozenset({"read"}))
    viewer.require("read")
    with pytest.raises(Forbidden, match="metrics:read"):
        viewer.require("metrics:read")


@pytest.mark.parametrize(
    ("scopes", "clear", "expected"),
    [
        ({"read"}, False, Audience()),
        ({"read", "notes:read"}, False, Audience(notes=True)),
        ({"read", "pii:read"}, False, Audience()),
        ({"read", "pii:read"}, True, Audience(clear=True)),
        ({"read", "pii:read", "notes:read"}, True, Audience(clear=True, notes=True)),
    ],
)
def test_an_audience_sees_what_its_scopes_allow_and_clear_data_only_when_asked_for(
    scopes: set[str], clear: bool, expected: Audience
) -> None:
    assert Viewer("v", frozenset(scopes)).audience(clear=clear) == expected


@pytest.mark.parametrize("scopes", [set(), {"read"}, {"read", "notes:read"}])
def test_clear_data_needs_its_scope(scopes: set[str]) -> None:
    with pytest.raises(Forbidden):
        Viewer("v", frozenset(scopes)).audience(clear=True)
