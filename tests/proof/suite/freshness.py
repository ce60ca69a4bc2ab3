"""How long an answer is reused, what its Age says, and what makes two questions one."""

import asyncio
from datetime import timedelta

from tests.proof.suite.case import FRESH, LIST, PAUSE, World, case, cases
from tests.support.simulator import ANCHOR

BY_FINALITY = "the lifetime is the façade's own, by finality"
DELTAS = (5, 10, 30, 60, 300, 600, 1200, 1800, 3600, 43_200, 86_400)  # seconds
DAY = 86_400
NO_WINDOW = {"stale_while_revalidate_seconds": 0}


def settled(seconds: float) -> str:
    """A question whose range ended so many seconds ago."""
    end = ANCHOR - timedelta(seconds=seconds)
    return f"/interactions?attr=SIM-TRANSFER&to={end:%Y-%m-%dT%H:%M:%SZ}"


@case("cc-freshness", "freshness-max-age", remark=BY_FINALITY)
async def a_fresh_answer_is_reused(world: World) -> None:
    first = await world.fetched()
    world.pause()
    assert (await world.cached()).content == first.content


@case(
    "cc-freshness",
    "freshness-max-age-stale",
    remark=f"{BY_FINALITY}; here with `CXF_STALE_WHILE_REVALIDATE_SECONDS=0`",
    settings=NO_WINDOW,
)
@case("status", "status-200-stale", remark="with `CXF_STALE_WHILE_REVALIDATE_SECONDS=0`", settings=NO_WINDOW)
async def a_stale_answer_is_not_reused(world: World) -> None:
    await world.fetched()
    world.pause(FRESH + 1)
    await world.fetched()


@cases("heuristic", {"heuristic-200-cached": DAY, **{f"heuristic-delta-{delta}": delta for delta in DELTAS}})
async def what_changed_long_ago_is_fresh_for_a_tenth_of_that_time(world: World, delta: int) -> None:
    """RFC 9111 §4.2.2, where nothing can change any more; for FRESH seconds while it can."""
    target = settled(delta)
    await world.fetched(target)
    world.pause()
    ttl = int((await world.cached(target)).headers["cache-status"].rpartition("=")[2])
    assert ttl == (delta // 10 if delta >= 3600 else FRESH) - PAUSE


@case("other", "other-age-gen")
@case("other", "other-age-update-max-age")
async def age_grows_with_time(world: World) -> None:
    assert (await world.fetched()).headers["age"] == "0"
    for age in (3, 6, 9):
        world.pause()
        assert (await world.cached()).headers["age"] == str(age)


@case("other", "other-age-delay", remark="counted from the moment upstream was asked")
async def the_time_upstream_took_counts_as_age(world: World) -> None:
    world.simulator.faults("hold")
    asking = asyncio.create_task(world.get())
    await world.simulator.arrived(1)
    world.pause(5)
    world.simulator.release()
    assert (await asking).headers["age"] == "5"


@case("other", "query-args-different")
async def different_questions_have_different_answers(world: World) -> None:
    first = await world.fetched("/interactions?attr=valueOne&limit=1")
    world.pause()
    assert (await world.fetched("/interactions?attr=SIM-TRANSFER&limit=1")).json()["items"] != first.json()["items"]


@case("other", "query-args-same", remark="also in another order and spelling")
async def equal_questions_have_one_answer(world: World) -> None:
    await world.fetched("/interactions?attr=valueOne&attr=valueTwo")
    world.pause()
    await world.cached("/interactions?attr=valueOne&attr=valueTwo")
    await world.cached("/interactions?attr=value%54wo&attr=valueOne&_=7")


@cases(
    "other",
    {
        "other-fresh-content-disposition-attachment": f"{LIST}&download=1",
        "other-heuristic-content-disposition-attachment": f"{settled(DAY)}&download=1",
    },
)
async def a_download_is_reused(world: World, target: str) -> None:
    first = await world.fetched(target)
    world.pause()
    again = await world.cached(target)
    assert again.headers["content-disposition"] == first.headers["content-disposition"]
    assert again.headers["content-disposition"].startswith("attachment; filename=")


@case("other", "other-cookie")
async def a_cookie_does_not_matter(world: World) -> None:
    await world.fetched()
    world.pause()
    await world.cached(LIST, cookie="a=b")
