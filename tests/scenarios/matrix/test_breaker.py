"""The column Brk of FAULTS 2.1: which faults open the breaker, and which show that upstream is alive."""

import pytest

from tests.scenarios.matrix.expected import Problem, lawful
from tests.scenarios.matrix.rows import ROWS, Row
from tests.scenarios.matrix.scene import staged
from tests.scenarios.matrix.setting import VALUE

OPENED_BY = ("1", "2", "4", "7", "8", "9", "10", "11", "13", "21", "22", "29", "30", "33")
LEFT_CLOSED_BY = ("12", "14", "15", "18", "20", "27", "32", "37")
FAILURES = 5
QUESTIONS = 12

FIRST = {row.number: row for row in reversed(ROWS) if isinstance(row.answer, Problem)}


async def _codes(row: Row) -> tuple[list[str], int]:
    """What so many questions after one another are told, and how many attempts they cost."""
    async with staged(row.fault, row.setting) as scene:
        await scene.break_upstream()
        codes = []
        for number in range(QUESTIONS):
            answer = await scene.ask(f"{VALUE}-{number}")
            lawful(answer, scene)
            codes.append(answer.json()["code"])
        return codes, scene.calls


@pytest.mark.parametrize("number", OPENED_BY)
async def test_five_failures_in_a_row_open_the_breaker(number: str) -> None:
    codes, calls = await _codes(FIRST[number])
    assert calls == FAILURES
    assert codes[-1] == "upstream-circuit-open"
    assert set(codes) == {FIRST[number].answer.slug, "upstream-circuit-open"}  # type: ignore[union-attr]  # see FIRST


@pytest.mark.parametrize("number", LEFT_CLOSED_BY)
async def test_an_upstream_that_is_alive_leaves_the_breaker_closed(number: str) -> None:
    codes, calls = await _codes(FIRST[number])
    assert set(codes) == {FIRST[number].answer.slug}  # type: ignore[union-attr]  # see FIRST
    assert calls == QUESTIONS


async def test_while_the_breaker_is_open_nothing_is_asked_and_the_client_is_told_when_it_will_be() -> None:
    row = FIRST["29"]
    async with staged(row.fault, row.setting) as scene:
        await scene.break_upstream()
        for number in range(QUESTIONS):
            await scene.ask(f"{VALUE}-{number}")
        scene.clock.advance(2)
        answer = await scene.ask("another")
        lawful(answer, scene)
        assert answer.headers["retry-after"] == "3"
        assert scene.calls == FAILURES
        scene.clock.advance(3.1)
        probed = await scene.ask("a probe")
        assert (probed.json()["code"], scene.calls) == (row.answer.slug, FAILURES + 1)  # type: ignore[union-attr]  # see FIRST
        scene.clock.advance(5)
        assert (await scene.ask("yet another")).json()["code"] == "upstream-circuit-open", "open for twice as long"
        assert scene.calls == FAILURES + 1
