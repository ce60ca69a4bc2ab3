"""Everything that can go wrong, as one tree. No status codes here: `http/problems.py` has them.

CxfacadeError
├── SettingsError                  the configuration cannot be used
├── RequestError                   the request cannot be answered as it stands
│   ├── InvalidParameters          unknown, repeated or malformed parameters, all of them at once
│   ├── KeyInQuery · BadRequest · BodyTooLarge · UnsupportedMediaType (NotAForm)
│   ├── Unauthorized · Forbidden · NotFound · MethodNotAllowed · RateLimited
│   ├── SortNeedsCompleteResult · CursorMismatch · CursorExpired · ChangeTokenExpired
│   ├── TooManyGroups · SummaryNeedsCompleteResult
│   └── NotStored                  only-if-cached, and nothing is stored
├── StillFetching                  this caller's wait is over, the fetch goes on
├── Overloaded                     the façade sheds load
├── InternalError                  our own bug
└── UpstreamError                  upstream gave no usable answer
    ├── UpstreamUnreachable · UpstreamDns · UpstreamReset (UpstreamUnanswered) · UpstreamUnavailable
    ├── UpstreamServerError (UpstreamUnsupported) · UpstreamTimeout (UpstreamShortTimeout)
    ├── UpstreamThrottled · UpstreamBusy · UpstreamCircuitOpen
    ├── UpstreamBadAnswer (UpstreamErrorAnswer · UpstreamBadEncoding) · UpstreamShape (UpstreamBadNumber)
    ├── UpstreamTooLarge (UpstreamBomb) · UpstreamWrongTenant
    └── UpstreamTls · UpstreamRedirect · UpstreamAuth · UpstreamForbidden · UpstreamUnknownTenant · UpstreamRefusedQuery
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Self, TypedDict, Unpack

Verdict = Literal["failure", "success", "uncounted"]
"""What an attempt tells the breaker: upstream is ill, is alive, or neither (FAULTS 2.1, column Brk)."""


class Facts(TypedDict, total=False):
    """The facts of a kind of error, which stand in the head of its class."""

    code: str
    stale_may_cover: bool
    retried: bool
    verdict: Verdict
    memo_seconds: float
    alarm: bool


class CxfacadeError(Exception):
    """Base of the tree.

    `code` is the slug of the problem. `detail` is one sentence of ours: never a secret, never a word of upstream's.
    `retry_after_seconds` is set where upstream or a gate named a time; otherwise the problem table has a default.
    `stale_may_cover`: what is stored may be served instead (FAULTS 1.3). `last_success_at` is when upstream last
    answered the same question, where it once did.
    """

    code: ClassVar[str] = "internal-error"
    stale_may_cover: ClassVar[bool] = False

    def __init_subclass__(cls, **facts: Unpack[Facts]) -> None:
        for name, fact in facts.items():
            setattr(cls, name, fact)

    def __init__(self, detail: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.last_success_at: datetime | None = None

    def again(self) -> Self:
        """A new exception with the same facts: each waiter of a failed flight raises its own traceback."""
        same = type(self).__new__(type(self), *self.args)
        vars(same).update(vars(self))
        return same


class SettingsError(CxfacadeError):
    """The configuration cannot be used; `faults` holds one line for each thing to change."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class RequestError(CxfacadeError, code="bad-request"):
    """The request cannot be answered as it stands; sending it again at once changes nothing."""


MOST_FAULTS = 100  # of one request that are told: as many as it may have parameters, or `fields` columns


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One thing wrong with one query parameter, in words that say what to do. The value given is never repeated."""

    parameter: str
    detail: str
    code: str = "invalid-parameter"
    allowed: tuple[str, ...] = ()
    did_you_mean: str | None = None


class InvalidParameters(RequestError, code="invalid-parameter"):
    """Parameters are unknown, repeated or malformed; the first `most` are told, and how many `more` there are."""

    def __init__(self, faults: Sequence[ParameterFault], more: int = 0, *, most: int = MOST_FAULTS) -> None:
        self.faults = tuple(faults[:most])
        self.more = more + len(faults) - len(self.faults)
        rest = [f"There are {self.more} more faults that are not listed."] if self.more else []
        super().__init__(" ".join([*(fault.detail for fault in self.faults), *rest]))


class KeyInQuery(RequestError, code="key-in-query"):
    """A credential stands in a question, where logs and histories would keep it."""


class BadRequest(RequestError):
    """The request is malformed, or carries two credentials."""


class BodyTooLarge(RequestError, code="body-too-large"):
    """The body is over its bound."""


class UnsupportedMediaType(RequestError, code="unsupported-media-type"):
    """The body is not JSON."""


class NotAForm(UnsupportedMediaType):
    """The body of a question is not a form."""


class Unauthorized(RequestError, code="unauthorized"):
    """No valid credential."""


class Forbidden(RequestError, code="forbidden"):
    """The credential lacks a scope."""


class NotFound(RequestError, code="not-found"):
    """No such path or interaction."""


class MethodNotAllowed(RequestError, code="method-not-allowed"):
    """The path takes other methods."""


class RateLimited(RequestError, code="rate-limited"):
    """Too much was asked; the same request may work after the time named."""


class SortNeedsCompleteResult(RequestError, code="sort-needs-complete-result"):
    """This order needs the whole result at hand, and the result is larger than one answer may be."""


class TooManyGroups(RequestError, code="too-many-groups"):
    """A summary would have more groups than one answer may have rows."""


class SummaryNeedsCompleteResult(RequestError, code="summary-needs-complete-result"):
    """A summary needs all rows of its range, and these are more than may be read for it."""


class CursorMismatch(RequestError, code="cursor-mismatch"):
    """The cursor belongs to another query."""


class CursorExpired(RequestError, code="cursor-expired"):
    """The snapshot that the cursor names is gone."""


class ChangeTokenExpired(RequestError, code="change-token-expired"):
    """It cannot be told any more what changed since the token was given."""


class NotStored(RequestError, code="not-stored"):
    """`only-if-cached` was asked, and nothing is stored."""


class StillFetching(CxfacadeError, code="still-fetching", stale_may_cover=True):
    """The caller's wait is over; the fetch goes on and will be stored."""


