"""The log lines of the service, each once: its stable name, its words, and what it means to an operator."""

from typing import Self


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
