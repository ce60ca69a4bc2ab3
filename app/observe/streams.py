"""The standard streams: text for the person at the terminal, and an outlet for servers, which wait for no reader."""

import atexit
import os
import select
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

MOST_WAITING = 2_000  # texts; more are lost
SECONDS_AT_END = 1.0  # for texts that still wait when the process ends
_MOST_AT_ONCE = 64  # texts
_LAST_STANDARD = 2


def hold_standard_descriptors() -> None:
    """Have 0, 1 and 2 open: where the process was started without one, a socket would get it, and be written to."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def say(text: str) -> None:
    """Write `text` to stdout as UTF-8, whatever the locale. A reader that has left is no fault (`… | head`)."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def announce(text: str) -> None:
    """Write `text` to stdout without waiting for its reader: for servers."""
    if sys.stdout is not None:  # else it was closed by whoever started the process
        Outlet(sys.stdout.fileno()).write(text)


def complain(faults: Iterable[str]) -> None:
    """Write one line each to stderr."""
    with suppress(OSError, AttributeError):  # full, or closed by whoever started the process: the exit code tells
        for fault in faults:
            sys.stderr.write(f"cxfacade: {fault}\n")


@contextmanager
def working(words: str) -> Iterator[None]:
    """Show `words` on a terminal while the block runs, then take them away; show nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(words)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r" + " " * len(words) + "\r")
        sys.stderr.flush()


class Outlet:
    """Writes texts to a descriptor from a thread of its own, so that a full disk or a slow reader stops nobody.

    A text that cannot be written is lost; once one is written again, `recovered` is told how many were, by the thread.
    """

    def __init__(
        self, descriptor: int, recovered: Callable[[int], None] = lambda _lost: None, most_waiting: int = MOST_WAITING
    ) -> None:
        self._descriptor = descriptor
        self._recovered = recovered
        self._most = most_waiting
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._lost = 0
        self._thread = threading.Thread(target=self._work, name=f"outlet {descriptor}", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, text: str) -> None:
        """Have the thread write the text, after those before; returns at once."""
        if self._waiting.qsize() < self._most:
            self._waiting.put(text)
        else:
            self._lose(1)

    def close(self, seconds: float = SECONDS_AT_END) -> None:
        """Wait so long for the texts that wait; then leave them."""
        atexit.unregister(self.close)
        self._waiting.put(None)
        self._thread.join(seconds)

    def _work(self) -> None:
        is_open = True
        while is_open:
            texts = self._next()
            is_open = None not in texts
            given = [text for text in texts if text is not None]
            try:
                self._write("".join(given).encode(errors="backslashreplace"))
            except OSError:
                self._lose(len(given))
            else:
                self._tell()

    def _next(self) -> list[str | None]:
        texts = [self._waiting.get()]
        with suppress(Empty):
            while texts[-1] is not None and len(texts) < _MOST_AT_ONCE:
                texts.append(self._waiting.get_nowait())
        return texts

    def _write(self, content: bytes) -> None:
        """Write all of it; a descriptor that others have made non-blocking is waited for. Raises OSError."""
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:
                ready = select.poll()
                ready.register(self._descriptor, select.POLLOUT)
                ready.poll()

    def _lose(self, texts: int) -> None:
        with self._lock:
            self._lost += texts

    def _tell(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            self._recovered(lost)
