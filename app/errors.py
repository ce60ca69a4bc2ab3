"""Everything that can go wrong, as one tree. No status codes here: `http/problems.py` has them.

CxfacadeError
├── SettingsError                  the configuration cannot be used
├── RequestError                   the request cannot be answered as it stands
│   ├── InvalidParameters          unknown, repeated or malformed parameters, all of them at once
│   ├── KeyInQuery · BadRequest · BadTarget · BadHost · BodyNotAllowed · TargetTooLong
│   ├── BodyTooLarge · UnsupportedMediaType
│   ├── Unauthorized · Forbidden · NotFound · RateLimited
│   ├── SortNeedsCompleteResult · CursorMismatch · CursorExpired
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
from typing import ClassVar, Literal, Self


class CxfacadeError(Exception):
    """Base of the tree.

    `code` is the slug of the problem. `detail` is one sentence of ours: never a secret, never a word of upstream's.
    `retry_after_seconds` is set where upstream or a gate named a time; otherwise the problem table has a default.
    `stale_may_cover`: what is stored may be served instead (FAULTS 1.3). `last_success_at` is when upstream last
    answered the same question, where it once did.
    """

    code: ClassVar[str] = "internal-error"
    stale_may_cover: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.last_success_at: datetime | None = None

    def again(self) -> Self:
        """A new exception with the same facts: each waiter of a failed flight raises its own traceback."""
        return type(self)(self.detail, retry_after_seconds=self.retry_after_seconds)


class SettingsError(CxfacadeError):
    """The configuration cannot be used; `faults` holds one line for each thing to change."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)

    def again(self) -> Self:
        """See CxfacadeError."""
        return type(self)(self.faults)


class RequestError(CxfacadeError):
    """The request cannot be answered as it stands; sending it again at once changes nothing."""

    code = "bad-request"


MOST_FAULTS = 100  # of one request that are told: as many as it may have parameters, or `fields` columns


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One thing wrong with one query parameter, in words that say what to do. The value given is never repeated."""

    parameter: str
    detail: str
    code: str = "invalid-parameter"
    allowed: tuple[str, ...] = ()
    did_you_mean: str | None = None


class InvalidParameters(RequestError):
    """One or more parameters are unknown, repeated or malformed.

    The first `most` are told, and how many `more` there are: an answer does not grow with what was sent.
    """

    code = "invalid-parameter"

    def __init__(self, faults: Sequence[ParameterFault], more: int = 0, *, most: int = MOST_FAULTS) -> None:
        self.faults = tuple(faults[:most])
        self.more = more + len(faults) - len(self.faults)
        rest = [f"There are {self.more} more faults that are not listed."] if self.more else []
        super().__init__(" ".join([*(fault.detail for fault in self.faults), *rest]))

    def again(self) -> Self:
        """See CxfacadeError."""
        return type(self)(self.faults, self.more)


class KeyInQuery(RequestError):
    """A credential stands in the query string, where logs and histories would keep it."""

    code = "key-in-query"


class BadRequest(RequestError):
    """The request is malformed, or carries two credentials."""

    code = "bad-request"


class BadTarget(RequestError):
    """The request target is not a plain path."""

    code = "bad-target"


class BadHost(RequestError):
    """The Host header is missing, doubled or not on the allow-list."""

    code = "bad-host"


class BodyNotAllowed(RequestError):
    """GET and HEAD take no body."""

    code = "body-not-allowed"


class BodyTooLarge(RequestError):
    """The body is over its bound."""

    code = "body-too-large"


class UnsupportedMediaType(RequestError):
    """The body is not JSON."""

    code = "unsupported-media-type"


class TargetTooLong(RequestError):
    """The request target is over its bound."""

    code = "target-too-long"


class Unauthorized(RequestError):
    """No valid credential."""

    code = "unauthorized"


class Forbidden(RequestError):
    """The credential lacks a scope."""

    code = "forbidden"


class NotFound(RequestError):
    """No such path or interaction."""

    code = "not-found"


class RateLimited(RequestError):
    """Too much was asked; the same request may work after the time named."""

    code = "rate-limited"


class SortNeedsCompleteResult(RequestError):
    """This order needs the whole result at hand, and the result is larger than one answer may be."""

    code = "sort-needs-complete-result"


class CursorMismatch(RequestError):
    """The cursor belongs to another query."""

    code = "cursor-mismatch"


class CursorExpired(RequestError):
    """The snapshot that the cursor names is gone."""

    code = "cursor-expired"


class NotStored(RequestError):
    """`only-if-cached` was asked, and nothing is stored."""

    code = "not-stored"


class StillFetching(CxfacadeError):
    """The caller's wait is over; the fetch goes on and will be stored."""

    code = "still-fetching"
    stale_may_cover = True


class Overloaded(CxfacadeError):
    """The façade sheds load."""

    code = "overloaded"


class InternalError(CxfacadeError):
    """Our own bug."""

    code = "internal-error"
    stale_may_cover = True


Verdict = Literal["failure", "success", "uncounted"]
"""What an attempt tells the breaker: upstream is ill, is alive, or neither (FAULTS 2.1, column Brk)."""


