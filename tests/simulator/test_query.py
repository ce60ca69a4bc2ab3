"""How the simulator reads a question: spellings, conditions, times and numbers (UPSTREAM §3, S14)."""

from collections.abc import Callable
from typing import Any

import pytest

from app.simulator.query import SPELLINGS
from tests.simulator.support import DOCUMENTED_ID, Asking, ids

EXAMPLES: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    "start": ("2026-11-18T12:00:00.000Z", lambda row: row["startTimestamp"] >= "2026-11-18T12:00:00.000Z"),
    "end": ("2026-11-18T12:00:00.000Z", lambda row: row["startTimestamp"] < "2026-11-18T12:00:00.000Z"),
    "contact": ("f4895fe0-6714-11e7-9259-cb127bd0d17b", lambda row: row["interactionId"] == DOCUMENTED_ID),
    "attribute-value": ("VIP", lambda row: "VIP" in values(row, "hookName")),
    "hook-name": ("Jordan Sample", lambda row: "Jordan Sample" in values(row, "hookName")),
    "hookType": ("zendesk", lambda row: "zendesk" in values(row, "hookType")),
    "hookSubType": ("Case", lambda row: "Case" in values(row, "hookSubType")),
    "hookId": ("26359162568", lambda row: "26359162568" in values(row, "hookId")),
}


def values(row: dict[str, Any], field: str) -> list[Any]:
    return [hook.get(field) for hook in row.get("hooks", ())]


@pytest.mark.parametrize("spelling", [name for name, meaning in SPELLINGS.items() if meaning in EXAMPLES])
async def test_s14_every_spelling_filters(upstream: Asking, spelling: str) -> None:
    value, holds = EXAMPLES[SPELLINGS[spelling]]
    everything = await upstream.everything()
    found = await upstream.everything((spelling, value))
    assert ids(found) == ids([row for row in everything if holds(row)])
    assert 0 < len(found) < len(everything)


async def test_s14_unknown_names_and_blank_values_are_silently_ignored(upstream: Asking) -> None:
    whole = (await upstream.ask())["total"]
    for query in (("attr-value", "VIP"), ("Start", "2030"), ("attribute-value", ""), ("customer", "+15550123")):
        assert (await upstream.ask(query))["total"] == whole


async def test_s14_repeats_and_different_filters_are_anded(upstream: Asking) -> None:
    both = await upstream.rows(("attribute-value", "valueOne"), ("attribute-value", "1234567"))
    assert ids(both) == [DOCUMENTED_ID]
    assert not await upstream.rows(("attribute-value", "valueOne"), ("attribute-value", "VIP"))
    assert not await upstream.rows(("attribute-value", "valueOne"), ("start", "2026-01-01T00:00:00.000Z"))


@pytest.mark.parametrize("value", ["valueone", "valueOne ", " valueOne", "value", "valueOne%"])
async def test_s14_values_are_compared_exactly(upstream: Asking, value: str) -> None:
    assert not await upstream.rows(("attribute-value", value))


async def test_s14_names_are_compared_with_their_trailing_space(upstream: Asking) -> None:
    assert ids(await upstream.rows(("hookType", "customAttributeUsingIvrInput "))) == [DOCUMENTED_ID]
    assert not await upstream.rows(("hookType", "customAttributeUsingIvrInput"))


async def test_s14_an_attribute_value_never_matches_a_crm_display_name(upstream: Asking) -> None:
    upstream.sim.insert(1, name="callerName", value="Jordan Sample")
    by_value = await upstream.rows(("attribute-value", "Jordan Sample"))
    by_name = await upstream.rows(("hook-name", "Jordan Sample"))
    assert "00000000-0000-4000-8000-c0117e7edead" in ids(by_name)
    assert "00000000-0000-4000-8000-c0117e7edead" not in ids(by_value)
    assert set(ids(by_value)) < set(ids(by_name))


async def test_s14_hook_conditions_hold_per_interaction_or_on_demand_per_entry(upstream: Asking) -> None:
    question = (("hookSubType", "ticket"), ("hookId", "26359162568"))
    assert len(await upstream.rows(*question)) == 1
    upstream.sim.faults("hooks-per-entry", times=None)
    assert not await upstream.rows(*question)
    assert len(await upstream.rows(("hookSubType", "user"), ("hookId", "26359162568"))) == 1


@pytest.mark.parametrize(
    "text",
    ["2018-10-30T14:33:45.954Z", "2018-10-30T14:33:45Z", "2018-10-30T14:33", "2018-10-30 14:33:45",
     "2018-10-29T24:00:00.000Z", "2018-10-30T09:33:45-05:00", "2018-10-30"],
)  # fmt: skip
async def test_every_time_form_is_understood_and_the_range_is_half_open(upstream: Asking, text: str) -> None:
    found = await upstream.rows(("attribute-value", "valueOne"), ("start", text))
    assert ids(found) == [DOCUMENTED_ID]
    assert not await upstream.rows(("attribute-value", "valueOne"), ("end", text))


async def test_a_range_ends_before_its_end(upstream: Asking) -> None:
    at = "2018-10-30T14:33:45.954Z"
    assert ids(await upstream.rows(("start", at), ("end", "2018-10-30T14:33:45.955Z"))) == [DOCUMENTED_ID]
    assert not await upstream.rows(("start", at), ("end", at))


@pytest.mark.parametrize("name", ["limit", "offset", "page", "start"])
@pytest.mark.parametrize("value", ["-1", "x", "1.5", "²"])
async def test_a_bad_number_or_time_is_400(upstream: Asking, name: str, value: str) -> None:
    answer = await upstream.get((name, value))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "bad request parameters"
