"""Single flight: callers who want the same key at the same time share one fetch, and none of them can harm the others.

A flight is a task of the application, not of the caller who started it: it goes on when that caller leaves, runs in an
empty context so that nobody's identity travels with it, and ends in an outcome, never in an exception for its waiters.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from app.clock import Clock
from app.errors import CxfacadeError, InternalError, Overloaded, RateLimited, StillFetching, UpstreamError
from app.observe.lines import FETCH_BUG
from app.owners import Owners

T = TypeVar("T")

MOST_OF_ONE_OWNER = 500  # flights under way: half of the calls that may wait for upstream (FAULTS §3)
MEMO_BOUND = 10_000  # failures remembered at once, the oldest goes first
BUG_MEMO_SECONDS = 1.0  # a bug, too, would be met again by everyone who asks

logger = logging.getLogger("cxfacade.cache")


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """The value of a flight, and whether this caller joined a flight that was under way (RFC 9211 §2.6)."""

    value: T
    collapsed: bool


@dataclass(frozen=True, slots=True)
class Completed:
    """The outcome of a flight that brought a value."""

    value: Any


Flight: TypeAlias = "asyncio.Task[Completed | CxfacadeError]"
"""A fetch under way. An error that it ends with carries no traceback: that would hold the fetch's frames."""


class SingleFlight:
    """The flights under way, at most one for a key, and the failures just seen.

    `new_context` gives the context a flight runs in, which must hold nothing of who started it.
    """

    def __init__(self, clock: Clock, new_context: Callable[[], Context] = Context) -> None:
        self._clock = clock
        self._new_context = new_context
        self._under_way: dict[bytes, Flight] = {}
        self._owners: dict[bytes, Owners] = {}
        self._waiters: Counter[bytes] = Counter()
        self._disowned: set[Flight] = set()
        self._memos: dict[bytes, tuple[CxfacadeError, float]] = {}  # failures, and until when each is repeated
        self._started: Counter[str] = Counter()  # flights under way, by the owner who started them
        self._most_of_one_owner = MOST_OF_ONE_OWNER
        self._closed = False

    def __len__(self) -> int:
        return len(self._under_way)

    async def join(
        self, key: bytes, fetch: Callable[[], Awaitable[T]], *, wait_seconds: float, owners: Owners | None = None
    ) -> Joined[T]:
        """The value of `fetch`, run once for all callers of `key` meanwhile; waits for `wait_seconds` at most.

        Raises StillFetching when the wait is over and the flight goes on, the caller's own copy of the error if the
        fetch fails or failed a moment ago, InternalError if it fails in a way that is none of ours, and RateLimited
        where `owners` would have to start it and have too many under way. Who joins a flight becomes one of its owners.

        `fetch` looks into the store before it asks upstream. Otherwise: caller B finds nothing stored and lets others
        run before it joins; A's flight stores its value, ends and leaves the map; B starts a second fetch for it.
        """
        flight = self._under_way.get(key)
        collapsed = flight is not None
        if flight is None:
            if self._closed:
                raise Overloaded("The service is stopping.")
            if self.has_failed(key):
                raise self._memos[key][0].again()
            self._memos.pop(key, None)
            owner = owners.first if owners else None
            if owner is not None and self._started[owner] >= self._most_of_one_owner:
                raise RateLimited("Too many of your requests are being fetched already.", retry_after_seconds=1)
            flight = self._start(key, fetch, owners)
            if owner is not None:
                self._started[owner] += 1
                flight.add_done_callback(partial(self._give_back, owner))
        elif owners and key in self._owners:
            self._owners[key].join(owners)
        self._waiters[key] += 1
        try:
            await self._wait(flight, wait_seconds)
        finally:
            self._waiters[key] -= 1
            if not self._waiters[key]:
                del self._waiters[key]
        # The result of a cancelled flight would raise CancelledError: its waiters would pass for cancelled themselves.
        outcome = Overloaded("The fetch was stopped.") if flight.cancelled() else flight.result()
        if isinstance(outcome, CxfacadeError):
            raise outcome.again()
        return Joined(outcome.value, collapsed)

    def is_awaited(self, key: bytes) -> bool:
        """Whether a caller waits for the flight for `key`."""
        return key in self._waiters

    def launch(self, key: bytes, fetch: Callable[[], Awaitable[object]], owners: Owners | None = None) -> None:
        """Start a flight that nobody waits for yet, unless one for `key` is under way or failed a moment ago."""
        if not self._closed and key not in self._under_way and not self.has_failed(key):
            self._start(key, fetch, owners)

    def has_failed(self, key: bytes) -> bool:
        """Whether the last flight for `key` failed a moment ago, so that its failure is still remembered."""
        memo = self._memos.get(key)
        return memo is not None and self._clock.monotonic() < memo[1]

    def detach(self, key: bytes | None = None) -> None:
        """Let the flight for `key`, or every flight, end for its waiters only; a later caller starts another."""
        for one in [*self._under_way] if key is None else [key]:
            self._owners.pop(one, None)
            if flight := self._under_way.pop(one, None):
                self._disowned.add(flight)
                flight.add_done_callback(self._disowned.discard)

    async def aclose(self) -> None:
        """Cancel the flights under way and wait for their end; their waiters are told that the service stops."""
        self._closed = True
        flights = [*self._under_way.values(), *self._disowned]
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    def _start(self, key: bytes, fetch: Callable[[], Awaitable[T]], owners: Owners | None) -> Flight:
        flight = asyncio.get_running_loop().create_task(self._fly(key, fetch), context=self._new_context())
        self._under_way[key] = flight  # the loop itself holds its tasks weakly
        if owners is not None:
            self._owners[key] = owners
        flight.add_done_callback(partial(self._remove, key))
        return flight

    async def _fly(self, key: bytes, fetch: Callable[[], Awaitable[T]]) -> Completed | CxfacadeError:
        try:
            return Completed(await fetch())
        except CxfacadeError as error:
            failed: CxfacadeError = error.again()
        except Exception:
            logger.exception(FETCH_BUG)
            failed = InternalError()
        self._remember(key, failed)
        return failed

    def _remove(self, key: bytes, flight: Flight) -> None:
        # Between a flight's end and this callback a caller may still join it, and has its outcome at once. Should the
        # key have been given to another flight by then, that one stays.
        if self._under_way.get(key) is flight:
            del self._under_way[key]
            self._owners.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # retrieved, else asyncio complains when the last waiter has left

    def _give_back(self, owner: str, _flight: object) -> None:
        self._started[owner] -= 1
        if not self._started[owner]:
            del self._started[owner]

    async def _wait(self, flight: Flight, seconds: float) -> None:
        # `asyncio.wait` neither cancels what it waits for nor raises its exception: a caller who is cancelled here
        # takes only itself away. `await flight` would cancel the flight, and with it every other caller.
        bound = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({flight, bound}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            bound.cancel()
        if not flight.done():
            raise StillFetching("The fetch goes on; its answer will be stored.")

    def _remember(self, key: bytes, error: CxfacadeError) -> None:
        seconds = BUG_MEMO_SECONDS if isinstance(error, InternalError) else 0.0
        if isinstance(error, UpstreamError):
            seconds = error.memo_seconds
        if seconds > 0:
            self._memos[key] = error, self._clock.monotonic() + seconds
            if len(self._memos) > MEMO_BOUND:
                del self._memos[next(iter(self._memos))]
