"""Log lines: each once, with its stable name, its words and its meaning to an operator; their format and destination.

A record is one line to stderr, as text for people or JSON for programs.
"""

import json
import logging
import math
import sys
import traceback
from datetime import UTC, datetime
from functools import partial
from typing import Literal, Self, TextIO

from app.observe.streams import Outlet

logger = logging.getLogger("cxfacade")

HTTP_LIBRARIES = ("httpx", "httpcore")  # at INFO they print whole URLs, at DEBUG headers (FAULTS T07)
SERVERS = ("uvicorn", "asyncio")  # their everyday lines tell an operator nothing that ours do not
FRAMES = 8
TRACEBACK = "Traceback (most recent call last):"
BUILT_IN = vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "taskName", "color_message"}


class Line(str):
    """The words of a log line before they are filled in: a logger takes it as its message, and JSON lines its name."""

    __slots__ = ("meaning", "name")

    name: str
    meaning: str

    def __new__(cls, name: str, words: str, meaning: str) -> Self:
        """A line called `name`; `meaning` is a sentence for operators, in Markdown."""
        line = super().__new__(cls, words)
        line.name, line.meaning = name, meaning
        return line

    @property
    def and_more(self) -> "Line":
        """The same line standing for `suppressed` others of the last second."""
        return Line(self.name, f"{self}, and %(suppressed)s more like it", self.meaning)


