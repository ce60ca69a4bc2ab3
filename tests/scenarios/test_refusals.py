"""A question that cannot be meant is refused in words that help, and reaches no upstream."""

import pytest

from tests.support.facade import Facade
from tests.support.simulator import Simulator


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("attribute-value", "attr"),
        ("attributeValue", "attr"),
        ("atr", "attr"),
        ("start", "from"),
        ("end", "to"),
        ("Limit", "limit"),
        ("page", "offset"),
        ("chanel_type", "channel_type"),
    ],
)
async def test_a_misspelt_parameter_is_refused_and_reaches_no_upstream(
    facade: Facade, simulator: Simulator, misspelt: str, meant: str
) -> None:
    refused = (await facade.get("/interactions", (misspelt, "1"), status=400)).json()
    assert refused["code"] == "unknown-parameter"
    assert [(fault["parameter"], fault["did_you_mean"]) for fault in refused["errors"]] == [(misspelt, meant)]
    assert simulator.journal() == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("attr=", "invalid-parameter"),
        ("limit=0", "invalid-parameter"),
        ("limit=1&limit=9", "duplicate-parameter"),
        ("contact_id=x", "invalid-parameter"),
        ("from=yesterday", "invalid-parameter"),
        ("from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "invalid-parameter"),
        ("cursor=x", "invalid-parameter"),
        ("sort=colour", "invalid-parameter"),
        ("is_final=yes", "invalid-parameter"),
        ("attr.=x", "unknown-parameter"),
        ("api_key=x", "key-in-query"),
    ],
)
async def test_a_value_that_cannot_be_meant_is_refused_and_reaches_no_upstream(
    facade: Facade, simulator: Simulator, query: str, code: str
) -> None:
    assert (await facade.get(f"/interactions?{query}", status=400)).json()["code"] == code
    assert simulator.journal() == []


async def test_all_faults_of_a_request_are_told_at_once(facade: Facade) -> None:
    refused = (await facade.get("/interactions?start=1&limit=x&attr=&sort=colour", status=400)).json()
    assert [fault["parameter"] for fault in refused["errors"]] == ["start", "limit", "attr", "sort"]
