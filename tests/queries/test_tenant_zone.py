"""The tenant's time zone: from whom it is known, and when it is asked for."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from app.interactions.masking import MASKED
from tests.queries.support import desk, identity, interactions, query


async def test_the_tenant_s_zone_is_asked_for_once_and_by_all_together() -> None:
    at = desk()
    at.upstream.open_gate.clear()
    callers = [asyncio.create_task(at.queries.zone.get()) for _ in range(5)]
    await at.upstream.called.wait()
    at.upstream.open_gate.set()
    assert {zone.key for zone in await asyncio.gather(*callers)} == {"US/Eastern"}
    assert (await at.queries.zone.get()).key == "US/Eastern"
    assert at.upstream.tenancies == 1


async def test_a_zone_that_an_answer_has_named_is_not_asked_for() -> None:
    at = desk(interactions(1))
    await at.page(query())
    assert (await at.queries.zone.get()).key == "US/Eastern"
    assert at.upstream.tenancies == 0


async def test_one_interaction_is_shown_in_the_tenant_s_zone() -> None:
    at = desk(interactions(1))
    one, found = await at.interaction(identity(0), MASKED)
    assert str(one.context.zone) == at.queries.rules.zone(found.snapshot.time_zone).key == "US/Eastern"


@pytest.mark.parametrize("zone", [None, "Mars/Olympus"])
async def test_a_zone_nobody_knows_is_utc(zone: str | None) -> None:
    at = desk(interactions(1))
    at.upstream.zone = zone
    page = await at.page(query())
    assert at.queries.rules.zone(page.found.snapshot.time_zone).key == (await at.queries.zone.get()).key == "UTC"


async def test_the_configured_zone_is_above_all_and_nobody_is_asked() -> None:
    at = desk(interactions(1), time_zone=ZoneInfo("Europe/Berlin"))
    page = await at.page(query())
    assert (
        at.queries.rules.zone(page.found.snapshot.time_zone).key == (await at.queries.zone.get()).key == "Europe/Berlin"
    )
    assert at.upstream.tenancies == 0
