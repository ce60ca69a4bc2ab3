"""The table of log lines: each once, with its stable name, its words and its meaning to an operator."""

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
