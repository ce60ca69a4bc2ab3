"""Invalidation: by a purge; no other method changes anything."""

from tests.proof.suite.case import LIST, World, case, cases

PURGER = {"anonymous_scopes": "read,cache:purge"}
METHODS = ("POST", "PUT", "DELETE", "M-SEARCH")


async def purge(world: World) -> int:
    """The status of an attempt to purge LIST."""
    order = {"query": LIST.partition("?")[2]}
    answer = await world.facade.client.post("/cache/purge", json=order, headers={"x-requested-with": "proof"})
    return answer.status_code


@case("invalidation", "invalidate-POST", remark="`POST /cache/purge`", settings=PURGER)
async def what_is_purged_is_fetched_again(world: World) -> None:
    await world.fetched()
    world.pause()
    assert await purge(world) == 200
    await world.fetched()


@cases("invalidation", {f"invalidate-{method}-failed": method for method in METHODS}, remark="refused with 405")
async def a_refused_method_leaves_what_is_stored(world: World, method: str) -> None:
    await world.fetched()
    world.pause()
    assert (await world.get(LIST, method)).status_code == 405
    assert await purge(world) == 403
    await world.cached()
