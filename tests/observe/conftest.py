"""Every test here leaves the logging of the test run as it was."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """The logging of the test run, put back as it was."""
    root = logging.getLogger()
    names = ("httpx", "httpcore", "uvicorn", "asyncio")
    before = root.handlers[:], root.level, logging.raiseExceptions
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    root.handlers[:], root.level, logging.raiseExceptions = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
