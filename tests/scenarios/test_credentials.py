"""Both ways to prove who the façade is, through the whole of it; clients never see upstream's 401."""

import asyncio

import pytest

from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator


def value(number: int) -> tuple[str, str]:
    """A question nobody has asked before."""
    return "attr", f"question-{number}"


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_rows_come_by_either_authentication(simulator: Simulator, auth: str) -> None:
    async with running_facade(simulator, auth=auth) as facade:
        assert len(await facade.ids(("attr", "1234567"))) == 1
        one = await facade.get("/interactions/c506eb9b-f523-4616-8839-fbce3fd89c17")
        assert one.json()["duration_seconds"] == 47.212
    assert {call.auth for call in simulator.calls() if call.kind != "login"} == {auth}
    assert len(simulator.calls("login")) == (auth == "token")


async def test_one_login_serves_a_crowd(simulator: Simulator) -> None:
    async with running_facade(simulator, auth="token") as facade:
        await asyncio.gather(*(facade.ask(value(number)) for number in range(30)))
    assert len(simulator.calls("login")) == 1
    assert len(simulator.calls("list")) == 30


async def test_a_token_that_expires_midway_costs_one_login_and_no_client_notices(simulator: Simulator) -> None:
    async with running_facade(simulator, auth="token") as facade:
        await facade.ask(value(0))
        simulator.expire_tokens()
        answers = await asyncio.gather(*(facade.ask(value(number)) for number in range(1, 30)))
    assert [answer["meta"]["count"] for answer in answers] == [0] * 29
    assert len(simulator.calls("login")) == 2
    refused = [call for call in simulator.calls("list") if call.status == 401]
    assert refused
    assert len(simulator.calls("list")) == 30 + len(refused)  # each of them was repeated once


async def test_a_token_that_expires_between_the_blocks_of_one_reading_is_renewed(simulator: Simulator) -> None:
    async with running_facade(simulator, auth="token") as facade:
        first = await facade.ask(("attr", "SIM-2500"), ("limit", "100"))
        simulator.expire_tokens()
        rest = await facade.ask(("attr", "SIM-2500"), ("limit", "2400"), ("cursor", first["next_cursor"]))
    assert first["meta"]["count"] + rest["meta"]["count"] == 2500
    assert len(simulator.calls("login")) == 2


async def test_a_token_is_renewed_ahead_of_its_end_behind_the_callers_backs(
    simulator: Simulator, clock: HandClock
) -> None:
    async with running_facade(simulator, auth="token", clock=clock.clock) as facade:
        await facade.ask(value(0))
        for number, passed in enumerate((0.7 * 86_400, 0.15 * 86_400, 0.5 * 86_400), 1):
            clock.advance(passed)
            simulator.advance(passed)
            await facade.ask(value(number))
    assert len(simulator.calls("login")) == 2
    assert {call.status for call in simulator.calls("list")} == {200}


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_credentials_that_stop_working_are_told_as_the_operators_trouble(simulator: Simulator, auth: str) -> None:
    async with running_facade(simulator, auth=auth) as facade:
        await facade.ask(value(0))
        simulator.expire_tokens("rotated-and-unknown-here")
        refused = await facade.get("/interactions", value(1), status=502)
        assert refused.json()["code"] == "upstream-auth"
        assert "www-authenticate" not in refused.headers
        assert (await facade.get("/interactions", value(0))).headers["cache-status"].startswith("cxfacade; hit")


async def test_a_login_that_fails_is_told_like_any_fault(simulator: Simulator, clock: HandClock) -> None:
    async with running_facade(simulator, auth="token", clock=clock.clock) as facade:
        for status, slug, ours in (
            (403, "upstream-auth", 502),
            (503, "upstream-unavailable", 503),
            (429, "upstream-throttled", 503),
        ):
            simulator.faults("status", 1, endpoint="login", status=status)
            refused = await facade.get("/interactions", value(status), status=ours)
            assert refused.json()["code"] == slug
            clock.advance(1000)
        await facade.ask(value(9))


async def test_a_client_that_sends_credentials_of_its_own_is_told_they_are_unknown(
    facade: Facade, simulator: Simulator
) -> None:
    for headers in (
        {"authorization": "Bearer cxf_nobody_0123456789abcdefghijklmnopqrstuv"},
        {"x-api-key": "cxf_nobody_0"},
        {"authorization": "Basic eDp5"},
    ):
        refused = await facade.get("/interactions", status=401, headers=headers)
        assert refused.json()["code"] == "unauthorized"
        assert "www-authenticate" in refused.headers
    both = await facade.get("/interactions", status=400, headers={"authorization": "Bearer a", "x-api-key": "b"})
    assert both.json()["code"] == "bad-request"
    assert simulator.journal() == []
