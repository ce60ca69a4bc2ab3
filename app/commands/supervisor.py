"""`cxfacade serve --workers N`: processes that serve one socket, kept alive and replaced one at a time."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

from app.commands.collecting import Collecting
from app.commands.processes import Process, command, start
from app.commands.signals import STOPS, pass_over_signals, release_signals
from app.commands.sockets import inherited, listen, served_at
from app.errors import SettingsError
from app.observe import logs
from app.observe.lines import (
    PSEUDONYMS_FOR_ONE_START,
    WORKER_ENDED,
    WORKER_NOT_REPLACED,
    WORKER_REPLACED,
    WORKERS_GIVEN_UP,
)
from app.observe.streams import announce
from app.settings import Settings
from app.workers import Worker, new_memory

MOST_DEATHS, DEATHS_SECONDS = 5, 30.0
PAUSES = (0.0, 0.5, 1.0, 2.0)  # seconds before a worker is started anew, by the deaths lately
READY_SECONDS = 60.0  # for a worker that is to replace another
END_SECONDS, CUT_SECONDS = 14.0, 1.0  # after one signal: longer than a worker takes; after a second one
SECRET_BYTES = 32
FAILED = 1

logger = logging.getLogger("cxfacade.supervisor")


def supervise(settings: Settings) -> int:
    """Have workers serve the configured tenant until a signal; gives the exit code.

    An inherited socket wins over host and port. Raises SettingsError, CannotListen.
    """
    settings.require_upstream()
    if settings.upstream_concurrency < settings.workers:
        raise SettingsError(["CXF_WORKERS must be at most CXF_UPSTREAM_CONCURRENCY: each needs a call of its own."])
    logs.configure(settings.log_format, settings.log_level)
    listener = inherited()
    if listener:
        settings = settings.model_copy(update={"host": listener.getsockname()[0]})
    settings.require_access()
    listener = listener or listen(settings.host, settings.port)
    words = served_at(listener)
    if not settings.pseudonym_secret:
        logger.warning(PSEUDONYMS_FOR_ONE_START)
    gc.enable()
    workers = Supervisor(command(sys.argv[1:]), listener, settings.workers)
    return asyncio.run(_run(workers, lambda: announce(words)))


async def _run(supervisor: "Supervisor", ready: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    for number in STOPS:
        signal.signal(number, lambda caught, _: loop.call_soon_threadsafe(supervisor.stop, caught))
    signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(supervisor.reload))
    signal.signal(signal.SIGUSR2, lambda *_: loop.call_soon_threadsafe(supervisor.replace))
    release_signals()
    code = await supervisor.run(ready)
    pass_over_signals()
    return code


class Supervisor:
    """Starts so many `workers` by a command on one listening socket, and keeps so many alive.

    `pauses` are the seconds before a worker is started anew, by the number of those that ended lately.
    """

    def __init__(
        self,
        command: tuple[Sequence[str], Sequence[str]],
        listener: socket.socket,
        workers: int,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._command = command
        self._listener = listener
        self._workers = workers
        self._pauses = pauses
        self._secret, self._memory = secrets.token_bytes(SECRET_BYTES), new_memory()
        self._starting = asyncio.Lock()
        self._living: set[Process] = set()
        self._current: dict[int, Process] = {}  # by the place of its share
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._tasks: set[asyncio.Task[object]] = set()
        self._replacements = 0  # asked for so far
        self._replacing: asyncio.Task[object] | None = None
        self._up = asyncio.Event()
        self._stopping = asyncio.Event()
        self._cut: asyncio.TimerHandle | None = None
        self._collecting = Collecting()
        self._code = 0

    async def run(self, ready: Callable[[], None]) -> int:
        """Until it is told to `stop`, or gives up; `ready` is called once all workers answer. Gives the exit code.

        A first worker that ends before it answers ends all with its code: another start would end likewise.
        """
        first = await self._start(1)
        if await first.settled():
            self._up.set()
            places = range(2, self._workers + 1)
            others = [await self._start(place) for place in places if not self._stopping.is_set()]
            self._task(_tell_ready(others, ready))
        elif not self._stopping.is_set():
            code = await first.process.wait()
            self._give_up(code if code > 0 else FAILED)
        await self._stopping.wait()
        while self._living:
            await next(iter(self._living)).ended.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        os.close(self._memory)
        return self._code

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End all by this signal; where they have been told before, without waiting for clients."""
        is_first = not self._stopping.is_set()
        self._stopping.set()
        self._listener.close()
        for one in self._living:
            if not (is_first and one.is_ending):  # it was replaced, and finishes what it has begun
                one.end(number if one.is_ready.is_set() else signal.SIGTERM)  # Python tells much of an early SIGINT
        if self._cut:
            self._cut.cancel()
        self._cut = asyncio.get_running_loop().call_later(END_SECONDS if is_first else CUT_SECONDS, self._kill)

    def reload(self) -> None:
        """Have all workers read their settings again."""
        for one in self._living:
            one.reload()

    def replace(self) -> None:
        """Replace the workers that were started before now, one at a time."""
        self._replacements += 1
        if not self._stopping.is_set() and (self._replacing is None or self._replacing.done()):
            self._replacing = self._task(self._replace())

    async def _start(self, place: int, *, is_current: bool = True) -> Process:
        async with self._starting:  # else two would take the same number
            taken = {one.worker.number for one in self._living}
            number = next(number for number in count(1) if number not in taken)
            worker = Worker(number, place, self._workers, self._secret)
            replacements = self._replacements
            started = await start(self._command, self._listener, self._memory, worker)
            started.replacements = replacements
            self._living.add(started)
        if is_current:
            self._current[place] = started
        self._task(self._watch(started, self._task(self._listen_to(started))))
        if self._stopping.is_set():
            started.end(signal.SIGTERM)
        return started

    async def _listen_to(self, started: Process) -> None:
        """Take what a worker says, until it ends."""
        with contextlib.suppress(OSError):
            while told := await started.reader.readline():
                message = json.loads(told)
                if "ready" in message:
                    started.got_ready()
                elif "collect" in message:
                    text = message["figures"]
                    self._task(self._collecting.total(message["collect"], started, text, self._living))
                else:
                    started.figures = message["figures"]
                    started.told.set()

    async def _watch(self, started: Process, listening: asyncio.Task[object]) -> None:
        """Wait for the end of a worker; where nobody asked for it, start another in its place."""
        code = await started.process.wait()
        await listening
        self._collecting.keep(started)
        self._living.discard(started)
        started.ended.set()
        started.writer.close()
        if not self._is_wanted(started):
            return
        now = asyncio.get_running_loop().time()
        self._deaths.append(now)
        deaths = sum(now - one < DEATHS_SECONDS for one in self._deaths)
        logger.error(WORKER_ENDED, started.worker.number, code)
        if deaths >= MOST_DEATHS:
            logger.critical(WORKERS_GIVEN_UP, MOST_DEATHS, int(DEATHS_SECONDS))
            self._give_up(FAILED)
            return
        await asyncio.sleep(self._pauses[deaths - 1])
        if self._is_wanted(started):
            place = started.worker.place
            again = await self._start(place, is_current=False)
            if self._is_wanted(started):
                self._current[place] = again
            else:  # it was replaced meanwhile
                again.end(signal.SIGTERM)

    def _is_wanted(self, started: Process) -> bool:
        """Whether the worker is to serve still: it was not replaced, and the service is not stopping."""
        return self._up.is_set() and self._current[started.worker.place] is started and not self._stopping.is_set()

    async def _replace(self) -> None:
        """Where a new worker does not get ready, the rest stay as they are, unless another was asked for."""
        await self._up.wait()
        while not self._stopping.is_set():
            place = min(self._current, key=lambda place: (self._current[place].replacements, place))
            if self._current[place].replacements == self._replacements:
                return
            new, is_ready = await self._start(place, is_current=False), False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    is_ready = await new.settled()
            if not is_ready:
                new.signal(signal.SIGKILL)
                if not self._stopping.is_set():
                    logger.error(WORKER_NOT_REPLACED, self._current[place].worker.number)
                if new.replacements == self._replacements:
                    return
                continue
            old, self._current[place] = self._current[place], new
            old.end(signal.SIGTERM)
            logger.info(WORKER_REPLACED, old.worker.number, new.worker.number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await old.ended.wait()
            old.signal(signal.SIGKILL)

    def _give_up(self, code: int) -> None:
        self._code = code
        self.stop()

    def _kill(self) -> None:
        for one in self._living:
            one.signal(signal.SIGKILL)

    def _task(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _tell_ready(others: Sequence[Process], ready: Callable[[], None]) -> None:
    for one in others:
        await one.settled()
    ready()
