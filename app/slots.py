"""Slots for calls, shared fairly between their owners."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf
from typing import Any

from app.errors import CxfacadeError, UpstreamBusy
from app.owners import Owners

TOO_MANY = "Too many wait already."
ALL_TAKEN = "All places are taken."

GiveBack = Callable[[], None]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call in the queue; `place` becomes the function that gives its slot back.

    `number` tells newer calls from older ones; `names` are its owners as the queue knows them, `starter` is the first.
    """

    owners: Owners
    place: asyncio.Future[Any]
    number: int
    names: frozenset[str] = frozenset()
    starter: str | None = None


@dataclass(slots=True)
class _Line:
    """The calls of the same owners, in the order in which they came; among equals the least `turn` is next."""

    turn: int
    calls: dict[_Waiting, None] = field(default_factory=dict)


class Slots:
    """A slot is taken for a call, and given back when that call has ended, even if nobody waits for it any more.

    A free slot goes to the owner who has the fewest, among equals round robin: an owner served goes to the end of the
    queue. A call of several owners is served with the first of them, a background call, without owners, last. `each`
    bounds the slots of one owner; `refuse` makes the error for a call that gets none.
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
        self._lines: dict[frozenset[str], _Line] = {}  # the queue
        self._started: Counter[str | None] = Counter()  # calls in it, by who started them
        self._numbers = count()

    @property
    def used(self) -> int:
        """Slots taken."""
        return self._size - self._free

    @property
    def waiting(self) -> int:
        """Calls in the queue."""
        return self._started.total()

    async def take(self, most_seconds: float, owners: Owners) -> GiveBack:
        """Wait for a slot; returns the function that gives it back. Raises the error of `refuse` after `most_seconds`.

        Where the queue is full, the newest call of the owner with the most calls in it is refused.
        """
        if self._may_go(owners.names):
            return self._given(owners)
        self._make_room(owners)
        call = _Waiting(owners, asyncio.get_running_loop().create_future(), next(self._numbers))
        self._enter(call, call.number)
        joined = partial(self._joined, call)
        owners.watchers.append(joined)
        bound: asyncio.Future[Any] = asyncio.ensure_future(self._sleep(most_seconds))
        try:
            await asyncio.wait({call.place, bound}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # It may have been given in the same turn of the loop as the caller left.
            if call.place.done() and call.place.exception() is None:
                call.place.result()()
            raise
        finally:
            bound.cancel()
            owners.watchers.remove(joined)
            if not call.place.done():
                self._leave(call)
        if not call.place.done():
            raise self._refuse(ALL_TAKEN)
        give_back: GiveBack = call.place.result()
        return give_back

    def _enter(self, call: _Waiting, turn: int) -> None:
        call.names, call.starter = frozenset(call.owners.names), call.owners.first
        self._lines.setdefault(call.names, _Line(turn)).calls[call] = None
        self._started[call.starter] += 1

    def _leave(self, call: _Waiting) -> None:
        calls = self._lines[call.names].calls
        del calls[call]
        if not calls:
            del self._lines[call.names]
        self._started[call.starter] -= 1
        if not self._started[call.starter]:
            del self._started[call.starter]

    def _joined(self, call: _Waiting) -> None:
        """An owner has joined the call, who may have a turn."""
        if not call.place.done():
            turn = self._lines[call.names].turn
            self._leave(call)
            self._enter(call, turn)
            self._hand_out()

    def _may_go(self, names: Collection[str]) -> bool:
        """Whether a slot is free, and within the bound of one owner."""
        return self._free > 0 and (not names or self._least(names) < self._each)

    def _least(self, names: Collection[str]) -> float:
        """The slots of the owner who has the fewest; infinite without owners."""
        return min((self._held.get(owner, 0) for owner in names), default=inf)

    def _given(self, owners: Owners) -> GiveBack:
        """A slot, counted for the owner who has the fewest; the owner's other calls go to the end of the queue."""
        self._free -= 1
        owner = min(owners.names, key=lambda one: self._held.get(one, 0), default=None)
        if owner is not None:
            self._held[owner] += 1
            if line := self._lines.get(frozenset({owner})):
                line.turn = next(self._numbers)
        return partial(self._give_back, owner)

    def _give_back(self, owner: str | None) -> None:
        self._free += 1
        if owner is not None:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        """Give free slots to calls in the queue, in their turn."""
        while self._free and (ready := [one for one in self._lines.items() if self._may_go(one[0])]):
            _, line = min(ready, key=lambda one: (self._least(one[0]), one[1].turn))
            call = next(iter(line.calls))
            self._leave(call)
            call.place.set_result(self._given(call.owners))

    def _make_room(self, owners: Owners) -> None:
        """Make room in the queue for one more call. Raises the error of `refuse` where no call gives way to it."""
        if self.waiting < self._queue:
            return
        started = self._started
        most = None if started[None] else max(started, key=started.__getitem__)
        if owners.first is None or (most is not None and started[owners.first] + 1 >= started[most]):
            raise self._refuse(TOO_MANY)
        theirs = (call for line in self._lines.values() for call in line.calls if call.starter == most)
        newest = max(theirs, key=lambda call: call.number)
        self._leave(newest)
        newest.place.set_exception(self._refuse(TOO_MANY))
