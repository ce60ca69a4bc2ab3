"""Workers of one start within one process: each with its part, and the memory they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from app.workers import Worker, block_of, new_memory


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """So many workers."""
    memory = new_memory()
    try:
        yield [Worker(n, n, count, b"invented", block_of(os.dup(memory), n)) for n in range(1, count + 1)]
    finally:
        os.close(memory)
