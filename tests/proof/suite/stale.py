"""Serving stale, the families `stale-while-revalidate` and `stale-if-error` of RFC 5861 among them."""

from typing import Any

from tests.proof.suite.case import FRESH, LIST, LONG, World, case, cases

WINDOW = 60  # seconds
FAILURES: dict[str, tuple[str, dict[str, Any]]] = {
    "close": ("truncated", {"share": 0.0}),
    "503": ("status", {"status": 503}),
}


async def become_stale(world: World) -> bytes:
    """Ask once, then wait until what is stored is past its freshness; its bytes."""
    first = await world.fetched()
    world.simulator.insert(1, value="1234567")
    world.pause(FRESH + 1)
    return first.content


@case("stale", "stale-while-revalidate")
async def stale_is_served_at_once_and_refreshed_behind(world: World) -> None:
    """Upstream is silent while the answer comes; then the next one is new."""
    old = await become_stale(world)
    world.simulator.faults("hold")
    answer = await world.stale()
    assert answer.content == old
    assert answer.headers["cache-status"].endswith("detail=stale-while-revalidate")
    await world.simulator.arrived(2)
    world.simulator.release()
    await world.settled()
    assert (await world.cached()).content != old


@case("stale", "stale-while-revalidate-window", settings={"stale_while_revalidate_seconds": WINDOW})
async def stale_is_not_served_beyond_its_window(world: World) -> None:
    """Not while upstream is well: who asks then waits for the new answer."""
    old = await become_stale(world)
    world.pause(WINDOW)
    assert (await world.fetched()).content != old


@cases("stale", {f"stale-{name}": name for name in FAILURES}, remark="as with `stale-if-error`: it is always in force")
@cases("stale", {f"stale-sie-{name}": name for name in FAILURES})
async def stale_covers_a_failure(world: World, name: str) -> None:
    """To those who take stale answers, and to one who had upstream asked first; again and again while it lasts."""
    old = await become_stale(world)
    kind, parameters = FAILURES[name]
    world.simulator.faults(kind, None, **parameters)
    for fields in ({}, {"cache_control": "max-age=5"}, {}):
        assert (await world.stale(LIST, **fields)).content == old
        await world.settled()
        covered = await world.stale()
        assert (covered.status_code, covered.content) == (200, old)
        assert covered.headers["cache-status"].endswith("detail=stale-if-error")
        world.pause()
    world.simulator.clear_faults()
    world.pause(LONG)
    assert (await world.fetched()).content != old


@cases(
    "stale",
    {
        f"stale-close-{directive}": FAILURES["close"]
        for directive in ("must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2")
    },
    remark="`CXF_STALE_SECONDS=0` prohibits it",
    settings={"stale_seconds": 0},
)
async def nothing_stale_is_served_where_that_is_prohibited(world: World, failure: tuple[str, dict[str, Any]]) -> None:
    await become_stale(world)
    kind, parameters = failure
    world.simulator.faults(kind, None, **parameters)
    answer = await world.get()
    assert answer.status_code >= 500
    assert "cache-status" not in answer.headers


@cases(
    "stale",
    {"stale-warning-become": 1, "stale-warning-stored": FRESH},
    holds=False,
    remark="`Warning` is obsolete (RFC 9111 §5.5); `Cache-Status` tells",
)
async def a_stale_answer_is_marked_by_cache_status(world: World, seconds: int) -> None:
    await become_stale(world)
    world.pause(seconds)
    world.simulator.faults("status", None, status=503)
    answer = await world.stale()
    assert "warning" not in answer.headers
    assert answer.headers["cache-status"].startswith(f"cxfacade; hit; ttl=-{1 + seconds}; detail=stale-")
