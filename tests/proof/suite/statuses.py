"""What upstream's statuses leave behind: a 200 is stored, and that an interaction does not exist; nothing else is."""

from tests.proof.suite.case import LONG, World, case, cases

MINUTE = 60
NOBODY = "/interactions/0bad0000-0000-4000-8000-000000000001"
UNSTORED = (203, 204, 299, 301, 302, 303, 307, 308, 400, 499, 500, 502, 503, 504, 599)
ONLY_ROWS = "only a 200 with records is stored, whatever the lifetime it names"
REMEMBERED = "that an interaction does not exist is remembered for a minute"
FIELDS = {"cache-control": "public, max-age=100000", "last-modified": "Sat, 01 Jan 2000 00:00:00 GMT"}


def arm(world: World, status: int, endpoint: str = "list") -> None:
    """Upstream answers with the status and says that this may be stored."""
    text = "" if status == 204 else "{}"
    world.simulator.faults("body", None, endpoint=endpoint, status=status, text=text, headers=FIELDS)


async def not_stored(world: World, status: int) -> None:
    """Who asks gets a problem that nobody may store, and what is right as soon as upstream has it."""
    arm(world, status)
    refused = await world.get()
    assert (refused.status_code >= 500, refused.headers["cache-control"]) == (True, "no-store")
    assert "cache-status" not in refused.headers
    world.simulator.clear_faults()
    world.pause(LONG)
    assert (await world.fetched()).status_code == 200


not_stored = cases("status", {f"status-{status}-stale": status for status in UNSTORED})(not_stored)
not_stored = cases("status", {f"status-{status}-fresh": status for status in UNSTORED}, holds=False, remark=ONLY_ROWS)(
    not_stored
)
not_stored = cases(
    "heuristic", {f"heuristic-{status}-not_cached": status for status in (201, 202, 403, 502, 503, 504, 599)}
)(not_stored)
not_stored = cases(
    "heuristic",
    {f"heuristic-{status}-cached": status for status in (203, 204, 405, 414, 501, 599)},
    holds=False,
    remark=ONLY_ROWS,
)(not_stored)
not_stored = cases("status", {"status-599-must-understand": 599})(not_stored)


@case("status", "status-200-fresh")
async def a_200_is_reused(world: World) -> None:
    first = await world.fetched()
    world.pause()
    assert (await world.cached()).content == first.content


@cases(
    "status",
    {"status-404-fresh": 404, "status-410-fresh": 410, "status-404-stale": 404, "status-410-stale": 410},
    remark=REMEMBERED,
)
@cases("heuristic", {"heuristic-404-cached": 404, "heuristic-410-cached": 410}, remark=REMEMBERED)
async def that_an_interaction_does_not_exist_is_reused_for_a_minute(world: World, status: int) -> None:
    arm(world, status, "one")
    for passed, calls in ((0, 1), (MINUTE, 1), (0.001, 2)):
        world.pause(passed)
        assert (await world.get(NOBODY)).status_code == 404
        assert len(world.simulator.calls("one")) == calls
