"""Long work is done in turns of a few milliseconds, and between two of them everybody else is answered (FAULTS T47).

A thread would not do: it holds the interpreter's lock for longer than a turn takes. Work that lets go of the lock, as
compressing and hashing do, goes to one.
"""

import asyncio
from collections.abc import Callable, Generator
from os import cpu_count
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

TURN_SECONDS = 0.005
SHORT_SECONDS = 0.001  # work that is over so soon waits for nobody
INLINE_BYTES = 64 * 1024  # about 1 ms of compressing
MOST_THREADS = max(2, (cpu_count() or 1) - 1)  # at once: more would only take the processor from the loop

T = TypeVar("T")
Turns = Generator[None, None, T]

_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run(work: Turns[T]) -> T:
    """What `work` returns; it yields often, and where its turn is over, others have theirs.

    All long work of one event loop stands in one line: side by side, ten would hold the loop for ten turns.
    """
    ended = _worked(work, SHORT_SECONDS)
    line = None if ended else _line()
    while not ended and line:
        async with line:
            ended = _worked(work, TURN_SECONDS)
            if not ended:
                await asyncio.sleep(0)  # still first in the line: whoever is next has the next turn of the loop
    return ended[0]


def _worked(work: Turns[T], seconds: float) -> tuple[T, ...]:
    """What `work` returns, by itself; nothing where the seconds are used up before."""
    until = perf_counter() + seconds
    try:
        next(work)
        while perf_counter() < until:
            next(work)
    except StopIteration as ended:
        return (ended.value,)
    return ()


def _line() -> asyncio.Lock:
    """Where the long work of the running loop waits for its turn."""
    return _lines.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def let_go(*many: list[Any]) -> None:
    """Empty the lists in turns: ten thousand records that nobody else holds take 90 ms to be freed."""
    await run(_freed(*many))


def _freed(*many: list[Any]) -> Turns[None]:
    for objects in many:
        while objects:
            objects.pop()
            yield


async def unlocked(work: Callable[[], T], *, size: int) -> T:
    """What `work`, which lets go of the lock, makes of so many bytes; a thread does it where they are many."""
    if size <= INLINE_BYTES:
        return work()
    threads = _threads.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_THREADS))
    async with threads:
        return await asyncio.to_thread(work)
