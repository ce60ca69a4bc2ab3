"""The network below the HTTP library: each read and write is cut to the deadline of its attempt, and bytes are counted.

A read time-out alone never fires on a head that drips in byte by byte, and only the count tells an unanswered request
from a broken answer (FAULTS §2.2, §2.4).
"""

import ssl
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, Self

from app.errors import UpstreamTimeout


@dataclass(slots=True)
class Attempt:
    """One call on the wire: its monotonic `deadline`, bytes `received`, and whether its connection was used before.

    `is_answered`: the head of an answer has come.
    """

    deadline: float
    received: int = 0
    is_answered: bool = False
    connected: bool = False
    reused: bool = False

    def unanswered(self) -> bool:
        """Whether a kept-alive connection gave nothing: the server had closed it already (RFC 9112 §9.3.1)."""
        return self.reused and self.received == 0


current: ContextVar[Attempt] = ContextVar("attempt")


class Stream(Protocol):
    """What the HTTP library asks of a connection."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...
    async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...
    async def aclose(self) -> None: ...
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream": ...
    def get_extra_info(self, info: str) -> Any: ...


class Backend(Protocol):
    """What the HTTP library asks of a network."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Stream: ...
    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Guard:
    """Cuts a time-out to what is left of the attempt's deadline."""

    monotonic: Callable[[], float]

    def cut(self, timeout: float | None) -> float:
        """Seconds this operation may take. Raises UpstreamTimeout when none are left."""
        left = current.get().deadline - self.monotonic()
        if left <= 0:
            raise UpstreamTimeout("The upstream did not finish its answer in time.")
        return left if timeout is None else min(timeout, left)


@dataclass(frozen=True, slots=True)
class GuardedStream:
    """A connection whose reads and writes keep the deadline."""

    inner: Stream
    guard: Guard

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`; nothing where the other side has closed."""
        received = await self.inner.read(max_bytes, self.guard.cut(timeout))
        current.get().received += len(received)
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        attempt = current.get()
        attempt.reused = not attempt.connected
        await self.inner.write(buffer, self.guard.cut(timeout))

    async def aclose(self) -> None:
        """Close the connection."""
        await self.inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Self:
        """The same connection, encrypted; bytes are counted above the encryption."""
        inner = await self.inner.start_tls(ssl_context, server_hostname, self.guard.cut(timeout))
        return type(self)(inner, self.guard)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self.inner.get_extra_info(info)


@dataclass(frozen=True, slots=True)
class GuardedBackend:
    """A network that opens guarded connections."""

    inner: Backend
    guard: Guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> GuardedStream:
        """A new connection."""
        current.get().connected = True
        inner = await self.inner.connect_tcp(host, port, self.guard.cut(timeout), local_address, socket_options)
        return GuardedStream(inner, self.guard)

    async def sleep(self, seconds: float) -> None:
        """The pause between two connects; the library's own retries are off."""
        await self.inner.sleep(seconds)
