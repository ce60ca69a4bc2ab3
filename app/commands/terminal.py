"""Words for the person at the terminal: answers to stdout, complaints to stderr, and a line while something is slow."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.streams import Outlet


def say(text: str) -> None:
    """Write `text` to stdout as UTF-8, whatever the locale. A reader that has left is no fault (`… | head`)."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def announce(text: str) -> None:
    """Write `text` to stdout without waiting for its reader: for servers, which go on whoever reads."""
    if sys.stdout is not None:  # else it was closed by whoever started the process
        outlet = Outlet(sys.stdout.fileno())
        outlet.write(text)


def complain(faults: Iterable[str]) -> None:
    """One line each to stderr."""
    with suppress(OSError, AttributeError):  # full, or closed by whoever started the process: the exit code tells
        for fault in faults:
            sys.stderr.write(f"cxfacade: {fault}\n")


@contextmanager
def working(words: str) -> Iterator[None]:
    """Shows `words` on a terminal while the block runs, then takes them away; shows nothing elsewhere."""
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
