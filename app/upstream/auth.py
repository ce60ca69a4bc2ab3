"""Credentials of one user: Basic, or a token by login (R13); a gate spares refused ones (UPSTREAM §2, FAULTS §2.1)."""

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import msgspec
from pydantic import SecretStr

from app.clock import Clock
from app.errors import UpstreamAuth, UpstreamError, UpstreamErrorAnswer, UpstreamShape
from app.observe.lines import LOGIN_FAILED
from app.upstream.access import TOKENS, Limits, UpstreamAccess
from app.upstream.breaker import Gate, Restraint
from app.upstream.responses import login_fault, says_error, unreadable
from app.upstream.transport import READ_STATUSES, Transport
from app.workers import CREDENTIALS_GATE, SharedGate

REFUSED = "The upstream refuses the façade's credentials."
TTL_SECONDS = 86_400.0
RENEW_AT = 0.8  # of a token's life
UNUSABLE = "The upstream's answer to the login is not a token."
VISIBLE = re.compile(r"[!-~]{1,16384}", re.ASCII)

logger = logging.getLogger("cxfacade.upstream")


class Credentials:
    """The user's Authorization header, constant or by login; its gate keeps the account from being locked (T10).

    While the gate is closed no login is sent, and no call with a refused value; a value that still works is used on.
    """

    def __init__(
        self,
        limits: Limits,
        monotonic: Callable[[], float],
        constant: str | None = None,
        shared: SharedGate | None = None,
    ) -> None:
        self._constant = constant
        self.gate = Gate(limits.auth_gate_seconds, limits.auth_gate_most_seconds, monotonic, shared)
        self._refused: str | None = None
        self._refused_since: float | None = None  # the first refusal after the last success
        self._monotonic = monotonic

    async def prepared(self) -> None:
        """Log in where the next call needs it. Raises UpstreamError where that fails."""

    def current(self) -> str | None:
        """The Authorization header for a call that is sent now; None where `prepared` comes first.

        Raises UpstreamAuth where the value was refused and the gate is closed.
        """
        value = self._value()
        if value is not None and self.is_blocked():
            raise UpstreamAuth(REFUSED)
        return value

    def is_blocked(self) -> bool:
        """Whether neither a call nor a login would be sent now."""
        value = self._value()
        return self._is_refused_elsewhere(value) or (self.gate.left() > 0 and value in (None, self._refused))

    async def renewed(self, refused: str) -> bool:
        """Whether there is another value than `refused` now."""
        return self._value() not in (None, refused)

    def refuse(self, value: str | None = None) -> None:
        """Upstream refused a login, or `value` right after one."""
        self._refused = value or self._refused
        self._refused_since = self._monotonic() if self._refused_since is None else self._refused_since
        self.gate.close()

    def accept(self) -> None:
        """Upstream answered a call: no value is refused any more. A login refused meanwhile keeps the gate closed."""
        self._refused_since = None
        if self._refused is not None:
            self._refused = None
            self.gate.reset(opens_elsewhere=self._constant is not None)

    def refused_seconds(self) -> float:
        """For how long upstream has refused these credentials, logins included; 0 while it does not."""
        self._is_refused_elsewhere(self._value())
        return 0.0 if self._refused_since is None else self._monotonic() - self._refused_since

    async def aclose(self) -> None:
        """Wait for a login under way."""

    def _is_refused_elsewhere(self, value: str | None) -> bool:
        """Whether another worker was refused with the same credentials; noted, as the stale rules count from then on.

        A token of our own that still works is used on.
        """
        is_refused = value == self._constant and self.gate.left_elsewhere() > 0
        if is_refused and self._refused_since is None:
            self._refused_since = self._monotonic()
        return is_refused

    def _value(self) -> str | None:
        return self._constant


