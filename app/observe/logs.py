"""The format and the destination of log lines: one line a record to stderr, as text for people or JSON for programs."""

import json
import logging
import math
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from app.observe.lines import LINES_LOST, Line
from app.observe.streams import Outlet

logger = logging.getLogger("cxfacade")

HTTP_LIBRARIES = ("httpx", "httpcore")  # at INFO they print whole URLs, at DEBUG headers (FAULTS T07)
SERVERS = ("uvicorn", "asyncio")  # their everyday lines tell an operator nothing that ours do not
FRAMES = 8
TRACEBACK = "Traceback (most recent call last):"
BUILT_IN = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName", "color_message"}

Fact = str | int | float | bool | None


def configure(form: Literal["text", "json"] | None, level: str, stream: TextIO | None = None) -> None:
    """Send all lines of at least `level` to `stream` (stderr); without `form`, text on a terminal, else JSON.

    The service never waits for the reader of stderr. A record that cannot be formatted is dropped: the complaint about
    it would print its values.
    """
    target = stream or sys.stderr
    if target is None:  # closed by whoever started the process
        silence()
        return
    handler = logging.StreamHandler(stream) if stream else Behind(sys.stderr.fileno())
    handler.setFormatter(TextLines() if (form or ("text" if target.isatty() else "json")) == "text" else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in HTTP_LIBRARIES:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    for name in SERVERS:
        logging.getLogger(name).setLevel(root.level if root.level < logging.INFO else max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    logging.raiseExceptions = False


def silence() -> None:
    """Write no lines at all: for commands that tell their faults themselves."""
    logging.getLogger().handlers[:] = [logging.NullHandler()]


class Behind(logging.Handler):
    """A handler that writes lines to a descriptor without waiting for its reader."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._outlet = Outlet(descriptor, self._tell)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record's line to the outlet."""
        try:
            self._outlet.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)

    def _tell(self, lost: int) -> None:
        logger.warning(LINES_LOST, lost)


class TextLines(logging.Formatter):
    """`time LEVEL logger: message`; control characters are escaped, so that a terminal obeys nothing."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        failed = failure(record)
        line = f"{time_of(record)} {record.levelname} {record.name}: {message_of(record)}"
        return escaped(f"{line} ({failed})" if failed else line)


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, event where it is ours, message, then the facts given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII; all other characters are escaped, line separators too."""
        failed = failure(record)
        line: dict[str, Fact] = {
            "time": time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **({"event": record.msg.name} if isinstance(record.msg, Line) else {}),
            "message": message_of(record),
            **({"exception": failed} if failed else {}),
        }
        facts = {name: fact for name, fact in facts_of(record).items() if name not in line}
        return json.dumps(line | facts).replace("\x7f", "\\u007f")


def time_of(record: logging.LogRecord) -> str:
    """The time of the record, UTC with milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message_of(record: logging.LogRecord) -> str:
    """The record's message; a whole traceback, as the server passes on, is cut down to the exception's name."""
    message = record.getMessage()
    if not message.startswith(TRACEBACK):
        return message
    last = message.rstrip().rpartition("\n")[2]
    return f"ended by {last.partition(':')[0]}"


def facts_of(record: logging.LogRecord) -> dict[str, Fact]:
    """The record's `extra`; anything but a plain value as its text."""
    given: Mapping[str, object] = vars(record)
    return {name: _plain(value) for name, value in given.items() if name not in BUILT_IN}


def failure(record: logging.LogRecord) -> str | None:
    """The exception's type and places, never its text, which may quote a value (FAULTS T57)."""
    if not record.exc_info or record.exc_info[1] is None:
        return None
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}"


def escaped(text: str) -> str:
    """The text with Python escapes for characters that do not print: controls, line separators, direction marks."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _plain(value: object) -> Fact:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
