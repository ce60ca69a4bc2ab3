"""The table of FAULTS section 2.1: a row a fault, in one or more variants. It says what is demanded, not what is built.

`attempts` are those of a request that waits; a refresh behind makes three where that makes two (FAULTS 1.2), unless
`behind` says otherwise. `memo` seconds the failure is remembered, upstream not being asked.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from app.simulator.wire import Broken, cut
from app.upstream.access import Limits
from tests.scenarios.matrix import answers, conditions, connections
from tests.scenarios.matrix.expected import Problem, Rows
from tests.scenarios.matrix.scene import Fault
from tests.scenarios.matrix.setting import CERTIFICATES, Setting

Later = Literal["covered", "refreshed", "refused"]
STILL_FETCHING = Problem(504, "still-fetching", 2)
UNREACHABLE = Problem(503, "upstream-unreachable", 5)
DNS = Problem(503, "upstream-dns", 5)
RESET = Problem(503, "upstream-reset", 2)
ERROR = Problem(503, "upstream-error", 2)
UNAVAILABLE = Problem(503, "upstream-unavailable", 5)
BUSY = Problem(503, "upstream-busy", 1)
TIMEOUT = Problem(504, "upstream-timeout", 5)
BAD_ANSWER = Problem(502, "upstream-bad-answer")
SHAPE = Problem(502, "upstream-shape")
TLS = Problem(502, "upstream-tls")
REDIRECT = Problem(502, "upstream-redirect")
AUTH = Problem(502, "upstream-auth")
FORBIDDEN = Problem(502, "upstream-forbidden")
UNKNOWN_TENANT = Problem(502, "upstream-unknown-tenant")
REFUSED_QUERY = Problem(502, "upstream-refused-query")
TOO_LARGE = Problem(502, "upstream-too-large")
WRONG_TENANT = Problem(502, "upstream-wrong-tenant")
NOT_FOUND = Problem(404, "not-found")
RIGHT = Rows()
FOREIGN_TOO = Rows(more=(answers.FOREIGN_ROW,), counted="upstream_foreign_tenant_rows")

BASIC = Setting()
TOKEN = Setting(auth="token", warm=True)
ITEM = Setting(path="item")
WARM = Setting(warm=True)
NAMED = Setting(host="localhost")
SECURE = Setting(host="localhost", tls=True)
ONE_SLOT = Setting(slots=1)
NO_CONNECTION = Setting(limits=Limits(connect_seconds=3 / 10))  # a twentieth would be too little on a busy machine
NO_HEAD = Setting(limits=Limits(first_byte_seconds=15 / 20))
NO_END = Setting(limits=Limits(gap_seconds=10 / 20))


ALARMING = ("3", "12", "14", "18", "21", "24", "27", "32")
REDIRECTS = (301, 302, 303, 304, 307, 308)


def throttled(seconds: int) -> Problem:
    """Upstream asks for a pause, of which so much is left."""
    return Problem(503, "upstream-throttled", seconds)


@dataclass(frozen=True)
class Row:
    """One fault in one variant, and what follows from it.

    `later`: what the second request past freshness gets, once the refresh that the first one set off has failed.
    `still_fetching`: the caller's wait ends before the fetch. `compared`: so many calls tell first that what is held
    cannot be compared.
    """

    number: str
    variant: str
    fault: Fault
    attempts: int
    answer: Problem | Rows
    memo: float = 1.0
    behind: int | None = None
    later: Later = "covered"
    setting: Setting = BASIC
    logins: int = 0
    still_fetching: bool = False
    compared: int = 0

    @property
    def alarms(self) -> bool | None:
        """Whether an operator has to be told; None where FAULTS leaves it open."""
        if self.number in ALARMING:
            return True
        return False if isinstance(self.answer, Problem) and self.answer.retry_after else None

    @property
    def name(self) -> str:
        """Its name among the tests."""
        return f"{self.number} {self.variant}"

    @property
    def attempts_behind(self) -> int:
        """Attempts of a refresh that nobody waits for."""
        return self.behind if self.behind is not None else 3 if self.attempts == 2 else self.attempts


def pause(variant: str, fault: Fault, attempts: int, left: int) -> Row:
    """A row of 28: throttled, the gate stays closed for what is left."""
    return Row("28", variant, fault, attempts, throttled(left), memo=left, behind=1)


def refusal(status: int) -> Row:
    """A row of 24: the login itself is refused."""
    fault = conditions.refused_login(status)
    return Row("24", f"login refused with {status}", fault, 1, AUTH, memo=60, setting=TOKEN, logins=1)


ROWS = (
    Row("1", "connect refused", connections.REFUSED, 2, UNREACHABLE),
    Row("2", "name does not resolve", connections.NAMELESS, 2, DNS, setting=NAMED),
    *(
        Row("3", f"TLS: {kind}", connections.certified(kind), 1, TLS, memo=10, setting=SECURE)
        for kind in CERTIFICATES
        if kind != "good"
    ),
    Row("4", "connect hangs", connections.HANGING, 2, TIMEOUT, setting=NO_CONNECTION),
    Row("5", "head never comes", conditions.SILENT, 1, TIMEOUT, memo=5, still_fetching=True, setting=NO_HEAD),
    Row("6", "body stalls", conditions.STALLED, 2, TIMEOUT, still_fetching=True, setting=NO_END),
    Row("7", "cut, by length", connections.wired(cut), 2, BAD_ANSWER),
    Row("7", "half a status line", connections.broken("half-a-status-line"), 2, BAD_ANSWER),
    Row("8", "cut, in chunks", connections.wired(lambda body: cut(body, framing="chunked")), 2, BAD_ANSWER),
    Row("9", "cut, delimited by close", connections.wired(lambda body: cut(body, framing="close")), 2, BAD_ANSWER),
    Row("10", "length too short", connections.kept(connections.broken("length-too-short")), 2, BAD_ANSWER),
    Row("10", "length too long", connections.broken("length-too-long"), 2, BAD_ANSWER),
    Row("10", "two lengths", connections.broken("two-lengths"), 2, BAD_ANSWER),
    Row("11", "HTML with 200", answers.text(answers.PAGE), 2, BAD_ANSWER),
    Row("11", "words with 200", answers.text(answers.THEIR_WORDS.encode()), 2, BAD_ANSWER),
    Row("11", "nothing with 200", answers.text(b""), 2, BAD_ANSWER),
    Row("12", "a list", answers.text(b'["upstream-words-6Hn1"]'), 1, SHAPE, memo=30),
    Row("12", "a string", answers.text(b'"upstream-words-6Hn1"'), 1, SHAPE, memo=30),
    Row("12", "no results", answers.text(b'{"result": []}'), 1, SHAPE, memo=30),
    Row("12", "results of a wrong type", answers.text(b'{"total": 1, "results": 5}'), 1, SHAPE, memo=30),
    Row("12", "total of a wrong type", answers.text(b'{"total": "1", "results": []}'), 1, SHAPE, memo=30),
    Row("12", "rows of a wrong type", answers.text(b'{"total": 1, "results": [5]}'), 1, SHAPE, memo=30),
    Row("12", "other 2xx", answers.status(204), 1, SHAPE, memo=30),
    Row("12b", "results null", answers.text(b'{"total": 0, "results": null}'), 1, Rows(()), later="refreshed"),
    Row("13", "an error with 200", answers.text(b'{"error": "upstream-words-6Hn1"}'), 1, BAD_ANSWER),
    Row("13", "a message with 200", answers.text(b'{"message": "upstream-words-6Hn1"}'), 1, BAD_ANSWER),
    Row("14", "[NaN]", answers.text(b"[NaN]"), 1, SHAPE),
    *(Row("14", raw, answers.with_value(raw.encode()), 1, SHAPE) for raw in ("NaN", "-Infinity")),
    Row("14", "1e999 in a known field", answers.with_value(b"1e999", "interactionTime"), 1, SHAPE),
    *(
        Row("15", f"{name} in {where}", answers.with_value(raw, field), 1, RIGHT, later="refreshed")
        for name, raw in (("5,000 digits", b"9" * 5000), ("above 2^53", b"9007199254740993"))
        for where, field in (("a known field", "customerHolds"), ("an unknown field", "holdTime"))
    ),
    Row("15", "1e999 in an unknown field", answers.with_value(b"1e999"), 1, RIGHT, later="refreshed"),
    Row("15", "total above 2^53", answers.text(b'{"total": 9007199254740993, "results": []}'), 1, SHAPE, memo=30),
    Row("16", "lone surrogate", answers.named(rb"a\ud800b"), 1, Rows(("a�b",)), later="refreshed"),
    Row("16", "NUL", answers.named(rb"a\u0000b"), 1, Rows(("a\0b",)), later="refreshed"),
    Row("16", "BOM", answers.recoded(lambda body: b"\xef\xbb\xbf" + body), 1, RIGHT, later="refreshed"),
    Row("16", "UTF-16", answers.recoded(lambda body: body.decode().encode("utf-16")), 1, BAD_ANSWER),
    Row("16", "invalid UTF-8", answers.named(b"a\xffb"), 1, BAD_ANSWER),
    Row("17", "duplicate keys", answers.named(rb'first", "flowName": "last'), 1, Rows(("last",)), later="refreshed"),
    Row("18", "10,000 levels", answers.text(b"[" * 10_000), 1, SHAPE, memo=30),
    Row("18", "10,000 levels in a field", answers.with_value(b"[" * 10_000 + b"]" * 10_000), 1, SHAPE, memo=30),
    Row("19", "dripping body", conditions.dripping_body(), 1, TIMEOUT, memo=5, still_fetching=True),
    Row("19", "dripping head", conditions.dripping_head(), 1, TIMEOUT, memo=5, still_fetching=True),
    Row("20", "100 MB by length", connections.NAMED_LENGTH, 1, TOO_LARGE, memo=60),
    Row("20", "100 MB in chunks", connections.CHUNKS, 1, TOO_LARGE, memo=60),
    Row("21", "gzip bomb", connections.BOMB, 1, TOO_LARGE, memo=60),
    Row("22", "says gzip, is plain", connections.broken("not-gzip"), 2, BAD_ANSWER),
    Row("22", "cut gzip", connections.broken("half-gzip"), 2, BAD_ANSWER),
    Row("22", "other coding", connections.broken("other-coding"), 2, BAD_ANSWER),
    Row("23", "token expired", conditions.EXPIRED, 2, RIGHT, behind=2, later="refreshed", setting=TOKEN, logins=1),
    Row("24", "401 again", conditions.REFUSED_ALWAYS, 2, AUTH, memo=60, behind=2, setting=TOKEN, logins=1),
    *map(refusal, (400, 401, 403)),
    Row("24", "401 to Basic", conditions.REFUSED_ALWAYS, 1, AUTH, memo=60),
    Row("25", "403", answers.status(403), 1, FORBIDDEN, memo=60, later="refused"),
    Row("26", "404 on the collection", answers.status(404), 1, UNKNOWN_TENANT, memo=10, later="refused"),
    Row("26", "410 on the collection", answers.status(410), 1, UNKNOWN_TENANT, memo=10, later="refused"),
    Row("26", "404 on an item", answers.status(404), 1, NOT_FOUND, memo=60, later="refused", setting=ITEM),
    Row("26", "410 on an item", answers.status(410), 1, NOT_FOUND, memo=60, later="refused", setting=ITEM),
    *(Row("27", str(code), answers.status(code), 1, REFUSED_QUERY, memo=10) for code in (400, 409, 418, 422)),
    pause("30 seconds", answers.status(429, ("retry-after", "30")), 1, 30),
    pause("a date", answers.dated(timedelta(seconds=30)), 1, 30),
    pause("10^9 seconds", answers.status(429, ("retry-after", "1000000000")), 1, 300),
    pause("a date in a year", answers.dated(timedelta(days=365)), 1, 300),
    pause("7 seconds, which fit", answers.paused(7, value="7"), 2, 7),
    pause("a date past", answers.paused(1, value="Wed, 18 Nov 2026 14:00:00 GMT"), 2, 1),
    pause("absent", answers.paused(5), 2, 10),
    pause("negative", answers.paused(5, value="-5"), 2, 10),
    pause("no number", answers.paused(5, value="soon"), 2, 10),
    Row("29", "500", answers.status(500), 2, ERROR),
    Row("29", "501", answers.status(501), 1, ERROR),
    Row("29", "505", answers.status(505), 1, ERROR),
    Row("30", "502", answers.status(502), 2, UNAVAILABLE),
    Row("30", "503", answers.status(503), 2, UNAVAILABLE),
    Row("30", "504", answers.status(504), 2, TIMEOUT),
    Row("30", "503, 7 seconds", answers.paused(7, 503, "7"), 2, Problem(503, "upstream-unavailable", 7)),
    *(Row("32", str(code), connections.redirected(code), 1, REDIRECT, memo=10) for code in REDIRECTS),
    Row("32", "redirect loop", connections.redirected(302, to_itself=True), 1, REDIRECT, memo=10),
    Row("33", "reset after the request", connections.RESET, 2, RESET),
    Row("33", "reset within the body", connections.RESET_IN_BODY, 2, RESET),
    Row("33", "closed without a byte", connections.broken("no-answer"), 2, RESET),
    *(
        Row("34", f"kept connection {word}", connections.ending_at_second_turn(how), 2, RIGHT, 0, 2, "refreshed", WARM)
        for word, how in (("closed", Broken()), ("reset", Broken(ending="reset")))
    ),
    Row("34", "and the repeat too", connections.ending_at_second_turn(Broken(), every=True), 2, RESET, setting=WARM),
    *(
        Row("35", f"Date {days:+d} day", conditions.upstream_days_off(days), 1, RIGHT, later="refreshed")
        for days in (-1, 1)
    ),
    Row("35", "our clock 1 h back", conditions.wall_hours_off(-1), 1, RIGHT, later="refreshed"),
    Row("35", "our clock 1 h ahead", conditions.wall_hours_off(1), 1, RIGHT, later="refreshed"),
    Row("35", "token's exp past", Fault(), 1, RIGHT, later="refreshed", setting=TOKEN),
    Row("36", "all slots taken", conditions.TAKEN, 0, BUSY, memo=0, setting=ONE_SLOT),
    Row("37", "envelope of another tenant", answers.FOREIGN_TENANT, 1, WRONG_TENANT),
    Row("37", "foreign rows", answers.document(answers.foreign_rows), 1, FOREIGN_TOO, later="refreshed"),
    Row("37", "filter ignored", answers.document(answers.unasked_rows), 1, RIGHT, later="refreshed", compared=1),
    Row("38", "garbage before the status", connections.broken("garbage"), 2, BAD_ANSWER),
    Row("38", "200 kB header", connections.broken("huge-head"), 2, BAD_ANSWER),
    Row("38", "fifty 103s, then 200", connections.broken("early-hints"), 1, RIGHT, later="refreshed"),
)  # fmt: skip

SUMMARIES = tuple(
    replace(row, variant=f"{row.variant}, of a summary", setting=replace(row.setting, path="summary"))
    for row in {row.number: row for row in reversed(ROWS) if row.setting.path == "list"}.values()
)
"""The first variant of each fault again, where a summary is asked for."""