class TokenAnswer(msgspec.Struct, frozen=True):
    """Body of the response to a login; `ttl` in seconds."""

    token: str
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token in use; `renew_at` and `expires_at` on the monotonic clock, counted from its receipt (R13)."""

    authorization: str
    renew_at: float
    expires_at: float


def read_token(body: bytes, received_at: float, renew_at: float = RENEW_AT) -> Token:
    """The token in the response to a login, to be renewed at the share `renew_at` of its life.

    Raises UpstreamBadAnswer where the body is no JSON or an error in disguise, UpstreamShape where it holds no usable
    token; never shows the body.
    """
    try:
        answer = msgspec.json.decode(body, type=TokenAnswer)
    except (msgspec.ValidationError, RecursionError):
        if says_error(body):
            raise UpstreamErrorAnswer("The upstream answered the login with an error under a success status.") from None
        raise UpstreamShape(UNUSABLE) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    ttl = TTL_SECONDS if answer.ttl is None else answer.ttl
    if not VISIBLE.fullmatch(answer.token) or not 0 < ttl < float("inf"):
        raise UpstreamShape(UNUSABLE)
    return Token(f"Token {answer.token}", received_at + renew_at * ttl, received_at + ttl)


class TokenLogin(Credentials):
    """A token shared by all calls: at most one login is under way, and no caller that leaves cancels it.

    At about RENEW_AT of its life the token is renewed in the background; if that fails it is used until it expires.
    `random` is of [0, 1), so that several processes do not renew at once.
    """

    def __init__(
        self,
        login: Callable[[], Awaitable[bytes]],
        clock: Clock,
        limits: Limits,
        random: Callable[[], float],
        shared: SharedGate | None = None,
    ) -> None:
        super().__init__(limits, clock.monotonic, shared=shared)
        self._login = login
        self._limits = limits
        self._random = random
        self._token: Token | None = None
        self._flight: asyncio.Task[None] | None = None
        self._renewal_not_before = float("-inf")

    async def prepared(self) -> None:
        """Log in where no token is live, renew in the background where it is time. Raises the error of the login."""
        token = self._live()
        if token is None:
            await self._wait_for_login()
        elif self._monotonic() >= max(token.renew_at, self._renewal_not_before) and not self.gate.left():
            self._login_under_way()

    async def renewed(self, refused: str) -> bool:
        """Log in unless another caller has done so since `refused` was sent. Raises the error of the login."""
        if self._value() in (None, refused):
            self._refused = refused
            await self._wait_for_login()
        return True

    def _live(self) -> Token | None:
        return self._token if self._token and self._monotonic() < self._token.expires_at else None

    def _value(self) -> str | None:
        token = self._live()
        return token.authorization if token else None

    async def _wait_for_login(self) -> None:
        if self._flight is None and self.is_blocked():
            raise UpstreamAuth(REFUSED)
        try:
            await asyncio.shield(self._login_under_way())
        except UpstreamError as error:
            raise error.again() from None

    def _login_under_way(self) -> asyncio.Task[None]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._log_in())
            self._flight.add_done_callback(_look_at)
        return self._flight

    async def _log_in(self) -> None:
        """Ends with the token in force: a caller may come between the end of a task and its callbacks."""
        try:
            body = await self._login()
            jitter = 1 + self._limits.renewal_jitter * (2 * self._random() - 1)
            self._token = read_token(body, self._monotonic(), RENEW_AT * jitter)
            self.gate.reset()
        except Exception as error:
            if isinstance(error, UpstreamAuth):
                self.refuse()
            self._renewal_not_before = self._monotonic() + self._limits.renewal_pause_seconds
            logger.warning(LOGIN_FAILED, error.code if isinstance(error, UpstreamError) else type(error).__name__)
            raise
        finally:
            self._flight = None

    async def aclose(self) -> None:
        """Wait for a login under way; its outcome no longer matters."""
        if self._flight is not None:
            await asyncio.wait({self._flight})


def _look_at(flight: asyncio.Task[None]) -> None:
    """Take note of its error, which the log has told, so that asyncio does not tell it again."""
    if not flight.cancelled():
        flight.exception()


def basic(username: str, password: SecretStr) -> str:
    """The value of Basic authentication (RFC 7617): the same on every call."""
    pair = f"{username}:{password.get_secret_value()}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def new_credentials(
    access: UpstreamAccess, transport: Transport, restraint: Restraint, clock: Clock, random: Callable[[], float]
) -> Credentials:
    """The credentials of `access`, not yet tried."""
    constant = basic(access.username, access.password)
    shared = access.worker.gate(CREDENTIALS_GATE, constant.encode())
    if access.auth == "basic":
        return Credentials(access.limits, clock.monotonic, constant, shared)
    return TokenLogin(partial(_log_in, access, transport, restraint, clock), clock, access.limits, random, shared)


async def _log_in(access: UpstreamAccess, transport: Transport, restraint: Restraint, clock: Clock) -> bytes:
    """The body of the response to one login. Raises UpstreamError where it is refused, or holds no token."""
    with restraint.admit(TOKENS.name):
        response = await transport.login(access.username, access.password)
        if response.status not in READ_STATUSES:
            raise login_fault(response.status, response.headers, clock.wall())
        read_token(response.body, clock.monotonic())
        return response.body
