"""Quotas that processes use up together: the bucket of a key lies in the tier, and each is told of it what others took.

Nobody waits for it: a process admits requests from a bucket of its own, of the same size, and tells in the background.
"""

import asyncio
from contextlib import suppress
from math import inf
from struct import Struct
from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.tier.circuits import GuardedClient, TierUnavailable
from app.tier.frame import INCARNATION_BYTES, Epoch, Frames
from app.tier.keys import Keys

if TYPE_CHECKING:  # else redis would be imported where there is no tier
    from app.tier.client import Client

BATCHES = 10  # of a quota: so much of it is used between two looks at what others have used
MINUTE = 60.0
KEPT_MILLISECONDS = 120_000
_LEFT = Struct(">dd")  # tokens, at a time in seconds since 1970
_NO_EPOCH = Epoch(bytes(INCARNATION_BYTES), 0)  # a purge is no matter here


class Bucket(Protocol):
    """The bucket of this process: `tokens` of `size` are left, so many requests are `untold`."""

    size: int
    tokens: float
    untold: int

    def limit(self, tokens: float, now: float) -> None:
        """Leave no more tokens than these; `now` is a monotonic time."""
        ...


class SharedQuotas:
    """The quotas of keys in the tier. Together processes admit a quota at once, and each a tenth of it beyond that.

    The shared bucket may be so far below empty: else each process would go on at the rate of all.
    """

    def __init__(self, writes: "GuardedClient[Client]", frames: Frames, keys: Keys, clock: Clock) -> None:
        self._writes = writes
        self._frames = frames
        self._keys = keys
        self._clock = clock
        self._telling: dict[bytes, asyncio.Task[None]] = {}

    @property
    def is_away(self) -> bool:
        """Whether the tier is left alone."""
        return self._writes.circuit.is_open

    def tell(self, name: bytes, bucket: Bucket) -> None:
        """Take from the shared bucket of this name, in the background, a tenth that was taken from the own."""
        circuit = self._writes.circuit
        if circuit.is_open:
            bucket.untold = 0
        elif bucket.untold * BATCHES >= bucket.size and name not in self._telling and not circuit.is_slow:
            self._telling[name] = telling = asyncio.create_task(self._tell(name, bucket))
            telling.add_done_callback(lambda _done: self._telling.pop(name))

    async def _tell(self, name: bytes, bucket: Bucket) -> None:
        key, told, left = self._keys.key("quota", name), bucket.untold, inf

        def taken(value: bytes | None) -> bytes:
            nonlocal left
            left, at = self._left(key, value, bucket, told)
            return self._frames.seal(key, _LEFT.pack(left, at), _NO_EPOCH)

        with suppress(TierUnavailable):
            if await self._writes.call(lambda client: client.exchange(key, taken, KEPT_MILLISECONDS)):
                bucket.untold -= told
                bucket.limit(left - bucket.untold, self._clock.monotonic())

    def _left(self, key: bytes, value: bytes | None, bucket: Bucket, told: int) -> tuple[float, float]:
        """The tokens left of the shared bucket, and when; where there is none, it begins as the own one: none are new.

        Of the clocks of several hosts the one that is ahead counts: else it would be filled twice in each difference.
        """
        frame, now = self._frames.open(key, value), self._clock.wall().timestamp()
        if frame is None or len(frame.body) != _LEFT.size:
            return bucket.tokens + bucket.untold - told, now
        tokens, at = _LEFT.unpack(frame.body)
        filled = tokens + max(0.0, now - at) * bucket.size / MINUTE
        return max(-bucket.size, min(bucket.size, filled) - told), max(now, at)
