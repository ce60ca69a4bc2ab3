"""The six cells of a row, each as FAULTS 1.1 to 1.5 say: what is answered, and how often upstream was asked for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from types import EllipsisType

import httpx

from tests.scenarios.matrix.expected import Problem, Rows, fresh, lawful, stale
from tests.scenarios.matrix.grid import STATES
from tests.scenarios.matrix.rows import RIGHT, STILL_FETCHING, Row
from tests.scenarios.matrix.scene import Scene
from tests.scenarios.matrix.setting import FRESH, REVALIDATE
from tests.support.counted import value_of

NEARLY = 0.2  # seconds before and after the end of a memo or a gate


async def empty(scene: Scene, row: Row) -> None:
    """Nothing is stored: the row's own answer, and no more calls than it may cost."""
    await scene.break_upstream()
    await _failing(scene, row, None)


async def fresh_(scene: Scene, row: Row) -> None:
    """What is fresh is served, and nobody connects to upstream."""
    name = await _filled(scene)
    await scene.break_upstream()
    touched = (scene.upstream.connections, len(scene.upstream.requests), scene.upstream.handshakes)
    scene.clock.advance(10)
    fresh(await scene.ask(plays=False), scene, name)
    assert (scene.upstream.connections, len(scene.upstream.requests), scene.upstream.handshakes) == touched
    assert (scene.calls, scene.logins) == (0, 0)


async def stale_(scene: Scene, row: Row) -> None:
    """The request that sets off the refresh is answered at once; the next one as the row says."""
    name = await _filled(scene)
    scene.clock.advance(FRESH + 5)
    await scene.break_upstream()
    stale(await scene.ask(plays=False), scene, name, "while-revalidate")
    await scene.completed()
    counted = (row.attempts_behind + row.compared, row.logins)
    assert (scene.calls, scene.logins) == counted
    _alarmed(scene, row)
    second = await scene.ask(plays=False)
    if row.later == "covered":
        stale(second, scene, name, "if-error" if row.memo else "while-revalidate")
        await scene.completed()
    elif isinstance(row.answer, Rows):
        row.answer.check_refreshed(second, scene)
    else:
        row.answer.check(second, scene, last_success=...)
    assert (scene.calls, scene.logins) == counted


async def waiting(scene: Scene, row: Row) -> None:
    """The client waits for the refresh; where that fails or takes too long, and stale may cover it, that is told."""
    name = await _filled(scene)
    scene.clock.advance(FRESH + REVALIDATE + 5)
    await scene.break_upstream()

    def check(answer: httpx.Response) -> None:
        if isinstance(row.answer, Rows):
            row.answer.check_fetched(answer, scene, fwd="stale")
        elif row.later == "covered":
            stale(answer, scene, name, "if-error")
        else:
            row.answer.check(answer, scene, last_success=scene.answered_wall)

    check(await scene.ask())
    await scene.completed()
    counted = (row.attempts + row.compared, row.logins)
    assert (scene.calls, scene.logins) == counted
    _alarmed(scene, row)
    if isinstance(row.answer, Problem) and row.memo:
        check(await scene.ask(plays=False))
        assert (scene.calls, scene.logins) == counted


async def old(scene: Scene, row: Row) -> None:
    """As with nothing stored; the problem says when upstream last answered."""
    await _filled(scene)
    scene.outlive(0)
    await _swept(scene)
    await scene.break_upstream()
    await _failing(scene, row, scene.answered_wall, compared=row.compared)


async def recovered(scene: Scene, row: Row) -> None:
    """Once the fault is over, the next answer that memo and gate allow is fresh and right."""
    await scene.break_upstream()
    await _told(scene, row)
    await scene.mend()
    counted = (scene.calls, scene.logins)
    if isinstance(row.answer, Rows):
        scene.outlive(0)
    elif row.memo:
        scene.clock.advance(row.memo - NEARLY)
        remembered = await scene.ask()
        lawful(remembered, scene)
        assert remembered.json()["code"] == row.answer.slug
        assert (scene.calls, scene.logins) == counted
        scene.clock.advance(2 * NEARLY)
    RIGHT.check(await scene.ask(), scene)


async def _filled(scene: Scene) -> str:
    await scene.fill()
    return f"answer {len(scene.upstream.requests)}"


async def _failing(scene: Scene, row: Row, last_success: datetime | None, compared: int = 0) -> None:
    answer = await _told(scene, row, last_success)
    row.answer.check(answer, scene, last_success=last_success)
    counted = (row.attempts + compared, row.logins)
    assert (scene.calls, scene.logins) == counted
    _alarmed(scene, row)
    if isinstance(row.answer, Problem) and row.memo:
        row.answer.check(await scene.ask(plays=False), scene, last_success=last_success)
        assert (scene.calls, scene.logins) == counted


async def _told(scene: Scene, row: Row, last_success: datetime | EllipsisType | None = ...) -> httpx.Response:
    """The row's own answer; of one that takes longer than a client may wait, once the fetch is over."""
    answer = await scene.ask()
    if row.still_fetching:
        STILL_FETCHING.check(answer, scene, last_success=last_success)
        await scene.completed()
        answer = await scene.ask(plays=False)
    return answer


def _alarmed(scene: Scene, row: Row) -> None:
    """An operator is told of what only an operator can mend, and not of what passes."""
    if row.alarms is not None and isinstance(row.answer, Problem):
        assert (value_of(scene.facade.services.metrics, "upstream_alarms", reason=row.answer.slug) > 0) is row.alarms


async def _swept(scene: Scene) -> None:
    """Let the sweeper have its turns."""
    for _ in range(10):
        await asyncio.sleep(0)


Cell = Callable[[Scene, Row], Awaitable[None]]

CELLS: dict[str, Cell] = dict(zip(STATES, (empty, fresh_, stale_, waiting, old, recovered), strict=True))
