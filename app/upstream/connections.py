"""Connections below the HTTP library: pools, TLS, guarded streams; and our errors for the library's exceptions.

A guarded stream keeps the deadline of its call: a read time-out alone never fires on a head that drips in byte by byte.
It counts bytes: they tell an unanswered request from a broken response (FAULTS §2.2, §2.4).
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import anyio._backends._asyncio  # noqa: F401 - else the first call imports it, which takes 30 ms of the loop
import certifi
import httpcore
import httpx

from app import errors
from app.clock import Clock
from app.observe.lines import POOL_REPLACED
from app.observe.metrics import Metrics
from app.upstream.access import Limits, Origin
from app.upstream.breaker import Window

Monotonic = Callable[[], float]
Kind = tuple[type[errors.CxfacadeError], str]

logger = logging.getLogger("cxfacade.upstream")

EXCEPTIONS: dict[type[Exception], Kind] = {
    httpx.ConnectError: (errors.UpstreamUnreachable, "The upstream cannot be reached."),
    httpx.PoolTimeout: (errors.UpstreamBusy, "No connection to the upstream came free."),
    httpx.RemoteProtocolError: (errors.UpstreamBadAnswer, "The upstream's answer is cut off or not HTTP."),
    httpx.DecodingError: (errors.UpstreamBadAnswer, "The upstream's answer is not coded as it says."),
    httpx.TooManyRedirects: (errors.UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    httpx.ConnectTimeout: (errors.UpstreamShortTimeout, "The upstream did not take the connection in time."),
    **dict.fromkeys(
        (httpx.ReadTimeout, httpx.WriteTimeout, httpx.TimeoutException),
        (errors.UpstreamTimeout, "The upstream did not answer in time."),
    ),
    **dict.fromkeys(
        (httpx.ReadError, httpx.WriteError, httpx.CloseError, httpx.NetworkError),
        (errors.UpstreamReset, "The upstream reset the connection."),
    ),
    **dict.fromkeys(
        (
            httpx.LocalProtocolError, httpx.ProtocolError, httpx.ProxyError, httpx.UnsupportedProtocol,
            httpx.TransportError, httpx.RequestError, httpx.HTTPStatusError, httpx.HTTPError, httpx.InvalidURL,
            httpx.CookieConflict, httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead,
            httpx.RequestNotRead, httpx.StreamError, httpcore.ConnectionNotAvailable, UnicodeEncodeError,
        ),
        (errors.InternalError, "The call to the upstream was not built as it should be."),
    ),
}  # fmt: skip

CAUSES: dict[type, Kind] = {
    ssl.SSLError: (errors.UpstreamTls, "The upstream's certificate or handshake is not acceptable."),
    socket.gaierror: (errors.UpstreamDns, "The upstream's name does not resolve."),
}


@dataclass(slots=True)
class Attempt:
    """State of one call on the wire: its monotonic `deadline`, and the progress of its connection.

    `received` counts bytes; `is_answered`: the head of a response has arrived; `reused`: the connection was kept alive.
    """

    deadline: float
    received: int = 0
    is_answered: bool = False
    connected: bool = False
    reused: bool = False

    def unanswered(self) -> bool:
        """Whether a kept-alive connection gave nothing: the server had closed it already (RFC 9112 §9.3.1)."""
        return self.reused and self.received == 0

    def cut(self, timeout: float | None, monotonic: Monotonic) -> float:
        """Seconds an operation may take, within the deadline. Raises UpstreamTimeout when none are left."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise errors.UpstreamTimeout("The upstream did not finish its answer in time.")
        return left if timeout is None else min(timeout, left)


current: ContextVar[Attempt] = ContextVar("attempt")


