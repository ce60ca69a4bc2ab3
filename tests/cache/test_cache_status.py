"""The Cache-Status field as clients read it."""

from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache.reuse import Reuse
from app.http.responses import cache_status


@pytest.mark.parametrize(
    ("reuse", "value"),
    [
        (Reuse(hit=True, ttl=42.9), "cxfacade; hit; ttl=42"),
        (Reuse(hit=True, ttl=0.4), "cxfacade; hit; ttl=0"),
        (Reuse(hit=True, ttl=-0.4), "cxfacade; hit; ttl=-1"),
        (Reuse(hit=True, ttl=-12.0, detail="stale-refreshing"), "cxfacade; hit; ttl=-12; detail=stale-refreshing"),
        (Reuse(hit=False, fwd="uri-miss", stored=True), "cxfacade; fwd=uri-miss; stored"),
        (
            Reuse(hit=False, fwd="uri-miss", stored=True, collapsed=True),
            "cxfacade; fwd=uri-miss; stored; collapsed",
        ),
        (Reuse(hit=False, fwd="uri-miss", collapsed=True), "cxfacade; fwd=uri-miss; collapsed"),
        (Reuse(hit=False), "cxfacade"),
        (Reuse(hit=False, detail='a "word" \\ é'), 'cxfacade; detail="a \\"word\\" \\\\ ?"'),
    ],
)
def test_the_facts_are_written_as_rfc_9211_names_them(reuse: Reuse, value: str) -> None:
    assert cache_status(reuse) == value


@given(st.none() | st.floats(-1e9, 1e9), st.none() | st.text())
def test_every_field_is_a_structured_field_that_reads_back(ttl: float | None, detail: str | None) -> None:
    value = cache_status(Reuse(hit=True, ttl=ttl, detail=detail))
    members: Any = http_sf.parse(value.encode("ascii"), tltype="list")
    [(name, parameters)] = members
    assert str(name) == "cxfacade"
    assert parameters["hit"] is True
    assert ("ttl" in parameters) == (ttl is not None)
    assert ("detail" in parameters) == (detail is not None)
    assert "key" not in parameters
