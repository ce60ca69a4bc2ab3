"""Making: whose turn it is, and that nothing is made for nobody."""

import asyncio

from app.errors import Overloaded
from app.owners import Owners
from app.queries.admission import OF_ONE_OWNER
from app.queries.page import Page
from tests.queries.support import Desk, desk, interactions, numbers, query


def asked_by(at: Desk, owner: str, limit: int) -> "asyncio.Task[Page]":
    plan = query(limit=limit)
    return asyncio.create_task(at.queries.page(plan, at.look(plan, owner=owner)))


async def settled() -> None:
    """Let everything go on as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_answers_of_one_owner_leave_places_for_those_of_others() -> None:
    at = desk(interactions(30))
    await at.page(query(limit=30))
    held = [await at.queries.making.admission.slots.take(10, Owners("crowd")) for _ in range(OF_ONE_OWNER)]
    crowd = [asked_by(at, "crowd", limit) for limit in range(1, 20)]
    await settled()
    other = asked_by(at, "another", 25)
    assert numbers(await other) == list(range(25))
    assert not any(one.done() for one in crowd)
    for give_back in held:
        give_back()
    assert [len(numbers(await one)) for one in crowd] == [*range(1, 20)]


async def test_an_answer_nobody_waits_for_any_more_is_not_made() -> None:
    at = desk(interactions(30))
    await at.page(query(limit=30))
    held = [await at.queries.making.admission.slots.take(10, Owners("crowd")) for _ in range(OF_ONE_OWNER)]
    asking = asked_by(at, "crowd", 10)
    await settled()
    (flight,) = at.flights._under_way.values()
    asking.cancel()
    await settled()
    for give_back in held:
        give_back()
    outcome = await flight
    assert isinstance(outcome, Overloaded)
    assert at.queries.making.admission.slots.used == 0
