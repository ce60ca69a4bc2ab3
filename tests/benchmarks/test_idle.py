"""The loop that tells when nobody can go on."""

import asyncio

import pytest

from tests.benchmarks.idle import IdleLoop, run_idle

STEPS = 500


def test_it_is_idle_when_all_that_can_go_on_has_gone_on() -> None:
    async def work(loop: IdleLoop) -> tuple[int, int]:
        done, never = 0, asyncio.Event()

        async def steps() -> None:
            nonlocal done
            for _ in range(STEPS):
                await asyncio.sleep(0)
                done += 1
            await never.wait()

        task = asyncio.create_task(steps())
        await loop.idle()
        first = done
        never.set()
        await loop.idle()
        assert task.done()
        return first, done

    assert run_idle(work) == (STEPS, STEPS)


def test_work_for_threads_is_done_at_once() -> None:
    async def work(_: IdleLoop) -> int:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: 42)

    assert run_idle(work) == 42
