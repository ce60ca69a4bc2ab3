"""Places for calls, and who gets one first."""

import asyncio

import pytest

from app.errors import UpstreamBusy
from app.upstream.slots import Slots
from tests.support.clock import HandClock


def slots(hand: HandClock, size: int = 1, queue: int = 10) -> Slots:
    return Slots(size, queue, hand.clock.sleep)


async def test_foreground_goes_before_background_whoever_came_first() -> None:
    places, order = slots(HandClock()), []

    async def call(name: str, *, background: bool) -> None:
        await places.take(8, background=background)
        order.append(name)
        places.give_back()

    await places.take(8)
    calls = [asyncio.create_task(call("behind", background=True)) for _ in range(2)]
    await asyncio.sleep(0)
    calls += [asyncio.create_task(call("asked", background=False)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (places.used, places.waiting) == (1, 4)
    places.give_back()
    await asyncio.gather(*calls)
    assert order == ["asked", "asked", "behind", "behind"]
    assert (places.used, places.waiting) == (0, 0)


async def test_who_waits_too_long_is_told_that_all_are_taken_and_leaves_the_queue() -> None:
    hand = HandClock()
    places = slots(hand)
    await places.take(8)
    late = asyncio.create_task(places.take(8))
    await hand.asleep()
    hand.advance(8)
    with pytest.raises(UpstreamBusy):
        await late
    assert places.waiting == 0
    places.give_back()
    assert places.used == 0


async def test_a_full_queue_is_told_at_once() -> None:
    hand = HandClock()
    places = slots(hand, queue=2)
    await places.take(8)
    waiting = [asyncio.create_task(places.take(8, background=True)) for _ in range(2)]
    await hand.asleep(2)
    with pytest.raises(UpstreamBusy):
        await places.take(8)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert places.waiting == 0


async def test_a_place_given_to_a_call_in_the_turn_in_which_it_is_given_up_goes_to_the_next() -> None:
    places = slots(HandClock())
    await places.take(8)
    leaver, stayer = asyncio.create_task(places.take(8)), asyncio.create_task(places.take(8))
    await asyncio.sleep(0)
    places.give_back()
    leaver.cancel()
    await asyncio.wait({leaver})
    await stayer
    assert leaver.cancelled()
    places.give_back()
    assert places.used == 0
