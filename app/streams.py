"""A standard stream of a server, written to without waiting for its reader: a thread waits instead.

What cannot be written is lost and counted: a full disk, a reader that has left or does not read stops nobody.
"""

import atexit
import os
import select
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

MOST_WAITING = 2_000  # texts; more are lost
SECONDS_AT_END = 1.0  # for what waits still when the process ends
_MOST_AT_ONCE = 64  # texts
_LAST_STANDARD = 2


def hold_standard_descriptors() -> None:
    """Have 0, 1 and 2 open: where the process was started without one, a socket would get it, and be written to."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


class Outlet:
    """Writes to a descriptor; `recovered` is told, from the thread, how many texts were lost once one is written."""

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
        """Have it written, after what was given before; returns at once."""
        if self._waiting.qsize() < self._most:
            self._waiting.put(text)
        else:
            self._lose(1)

    def close(self, seconds: float = SECONDS_AT_END) -> None:
        """Wait so long for what was given; then leave it."""
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
        try:
            while texts[-1] is not None and len(texts) < _MOST_AT_ONCE:
                texts.append(self._waiting.get_nowait())
        except Empty:
            pass
        return texts

    def _write(self, content: bytes) -> None:
        """All of it. A descriptor that others have made non-blocking is waited for. Raises OSError."""
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
