"""What the log can tell, as one table: each line of ours is known by its words before they are filled in."""

from typing import NamedTuple

MORE = ", and %(suppressed)s more like it"  # how a line ends that stands for those of the last second


class Event(NamedTuple):
    """One row: a stable name, the words of its line before they are filled in, and what it means to an operator."""

    name: str
    words: str
    meaning: str


EVENTS = (
    Event(
        "request",
        "%(method)s %(route)s %(status)s %(duration_ms)s ms, key %(key)s, cache %(cache_status)s, id %(request_id)s",
        "One request was answered. Exact repeats answered at once are written at `debug` only; "
        "`cxfacade_answers_total` counts them.",
    ),
    Event(
        "connection-ended",
        "connection ended: %(reason)s",
        "A connection was refused or cut before it became a request, or while its answer was not read; "
        "`cxfacade_connections_ended_total` counts them.",
    ),
    Event("internal-error", "internal error %s at %s, request %s", "A bug of ours; the line says where. Report it."),
    Event("fetch-bug", "A fetch failed in a way that is none of ours.", "A bug of ours, as above."),
    Event(
        "upstream-call-failed",
        "upstream %s: %s (%s)",
        "One call got no answer: connection, time-out, or no HTTP. Others are tried; stale answers go on.",
    ),
    Event(
        "upstream-alarm",
        "upstream needs to be looked at: %s",
        "A fault that does not heal by waiting: credentials, tenant, redirect, TLS. Run `cxfacade check`.",
    ),
    Event(
        "upstream-breaker",
        "upstream breaker of %s: %s after %s",
        "Calls of one class stop, are tried one by one, or go on.",
    ),
    Event(
        "upstream-rows-dropped",
        "upstream sent rows that were dropped: %d (%s)",
        "Rows that were not asked for, or have no id, were left out of an answer.",
    ),
    Event(
        "upstream-pool-replaced",
        "upstream: places in the pool of connections were lost; a new pool is used",
        "The watchdog mended the pool. If it comes back, report it.",
    ),
    Event("login-failed", "login failed: %s", "With `CXF_AUTH=token`: no token. Credentials, or upstream."),
    Event("credentials-read", "The upstream credentials were read again.", "After SIGHUP: proven and in force."),
    Event(
        "keys-read",
        "The client keys were read again; %d are known.",
        "The file had changed, or after SIGHUP: in force.",
    ),
    Event("keys-refused", "The client keys stay as they were: %s", "The file is bad; the keys before are in force."),
    Event(
        "reload-refused",
        "Reloaded nothing; what was in force stays: %s",
        "After SIGHUP: the settings are bad as a whole; nothing changed.",
    ),
    Event(
        "reload-part-refused",
        "%s not taken; what was in force stays: %s",
        "After SIGHUP: the settings named could not be used, as when upstream refuses a new password.",
    ),
    Event(
        "setting-to-look-at",
        "A setting needs to be looked at: %s",
        "What is set works, and should be otherwise, as the mode of a secret's file; the line says what to do.",
    ),
    Event(
        "pseudonyms-for-one-start",
        "CXF_PSEUDONYM_SECRET is not set: customer_key changes with every start.",
        "Set it, else nobody can join on `customer_key` across restarts.",
    ),
    Event(
        "log-lines-lost",
        "log lines that could not be written, and are lost: %d",
        "Standard error was full, or nobody read it; it works again. Requests were answered all the while.",
    ),
    Event(
        "cut-off",
        "What was still under way is cut off.",
        "At the end of a stop: requests were still running after 12.5 seconds.",
    ),
)
_NAMES = {event.words: event.name for event in EVENTS}


def name_of(words: str) -> str | None:
    """The event that a line with these words is of, before they are filled in; None for a library's."""
    return _NAMES.get(words.removesuffix(MORE))
