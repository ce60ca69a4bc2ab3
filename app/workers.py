"""Workers: the part of one process among several that serve one socket, and the memory by which they tell each other.

The block holds no secret: times on the monotonic clock, which all processes of a machine share, and counts.
"""

import hmac
import mmap
import os
from array import array
from dataclasses import dataclass, field
from tempfile import TemporaryFile

CELL_BYTES = 8
BLOCK_BYTES = 4096
THROTTLE_GATE, CREDENTIALS_GATE, PURGES, DEGRADED = 0, 4, 8, 9  # columns: a gate takes four
COLUMNS = 10
DEGRADED_SECONDS = 2.0  # so long it is taken for true that a worker was degraded
NANOSECONDS = 1_000_000_000


class Block:
    """Cells of 64 bits, a row for each process: it writes its own alone, so that nothing is lost, and reads the others.

    A reader may see a row between two writes of it. Without `memory` there are no others, and nothing is kept.
    """

    def __init__(self, memory: mmap.mmap | None = None, row: int = 0) -> None:
        self._cells = memoryview(array("q")) if memory is None else memoryview(memory).cast("q")
        self._own = row * COLUMNS
        self._row = row

    def tell(self, column: int, *values: int) -> None:
        """Write these into the own row, from a column on."""
        if self._cells:
            for place, value in enumerate(values, self._own + column):
                self._cells[place] = value

    def own(self, column: int) -> int:
        """The cell of the own row, as whoever had it before has left it; 0 without memory."""
        return self._cells[self._own + column] if self._cells else 0

    def others(self, column: int, count: int = 1) -> list[tuple[int, ...]]:
        """So many cells of each other row, from a column on."""
        most = len(self._cells) // COLUMNS * COLUMNS
        columns = (self._cells[first:most:COLUMNS].tolist() for first in range(column, column + count))
        rows = [*zip(*columns, strict=True)]
        return rows[: self._row] + rows[self._row + 1 :]


NO_BLOCK = Block()


def new_memory() -> int:
    """The descriptor of new memory for a block: it has no name, and is gone with its last process."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("cxfacade")
    else:
        with TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, BLOCK_BYTES)
    return descriptor


def block_of(descriptor: int, row: int) -> Block:
    """The block in this memory, as the process with that row sees it; the descriptor is closed."""
    memory = mmap.mmap(descriptor, BLOCK_BYTES)
    os.close(descriptor)
    return Block(memory, row)


@dataclass(frozen=True, slots=True)
class SharedGate:
    """A gate as other workers have closed it, and as this one tells them.

    `of` names the thing it is about, as credentials: those of another one are no matter. Times are monotonic seconds.
    """

    block: Block = NO_BLOCK
    column: int = THROTTLE_GATE
    of: int = 0

    def tell(self, until: float, pause: float, at: float) -> None:
        """From `at` on it is closed until then; its next pause takes so many seconds."""
        self.block.tell(self.column, self.of, *(round(max(0.0, one) * NANOSECONDS) for one in (until, pause, at)))

    def until(self) -> float:
        """Until when another worker keeps it closed."""
        return max((until for until, _, _ in self._told()), default=0) / NANOSECONDS

    def pause(self, known: float, since: float) -> float:
        """The next pause: the one `known` here since then, unless another worker has told a newer one."""
        newer = [(at, pause) for _, pause, at in self._told() if at > since * NANOSECONDS]
        return max(newer)[1] / NANOSECONDS if newer else known

    def _told(self) -> list[tuple[int, int, int]]:
        told = self.block.others(self.column, 4)
        return [(until, pause, at) for of, until, pause, at in told if of == self.of]


class PurgeOrders:
    """The purges that workers tell each other, and those heard of from other hosts."""

    def __init__(self, block: Block = NO_BLOCK) -> None:
        self._block = block
        self._known = block.others(PURGES)
        self._is_heard = False

    def tell(self) -> None:
        """Something was purged here."""
        self._block.tell(PURGES, self._block.own(PURGES) + 1)

    def hear(self) -> None:
        """Something was purged on another host, or by a process of another start."""
        self._is_heard = True

    def has_news(self) -> bool:
        """Whether something was purged elsewhere since the last look."""
        before, self._known = self._known, self._block.others(PURGES)
        is_heard, self._is_heard = self._is_heard, False
        return is_heard or before != self._known


class Degraded:
    """Whether workers are degraded, as they tell each other now and then."""

    def __init__(self, block: Block = NO_BLOCK) -> None:
        self._block = block

    def tell(self, now: float) -> None:
        """This worker is degraded now (monotonic seconds)."""
        self._block.tell(DEGRADED, round(now * NANOSECONDS))

    def is_elsewhere(self, now: float) -> bool:
        """Whether another worker has told so lately."""
        since = (now - DEGRADED_SECONDS) * NANOSECONDS
        return any(at and at >= since for (at,) in self._block.others(DEGRADED))


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that serves alone, or with others.

    `number` is no other living worker's; its share of what all have together is the one at `place`, from 1 on.
    `secret` is the same in all workers of one start, and unknown to everybody else.
    """

    number: int = 1
    place: int = 1
    workers: int = 1
    secret: bytes = field(default=b"", repr=False)
    block: Block = field(default=NO_BLOCK, repr=False)

    @property
    def is_alone(self) -> bool:
        """Whether no other process serves with it."""
        return self.workers == 1

    def share(self, total: int) -> int:
        """Its share of a total, at least 1; the first ones have one more where it does not come out even."""
        return max(1, total // self.workers + (self.place <= total % self.workers))

    def gate(self, column: int, of: bytes = b"") -> SharedGate:
        """The gate in this column; `of`, which may be secret, names what it is about."""
        code = hmac.digest(self.secret or b"-", of, "sha256")[:CELL_BYTES]
        return SharedGate(self.block, column, int.from_bytes(code, signed=True) or 1)


ALONE = Worker()
