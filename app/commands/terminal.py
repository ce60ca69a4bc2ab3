"""Words for the person at the terminal: answers to stdout, complaints to stderr, and a line while something is slow."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def say(text: str) -> None:
    """Write `text` to stdout as UTF-8, whatever the locale. A reader that has left is no fault (`… | head`)."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process


def complain(faults: Iterable[str]) -> None:
    """One line each to stderr."""
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
