"""Faults of contract: well-formed answers that are wrong, and rows that move while someone pages (S17, S19)."""

import pytest

from app.simulator.faults import FOREIGN_TENANT_ID
from tests.simulator.support import DOCUMENTED_ID, Asking, ids

VALUE = ("attribute-value", "valueOne")


async def test_s17_rows_inserted_while_paging_push_others_down(upstream: Asking) -> None:
    question = ("attribute-value", "SIM-2500")
    upstream.sim.faults("insert-before-page", times=None, endpoint="list", n=3)
    pages = [await upstream.ask(question, ("limit", 100), ("offset", offset)) for offset in (0, 100, 200)]
    assert [page["total"] for page in pages] == [2503, 2506, 2509]
    found = [row_id for page in pages for row_id in ids(page["results"])]
    assert len(found) - len(set(found)) == 6


async def test_s17_inserted_rows_keep_within_a_closed_range(upstream: Asking) -> None:
    end = "2026-11-18T12:00:00.000Z"
    before = await upstream.ask(("end", end), ("limit", 0))
    upstream.sim.faults("insert-before-page")
    assert (await upstream.ask(("end", end), ("limit", 0)))["total"] == before["total"] + 1


async def test_s17_rows_removed_while_paging_make_gaps(upstream: Asking) -> None:
    question = ("attribute-value", "SIM-2500")
    whole = ids(await upstream.rows(question, ("limit", 300)))
    upstream.sim.faults("remove-between-pages", times=None, n=2)
    found = [
        row_id for offset in (0, 100, 200)
        for row_id in ids(await upstream.rows(question, ("limit", 100), ("offset", offset)))
    ]  # fmt: skip
    assert len(found) == len(set(found)) == 300
    assert set(whole) - set(found) == {whole[100], whole[101], whole[202], whole[203]}


async def test_s19_a_filter_can_be_ignored(upstream: Asking) -> None:
    whole = (await upstream.ask(("limit", 0)))["total"]
    upstream.sim.faults("filter-ignored")
    assert (await upstream.ask(VALUE))["total"] == whole
    upstream.sim.faults("filter-ignored", filter="start")
    assert (await upstream.ask(VALUE, ("start", "2030-01-01")))["total"] == 1


async def test_s19_only_the_last_repeat_can_be_honoured(upstream: Asking) -> None:
    both = (("attribute-value", "VIP"), VALUE)
    assert not await upstream.rows(*both)
    upstream.sim.faults("last-repeat-only")
    assert ids(await upstream.rows(*both)) == [DOCUMENTED_ID]


async def test_s19_the_envelope_can_name_another_tenant(upstream: Asking) -> None:
    upstream.sim.faults("foreign-tenant")
    answer = await upstream.ask(VALUE)
    assert answer["tenantId"] == FOREIGN_TENANT_ID
    assert answer["results"][0]["tenantId"] == upstream.sim.options.tenant_id


async def test_s19_rows_can_belong_to_another_tenant(upstream: Asking) -> None:
    upstream.sim.faults("foreign-rows")
    answer = await upstream.ask(VALUE)
    assert answer["tenantId"] == upstream.sim.options.tenant_id
    assert answer["results"][0]["tenantId"] == FOREIGN_TENANT_ID


async def test_s19_a_list_can_be_answered_with_a_bare_interaction(upstream: Asking) -> None:
    upstream.sim.faults("bare-interaction")
    answer = await upstream.ask(VALUE)
    assert answer["interactionId"] == DOCUMENTED_ID
    assert "details" in answer
    assert "results" not in answer


async def test_s19_results_can_be_an_object(upstream: Asking) -> None:
    upstream.sim.faults("results-object")
    assert ids((await upstream.ask(VALUE))["results"]["interactions"]) == [DOCUMENTED_ID]


@pytest.mark.parametrize("path", ["", f"/{DOCUMENTED_ID}"])
async def test_s19_an_unknown_field_can_appear_in_list_and_single_answer(upstream: Asking, path: str) -> None:
    upstream.sim.faults("unknown-field")
    answer = (await upstream.get(VALUE, path=path)).json()
    row = answer if path else answer["results"][0]
    assert "fieldFromTheFuture" in row
    assert "fieldFromTheFuture" in row["segments"][0]


async def test_s19_a_field_can_be_of_another_type(upstream: Asking) -> None:
    upstream.sim.faults("wrong-type", field="queues", value={"no": "list"})
    assert (await upstream.rows(VALUE))[0]["queues"] == {"no": "list"}


async def test_s19_total_can_change_between_pages(upstream: Asking) -> None:
    upstream.sim.faults("total-changes", times=None, step=-1)
    totals = [(await upstream.ask(("attribute-value", "SIM-2500"), ("offset", offset)))["total"] for offset in (0, 10)]
    assert totals == [2499, 2498]
