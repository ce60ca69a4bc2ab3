"""How a call proves who we are: Basic on every call, or a token fetched once for all who need it (UPSTREAM §2)."""

import asyncio
import base64
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from app.clock import Clock
from app.errors import UpstreamBadAnswer, UpstreamError
from app.upstream.access import UpstreamAccess

TTL_SECONDS = 86_400.0
RENEW_AT = 0.8
RENEWAL_PAUSE_SECONDS = 30.0
VISIBLE = re.compile(r"[!-~]{1,16384}", re.ASCII)

logger = logging.getLogger("cxfacade.upstream")


class Credentials(Protocol):
    """What the client asks before a call, and after a 401."""

    async def authorization(self) -> str:
        """The value of the Authorization header."""

    async def renewed(self, refused: str) -> str | None:
        """A new value after upstream refused `refused`, None where there can be none."""

    async def aclose(self) -> None:
        """Wait for what is under way."""


class Basic:
    """RFC 7617: the same value on every call."""

    def __init__(self, access: UpstreamAccess) -> None:
        pair = f"{access.username}:{access.password.get_secret_value()}".encode()
        self._value = "Basic " + base64.b64encode(pair).decode("ascii")

    async def authorization(self) -> str:
        """The constant value."""
        return self._value

    async def renewed(self, refused: str) -> str | None:  # noqa: ARG002 - the protocol's signature: nothing to renew
        """A refused password stays refused."""
        return None

    async def aclose(self) -> None:
        """Nothing is ever under way."""


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


def read_token(body: bytes, received_at: float) -> Token:
    """The token of a login's answer. Raises UpstreamBadAnswer where it cannot be used; never shows the body."""
    try:
        answer = msgspec.json.decode(body, type=TokenAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamBadAnswer("The upstream's answer to the login is not a token.") from None
    ttl = TTL_SECONDS if answer.ttl is None else answer.ttl
    if not VISIBLE.fullmatch(answer.token) or not 0 < ttl < float("inf"):
        raise UpstreamBadAnswer("The upstream's answer to the login is not a token.")
    return Token(f"Token {answer.token}", received_at + RENEW_AT * ttl, received_at + ttl)


class TokenLogin:
    """One login at a time; everybody waits for the same one, and nobody's leaving ends it.

    At RENEW_AT of its life the token is renewed behind the callers' backs; should that fail, it serves on to its end.
    """

    def __init__(self, login: Callable[[], Awaitable[bytes]], clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._token: Token | None = None
        self._flight: asyncio.Task[Token] | None = None
        self._renewal_not_before = float("-inf")

    async def authorization(self) -> str:
        """The value for the next call, after a login where there is no live token. Raises what the login raised."""
        now = self._clock.monotonic()
        if self._token is None or now >= self._token.expires_at:
            return (await self._joined()).authorization
        if now >= max(self._token.renew_at, self._renewal_not_before):
            self._started()
        return self._token.authorization

    async def renewed(self, refused: str) -> str | None:
        """A value other than `refused`: the current one, where somebody has logged in meanwhile, else a new login's."""
        if self._token is not None and self._token.authorization == refused:
            self._token = None
        return await self.authorization()

    async def _joined(self) -> Token:
        try:
            return await asyncio.shield(self._started())
        except UpstreamError as error:
            raise error.again() from None

    def _started(self) -> asyncio.Task[Token]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetched())
            self._flight.add_done_callback(self._landed)
        return self._flight

    async def _fetched(self) -> Token:
        body = await self._login()
        return read_token(body, self._clock.monotonic())

    def _landed(self, flight: asyncio.Task[Token]) -> None:
        """Runs before any waiter wakes, so whoever asks next sees the new token and no flight."""
        self._flight = None
        if flight.cancelled():
            return
        error = flight.exception()
        if error is None:
            self._token = flight.result()
            return
        self._renewal_not_before = self._clock.monotonic() + RENEWAL_PAUSE_SECONDS
        logger.warning("login failed: %s", error.code if isinstance(error, UpstreamError) else type(error).__name__)

    async def aclose(self) -> None:
        """Wait for a login under way; its outcome no longer matters."""
        if self._flight is not None:
            await asyncio.wait({self._flight})
