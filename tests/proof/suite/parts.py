"""Ranges: upstream is asked for what is whole, and parts are cut from it."""

from collections.abc import Sequence

from tests.proof.suite.case import LIST, World, case, cases

WHOLE = "upstream is asked for the whole at once"
RANGES = {
    "byterange": ("bytes=2-7", 2, 8),
    "absent": ("bytes=5-", 5, None),
    "suffix": ("bytes=-4", -4, None),
}
PART = "bytes=-5"


async def is_part(world: World, wanted: tuple[str, int, int | None], whole: bytes) -> None:
    said, start, stop = wanted
    answer = await world.cached(LIST, range=said)
    assert (answer.status_code, answer.content) == (206, whole[start:stop])
    first, last = slice(start, stop).indices(len(whole))[:2]
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"


@cases(
    "partial",
    {
        "partial-store-complete-reuse-partial": RANGES["byterange"],
        "partial-store-complete-reuse-partial-no-last": RANGES["absent"],
        "partial-store-complete-reuse-partial-suffix": RANGES["suffix"],
    },
)
async def a_part_is_cut_from_what_is_stored(world: World, wanted: tuple[str, int, int | None]) -> None:
    whole = (await world.fetched()).content
    world.pause()
    await is_part(world, wanted, whole)


@cases(
    "partial",
    {f"partial-store-partial-reuse-partial-{name}": wanted for name, wanted in RANGES.items()},
    remark=WHOLE,
)
async def another_part_is_cut_where_a_part_was_asked_for(world: World, wanted: tuple[str, int, int | None]) -> None:
    await world.fetched(LIST, range=PART)
    world.pause()
    whole = (await world.cached()).content
    await is_part(world, wanted, whole)


@cases(
    "partial",
    {
        "partial-store-partial-reuse-partial": (206, PART),
        "partial-store-partial-complete": (200, ""),
    },
    remark=WHOLE,
)
async def the_same_part_and_the_whole_come_from_what_is_stored(world: World, expected: Sequence[object]) -> None:
    status, said = expected
    first = await world.fetched(LIST, range=PART)
    world.pause()
    again = await world.cached(LIST, **({"range": str(said)} if said else {}))
    assert (first.status_code, again.status_code) == (206, status)
    assert again.content[-5:] == first.content
    assert (status == 206) is (again.content == first.content)


@case("partial", "partial-use-headers", remark="`Age` and `Cache-Status` of a part are those of its time")
async def a_part_has_the_fields_of_its_time(world: World) -> None:
    whole = await world.fetched()
    world.pause()
    part = await world.cached(LIST, range=PART)
    assert (whole.headers["age"], part.headers["age"]) == ("0", "3")


@case("partial", "partial-use-stored-headers")
async def a_part_has_the_fields_that_are_stored(world: World) -> None:
    whole = await world.fetched()
    world.pause()
    part = await world.cached(LIST, range=PART)
    for name in ("etag", "last-modified", "content-type", "vary", "accept-ranges"):
        assert part.headers[name] == whole.headers[name]
