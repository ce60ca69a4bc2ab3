"""Long work that does not hold up the event loop: turns of a few milliseconds, threads, a quiet collector (FAULTS T47).

A thread does not help Python code: it holds the interpreter's lock for longer than a turn takes. Compressing and
hashing let go of the lock, and go to one.
"""

import asyncio
import gc
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from os import cpu_count
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

TURN_SECONDS = 0.005
SHORT_SECONDS = 0.001  # work that is over so soon waits for nobody
INLINE_BYTES = 64 * 1024  # about 1 ms of compressing
MOST_AT_ONCE = 8
MOST_THREADS = max(2, (cpu_count() or 1) - 1)  # at once: more would only take the processor from the loop
SORTED_AT_ONCE = 1_000  # about 1 ms
FREED_AT_ONCE = 10  # 0.1 ms
OFTEN_ROWS = 500
MANY_ROWS = 1_000  # fewer are looked through within a turn
LASTING_ROWS = 20_000  # are about 4,000 objects
NEVER = 2**31 - 1

T = TypeVar("T")
Turns = Generator[None, None, T]

_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_FULL = gc.get_threshold()[2]
_come_to_stay: Counter[str] = Counter()  # rows, since objects were last set aside
_at_work: list[int] = []  # rows of each `held_back` block in this process: all loops share one collector


async def run(work: Turns[T]) -> T:
    """Run a generator that yields often, and give its result; whenever its turn is over, other tasks have theirs.

    All long work of one event loop waits in one queue: side by side, ten would hold the loop for ten turns.
    """
    ended = _worked(work, SHORT_SECONDS)
    queue = None if ended else _queues.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    while not ended and queue:
        async with queue:
            ended = _worked(work, TURN_SECONDS)
            if not ended:
                await asyncio.sleep(0)  # still first in the queue: the next in it has the next turn of the loop
    return ended[0]


def _worked(work: Turns[T], seconds: float) -> tuple[T, ...]:
    """The result of `work` alone in a tuple; an empty one where the seconds are used up before."""
    until = perf_counter() + seconds
    try:
        next(work)
        while perf_counter() < until:
            next(work)
    except StopIteration as ended:
        return (ended.value,)
    return ()


async def in_parallel(works: Sequence[Callable[[], Awaitable[T]]], most: int = MOST_AT_ONCE) -> list[T]:
    """The result of each in their order, `most` being at work at once.

    Raises as the first that failed; after a failure none is begun, and those at work are let finish.
    """
    results, waiting = dict[int, T](), deque(enumerate(works))

    async def work() -> None:
        while waiting:
            number, one = waiting.popleft()
            try:
                results[number] = await one()
                await asyncio.sleep(0)  # a thousand that need not wait would hold the loop
            except BaseException:
                waiting.clear()
                raise

    workers = [asyncio.create_task(work()) for _ in range(min(most, len(works)))]
    for outcome in await asyncio.gather(*workers, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
    return [results[number] for number in range(len(works))]


def ordered(given: list[T], key: Callable[[T], Any], *, descending: bool = False) -> Turns[list[T]]:
    """The objects sorted in turns: parts by themselves, then merged. As with `sorted`, ties keep their order."""
    parts = []
    for start in range(0, len(given), SORTED_AT_ONCE):
        parts.append(sorted(given[start : start + SORTED_AT_ONCE], key=key, reverse=descending))
        yield
    merged = []
    for one in merge(*parts, key=key, reverse=descending):
        merged.append(one)
        yield
    return merged


async def let_go(*many: list[Any]) -> None:
    """Empty the lists in turns: ten thousand records that nobody else holds take 90 ms to be freed."""
    await run(_freed(*many))


def _freed(*many: list[Any]) -> Turns[None]:
    for objects in many:
        while objects:
            del objects[-FREED_AT_ONCE:]
            yield


async def unlocked(work: Callable[[], T], *, size: int) -> T:
    """The result of `work` on so many bytes, from a thread where they are many; `work` lets go of the lock."""
    if size <= INLINE_BYTES:
        return work()
    threads = _threads.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_THREADS))
    async with threads:
        return await asyncio.to_thread(work)


@contextmanager
def held_back(rows: int) -> Iterator[None]:
    """Put off full garbage collections until the end of the block, where it works on many rows.

    One full collection over ten thousand rows held the loop for 20 to 120 ms, and found nothing: records hold no
    cycles. Young objects are looked at all the same.
    """
    if rows <= MANY_ROWS:
        yield
        return
    _at_work.append(rows)
    _limit_collector()
    try:
        yield
    finally:
        _at_work.pop()
        _limit_collector()


def look_at_the_young(rows: int) -> None:
    """Collect the youngest generation after each OFTEN_ROWS of the rows that are made.

    Python counts objects made less objects freed: where old records are freed as fast as rows are made of them, it
    collects none of them before they are ten thousand, and then for 60 ms.
    """
    if rows and rows % OFTEN_ROWS == 0:
        gc.collect(0)


def set_aside(rows: int) -> None:
    """Note that so many rows are held from now on; after each LASTING_ROWS the collector sets all objects aside.

    Else a full collection looks at all that is held: a million rows held the loop for 168 ms, and nothing was found, as
    what is held has no cycles. It is freed all the same as soon as nobody holds it; a cycle of just that moment stays.
    """
    _come_to_stay["rows"] += rows
    if _come_to_stay["rows"] >= LASTING_ROWS:
        _come_to_stay.clear()
        gc.collect(1)
        gc.freeze()


def _limit_collector() -> None:
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER if _at_work else _FULL)
