"""Long work in turns, and what goes to a thread."""

import asyncio
import threading

import pytest

from app.reports.turns import INLINE_ROWS, Turns, in_turns, unlocked


@pytest.mark.threat("T47")
async def test_between_two_turns_others_have_theirs() -> None:
    seen: list[str] = []

    def work() -> Turns[str]:
        for turn in ("first", "second"):
            seen.append(turn)
            yield
        return "done"

    async def others() -> None:
        seen.append("others")

    async with asyncio.TaskGroup() as group:
        working = group.create_task(in_turns(work()))
        group.create_task(others())
    assert working.result() == "done"
    assert seen == ["first", "others", "second"]


async def test_what_work_raises_is_raised() -> None:
    def work() -> Turns[None]:
        yield
        raise LookupError

    with pytest.raises(LookupError):
        await in_turns(work())


@pytest.mark.parametrize(("rows", "is_inline"), [(INLINE_ROWS, True), (INLINE_ROWS + 1, False)])
async def test_work_that_lets_go_of_the_lock_is_done_in_a_thread_where_rows_are_many(
    rows: int, is_inline: bool
) -> None:
    assert (await unlocked(threading.current_thread, rows=rows) is threading.current_thread()) is is_inline
