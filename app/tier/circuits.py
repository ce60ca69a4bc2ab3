"""Circuits: when the shared tier is left alone, so that whoever asks it waits no longer than a call of it is worth.

Reads and writes have a circuit each: with one for both, reads that succeed would close it for writes that fail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from app.clock import Clock

BUDGET_SECONDS = 0.05  # of a call, however many steps it takes; time-outs of the client count for each step
SLOW_SECONDS = 0.01  # while a call takes longer, no other begins
MOST_FAILURES = 3  # in a row
SLOW_SHARE = 0.5  # of a failure, that a slow answer counts as: at times it is this process that is slow
PROBE_SECONDS = 0.5
TURNS = 20  # of the loop, for what came while it was busy: an answer that lies there is not late
LATE = "the server does not answer in time"
SLOW = "the server answers slowly"

T = TypeVar("T")


class ServerError(Exception):
    """The server has refused a call, or cannot be reached; its words are of a closed list."""


class TierUnavailable(Exception):
    """The tier has not answered. The reason is `open` or `slow` where it was not asked, else `timeout` or `error`."""

    @property
    def was_asked(self) -> bool:
        """Whether the server may have carried out the command, or may still do so."""
        return str(self) in ("timeout", "error")


class Closable(Protocol):
    """A client of the server."""

    async def aclose(self) -> None:
        """Close its connections."""
        ...


C = TypeVar("C", bound=Closable)


class Circuit:
    """Closed until MOST_FAILURES calls in a row have failed; then open until `close`. `fault` says how the last did."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._under_way: dict[int, float] = {}
        self._unsettled: set[int] = set()
        self._calls = 0
        self._failures = 0.0
        self.is_open = False
        self.fault = ""

    @property
    def is_slow(self) -> bool:
        """Whether a call has been under way for longer than SLOW_SECONDS."""
        now = self._monotonic()
        return now - next(iter(self._under_way.values()), now) > SLOW_SECONDS

    def admit(self) -> int:
        """The number of a call that begins now. Raises TierUnavailable where none may."""
        if self.is_open:
            raise TierUnavailable("open")
        if self.is_slow:
            raise TierUnavailable("slow")
        self._calls += 1
        self._under_way[self._calls] = self._monotonic()
        self._unsettled.add(self._calls)
        return self._calls

    def settle(self, call: int, fault: str = "") -> None:
        """Note how a call went, once; one that began before the circuit was closed has no say."""
        if call in self._unsettled:
            self._unsettled.remove(call)
            self._failures = self._failures + (SLOW_SHARE if fault == SLOW else 1) if fault else 0.0
            self.fault = fault or self.fault
            self.is_open = self.is_open or self._failures >= MOST_FAILURES

    def end(self, call: int) -> None:
        """Note that a call is no longer under way."""
        self._under_way.pop(call, None)

    def close(self) -> None:
        """Let calls begin again; those under way are of the past."""
        self._under_way.clear()
        self._unsettled.clear()
        self._failures, self.is_open = 0.0, False


class GuardedClient(Generic[C]):
    """Calls to the server, by a client of their own: each within the budget, and only while the circuit is closed.

    A call is never cancelled: it goes on after its caller has left, and ends by the client's own time-outs. While the
    circuit is open, every PROBE_SECONDS a new client is tried by `probe`, and kept where that succeeds. `called` gets
    `ok` or the reason of TierUnavailable for each call; `turned` is called when the circuit opens and when it closes.
    One that takes longer than `worth_seconds` counts as SLOW_SHARE of a failure, though its answer is given.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        probe: Callable[[C], Awaitable[object]],
        clock: Clock,
        called: Callable[[str], None] = lambda _outcome: None,
        turned: Callable[[Circuit], None] = lambda _circuit: None,
        *,
        worth_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self.circuit = Circuit(clock.monotonic)
        self._connect, self._client = connect, connect()
        self._probe = probe
        self._clock = clock
        self._called, self._turned = called, turned
        self._worth_seconds = worth_seconds
        self._slow: set[int] = set()  # of the calls under way
        self._tasks: set[asyncio.Task[Any]] = set()
        self._recovery: asyncio.Task[None] | None = None

    async def call(self, command: Callable[[C], Awaitable[T]]) -> T:
        """The answer to a command. Raises TierUnavailable."""
        try:
            answer = await self._answer(command)
        except TierUnavailable as reason:
            self._called(str(reason))
            raise
        self._called("ok")
        return answer

    async def _answer(self, command: Callable[[C], Awaitable[T]]) -> T:
        await _caught_up(lambda: not self.circuit.is_slow)
        number = self.circuit.admit()
        calling = self._begin(self._ended(number, command(self._client)))
        if not await self._is_in_time(calling, self._worth_seconds):
            self._slow.add(number)
            if not await self._is_in_time(calling, BUDGET_SECONDS - self._worth_seconds):
                self._settle(number, LATE)
                raise TierUnavailable("timeout")
        try:
            return calling.result()
        except ServerError as error:
            raise TierUnavailable("error") from error

    async def aclose(self) -> None:
        """Close the client, which ends what is under way."""
        if self._recovery:
            self._recovery.cancel()
        await self._close(self._client)

    async def _close(self, client: C) -> None:
        """Close a client, and once more when what was under way has ended: it may have been connecting meanwhile."""
        await client.aclose()
        if ending := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(ending)
        await client.aclose()

    def _begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._retrieve)
        return task

    def _retrieve(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def _ended(self, number: int, answer: Awaitable[T]) -> T:
        fault = "a call failed"
        try:
            found = await answer
            fault = SLOW if number in self._slow else ""
            return found
        except ServerError as error:
            fault = str(error)
            raise
        finally:
            self._slow.discard(number)
            self._settle(number, fault)
            self.circuit.end(number)

    async def _is_in_time(self, calling: "asyncio.Task[Any]", seconds: float) -> bool:
        budget = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((calling, budget), return_when=asyncio.FIRST_COMPLETED)
        finally:
            budget.cancel()
        await _caught_up(calling.done)
        return calling.done()

    def _settle(self, number: int, fault: str = "") -> None:
        self.circuit.settle(number, fault)
        if self.circuit.is_open and self._recovery is None:
            self._recovery = self._begin(self._recover())
            self._turned(self.circuit)

    async def _recover(self) -> None:
        """Try new clients until one answers in time."""
        while self.circuit.is_open:
            await self._clock.sleep(PROBE_SECONDS)
            tried = self._connect()
            try:
                probing = self._begin(_answered(self._probe(tried)))
                if await self._is_in_time(probing, self._worth_seconds) and probing.result():
                    tried, self._client = self._client, tried
                    self.circuit.close()
                    self._turned(self.circuit)
                else:
                    await asyncio.wait((probing,))
            finally:
                await self._close(tried)
        self._recovery = None


async def _caught_up(is_over: Callable[[], bool]) -> None:
    """Let the loop take TURNS, unless it is over before."""
    for _ in range(TURNS):
        if is_over():
            return
        await asyncio.sleep(0)


async def _answered(answer: Awaitable[object]) -> bool:
    try:
        await answer
    except ServerError:
        return False
    return True
