"""Faults on demand: how they are armed, and those of transport (S18)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.simulator.errors import SHAPES
from app.simulator.faults import FAULTS, FaultBook
from tests.simulator.support import DOCUMENTED_ID, Asking, asking, ids

VALUE = ("attribute-value", "valueOne")


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_s18_a_status_strikes_as_often_as_armed(upstream: Asking, status: int) -> None:
    upstream.sim.faults("status", times=2, status=status)
    answers = [await upstream.get(VALUE) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert "error" in answers[0].json()
    assert "retry-after" not in answers[0].headers


@pytest.mark.parametrize("retry_after", ["7", "Wed, 18 Nov 2026 15:00:07 GMT", "soon"])
async def test_s18_retry_after_goes_out_as_given(upstream: Asking, retry_after: str) -> None:
    upstream.sim.faults("status", status=429, retry_after=retry_after)
    assert (await upstream.get()).headers["retry-after"] == retry_after


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_s18_gateway_errors_come_as_html(upstream: Asking, status: int) -> None:
    upstream.sim.faults("status", status=status)
    answer = await upstream.get()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize("shape", SHAPES)
async def test_s18_each_shape_of_error_body_can_be_had(upstream: Asking, shape: str) -> None:
    upstream.sim.faults("status", status=503, shape=shape)
    answer = (await upstream.get()).json()
    assert answer.keys() == SHAPES[shape].keys()  # type: ignore[attr-defined]  # every shape is an object
    assert "Unavailable" in json.dumps(answer)
    assert "{phrase}" not in json.dumps(answer)


async def test_s18_a_redirect_names_its_target(upstream: Asking) -> None:
    upstream.sim.faults("redirect", location="http://127.0.0.1:9/spy")
    answer = await upstream.get()
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:9/spy")


async def test_s18_a_slow_answer_is_late_and_right(upstream: Asking) -> None:
    upstream.sim.faults("slow", delay_seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await upstream.get(VALUE, timeout=0.05)
    upstream.sim.faults("slow", delay_seconds=0.02)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


async def test_s18_silence_ends_when_the_client_leaves(upstream: Asking) -> None:
    upstream.sim.faults("timeout")
    with pytest.raises(httpx.ReadTimeout):
        await upstream.get(timeout=0.05)
    upstream.sim.faults("timeout", delay_seconds=0.02)
    assert (await upstream.get()).status_code == 504


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_s18_a_cut_body_breaks_off(upstream: Asking, framing: str) -> None:
    upstream.sim.faults("truncated", framing=framing)
    with pytest.raises(httpx.RemoteProtocolError):
        await upstream.get(VALUE)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


@pytest.mark.parametrize("share", [None, 0.5])
async def test_s18_a_connection_is_reset(upstream: Asking, share: float | None) -> None:
    upstream.sim.faults("reset", share=share)
    with pytest.raises(httpx.ReadError) as caught:
        await upstream.get(VALUE)
    assert isinstance(_first_cause(caught.value), ConnectionResetError)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


def _first_cause(error: BaseException) -> BaseException:
    cause = error.__cause__ or error.__context__
    return _first_cause(cause) if cause else error


BREAKS = {
    **dict.fromkeys(
        ("no-answer", "half-a-status-line", "length-too-long", "two-lengths", "garbage", "huge-head", "unheard-of"),
        httpx.RemoteProtocolError,
    ),
    **dict.fromkeys(("not-gzip", "other-coding"), httpx.DecodingError),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_s18_an_answer_can_be_broken_byte_for_byte(upstream: Asking, how: str) -> None:
    upstream.sim.faults("garbled", how=how)
    with pytest.raises(BREAKS[how]):
        await upstream.get(VALUE)
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


async def test_s18_fifty_interim_answers_come_before_the_right_one(upstream: Asking) -> None:
    upstream.sim.faults("garbled", how="early-hints")
    assert ids(await upstream.rows(VALUE)) == [DOCUMENTED_ID]


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_s18_a_stalled_body_stops_half_way(upstream: Asking, framing: str) -> None:
    upstream.sim.faults("stall", framing=framing)
    async with upstream.client.stream("GET", upstream.sim.interactions_url, timeout=0.1) as answer:
        chunks = answer.aiter_raw()
        assert (await anext(chunks)).startswith(b"{")
        with pytest.raises(httpx.ReadTimeout):
            await _rest(chunks)


async def _rest(chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in chunks]


async def test_s18_json_that_does_not_parse_is_complete(upstream: Asking) -> None:
    upstream.sim.faults("bad-json")
    answer = await upstream.get(VALUE)
    assert (answer.status_code, int(answer.headers["content-length"])) == (200, len(answer.content))
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()


async def test_s18_the_content_type_can_be_wrong(upstream: Asking) -> None:
    upstream.sim.faults("content-type")
    answer = await upstream.get(VALUE)
    assert answer.headers["content-type"] == "text/html"
    assert ids(answer.json()["results"]) == [DOCUMENTED_ID]


async def test_s18_any_body_can_be_had(upstream: Asking) -> None:
    upstream.sim.faults("body", text="[1, 2]", status=206)
    answer = await upstream.get()
    assert (answer.status_code, answer.json()) == (206, [1, 2])
    upstream.sim.faults("body", base64=base64.b64encode(b"\xff\xfe").decode(), headers={"x-more": "1"})
    answer = await upstream.get()
    assert (answer.content, answer.headers["x-more"]) == (b"\xff\xfe", "1")


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
        FaultBook().arm(wrong[0], **wrong[1])


@pytest.mark.parametrize("kind", FAULTS)
async def test_every_fault_spares_the_next_request(upstream: Asking, kind: str) -> None:
    whole = (await upstream.ask(("limit", 0)))["total"]
    upstream.sim.faults(kind, endpoint="list")
    asked = asyncio.create_task(upstream.get(("limit", 2), timeout=0.2))
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
        await upstream.get(timeout=0.05)
    assert upstream.sim.calls("list")[0].status is None


async def test_a_stopping_simulator_waits_for_nobody() -> None:
    async with asking() as upstream:
        upstream.sim.faults("timeout")
        asked = asyncio.create_task(upstream.get())
        await upstream.sim.arrived(1)
        upstream.sim.state.close()
        assert (await asked).status_code == 504
