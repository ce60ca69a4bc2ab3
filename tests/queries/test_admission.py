"""How much is made at once."""

import asyncio

from app.queries.admission import WeightedSemaphore


class Shop:
    """A semaphore of ten units, work in it, and what was admitted in which order."""

    def __init__(self) -> None:
        self.semaphore = WeightedSemaphore(10, light=1)
        self.order: list[str] = []
        self.done = {name: asyncio.Event() for name in "abcdef"}
        self.works: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, units: int, *, first: bool = False) -> None:
        async def working() -> None:
            async with self.semaphore.admitted(units, first=first):
                self.order.append(name)
                await self.done[name].wait()

        self.works[name] = asyncio.create_task(working())
        await asyncio.sleep(0)

    async def end(self, name: str) -> str:
        """Who is admitted so far, once this work has ended."""
        self.done[name].set()
        await self.works[name]
        await asyncio.sleep(0)
        return "".join(self.order)


async def test_work_waits_in_its_order_until_there_is_room() -> None:
    shop = Shop()
    await shop.begin("a", 6)
    await shop.begin("b", 6)
    await shop.begin("c", 4)
    assert shop.order == ["a"]
    assert await shop.end("a") == "abc"
    await shop.end("b")
    await shop.end("c")


async def test_light_work_waits_for_nobody_and_work_beyond_all_bounds_is_alone() -> None:
    shop = Shop()
    await shop.begin("a", 1_000)
    await shop.begin("b", 1)
    await shop.begin("c", 2)
    assert shop.order == ["a", "b"]
    assert await shop.end("a") == "abc"
    await shop.end("b")
    await shop.end("c")


async def test_what_comes_first_is_admitted_before_what_has_waited_longer() -> None:
    shop = Shop()
    await shop.begin("a", 10)
    await shop.begin("b", 10)
    await shop.begin("c", 10, first=True)
    assert await shop.end("a") == "ac"
    assert await shop.end("c") == "acb"
    await shop.end("b")


async def test_work_that_is_given_up_leaves_its_room_to_the_next() -> None:
    shop = Shop()
    await shop.begin("a", 10)
    await shop.begin("b", 10)
    await shop.begin("c", 10)
    shop.works["b"].cancel()
    assert await shop.end("a") == "ac"
    await shop.end("c")


async def test_so_does_work_that_is_given_up_in_the_turn_in_which_it_is_admitted() -> None:
    shop = Shop()
    async with shop.semaphore.admitted(10):
        await shop.begin("b", 10)
        await shop.begin("c", 10)
    shop.works["b"].cancel()
    await asyncio.wait({shop.works["b"]})
    await asyncio.sleep(0)
    assert shop.order == ["c"]
    await shop.end("c")
