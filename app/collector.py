"""When Python's cyclic garbage collector looks through everything there is: not while much is being made (FAULTS T47).

A look through the objects of ten thousand rows held the loop for 20 to 120 ms, and found nothing: records hold no
cycles, and are freed without it. The collector itself is one for the whole process, and so is the count here.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

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


def _counted(change: int) -> None:
    _Work.count += change
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER if _Work.count else _FULL)
