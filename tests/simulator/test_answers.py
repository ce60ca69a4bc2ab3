"""How the simulator shapes its answers: order, paging, nulls, details (UPSTREAM §4–§6, S15, S16)."""

import asyncio

import pytest

from app.simulator.interaction import ARRAYS, NESTED, ROOT
from tests.simulator.support import DOCUMENTED_ID, Asking, asking, ids


async def test_s15_newest_first_with_ties_by_id(upstream: Asking) -> None:
    upstream.sim.insert(5)
    everything = await upstream.everything()
    assert everything == sorted(
        sorted(everything, key=lambda row: row["interactionId"]), key=lambda row: row["startTimestamp"], reverse=True
    )
    assert len({row["startTimestamp"] for row in everything[:5]}) == 1


async def test_s15_ten_rows_by_default_and_never_more_than_a_thousand(upstream: Asking) -> None:
    first = await upstream.ask()
    assert (first["limit"], first["offset"], first["page"], len(first["results"])) == (10, 0, None, 10)
    capped = await upstream.ask(("limit", 5000), ("attribute-value", "SIM-2500"))
    assert (len(capped["results"]), capped["total"], capped["limit"]) == (1000, 2500, 5000)


async def test_s15_offset_counts_rows_and_page_counts_from_zero(upstream: Asking) -> None:
    everything = ids(await upstream.rows(("limit", 50)))
    assert ids(await upstream.rows(("limit", 7), ("offset", 5))) == everything[5:12]
    paged = await upstream.ask(("limit", 7), ("page", 2))
    assert (paged["page"], paged["offset"], ids(paged["results"])) == (2, 0, everything[14:21])
    assert (await upstream.ask(("offset", 5)))["offset"] == 5
    assert ids(await upstream.rows(("limit", 7), ("page", 0))) == everything[:7]


@pytest.mark.parametrize(
    "query", [("limit", 0), ("offset", 10_000), ("attribute-value", "SIM-EMPTY"), ("hookId", "nobody")]
)
async def test_s15_results_are_null_when_there_is_nothing_to_show(
    upstream: Asking, query: tuple[str, str | int]
) -> None:
    answer = await upstream.ask(query)
    assert "results" in answer
    assert answer["results"] is None
    whole = (await upstream.ask())["total"]
    assert answer["total"] == (whole if query[0] in ("limit", "offset") else 0)


async def test_s15_of_the_hook_filters_only_the_subtype_is_echoed(upstream: Asking) -> None:
    asked = await upstream.ask(("hookType", "zendesk"), ("hookSubType", "ticket"), ("hookId", "415"))
    assert asked["hookSubType"] == "ticket"
    assert not {"hookType", "hookId"} & asked.keys()
    assert "hookSubType" not in await upstream.ask(("hookType", "zendesk"))


async def test_s16_nulls_are_dropped_by_default_and_filled_under_the_switch(upstream: Asking) -> None:
    for row in await upstream.everything():
        assert None not in row.values()
        assert [] not in row.values()
        assert "details" not in row
    for switch in (("green", "false"), ("includenulls", "true"), ("includeNulls", "TRUE")):
        for row in await upstream.rows(("limit", 50), switch):
            assert row.keys() >= {*ROOT, *ARRAYS}
            for array in ARRAYS:
                assert isinstance(row[array], list)
                assert all(child.keys() >= set(NESTED.get(array, ())) for child in row[array])


async def test_s16_the_single_answer_is_bare_with_details_that_keep_their_nulls(upstream: Asking) -> None:
    everything = await upstream.rows(("limit", 100))
    answers = [(await upstream.get(path=f"/{row['interactionId']}")).json() for row in everything]
    for listed, single in zip(everything, answers, strict=True):
        details = single.pop("details")
        assert single == listed
        assert details["interactionId"] == listed["interactionId"]
    detailed = [(await upstream.get(path=f"/{row_id}")).json()["details"] for row_id in ids(everything)]
    assert any(details.get("csat", 0) is None for details in detailed)
    assert any("csat" not in details for details in detailed)
    assert (await upstream.get(("green", "false"), path=f"/{DOCUMENTED_ID}")).json()["flagged"] is None


async def test_an_unknown_interaction_is_404_and_a_magic_row_is_found_by_its_id(upstream: Asking) -> None:
    assert (await upstream.get(path="/0badcafe-0000-4000-8000-000000000bad")).status_code == 404
    [row] = await upstream.rows(("attribute-value", "SIM-10K"), ("limit", 1), ("offset", 7777))
    single = (await upstream.get(path=f"/{row['interactionId']}")).json()
    del single["details"]
    assert single == row


async def test_s16_the_order_of_keys_varies_and_repeats(upstream: Asking) -> None:
    answers = [await upstream.ask(("limit", limit)) for limit in range(1, 9)]
    assert len({tuple(answer) for answer in answers}) > 1
    assert len({next(iter(row)) for row in await upstream.rows(("limit", 100))}) > 3
    assert (await upstream.get(("limit", 3))).content == (await upstream.get(("limit", 3))).content


async def test_new_interactions_arrive_and_open_ones_close_as_time_goes_on(upstream: Asking) -> None:
    [new] = upstream.sim.insert(1)
    assert "endTimestamp" not in (await upstream.rows())[0]
    upstream.sim.advance(3600)
    everything = await upstream.everything()
    assert 10 < ids(everything).index(new) < 80
    assert "endTimestamp" in everything[ids(everything).index(new)]


async def test_a_running_clock_brings_arrivals_without_any_task() -> None:
    async with asking(frozen=False) as upstream:
        tasks = len(asyncio.all_tasks())
        before = (await upstream.ask())["total"]
        await upstream.control("POST", "/clock", {"advance": 3600})
        assert (await upstream.ask())["total"] > before + 10
        assert len(asyncio.all_tasks()) == tasks
