"""Where log lines go, and their form: a record is one line to stderr, as text for people or JSON for programs."""

import json
import logging
import math
import sys
import traceback
from datetime import UTC, datetime
from functools import partial
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


def configure(
    form: Literal["text", "json"] | None, level: str, stream: TextIO | None = None, *, worker: int | None = None
) -> None:
    """Send all lines of at least `level` to `stream` (stderr); without `form`, text on a terminal, else JSON.

    Each line has the number of the `worker`, where there are several.
    The service never waits for the reader of stderr. A record that cannot be formatted is dropped: the complaint about
    it would print its values.
    """
    target = stream or sys.stderr
    if target is None:  # closed by whoever started the process
        silence()
        return
    handler = logging.StreamHandler(stream) if stream else Behind(sys.stderr.fileno())
    handler.setFormatter(TextLines() if (form or ("text" if target.isatty() else "json")) == "text" else JsonLines())
    if worker is not None:
        handler.addFilter(partial(_numbered, worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in HTTP_LIBRARIES:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    for name in SERVERS:
        logging.getLogger(name).setLevel(root.level if root.level < logging.INFO else max(root.level, logging.WARNING))
    logging.captureWarnings(True)
    logging.raiseExceptions = False


def _numbered(worker: int, record: logging.LogRecord) -> bool:
    record.worker = worker
    return True


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
    """`time LEVEL logger: message`, a worker's number after the logger; control characters are escaped.

    So a terminal obeys nothing.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        failed = failure(record)
        worker = f" [{record.worker}]" if hasattr(record, "worker") else ""
        line = f"{time_of(record)} {record.levelname} {record.name}{worker}: {message_of(record)}"
        line = f"{line} ({failed})" if failed else line
        if line.isprintable():
            return line
        return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line)


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
        for name, fact in vars(record).items():
            if name not in BUILT_IN and name not in line:
                is_plain = isinstance(fact, Fact) and not (isinstance(fact, float) and not math.isfinite(fact))
                line[name] = fact if is_plain else str(fact)
        return json.dumps(line).replace("\x7f", "\\u007f")


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


def failure(record: logging.LogRecord) -> str | None:
    """The exception's type and places, never its text, which may quote a value (FAULTS T57)."""
    if not record.exc_info or record.exc_info[1] is None:
        return None
    error = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}"
