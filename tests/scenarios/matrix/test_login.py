"""The faults of the matrix on the way to a token: the same answers, one attempt (FAULTS 2.1, "Not listed")."""

from dataclasses import replace

import httpx
import pytest

from tests.scenarios.matrix import answers, connections, rows
from tests.scenarios.matrix.expected import Problem
from tests.scenarios.matrix.rows import RIGHT, ROWS, STILL_FETCHING, TOKEN, Row
from tests.scenarios.matrix.scene import Scene, staged

ALIKE = ("5", "6", "7", "8", "9", "10", "11", "13", "18", "19", "20", "21", "22", "28", "29", "30", "32", "33", "38")
"""Rows that mean to a login what they mean to a question."""

SAME = [row for row in ROWS if row.number in ALIKE and isinstance(row.answer, Problem) and not row.logins]
OWN = (
    Row("12", "a list", answers.text(b'["upstream-words-6Hn1"]'), 1, rows.SHAPE, memo=30),
    Row("12", "no token", answers.text(b'{"ttl": 60}'), 1, rows.SHAPE, memo=30),
    Row("16", "UTF-16", answers.recoded(lambda body: body.decode().encode("utf-16")), 1, rows.BAD_ANSWER),
    *(Row("24", str(code), answers.status(code), 1, rows.AUTH, memo=60) for code in (400, 401, 403)),
    Row("27", "409", answers.status(409), 1, rows.REFUSED_QUERY, memo=10),
    Row("38", "fifty 103s, then 200", connections.broken("early-hints"), 1, RIGHT),
)


@pytest.mark.parametrize("row", [*SAME, *OWN], ids=lambda row: row.name)
async def test_a_fault_of_the_login_is_told_like_one_of_the_question(row: Row) -> None:
    async with staged(row.fault, replace(TOKEN, limits=row.setting.limits), only_logins=True) as scene:
        await scene.break_upstream()
        scene.desk.granted.clear()
        asked = scene.calls
        answer = await _told(scene, row)
        if not isinstance(row.answer, Problem):
            row.answer.check(answer, scene)
            return
        assert answer.json()["code"] == row.answer.slug
        assert answer.status_code == row.answer.status
        assert (scene.calls - asked, scene.logins) == (1, 1), "the call that was refused, and one login"
        again = await scene.ask(plays=False)
        assert again.json()["code"] == row.answer.slug
        assert (scene.calls - asked, scene.logins) == (1, 1)
        await scene.mend()
        scene.clock.advance(max(row.memo, 10) + 1)
        RIGHT.check(await scene.ask(), scene)


async def _told(scene: Scene, row: Row) -> httpx.Response:
    answer = await scene.ask()
    if row.still_fetching:
        STILL_FETCHING.check(answer, scene, last_success=...)
        await scene.completed()
        answer = await scene.ask(plays=False)
    return answer
