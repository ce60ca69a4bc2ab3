"""When Python's cyclic garbage collector looks through everything there is: not while much is being made (FAULTS T47).

A look through the objects of ten thousand rows held the loop for 20 to 120 ms, and found nothing: records hold no
cycles, and are freed without it. The collector itself is one for the whole process, and so is the count here.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OFTEN_ROWS = 500
MANY_ROWS = 1_000  # fewer are looked through within a turn
NEVER = 2**31 - 1

_FULL = gc.get_threshold()[2]


class _Work:
    """How much work on many rows is under way in this process."""

    count = 0


@contextmanager
def held_back(rows: int) -> Iterator[None]:
    """Put off full collections until the end of the block, where it works on many rows; young objects are looked at."""
    if rows <= MANY_ROWS:
        yield
        return
    _counted(1)
    try:
        yield
    finally:
        _counted(-1)


def look_at_the_young(rows: int) -> None:
    """Where so many rows are made, have each OFTEN_ROWS of them looked at by themselves.

    Python counts what was made less what was freed: where old records are freed as fast as rows are made of them, it
    looks at none before they are ten thousand, and then for 60 ms.
    """
    if rows and rows % OFTEN_ROWS == 0:
        gc.collect(0)


def _counted(change: int) -> None:
    _Work.count += change
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER if _Work.count else _FULL)
