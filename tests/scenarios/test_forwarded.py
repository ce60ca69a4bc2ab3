"""A façade that believes a proxy, or has a public URL: its links, whom it lets in, and which repeats are told apart."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.support.clock import HandClock
from tests.support.facade import Facade, running_facade
from tests.support.simulator import Simulator

PUBLIC = "https://reports.example/cx"
FORWARDED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "reports.example",
    "X-Forwarded-Prefix": "/cx",
}
LIMITED = ("limit", "1")


@pytest.fixture
async def believing(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """It believes whoever comes from this machine."""
    hosts = ("127.0.0.1", "reports.example")
    async with running_facade(
        simulator, clock=clock.clock, trusted_proxies="127.0.0.0/8", allowed_hosts=hosts, allow_anonymous=True
    ) as running:
        yield running


@pytest.fixture
async def public(simulator: Simulator, clock: HandClock) -> AsyncIterator[Facade]:
    """It has a public URL, and no proxy that it believes."""
    async with running_facade(simulator, clock=clock.clock, public_url=PUBLIC) as running:
        yield running


async def test_exact_repeats_are_told_apart_by_all_that_a_proxy_says(believing: Facade) -> None:
    """Each is asked for twice, the second time a replay would answer."""
    variants: list[dict[str, str]] = [
        {},
        FORWARDED,
        {**FORWARDED, "X-Forwarded-Proto": "http"},
        {**FORWARDED, "X-Forwarded-Host": "127.0.0.1"},
        {**FORWARDED, "X-Forwarded-Prefix": "/other"},
        {**FORWARDED, "X-Forwarded-Prefix": ""},
    ]
    for headers in [*variants, *reversed(variants)]:
        scheme = headers.get("X-Forwarded-Proto", "http")
        host = headers.get("X-Forwarded-Host", urlsplit(believing.url).netloc)
        base = f"{scheme}://{host}{headers.get('X-Forwarded-Prefix', '')}"
        answer = await believing.get("/interactions", LIMITED, headers=headers)
        assert answer.json()["next"].startswith(f"{base}/interactions?"), headers
        assert answer.links["next"]["url"] == answer.json()["next"]


@pytest.mark.threat("T37")
async def test_the_list_of_hosts_is_for_the_host_that_the_proxy_names(believing: Facade) -> None:
    refused = await believing.get(
        "/interactions", headers={**FORWARDED, "X-Forwarded-Host": "evil.example"}, status=400
    )
    assert refused.json()["code"] == "bad-host"
    assert refused.json()["type"] == "/cx/problems/bad-host"
    await believing.get("/interactions", headers={**FORWARDED, "Host": "evil.example"})
    await believing.get("/health/live", headers={**FORWARDED, "X-Forwarded-Host": "evil.example"})


@pytest.mark.threat("T15", "T37")
async def test_who_comes_through_a_proxy_is_not_local(simulator: Simulator, clock: HandClock) -> None:
    """Nobody said that anonymous clients may ask: on loopback they may, and a proxy stands there for all the world."""
    async with running_facade(simulator, clock=clock.clock, trusted_proxies="127.0.0.1") as facade:
        for _ in range(2):
            await facade.get("/interactions", LIMITED)
            for address in ("198.51.100.7", "127.0.0.1", "unknown"):
                await facade.get("/interactions", LIMITED, headers={"X-Forwarded-For": address}, status=401)


@pytest.mark.parametrize("path", ["/interactions", "/interactions.json"])
async def test_links_are_built_from_the_public_url(public: Facade, path: str) -> None:
    for headers in ({}, FORWARDED, {"Host": "reports.example"}):
        for _ in range(2):
            answer = await public.get(path, LIMITED, headers=headers)
            assert answer.json()["next"].startswith(f"{PUBLIC}{path}?")
            assert answer.links["next"]["url"] == answer.json()["next"]
    explained = (await public.get("/cache/explain", LIMITED)).json()
    assert explained["answer_stored"] is (path == "/interactions")


async def test_problems_and_pages_stand_under_the_public_prefix(public: Facade) -> None:
    problem = (await public.get("/nowhere", status=404)).json()
    assert (problem["type"], problem["instance"]) == ("/cx/problems/not-found", "/cx/nowhere")
    assert " /cx/docs " in problem["detail"]
    assert '<link rel="canonical" href="https://reports.example/cx/">' in (await public.get("/")).text
    await public.get("/cx/interactions", status=404)  # the proxy takes the prefix off


async def test_without_a_public_url_the_page_is_at_home_where_it_is(facade: Facade) -> None:
    assert '<link rel="canonical" href=".">' in (await facade.get("/")).text
