"""The controls under /__sim/, the journal and the mark (S20, S21)."""

import asyncio

import pytest

from tests.simulator.support import DOCUMENTED_ID, Asking, asking, ids


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_s20_whatever_is_not_get_is_405_and_a_violation(upstream: Asking, method: str) -> None:
    answer = await upstream.client.request(method, upstream.sim.interactions_url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert upstream.sim.violations == 1
    assert upstream.sim.calls()[0].violation


async def test_s20_only_post_and_get_are_right_for_tokens(upstream: Asking) -> None:
    url = f"{upstream.sim.url}/v1/tokens"
    assert (await upstream.client.put(url, json={})).status_code == 405
    assert (await upstream.client.post(url, json={})).status_code == 401
    assert upstream.sim.violations == 1


async def test_s20_the_journal_tells_calls_in_order_without_credentials(upstream: Asking) -> None:
    await upstream.get(("attribute-value", "a b"), ("attribute-value", "ü"))
    await upstream.get(path=f"/{DOCUMENTED_ID}")
    journal = await upstream.control("GET", "/journal")
    first, second = journal["calls"]
    assert first["query"] == [["attribute-value", "a b"], ["attribute-value", "ü"]]
    assert [first["n"], first["kind"], first["status"], second["kind"]] == [1, "list", 200, "one"]
    assert {first["auth"], second["auth"]} == {"basic"}
    assert "not-a-secret" not in str(journal)
    cleared = await upstream.control("DELETE", "/journal")
    assert (cleared["arrived"], cleared["calls"]) == (0, [])


async def test_the_journal_is_bounded_and_counts_on() -> None:
    async with asking(journal_length=3) as upstream:
        for _ in range(5):
            await upstream.get(("limit", 1))
        journal = await upstream.control("GET", "/journal")
        assert ([call["n"] for call in journal["calls"]], journal["arrived"]) == ([3, 4, 5], 5)


async def test_the_journal_can_be_awaited(upstream: Asking) -> None:
    waiting = asyncio.create_task(upstream.control("GET", "/journal?wait_for=2&timeout=10"))
    await asyncio.gather(upstream.get(), upstream.get())
    assert (await waiting)["complete"]
    assert not (await upstream.control("GET", "/journal?wait_for=3&timeout=0.01"))["complete"]


@pytest.mark.parametrize("path", ["/__sim/state", "/v1/tokens", "/v1/nowhere", "/nowhere", "/__sim/nowhere", "/"])
async def test_s21_every_answer_is_marked_as_simulated(upstream: Asking, path: str) -> None:
    assert (await upstream.client.get(upstream.sim.url + path)).headers["x-simulated"] == "cxfacade"


@pytest.mark.parametrize("kind", ["status", "redirect", "bad-json", "body"])
async def test_s21_faults_are_marked_too(upstream: Asking, kind: str) -> None:
    upstream.sim.faults(kind)
    assert (await upstream.get()).headers["x-simulated"] == "cxfacade"


async def test_the_clock_is_set_advanced_and_frozen(upstream: Asking) -> None:
    assert await upstream.control("GET", "/clock") == {"now": "2026-11-18T15:00:00.000Z", "frozen": True}
    shown = await upstream.control("POST", "/clock", {"set": "2026-11-17T08:00:00Z", "advance": 90.5})
    assert shown == {"now": "2026-11-17T08:01:30.500Z", "frozen": True}
    assert max(row["startTimestamp"] for row in await upstream.rows()) <= shown["now"]
    assert not (await upstream.control("POST", "/clock", {"freeze": False}))["frozen"]
    assert (await upstream.control("POST", "/reset"))["now"] == "2026-11-18T15:00:00.000Z"


async def test_rows_are_put_in_and_taken_out(upstream: Asking) -> None:
    asked = {"n": 2, "name": "ticket", "value": "T-1", "start": "2026-11-18T14:00:00Z", "kind": "voice-transfer"}
    put_in = await upstream.control("POST", "/insert", asked)
    rows = await upstream.rows(("attribute-value", "T-1"))
    assert set(ids(rows)) == set(put_in["ids"])
    assert rows[0]["customerTransfers"] == 1
    taken = await upstream.control("POST", "/remove", {"n": 1, "value": "T-1"})
    assert len(await upstream.rows(("attribute-value", "T-1"))) == 1
    assert (await upstream.get(path=f"/{taken['ids'][0]}")).status_code == 404
    await upstream.control("POST", "/remove", {"ids": put_in["ids"]})
    assert not await upstream.rows(("attribute-value", "T-1"))


async def test_faults_are_armed_shown_and_cleared(upstream: Asking) -> None:
    asked = {"kind": "status", "times": None, "match": {"endpoint": "list"}, "status": 503}
    armed = await upstream.control("POST", "/faults", asked)
    assert (armed["left"], armed["parameters"]) == (None, {"status": 503})
    assert (await upstream.get()).status_code == 503
    assert (await upstream.control("GET", "/faults"))["armed"][0]["strikes"] == 1
    assert (await upstream.control("DELETE", "/faults"))["armed"] == []
    assert (await upstream.get()).status_code == 200


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/faults", {"kind": "nonsense"}),
        ("/faults", {"kind": "status", "match": {"nonsense": 1}}),
        ("/faults", ["status"]),
        ("/clock", {"set": "yesterday"}),
        ("/clock", {"advance": "soon"}),
        ("/insert", {"kind": "nonsense"}),
        ("/insert", {"n": "many"}),
    ],
)
async def test_a_control_that_makes_no_sense_is_400_with_the_reason(upstream: Asking, path: str, asked: object) -> None:
    assert (await upstream.control("POST", path, asked, status=400))["error"]


async def test_the_state_tells_what_can_be_asked_for(upstream: Asking) -> None:
    state = await upstream.control("GET", "/state")
    assert state["interactions"] == (await upstream.ask(("limit", 0)))["total"]
    assert state["magic"]["SIM-10K"] == "10,000 interactions"
    assert state["kinds"]["voice-transfer"]
    assert state["tenant_id"] == upstream.sim.options.tenant_id


async def test_latency_follows_the_profile_and_the_seed() -> None:
    async with asking(latency="fast") as upstream:
        drawn = [upstream.sim.state.latency() for _ in range(200)]
        assert 0.015 < sorted(drawn)[100] < 0.03
        upstream.sim.reset()
        assert [upstream.sim.state.latency() for _ in range(200)] == drawn
        assert (await upstream.get()).elapsed.total_seconds() >= 0.005
