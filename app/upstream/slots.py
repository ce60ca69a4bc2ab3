"""How many calls may be under way: our own places before the pool, shared out fairly between their owners."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from app.errors import CxfacadeError, UpstreamBusy
from app.owners import Owners

GiveBack = Callable[[], None]

TOO_MANY = "Too many wait already."
ALL_TAKEN = "All places are taken."


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call that waits for a place; `place` becomes the function that gives it back."""

    owners: Owners
    place: asyncio.Future[Any]


class Slots:
    """Places for calls. One is taken for a call and given back when that call has ended, whoever still waits for it.

    A free place goes to the owner who has the fewest, and among equals round robin: whose turn it was goes to the end
    of the line. A call of several owners goes with the first of them, a background call, which has none, last. `each`
    bounds the places of one owner; `refuse` makes the error for a call that gets none.
    """

    def __init__(
        self,
        size: int,
        queue: int,
        sleep: Callable[[float], Awaitable[None]],
        *,
        each: int | None = None,
        refuse: Callable[[str], CxfacadeError] = UpstreamBusy,
    ) -> None:
        self._free = self._size = size
        self._refuse = refuse
        self._queue = queue
        self._sleep = sleep
        self._each = size if each is None else each
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @property
    def used(self) -> int:
        """Places taken."""
        return self._size - self._free

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._waiting)

    async def take(self, most_seconds: float, owners: Owners) -> GiveBack:
        """Wait for a place: what gives it back. Raises UpstreamBusy, or what `refuse` makes, after `most_seconds`.

        Where too many wait already, the newest call of the owner with the most of them is turned away.
        """
        if self._may_go(owners):
            return self._given(owners)
        self._make_room(owners)
        call = _Waiting(owners, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        owners.watch(self._hand_out)
        bound: asyncio.Future[Any] = asyncio.ensure_future(self._sleep(most_seconds))
        try:
            await asyncio.wait({call.place, bound}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if call.place.done() and call.place.exception() is None:  # given in the very turn in which it was given up
                call.place.result()()
            raise
        finally:
            bound.cancel()
            owners.unwatch(self._hand_out)
            if not call.place.done():
                self._waiting.remove(call)
        if not call.place.done():
            raise self._refuse(ALL_TAKEN)
        give_back: GiveBack = call.place.result()
        return give_back

    def _may_go(self, owners: Owners) -> bool:
        """Whether a place is free, and within the bound of one owner."""
        return self._free > 0 and (not owners.names or self._least(owners) < self._each)

    def _least(self, owners: Owners) -> float:
        """The places of that owner who has the fewest; infinite where there is none."""
        return min((self._held.get(owner, 0) for owner in owners.names), default=inf)

    def _given(self, owners: Owners) -> GiveBack:
        """A place, counted for that owner who has the fewest, whose other calls go to the end of the line."""
        self._free -= 1
        owner = min(owners.names, key=lambda one: self._held.get(one, 0), default=None)
        if owner is not None:
            self._held[owner] += 1
            self._waiting.sort(key=lambda call: call.owners.names.keys() == {owner})
        return partial(self._give_back, owner)

    def _give_back(self, owner: str | None) -> None:
        self._free += 1
        if owner is not None:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        """Give what is free to those who wait, in their turns."""
        while self._free and self._waiting:
            call = min(self._waiting, key=lambda one: self._least(one.owners))
            if not self._may_go(call.owners):
                return
            self._waiting.remove(call)
            call.place.set_result(self._given(call.owners))

    def _make_room(self, owners: Owners) -> None:
        """See to it that one more call may wait. Raises UpstreamBusy, likewise, where none has to give way to it."""
        if len(self._waiting) < self._queue:
            return
        waiting = Counter(call.owners.first for call in self._waiting)
        most = None if waiting[None] else max(waiting, key=lambda owner: waiting[owner])
        if owners.first is None or (most is not None and waiting[owners.first] + 1 >= waiting[most]):
            raise self._refuse(TOO_MANY)
        newest = next(call for call in reversed(self._waiting) if call.owners.first == most)
        self._waiting.remove(newest)
        newest.place.set_exception(self._refuse(TOO_MANY))
