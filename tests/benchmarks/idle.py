"""An event loop that tells when nobody can go on: all that happens in it happens before its clock is turned."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class IdleSelector(selectors.DefaultSelector):
    """Wakes who waits for idleness in place of blocking: a loop asks to block when it has no callback ready."""

    waiter: asyncio.Future[None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """The events there are."""
        if self.waiter and timeout != 0:
            self.waiter.set_result(None)
            self.waiter, timeout = None, 0
        return super().select(timeout)


class IdleLoop(asyncio.SelectorEventLoop):
    """A loop without threads: work for them is done at once."""

    def __init__(self) -> None:
        self._idle = IdleSelector()
        super().__init__(self._idle)
        self.set_default_executor(Inline())

    async def idle(self) -> None:
        """Return when every task waits for a timer or an event from outside."""
        self._idle.waiter = self.create_future()
        await self._idle.waiter


class Inline(ThreadPoolExecutor):
    """Does what it is given in the thread that gives it."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """A future that is done."""
        future = Future[T]()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def run_idle(work: Callable[["IdleLoop"], Coroutine[Any, Any, T]]) -> T:
    """The result of `work`, run in such a loop."""
    with asyncio.Runner(loop_factory=IdleLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, IdleLoop)
        return runner.run(work(loop))
