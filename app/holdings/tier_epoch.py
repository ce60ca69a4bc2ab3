"""The epoch of purges in the shared tier: what was written before a purge is read by nobody after it."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.tier.circuits import GuardedClient, TierUnavailable
from app.tier.frame import INCARNATION_BYTES, Epoch, Frames

if TYPE_CHECKING:  # else redis would be imported where there is no tier
    from app.tier.client import Client


@dataclass(eq=False)
class TierEpoch:
    """The epoch as this process knows it, and as it lies at `key`, in a frame of any age.

    `now` is of the last purge that was carried out here, None before the tier has first answered. `purged` is called
    where another process has ordered a purge. `is_pending`: the order of one from here is not written yet.
    `is_unaware`: something was read from upstream while no epoch was known. Methods raise TierUnavailable.
    """

    reads: "GuardedClient[Client]"
    writes: "GuardedClient[Client]"
    frames: Frames
    key: bytes
    purged: Callable[[], None]
    now: Epoch | None = field(default=None, init=False)
    is_pending: bool = field(default=False, init=False)
    is_unaware: bool = field(default=False, init=False)
    _purges: int = field(default=0, init=False)  # under way here

    async def look(self) -> None:
        """See whether another process has ordered a purge; write the order of one that was carried out here."""
        if self.is_pending:
            await self._order()
        else:
            before, value = self.now, await self._value()
            await self.see(value, before)
            if value and not self.frames.is_own(value):
                await self._sign(value)

    @asynccontextmanager
    async def purging(self) -> AsyncIterator[None]:
        """Purge: what lies there is read by nobody, here from the beginning of the block on, in which the rest is done.

        Else what is being purged here could come back from there, or be written as if it were read after the purge.
        Where the order cannot be written at its end, that `is_pending` until `look` has done it.
        """
        self.now, self.is_pending = _new(self.now.sequence + 1 if self.now else 1), True
        self._purges += 1
        try:
            yield
        finally:
            self._purges -= 1
            with suppress(TierUnavailable):
                await self._order()

    async def see(self, value: bytes | None, before: Epoch | None) -> None:
        """Take note of the epoch that lay there while `before` was the own; where none did, the own is written."""
        if value is None:
            first = self.frames.seal(self.key, b"", self.now or _new(0))
            await self.writes.call(lambda client: client.set(self.key, first, None, is_first=True))
            value = await self._value()
        frame = self.frames.open(self.key, value)
        if frame is None:
            raise TierUnavailable("refused")
        known = self.now
        if known not in (before, frame.epoch):
            raise TierUnavailable("purged")
        self.now = frame.epoch
        if known != self.now and (known is not None or self.is_unaware):
            self.purged()
            raise TierUnavailable("purged")

    async def _order(self) -> None:
        """Write the own epoch in place of any other, unless a purge is under way."""
        if not self._purges and self.now is not None:
            epoch, value = self.now, self.frames.seal(self.key, b"", self.now)
            await self.writes.call(lambda client: client.set(self.key, value, None))
            self.is_pending = self.now != epoch

    async def _sign(self, value: bytes) -> None:
        """Have the epoch signed by the own secret: whoever knows that one alone could not read it else."""
        own = self.frames.seal(self.key, b"", self.now or _new(0))
        await self.writes.call(
            lambda client: client.exchange(self.key, lambda held: own if held == value else held or own, None)
        )

    async def _value(self) -> bytes | None:
        [value] = await self.reads.call(lambda client: client.get_many([self.key]))
        return value


def _new(sequence: int) -> Epoch:
    return Epoch(secrets.token_bytes(INCARNATION_BYTES), sequence)
