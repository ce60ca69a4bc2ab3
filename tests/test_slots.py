"""Places for calls, and whose turn it is."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UpstreamBusy
from app.owners import Owners
from app.slots import GiveBack, Slots
from tests.support.clock import HandClock

HOG, KEYED, OTHER, BEHIND = "192.0.2.1", "key 1", "192.0.2.2", None


class Desk:
    """Slots, and calls that are named after their owner; `order` is in whose name places were given."""

    def __init__(self, size: int = 1, queue: int = 1_000, each: int | None = None) -> None:
        self.hand = HandClock()
        self.slots = Slots(size, queue, self.hand.clock.sleep, each=each)
        self.order: list[str | None] = []
        self.held: list[GiveBack] = []
        self.calls: list[asyncio.Task[None]] = []
        self.owners: list[Owners] = []

    async def call(self, *owners: str | None) -> Owners:
        """A call that waits, or has its place."""
        named = Owners(*(owner for owner in owners if owner is not None))
        self.owners.append(named)

        async def taking() -> None:
            self.held.append(await self.slots.take(8, named))
            self.order.append(owners[0])

        self.calls.append(asyncio.create_task(taking()))
        await asyncio.sleep(0)
        return named

    async def line(self, *owners: str | None) -> None:
        for owner in owners:
            await self.call(owner)

    async def ends(self, calls: int = 1) -> None:
        """The oldest calls end, one after the other."""
        for _ in range(calls):
            self.held.pop(0)()
            for _ in range(3):  # the place is given, waited for, taken
                await asyncio.sleep(0)

    async def leave(self) -> None:
        """All that still waits gives up, and leaves nothing behind."""
        waiting = [call for call in self.calls if not call.done()]
        for call in waiting:
            call.cancel()
        await asyncio.wait(self.calls)
        assert all(call.cancelled() for call in waiting)
        assert (self.slots.waiting, self.slots._lines, self.slots._started) == (0, {}, {})
        assert all(not owners.watchers for owners in self.owners)
        assert self.hand.sleepers == 0


async def test_background_goes_last_whoever_came_first() -> None:
    at = Desk()
    await at.line(OTHER, BEHIND, BEHIND, OTHER, OTHER)
    assert (at.slots.used, at.slots.waiting) == (1, 4)
    await at.ends(5)
    assert at.order == [OTHER, OTHER, OTHER, BEHIND, BEHIND]
    assert (at.slots.used, at.slots.waiting) == (0, 0)


async def test_the_next_free_places_are_those_of_owners_who_have_none_however_long_the_line_of_another() -> None:
    at = Desk(size=8)
    await at.line(*[HOG] * 190, KEYED, OTHER)
    assert at.order == [HOG] * 8
    await at.ends(3)
    assert at.order[8:] == [KEYED, OTHER, HOG]
    await at.leave()


@pytest.mark.parametrize(
    ("size", "came", "served"),
    [
        (1, "aaaabb", "aababa"),
        (1, "aaabbc", "aabcab"),
        (2, "aaaaabbb", "aabababa"),
        (4, "aaaaaaaabb", "aaaabbaaaa"),
    ],
)
async def test_owners_take_turns(size: int, came: str, served: str) -> None:
    at = Desk(size)
    await at.line(*came)
    await at.ends(len(came))
    assert "".join(map(str, at.order)) == served


@given(st.lists(st.sampled_from("abc."), max_size=40), st.integers(1, 4))
@settings(max_examples=200)
async def test_a_free_place_goes_to_the_owner_with_the_fewest_among_equals_to_who_waits_longest_for_a_turn(
    events: list[str], size: int
) -> None:
    """`.` is the end of the oldest call; the model sorts one queue anew for each place, which is plain and slow."""
    at, queue, held, order = Desk(size), list[str](), list[str](), list[str]()

    def served(owner: str) -> None:
        held.append(owner)
        order.append(owner)
        queue.sort(key=lambda one: one == owner)

    for event in events:
        if event != ".":
            await at.call(event)
            queue.append(event)
        elif held:
            await at.ends()
            held.pop(0)
        while queue and len(held) < size:
            served(queue.pop(queue.index(min(queue, key=held.count))))
    assert at.order == order
    assert (at.slots.used, at.slots.waiting) == (len(held), len(queue))
    if at.calls:
        await at.leave()


EVENTS = st.tuples(
    st.sampled_from(["comes", "comes", "comes", "ends", "joins", "leaves"]), st.sampled_from("abc."), st.integers(0, 40)
)


@given(st.lists(EVENTS, max_size=40), st.integers(1, 4), st.sampled_from([1, 2, None]))
@settings(max_examples=400)
async def test_whoever_comes_joins_or_leaves_no_place_is_free_for_a_call_that_waits(
    events: list[tuple[str, str, int]], size: int, each: int | None
) -> None:
    """The owner `.` is none: a background call."""
    at = Desk(size, each=each)
    for what, owner, place in events:
        named = None if owner == "." else owner
        if what == "comes":
            await at.call(named)
        elif what == "joins" and at.owners and named:
            at.owners[place % len(at.owners)].join(Owners(named))
        elif what == "leaves" and at.calls:
            at.calls[place % len(at.calls)].cancel()
        elif what == "ends" and at.held:
            at.held.pop(place % len(at.held))()
        for _ in range(3):
            await asyncio.sleep(0)
        assert at.slots.used == len(at.held) <= size
        assert not any(map(at.slots._may_go, at.slots._lines))
    if at.calls:
        await at.leave()
    for give_back in at.held:
        give_back()
    assert (at.slots.used, at.slots._held) == (0, {})


async def test_one_who_asks_again_and_again_does_not_push_back_one_who_waits() -> None:
    at = Desk()
    await at.line(HOG, KEYED)
    for number in range(3):
        await at.call(f"192.0.2.{10 + number}")
        await at.ends()
    assert at.order == [HOG, KEYED, "192.0.2.10", "192.0.2.11"]
    await at.leave()


async def test_an_owner_who_joins_a_call_that_waits_lends_it_its_turn() -> None:
    at = Desk(size=2)
    await at.line(HOG, HOG, HOG, BEHIND)
    joined = await at.call(HOG)
    joined.join(Owners(KEYED))
    await at.ends()
    assert at.slots._held == {HOG: 1, KEYED: 1}
    await at.leave()


async def test_a_background_call_that_somebody_joins_is_in_the_background_no_longer() -> None:
    at = Desk()
    await at.line(HOG)
    joined = await at.call(BEHIND)
    await at.line(HOG)
    joined.join(Owners(KEYED))
    await at.ends()
    assert at.slots._held == {KEYED: 1}
    await at.leave()


async def test_one_owner_has_no_more_than_its_bound_while_others_go_on() -> None:
    at = Desk(size=100, each=2)
    await at.line(HOG, HOG, HOG, KEYED, KEYED, BEHIND, BEHIND, BEHIND)
    assert at.order == [HOG, HOG, KEYED, KEYED, BEHIND, BEHIND, BEHIND]
    shared = await at.call(HOG)
    shared.join(Owners(OTHER))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (at.slots.used, at.slots.waiting) == (8, 1), "an owner with a free turn has joined"
    await at.ends()
    assert at.slots.waiting == 0


async def test_a_background_call_does_not_wait_for_an_owner_at_the_bound() -> None:
    at = Desk(size=3, each=1)
    await at.line(KEYED, HOG, HOG, BEHIND, BEHIND)
    assert at.order == [KEYED, HOG, BEHIND]
    await at.ends()
    assert at.order[3:] == [BEHIND]
    await at.leave()


async def test_who_waits_too_long_is_told_that_all_are_taken_and_leaves_the_queue() -> None:
    at = Desk()
    await at.line(HOG, HOG)
    await at.hand.asleep()
    at.hand.advance(8)
    with pytest.raises(UpstreamBusy):
        await at.calls[1]
    assert at.slots.waiting == 0
    await at.ends()
    assert at.slots.used == 0


@pytest.mark.parametrize(
    ("waiting", "newcomer", "turned_away"),
    [
        ((HOG, HOG, OTHER), KEYED, 2),
        ((HOG, BEHIND, HOG), KEYED, 2),
        ((HOG, HOG, OTHER), HOG, 4),
        ((HOG, OTHER, KEYED), KEYED, 4),
        ((HOG, OTHER, KEYED), "192.0.2.3", 4),
        ((BEHIND, HOG, HOG), BEHIND, 4),
    ],
)
async def test_where_too_many_wait_the_newest_of_the_owner_with_the_most_is_turned_away(
    waiting: Sequence[str | None], newcomer: str | None, turned_away: int
) -> None:
    at = Desk(queue=3)
    await at.line(HOG, *waiting, newcomer)
    with pytest.raises(UpstreamBusy):
        await at.calls[turned_away]
    assert [call.done() for call in at.calls].count(True) == 2
    assert at.slots.waiting == 3
    await at.leave()


async def test_a_place_given_to_a_call_in_the_turn_in_which_it_is_given_up_goes_to_the_next() -> None:
    at = Desk()
    await at.line(HOG, HOG, OTHER)
    leaver = at.calls[1]
    at.held.pop()()
    leaver.cancel()
    await asyncio.wait({leaver})
    await at.calls[2]
    assert leaver.cancelled()
    await at.ends()
    assert at.slots.used == 0
