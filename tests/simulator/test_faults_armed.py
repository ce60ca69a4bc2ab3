"""How faults are armed, which requests they hit, and how held answers are let go."""

import asyncio
from typing import Any

import httpx
import pytest

from app.simulator.faults import FAULTS, ArmedFaults
from tests.simulator.support import BRIEF, DOCUMENTED_ID, Asking, asking, ids

VALUE = ("attribute-value", "valueOne")


async def test_faults_keep_to_their_endpoint_and_value(upstream: Asking) -> None:
    upstream.sim.faults("status", times=None, endpoint="login")
    upstream.sim.faults("status", times=None, endpoint="one", status=503)
    upstream.sim.faults("status", times=None, attribute_value="valueTwo", status=502)
    login = await upstream.client.post(f"{upstream.sim.url}/v1/tokens", json={})
    one = await upstream.get(path=f"/{DOCUMENTED_ID}")
    two = await upstream.get(("attribute-value", "valueTwo"))
    assert [login.status_code, one.status_code, two.status_code] == [500, 503, 502]
    assert (await upstream.get(VALUE)).status_code == 200
    upstream.sim.clear_faults()
    assert (await upstream.get(("attribute-value", "valueTwo"))).status_code == 200


async def test_faults_strike_in_the_order_armed(upstream: Asking) -> None:
    for status in (500, 429, 503):
        upstream.sim.faults("status", status=status)
    assert [(await upstream.get()).status_code for _ in range(4)] == [500, 429, 503, 200]


@pytest.mark.parametrize("wrong", [("nonsense", {}), ("status", {"statsu": 500}), ("hold", {"delay_seconds": 1})])
def test_an_unknown_fault_or_parameter_is_refused(wrong: tuple[str, dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="fault"):
        ArmedFaults().arm(wrong[0], **wrong[1])


@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_spares_the_next_request(upstream: Asking, kind: str) -> None:
    whole = (await upstream.ask(("limit", 0)))["total"]
    upstream.sim.faults(kind, endpoint="list")
    asked = asyncio.create_task(upstream.get(("limit", 2), timeout=BRIEF))
    await upstream.sim.arrived(2)
    upstream.sim.release()
    await asyncio.wait({asked})
    assert asked.exception() is None or isinstance(asked.exception(), httpx.TransportError)
    after = await upstream.ask(("limit", 2))
    assert after["total"] in (whole, whole + 1)
    assert not upstream.sim.state.faults.armed


async def test_a_held_answer_waits_for_its_release(upstream: Asking) -> None:
    upstream.sim.faults("hold", times=2)
    asked = [asyncio.create_task(upstream.rows(VALUE)) for _ in range(2)]
    await upstream.sim.arrived(2)
    assert [call.status for call in upstream.sim.calls("list")] == [None, None]
    assert not any(task.done() for task in asked)
    await upstream.control("POST", "/faults/release")
    assert [ids(await task) for task in asked] == [[DOCUMENTED_ID]] * 2


async def test_a_held_answer_is_dropped_when_its_client_leaves(upstream: Asking) -> None:
    upstream.sim.faults("hold")
    with pytest.raises(httpx.ReadTimeout):
        await upstream.get(timeout=BRIEF)
    await upstream.sim.arrived(1)
    assert upstream.sim.calls("list")[0].status is None


async def test_a_stopping_simulator_waits_for_nobody() -> None:
    async with asking() as upstream:
        upstream.sim.faults("timeout")
        asked = asyncio.create_task(upstream.get())
        await upstream.sim.arrived(1)
        upstream.sim.state.close()
        assert (await asked).status_code == 504
