"""A token fetched once for all who need it, and renewed before it ends (UPSTREAM §2, R13)."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from app.clock import Clock
from app.errors import UpstreamAuth, UpstreamError, UpstreamErrorAnswer, UpstreamShape
from app.observe.lines import LOGIN_FAILED
from app.upstream.credentials import REFUSED, Credentials
from app.upstream.limits import Limits
from app.upstream.oddities import unreadable
from app.upstream.pages import says_error

TTL_SECONDS = 86_400.0
RENEW_AT = 0.8
UNUSABLE = "The upstream's answer to the login is not a token."
VISIBLE = re.compile(r"[!-~]{1,16384}", re.ASCII)

logger = logging.getLogger("cxfacade.upstream")


class TokenAnswer(msgspec.Struct, frozen=True):
    """The answer to a login; `ttl` in seconds."""

    token: str
    ttl: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token in use; `renew_at` and `expires_at` on the monotonic clock, counted from its receipt (R13)."""

    authorization: str
    renew_at: float
    expires_at: float


def read_token(body: bytes, received_at: float, renew_at: float = RENEW_AT) -> Token:
    """The token of a login's answer, to be renewed at that share of its life.

    Raises UpstreamBadAnswer where it is no JSON or an error in disguise, UpstreamShape where it holds no usable token;
    never shows the body.
    """
    try:
        answer = msgspec.json.decode(body, type=TokenAnswer)
    except (msgspec.ValidationError, RecursionError):
        raise _without_token(body) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    ttl = TTL_SECONDS if answer.ttl is None else answer.ttl
    if not VISIBLE.fullmatch(answer.token) or not 0 < ttl < float("inf"):
        raise UpstreamShape(UNUSABLE)
    return Token(f"Token {answer.token}", received_at + renew_at * ttl, received_at + ttl)


def _without_token(body: bytes) -> UpstreamError:
    if says_error(body):
        return UpstreamErrorAnswer("The upstream answered the login with an error under a success status.")
    return UpstreamShape(UNUSABLE)


class TokenLogin(Credentials):
    """One login at a time; everybody waits for the same one, and nobody's leaving ends it.

    About RENEW_AT of its life the token is renewed behind the callers' backs; should that fail, it serves on to its
    end. `random` is of [0, 1): several processes do not renew at once.
    """

    mode = "token"

    def __init__(
        self, login: Callable[[], Awaitable[bytes]], clock: Clock, limits: Limits, random: Callable[[], float]
    ) -> None:
        super().__init__(limits, clock.monotonic)
        self._login = login
        self._limits = limits
        self._random = random
        self._token: Token | None = None
        self._flight: asyncio.Task[Token] | None = None
        self._renewal_not_before = float("-inf")

    async def prepared(self) -> None:
        """A login where there is no live token, else one behind where it is time. Raises what the login raised."""
        if self._value() is None:
            await self._joined()
        elif self._is_renewable():
            self._started()

    async def renewed(self, refused: str) -> bool:
        """True: the current value, where somebody has logged in meanwhile, else a new login's."""
        if self._value() in (None, refused):
            self._refused = refused
            await self._joined()
        return True

    def _is_renewable(self) -> bool:
        renew_at = self._token.renew_at if self._token else float("inf")
        return self._monotonic() >= max(renew_at, self._renewal_not_before) and not self.gate.left()

    def _value(self) -> str | None:
        if self._token is None or self._monotonic() >= self._token.expires_at:
            return None
        return self._token.authorization

    async def _joined(self) -> None:
        if self._flight is None and self.gate.left():
            raise UpstreamAuth(REFUSED)
        try:
            await asyncio.shield(self._started())
        except UpstreamError as error:
            raise error.again() from None

    def _started(self) -> asyncio.Task[Token]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetched())
            self._flight.add_done_callback(self._landed)
        return self._flight

    async def _fetched(self) -> Token:
        body = await self._login()
        jitter = 1 + self._limits.renewal_jitter * (2 * self._random() - 1)
        return read_token(body, self._monotonic(), RENEW_AT * jitter)

    def _landed(self, flight: asyncio.Task[Token]) -> None:
        """Runs before any waiter wakes, so whoever asks next sees the new token and no flight."""
        self._flight = None
        if flight.cancelled():
            return
        error = flight.exception()
        if error is None:
            self._token = flight.result()
            self.gate.reset()
            return
        if isinstance(error, UpstreamAuth):
            self.refuse()
        self._renewal_not_before = self._monotonic() + self._limits.renewal_pause_seconds
        logger.warning(LOGIN_FAILED, error.code if isinstance(error, UpstreamError) else type(error).__name__)

    async def aclose(self) -> None:
        """Wait for a login under way; its outcome no longer matters."""
        if self._flight is not None:
            await asyncio.wait({self._flight})
