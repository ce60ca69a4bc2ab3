"""Workers: the part of one process among several that serve one socket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that serves alone, or with others.

    `number` is no other living worker's; its share of what all have together is the one at `place`, from 1 on.
    `secret` is the same in all workers of one start, and unknown to everybody else.
    """

    number: int = 1
    place: int = 1
    workers: int = 1
    secret: bytes = b""

    @property
    def is_alone(self) -> bool:
        """Whether no other process serves with it."""
        return self.workers == 1


ALONE = Worker()