class GuardedStream(httpcore.AsyncNetworkStream):
    """A connection whose reads and writes keep the deadline of the current attempt."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, monotonic: Monotonic) -> None:
        self._inner = inner
        self._monotonic = monotonic

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`; nothing where the other side has closed."""
        attempt = current.get()
        received = await self._inner.read(max_bytes, attempt.cut(timeout, self._monotonic))
        attempt.received += len(received)
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        attempt = current.get()
        attempt.reused = not attempt.connected
        await self._inner.write(buffer, attempt.cut(timeout, self._monotonic))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "GuardedStream":
        """The same connection, encrypted; bytes are counted above the encryption."""
        left = current.get().cut(timeout, self._monotonic)
        return GuardedStream(await self._inner.start_tls(ssl_context, server_hostname, left), self._monotonic)

    def get_extra_info(self, info: str) -> Any:
        """A property of the connection, such as its TLS state."""
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """A network that opens guarded connections."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._monotonic = monotonic

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> GuardedStream:
        """A new connection."""
        attempt = current.get()
        attempt.connected = True
        left = attempt.cut(timeout, self._monotonic)
        inner = await self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return GuardedStream(inner, self._monotonic)


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or later, names and certificates checked, and nothing taken from the environment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=certifi.where())
    return context


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The library's transport over a guarded network; its own constructor has no parameter for a network."""

    def __init__(self, origin: Origin, size: int, monotonic: Monotonic, keep_alive_seconds: float) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context() if origin.scheme == "https" else None,
            max_connections=size,
            max_keepalive_connections=size if keep_alive_seconds else 0,
            keepalive_expiry=keep_alive_seconds,
            http2=False,
            retries=0,
            network_backend=GuardedBackend(monotonic),
        )


class Pool:
    """The client in use, and replaced ones, which are closed once no call can be under way in them.

    The HTTP library loses a place for ever where a call is cancelled while it connects. Nothing here does that; should
    it happen all the same, calls get no connection in time though a slot was free, and the client is replaced, at most
    once in `pool_rest_seconds` (FAULTS §2.4).
    """

    def __init__(
        self,
        build: Callable[[], httpx.AsyncClient],
        life_seconds: float,
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._build = build
        self._life_seconds = life_seconds
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._lost = Window(limits.window_seconds, clock.monotonic)
        self._rests_until = float("-inf")
        self._retired: dict[httpx.AsyncClient, asyncio.Task[None]] = {}
        self.client = build()

    def timed_out(self) -> None:
        """A call got no connection in time."""
        now = self._clock.monotonic()
        self._lost.add()
        if self._lost.count() < self._limits.lost_slots or now < self._rests_until:
            return
        self._rests_until = now + self._limits.pool_rest_seconds
        self._lost.clear()
        logger.error(POOL_REPLACED)
        self._metrics.count("upstream_pools_replaced")
        retired, self.client = self.client, self._build()
        self._retired[retired] = asyncio.create_task(self._close_later(retired))

    async def _close_later(self, retired: httpx.AsyncClient) -> None:
        await self._clock.sleep(self._life_seconds)
        await retired.aclose()
        del self._retired[retired]

    async def aclose(self) -> None:
        """Close the client in use and those replaced."""
        for task in self._retired.values():
            task.cancel()
        for client in (self.client, *self._retired):
            await client.aclose()


def translate(error: Exception, attempt: Attempt, *, late: bool = False) -> errors.CxfacadeError:
    """The error for an exception: a failed connect goes by its cause, a closed connection by the bytes received.

    A time-out is short where the head had arrived, but not where it is so `late` that the whole reading is over.
    """
    kind, detail = next(EXCEPTIONS[base] for base in type(error).__mro__ if base in EXCEPTIONS)
    if isinstance(error, httpx.ConnectError):
        kind, detail = next((CAUSES[base] for base in _causes(error) if base in CAUSES), (kind, detail))
    if isinstance(error, httpx.RemoteProtocolError) and attempt.received == 0:
        kind, detail = errors.UpstreamReset, "The upstream closed the connection without an answer."
    if issubclass(kind, errors.UpstreamReset) and attempt.unanswered():
        kind = errors.UpstreamUnanswered
    if issubclass(kind, errors.UpstreamTimeout):
        is_short = attempt.is_answered or kind is errors.UpstreamShortTimeout
        kind = errors.UpstreamShortTimeout if is_short and not late else errors.UpstreamTimeout
    return kind(detail)


def _causes(error: BaseException | None) -> Iterator[type]:
    while error is not None:
        yield from type(error).__mro__
        error = error.__cause__ or error.__context__
