"""Work that would hold up everybody else's requests is done in a thread (FAULTS T47)."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INLINE_ROWS = 200  # about 1 ms of flattening


async def computed(work: Callable[[], T], *, rows: int) -> T:
    """What `work` gives for so many rows: at once where they are few, else from a thread, while the loop goes on."""
    return work() if rows <= INLINE_ROWS else await asyncio.to_thread(work)