REQUEST = Line(
    "request",
    "%(method)s %(route)s %(status)s %(duration_ms)s ms, key %(key)s, cache %(cache_status)s, id %(request_id)s",
    "One request was answered. Exact repeats answered at once are written at `debug` only; "
    "`cxfacade_answers_total` counts them.",
)
CONNECTION_ENDED = Line(
    "connection-ended",
    "connection ended: %(reason)s",
    "A connection was refused or cut before it became a request, or while its answer was not read; "
    "`cxfacade_connections_ended_total` counts them.",
)
STREAM_CUT = Line(
    "stream-cut",
    "a streamed answer of %s was cut short: %s, request %s",
    "Upstream failed, or rows were missing, after some had been sent: the connection ended without the last chunk.",
)
INTERNAL_ERROR = Line(
    "internal-error", "internal error %s at %s, request %s", "A bug of ours; the line says where. Report it."
)
FETCH_BUG = Line("fetch-bug", "A fetch failed in a way that is none of ours.", "A bug of ours, as above.")
CALL_FAILED = Line(
    "upstream-call-failed",
    "upstream %s: %s (%s)",
    "One call got no answer: connection, time-out, or no HTTP. Others are tried; stale answers go on.",
)
UPSTREAM_ALARM = Line(
    "upstream-alarm",
    "upstream needs to be looked at: %s",
    "A fault that does not heal by waiting: credentials, tenant, redirect, TLS. Run `cxfacade check`.",
)
BREAKER = Line(
    "upstream-breaker",
    "upstream breaker of %s: %s after %s",
    "Calls of one class stop, are tried one by one, or go on.",
)
ROWS_DROPPED = Line(
    "upstream-rows-dropped",
    "upstream sent rows that were dropped: %d (%s)",
    "Rows that were not asked for, or have no id, were left out of an answer.",
)
TOTALS_DISTRUSTED = Line(
    "totals-distrusted",
    "upstream's totals do not come out even with the rows it sends; the newest hour is read again each minute",
    "What joined late or was erased before that hour shows with the next reading of its neighbours.",
)
RANGES_TEST = Line(
    "ranges-test",
    "the time of an interaction that upstream's ranges test: %s; interactions are held where it is start, or overlap",
    "Seen once a day by two calls, or four. Where it is the `end`, or `neither`, nothing can be held: every question "
    "is asked whole, which takes more calls.",
)
CONDITION_DISTRUSTED = Line(
    "condition-distrusted",
    "upstream counts other rows for %s than are found here; such questions are asked of upstream again",
    "What is held of the whole tenant did not answer a condition as upstream does. Report it.",
)
HOLD_COMPLETE = Line(
    "hold-complete",
    "CXF_HOLD: all interactions from %s on are held",
    "From now on questions about these days are answered from memory.",
)
HOLD_SHORT = Line(
    "hold-short",
    "CXF_HOLD: memory holds the interactions from %s on, not those from %s",
    "`CXF_CACHE_BYTES` is too small for the days of `CXF_HOLD`. Older ones are read when somebody asks for them.",
)
HOLD_UNPROVEN = Line(
    "hold-unproven",
    "CXF_HOLD waits: no interaction shows yet which time upstream's ranges test",
    "It takes one that ended over an hour ago, after more than two seconds. Looked at again every few minutes.",
)
HOLD_DISTRUSTED = Line(
    "hold-distrusted",
    "CXF_HOLD is not in force: upstream's ranges do not test the start of an interaction",
    "Nothing can be held, see `ranges-test`. Looked at again once a day.",
)
HOLD_REFUSED = Line(
    "hold-refused",
    "CXF_HOLD: the interactions before %s cannot be held",
    "Rows came that do not show all that upstream has. They are read again every few minutes; see "
    "`upstream-rows-dropped`.",
)
POOL_REPLACED = Line(
    "upstream-pool-replaced",
    "upstream: places in the pool of connections were lost; a new pool is used",
    "The watchdog mended the pool. If it comes back, report it.",
)
LOGIN_FAILED = Line("login-failed", "login failed: %s", "With `CXF_AUTH=token`: no token. Credentials, or upstream.")
CREDENTIALS_READ = Line(
    "credentials-read", "The upstream credentials were read again.", "After SIGHUP: proven and in force."
)
KEYS_READ = Line(
    "keys-read", "The client keys were read again; %d are known.", "The file had changed, or after SIGHUP: in force."
)
KEYS_REFUSED = Line(
    "keys-refused", "The client keys stay as they were: %s", "The file is bad; the keys before are in force."
)
QUESTIONS_READ = Line(
    "questions-read",
    "The pinned questions were read again; %d are known.",
    "After SIGHUP: in force; replays end, and the warm questions are refreshed.",
)
RELOAD_REFUSED = Line(
    "reload-refused",
    "Reloaded nothing; what was in force stays: %s",
    "After SIGHUP: the settings are bad as a whole; nothing changed.",
)
RELOAD_PART_REFUSED = Line(
    "reload-part-refused",
    "%s not taken; what was in force stays: %s",
    "After SIGHUP: the settings named could not be used, as when upstream refuses a new password.",
)
SETTING_TO_LOOK_AT = Line(
    "setting-to-look-at",
    "A setting needs to be looked at: %s",
    "What is set works, and should be otherwise, as the mode of a secret's file; the line says what to do.",
)
PSEUDONYMS_FOR_ONE_START = Line(
    "pseudonyms-for-one-start",
    "CXF_PSEUDONYM_SECRET is not set: customer_key changes with every start.",
    "Set it, else nobody can join on `customer_key` across restarts.",
)
WORKER_ENDED = Line(
    "worker-ended",
    "worker %d ended by itself, with code %d; another takes its place",
    "With `CXF_WORKERS`: its own clients alone noticed. A code below nought is a signal; -9 often is want of memory.",
)
WORKERS_GIVEN_UP = Line(
    "workers-given-up",
    "workers ended %d times within %d seconds: all is ended",
    "The lines before say why. The service manager starts it again.",
)
WORKER_REPLACED = Line(
    "worker-replaced", "worker %d is replaced by worker %d", "After SIGUSR2: the new one answers, the old one ends."
)
WORKER_NOT_REPLACED = Line(
    "worker-not-replaced",
    "worker %d is not replaced: the new one did not start; it and those after it stay",
    "After SIGUSR2: the settings or the release are bad. The lines before say why.",
)
NOTHING_IS_REPLACED = Line(
    "nothing-is-replaced",
    "SIGUSR2 is passed over: it replaces the workers of cxfacade serve --workers N, and there are none",
    "One process cannot be replaced by SIGUSR2: that needs `CXF_WORKERS` of 2 or more. Restart it instead.",
)
TIER_AWAY = Line(
    "tier-away",
    "shared tier: %s are left alone: %s",
    "Three calls in a row failed, and the line says how. Until a probe succeeds this process asks upstream for itself.",
)
TIER_BACK = Line("tier-back", "shared tier: %s are used again", "The server answers.")
TIER_PURGE_PENDING = Line(
    "tier-purge-pending",
    "shared tier: the order of a purge could not be written; other hosts are not reached until it is",
    "What was purged here is gone here. The order is tried again twice a second; meanwhile nothing is read there.",
)
TIER_SIGNED_ELSEWHERE = Line(
    "tier-signed-elsewhere",
    "shared tier: what lies there was signed by another secret; CXF_TIER_SECRET must be the same in all processes",
    "Nothing is shared with processes of the other secret, and purges do not reach them. "
    "Told once an hour, while it lasts.",
)
LINES_LOST = Line(
    "log-lines-lost",
    "log lines that could not be written, and are lost: %d",
    "Standard error was full, or nobody read it; it works again. Requests were answered all the while.",
)
CUT_OFF = Line(
    "cut-off",
    "What was still under way is cut off.",
    "At the end of a stop: requests were still running after 12.5 seconds.",
)

LINES = tuple(line for line in list(globals().values()) if isinstance(line, Line))


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