class UpstreamError(CxfacadeError):
    """Upstream gave no usable answer. The class attributes are the columns of FAULTS 2.1.

    `retried`: another attempt may help (Att.). `verdict`: what the breaker makes of it (Brk). For `memo_seconds` the
    failure is remembered, and upstream not asked again (Stored). `alarm`: an operator has to look.
    """

    code = "upstream-error"
    retried: ClassVar[bool] = False
    verdict: ClassVar[Verdict] = "uncounted"
    memo_seconds: ClassVar[float] = 1.0
    alarm: ClassVar[bool] = False
    stale_may_cover = True


class UpstreamUnreachable(UpstreamError):
    """Connection refused, or no route."""

    code = "upstream-unreachable"
    retried = True
    verdict = "failure"


class UpstreamDns(UpstreamError):
    """Upstream's name does not resolve."""

    code = "upstream-dns"
    retried = True
    verdict = "failure"


class UpstreamReset(UpstreamError):
    """The connection was reset, or closed before a byte came."""

    code = "upstream-reset"
    retried = True
    verdict = "failure"


class UpstreamUnanswered(UpstreamReset):
    """A kept-alive connection turned out closed, and not a byte came: asked again at once (RFC 9112 §9.3.1)."""


class UpstreamServerError(UpstreamError):
    """Upstream said 500."""

    code = "upstream-error"
    retried = True
    verdict = "failure"


class UpstreamUnsupported(UpstreamServerError):
    """Upstream said 501 or 505: it would say so again."""

    retried = False


class UpstreamUnavailable(UpstreamError):
    """Upstream said 502 or 503."""

    code = "upstream-unavailable"
    retried = True
    verdict = "failure"


class UpstreamThrottled(UpstreamError):
    """Upstream asked us to slow down; it is asked again where the pause fits into the caller's wait.

    Nothing is remembered: the gate says the same, and how long it will.
    """

    code = "upstream-throttled"
    retried = True
    memo_seconds = 0.0


class UpstreamBusy(UpstreamError):
    """All our upstream slots are taken."""

    code = "upstream-busy"
    memo_seconds = 0.0


class UpstreamCircuitOpen(UpstreamError):
    """The breaker is open."""

    code = "upstream-circuit-open"
    memo_seconds = 0.0


class UpstreamTimeout(UpstreamError):
    """Head or total deadline passed: a query that may have cost upstream much is not doubled."""

    code = "upstream-timeout"
    verdict = "failure"
    memo_seconds = 5.0


class UpstreamShortTimeout(UpstreamTimeout):
    """The connection did not open, the body stalled, or upstream said 504: soon known, and worth another attempt."""

    retried = True
    memo_seconds = 1.0


class UpstreamBadAnswer(UpstreamError):
    """Truncated, not HTTP, not JSON, or a bad coding."""

    code = "upstream-bad-answer"
    retried = True
    verdict: ClassVar[Verdict] = "failure"


class UpstreamErrorAnswer(UpstreamBadAnswer):
    """An error body with status 200."""

    retried = False


class UpstreamBadEncoding(UpstreamBadAnswer):
    """Text in another encoding than UTF-8."""

    retried = False
    verdict = "uncounted"


class UpstreamShape(UpstreamError):
    """Valid JSON of a form we do not know."""

    code = "upstream-shape"
    memo_seconds = 30.0
    alarm = True


class UpstreamBadNumber(UpstreamShape):
    """A number that JSON forbids, or that no reader keeps whole."""

    memo_seconds = 1.0


class UpstreamTls(UpstreamError):
    """Certificate or handshake not acceptable."""

    code = "upstream-tls"
    verdict = "failure"
    memo_seconds = 10.0
    alarm = True


class UpstreamRedirect(UpstreamError):
    """Upstream answered 3xx; redirects are never followed."""

    code = "upstream-redirect"
    memo_seconds = 10.0
    alarm = True


class UpstreamAuth(UpstreamError):
    """Upstream refuses our credentials; stale may cover it for five minutes, which `reports` counts (FAULTS 1.3).

    Nothing is remembered: the gate says the same for as long as it is closed.
    """

    code = "upstream-auth"
    memo_seconds = 0.0
    alarm = True


class UpstreamForbidden(UpstreamError):
    """Upstream denies us this tenant or these records."""

    code = "upstream-forbidden"
    verdict = "success"
    stale_may_cover = False
    memo_seconds = 60.0


class UpstreamUnknownTenant(UpstreamError):
    """Upstream does not know the tenant."""

    code = "upstream-unknown-tenant"
    verdict = "success"
    stale_may_cover = False
    memo_seconds = 10.0


class UpstreamRefusedQuery(UpstreamError):
    """Upstream refused a query we built."""

    code = "upstream-refused-query"
    verdict = "success"
    memo_seconds = 10.0
    alarm = True


class UpstreamTooLarge(UpstreamError):
    """The answer is over the byte caps."""

    code = "upstream-too-large"
    memo_seconds = 60.0


class UpstreamBomb(UpstreamTooLarge):
    """A compressed answer expands beyond measure."""

    verdict = "failure"
    alarm = True


class UpstreamWrongTenant(UpstreamError):
    """The answer names another tenant."""

    code = "upstream-wrong-tenant"
    alarm = True
