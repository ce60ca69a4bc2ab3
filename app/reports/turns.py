"""Long work is done in turns, and between two of them everybody else's requests are answered (FAULTS T47).

A thread would not do: it holds the interpreter's lock for longer than a turn takes. Work that lets go of the lock, as
compressing does, goes to one.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import TypeVar

TURN_ROWS = 40  # about 2 ms of flattening
INLINE_ROWS = 200  # about 1 ms of compressing

T = TypeVar("T")
Turns = Generator[None, None, T]


async def in_turns(work: Turns[T]) -> T:
    """What `work` returns; wherever it yields, others have their turn."""
    while True:
        try:
            next(work)
        except StopIteration as ended:
            result: T = ended.value
            return result
        await asyncio.sleep(0)


async def unlocked(work: Callable[[], T], *, rows: int) -> T:
    """What `work`, which lets go of the lock, gives for so many rows; a thread does it where they are many."""
    return work() if rows <= INLINE_ROWS else await asyncio.to_thread(work)
