"""Access to the tenant: Basic credentials, tokens and their ends (S13)."""

import base64
from typing import Any

import pytest

from app.simulator import DEMO_PASSWORD, DEMO_USERNAME
from tests.simulator.support import Asking, client

LOGIN = {"username": DEMO_USERNAME, "password": DEMO_PASSWORD}


async def log_in(upstream: Asking, **more: Any) -> dict[str, Any]:
    async with client() as plain:
        response = await plain.post(f"{upstream.sim.url}/v1/tokens", json=LOGIN | more)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def status_with(upstream: Asking, authorization: str) -> int:
    async with client() as plain:
        answer = await plain.get(upstream.sim.interactions_url, headers={"authorization": authorization})
    return answer.status_code


async def test_s13_basic_credentials_open_the_list_and_others_do_not(upstream: Asking) -> None:
    good = base64.b64encode(f"{DEMO_USERNAME}:{DEMO_PASSWORD}".encode()).decode()
    bad = base64.b64encode(b"demo:wrong").decode()
    tried = [
        await status_with(upstream, value) for value in (f"Basic {good}", f"Basic {bad}", "Basic !!", "Bearer x", "")
    ]
    assert tried == [200, 401, 401, 401, 401]
    assert [call.auth for call in upstream.sim.calls()] == ["basic", "basic", "basic", "other", "none"]


async def test_s13_a_token_lives_for_its_ttl_on_the_simulated_clock(upstream: Asking) -> None:
    granted = await log_in(upstream, ttl=60)
    assert granted["ttl"] == 60
    assert granted["token"].count(".") == 2
    assert await status_with(upstream, f"Token {granted['token']}") == 200
    assert await status_with(upstream, f"Bearer {granted['token']}") == 401
    upstream.sim.advance(59.999)
    assert await status_with(upstream, f"Token {granted['token']}") == 200
    upstream.sim.advance(0.001)
    assert await status_with(upstream, f"Token {granted['token']}") == 401


async def test_s13_ttl_defaults_to_a_day_and_is_capped(upstream: Asking) -> None:
    assert [(await log_in(upstream, **more))["ttl"] for more in ({}, {"ttl": 10**9})] == [86_400, 86_400]


async def test_s13_tokens_expire_on_demand_and_passwords_rotate(upstream: Asking) -> None:
    token = (await log_in(upstream))["token"]
    assert upstream.sim.expire_tokens() == 1
    assert await status_with(upstream, f"Token {token}") == 401
    await upstream.control("POST", "/expire-tokens", {"password": "another-not-a-secret"})
    refused = await upstream.client.post(f"{upstream.sim.url}/v1/tokens", json=LOGIN)
    assert refused.status_code == 401
    assert refused.json() == {"error": "Invalid username and password."}
    assert (await upstream.get()).status_code == 401


@pytest.mark.parametrize("body", [b"not json", b"[]", b""])
async def test_s13_a_login_without_an_object_is_400(upstream: Asking, body: bytes) -> None:
    answer = await upstream.client.post(f"{upstream.sim.url}/v1/tokens", content=body)
    assert answer.status_code == 400


async def test_another_tenant_is_403_and_an_unknown_path_404(upstream: Asking) -> None:
    root = f"{upstream.sim.url}/v1"
    foreign = await upstream.client.get(f"{root}/tenants/0badcafe-0000-4000-8000-000000000bad/interactions")
    assert foreign.status_code == 403
    assert (await upstream.client.get(f"{root}/me")).status_code == 404
    assert (await upstream.client.get(f"{root}/tokens")).status_code == 404
    in_capitals = f"{root}/tenants/{upstream.sim.options.tenant_id.upper()}/interactions"
    assert (await upstream.client.get(in_capitals)).status_code == 200