class Overloaded(CxfacadeError, code="overloaded"):
    """The façade sheds load."""


class InternalError(CxfacadeError, stale_may_cover=True):
    """Our own bug."""


class UpstreamError(CxfacadeError, code="upstream-error", stale_may_cover=True):
    """Upstream gave no usable answer. The class attributes are the columns of FAULTS 2.1.

    `retried`: another attempt may help (Att.). `verdict`: what the breaker makes of it (Brk). For `memo_seconds` the
    failure is remembered, and upstream not asked again (Stored). `alarm`: an operator has to look.
    """

    retried: ClassVar[bool] = False
    verdict: ClassVar[Verdict] = "uncounted"
    memo_seconds: ClassVar[float] = 1.0
    alarm: ClassVar[bool] = False


class UpstreamUnreachable(UpstreamError, code="upstream-unreachable", retried=True, verdict="failure"):
    """Connection refused, or no route."""


class UpstreamDns(UpstreamError, code="upstream-dns", retried=True, verdict="failure"):
    """Upstream's name does not resolve."""


class UpstreamReset(UpstreamError, code="upstream-reset", retried=True, verdict="failure"):
    """The connection was reset, or closed before a byte came."""


class UpstreamUnanswered(UpstreamReset):
    """A kept-alive connection turned out closed, and not a byte came: asked again at once (RFC 9112 §9.3.1)."""


class UpstreamServerError(UpstreamError, retried=True, verdict="failure"):
    """Upstream said 500."""


class UpstreamUnsupported(UpstreamServerError, retried=False):
    """Upstream said 501 or 505: it would say so again."""


class UpstreamUnavailable(UpstreamError, code="upstream-unavailable", retried=True, verdict="failure"):
    """Upstream said 502 or 503."""


class UpstreamThrottled(UpstreamError, code="upstream-throttled", retried=True, memo_seconds=0.0):
    """Upstream asked for a pause, which the gate remembers; it is asked again where that fits into the wait."""


class UpstreamBusy(UpstreamError, code="upstream-busy", memo_seconds=0.0):
    """All our upstream slots are taken."""


class UpstreamCircuitOpen(UpstreamError, code="upstream-circuit-open", memo_seconds=0.0):
    """The breaker is open."""


class UpstreamTimeout(UpstreamError, code="upstream-timeout", verdict="failure", memo_seconds=5.0):
    """Head or total deadline passed: a query that may have cost upstream much is not doubled."""


class UpstreamShortTimeout(UpstreamTimeout, retried=True, memo_seconds=1.0):
    """The connection did not open, the body stalled, or upstream said 504: soon known, and worth another attempt."""


class UpstreamBadAnswer(UpstreamError, code="upstream-bad-answer", retried=True, verdict="failure"):
    """Truncated, not HTTP, not JSON, or a bad coding."""


class UpstreamErrorAnswer(UpstreamBadAnswer, retried=False):
    """An error body with status 200."""


class UpstreamBadEncoding(UpstreamBadAnswer, retried=False, verdict="uncounted"):
    """Text in another encoding than UTF-8."""


class UpstreamShape(UpstreamError, code="upstream-shape", memo_seconds=30.0, alarm=True):
    """Valid JSON of a form we do not know."""


class UpstreamBadNumber(UpstreamShape, memo_seconds=1.0):
    """A number that JSON forbids, or that no reader keeps whole."""


class UpstreamTls(UpstreamError, code="upstream-tls", verdict="failure", memo_seconds=10.0, alarm=True):
    """Certificate or handshake not acceptable."""


class UpstreamRedirect(UpstreamError, code="upstream-redirect", memo_seconds=10.0, alarm=True):
    """Upstream answered 3xx; redirects are never followed."""


class UpstreamAuth(UpstreamError, code="upstream-auth", memo_seconds=0.0, alarm=True):
    """Upstream refuses our credentials; stale may cover it for five minutes (FAULTS 1.3), and the gate remembers it."""


class UpstreamForbidden(
    UpstreamError, code="upstream-forbidden", verdict="success", stale_may_cover=False, memo_seconds=60.0
):
    """Upstream denies us this tenant or these records."""


class UpstreamUnknownTenant(
    UpstreamError, code="upstream-unknown-tenant", verdict="success", stale_may_cover=False, memo_seconds=10.0
):
    """Upstream does not know the tenant."""


class UpstreamRefusedQuery(
    UpstreamError, code="upstream-refused-query", verdict="success", memo_seconds=10.0, alarm=True
):
    """Upstream refused a query we built."""


class UpstreamTooLarge(UpstreamError, code="upstream-too-large", memo_seconds=60.0):
    """The answer is over the byte caps."""


class UpstreamBomb(UpstreamTooLarge, verdict="failure", alarm=True):
    """A compressed answer expands beyond measure."""


class UpstreamWrongTenant(UpstreamError, code="upstream-wrong-tenant", alarm=True):
    """The answer names another tenant."""
