"""What stale never covers, or not for long: 403, 404 of an item, 401 beyond five minutes (FAULTS 1.3)."""

import pytest

from tests.scenarios.matrix.expected import rows_of, stale
from tests.scenarios.matrix.rows import AUTH, FORBIDDEN, NOT_FOUND, RIGHT, ROWS, Row
from tests.scenarios.matrix.scene import Scene, staged
from tests.scenarios.matrix.setting import ASKED, FRESH, OTHER_VALUE

ITEM, _ = ASKED["item"]

FIVE_MINUTES = 300
OF = {number: [row for row in ROWS if row.number == number] for number in ("24", "25", "26")}


async def test_a_403_purges_what_is_stored_of_the_tenant_and_not_of_that_question_alone() -> None:
    (row,) = OF["25"]
    async with staged(row.fault, row.setting) as scene:
        await scene.fill()
        RIGHT.check(await scene.ask(OTHER_VALUE), scene)
        scene.clock.advance(FRESH + 5)
        await scene.break_upstream()
        assert "detail=stale-" in (await scene.ask(plays=False)).headers["cache-status"]
        await scene.completed()
        FORBIDDEN.check(await scene.ask(OTHER_VALUE), scene, last_success=...)
        assert len(scene.facade.services.queries.snapshots._store) == 0


@pytest.mark.parametrize("row", OF["26"][2:], ids=lambda row: row.name)
async def test_an_item_that_is_gone_is_deleted_with_all_that_shows_it(row: Row) -> None:
    async with staged(row.fault, row.setting) as scene:
        await scene.fill()
        await scene.facade.get(f"{ITEM}/timeline")
        scene.clock.advance(FRESH + 5)
        await scene.break_upstream()
        await scene.ask(plays=False)
        await scene.completed()
        for path in (ITEM, f"{ITEM}/timeline"):
            NOT_FOUND.check(await scene.facade.get(path, status=404), scene)
        assert scene.calls == 1


@pytest.mark.parametrize("row", OF["24"], ids=lambda row: row.name)
async def test_refused_credentials_are_covered_for_five_minutes_from_the_first_refusal(row: Row) -> None:
    async with staged(row.fault, row.setting) as scene:
        name = await _refused(scene)
        scene.clock.advance(FIVE_MINUTES - 1)
        answer = await scene.ask(plays=False)
        assert (answer.status_code, rows_of(answer)[0]["flow_name"]) == (200, name)
        await scene.completed()
        scene.clock.advance(2)
        for _ in range(2):
            AUTH.check(await scene.ask(plays=False), scene, last_success=...)
        await scene.completed()
        assert scene.logins <= 3 * row.logins, "one, and one each time the gate opens: after 1 minute, then after 2"
        await scene.mend()
        scene.clock.advance(FIVE_MINUTES)
        RIGHT.check_rows(await scene.ask(), scene)


async def _refused(scene: Scene) -> str:
    """Upstream has refused us once, behind a stale answer; the name of what is stored."""
    await scene.fill()
    name = f"answer {len(scene.upstream.requests)}"
    scene.clock.advance(FRESH + 5)
    await scene.break_upstream()
    stale(await scene.ask(plays=False), scene, name, "while-revalidate")
    await scene.completed()
    return name


async def test_what_is_fresh_outlives_refused_credentials_to_the_end_of_its_freshness() -> None:
    row = OF["24"][-1]
    async with staged(row.fault, row.setting) as scene:
        await scene.fill()
        RIGHT.check(await scene.ask(OTHER_VALUE), scene)
        await scene.break_upstream()
        AUTH.check(await scene.ask("a third"), scene)
        scene.clock.advance(FRESH - 1)
        assert (await scene.ask()).headers["cache-status"] == "cxfacade; hit; ttl=1"
        assert scene.calls == row.attempts
