"""The client of a Redis or Valkey server: the few commands the shared tier is made of. redis-py is used here alone.

It sends GETRANGE, SET, INCR, DEL, PEXPIRE, WATCH, UNWATCH, MULTI and EXEC, and AUTH and SELECT where the address asks
for these: no scripts, nothing that looks through keys. HELLO, which every user may send, tells a check the version.

Whatever lies at a key, the server sends at most MOST_BYTES + 1 of it: so much shows that a value is too large.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.tier.circuits import ServerError
from app.tier.frame import MOST_BYTES
from app.tier.keys import Lease

STEP_SECONDS = 0.5  # for a connection, and for an answer; callers wait no longer than their budget
CONNECTIONS = 16
MOST_KEYS = 4  # of one answer
LEASE_MILLISECONDS = 10_000
WRONG_TYPE = "WRONGTYPE"  # how an error begins that has no class of its own

ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, "the credentials are refused"),
    (exceptions.NoPermissionError, "the user may not do this"),
    (exceptions.ReadOnlyError, "the server is read-only"),
    (exceptions.OutOfMemoryError, "the server is full"),
    (exceptions.BusyLoadingError, "the server is loading"),
    (exceptions.MovedError, "the server is part of a cluster"),
    (exceptions.ResponseError, "the server refuses the command"),
    (exceptions.TimeoutError, "the server does not answer in time"),
    (exceptions.RedisError, "the server cannot be reached"),
    (OSError, "the server cannot be reached"),
)
"""An operator's words for each error, the first that fits it or a cause of it; never the server's, which quote keys."""


class Client:
    """Connections to the server at a `url` with the scheme redis, rediss or unix. Each method raises ServerError."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            protocol=2,
            driver_info=None,
            max_connections=CONNECTIONS,
            timeout=STEP_SECONDS,
            socket_timeout=STEP_SECONDS,
            socket_connect_timeout=STEP_SECONDS,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self._server: Redis = Redis.from_pool(pool)

    async def aclose(self) -> None:
        """Close the connections, also those in use."""
        await self._server.aclose()

    async def version(self) -> str:
        """The server's kind and version, as in `valkey 9.1.2`."""
        with _translated():
            [told] = await self._replies([("HELLO",)])
            if isinstance(told, Exception):
                raise told
        facts = cast("Sequence[bytes]", told)
        found = {facts[at]: facts[at + 1] for at in range(0, len(facts), 2)}
        return f"{found[b'server'].decode()} {found[b'version'].decode()}"

    async def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values at these keys, MOST_KEYS at most, in their order; None where there is none, or no plain one."""
        if not 0 < len(keys) <= MOST_KEYS:
            raise ValueError(f"{len(keys)} keys are too many or none")
        with _translated():
            replies = await self._replies([("GETRANGE", key, 0, MOST_BYTES) for key in keys])
            return [_plain(reply) for reply in replies]

    async def set(self, key: bytes, value: bytes, milliseconds: int | None, *, is_first: bool = False) -> None:
        """Write a value that lives so long, None for ever; where it `is_first`, only if there is none."""
        with _translated():
            await self._server.set(key, value, px=milliseconds, nx=is_first)

    async def lease(self, key: bytes, fence_key: bytes, token: bytes) -> Lease | None:
        """The lease of a key for LEASE_MILLISECONDS; None where another has it."""
        with _translated():
            async with self._server.pipeline() as asking:
                asking.execute_command("INCR", fence_key)  # `incr` sends INCRBY
                asking.set(key, token, px=LEASE_MILLISECONDS, nx=True)
                fence, is_taken = await asking.execute()
        return Lease(key, token, fence) if is_taken else None

    async def extend(self, lease: Lease) -> bool:
        """Hold the lease for LEASE_MILLISECONDS from now on; False where it is held no more."""
        return await self._as_holder(lease, lambda asking: asking.pexpire(lease.key, LEASE_MILLISECONDS))

    async def release(self, lease: Lease) -> bool:
        """Give the lease back; False where it is held no more."""
        return await self._as_holder(lease, lambda asking: asking.delete(lease.key))

    async def set_as_holder(self, lease: Lease, key: bytes, value: bytes, milliseconds: int) -> bool:
        """Write a value that lives so long; False, and nothing is written, where the lease is held no more."""
        return await self._as_holder(lease, lambda asking: asking.set(key, value, px=milliseconds))

    async def exchange(self, key: bytes, changed: Callable[[bytes | None], bytes], milliseconds: int | None) -> bool:
        """Write a value made of the one at a key, to live so long; False, and nothing, where another was first."""
        return await self._exchange(key, lambda asking, held: asking.set(key, changed(held), px=milliseconds))

    async def _replies(self, commands: Sequence[tuple[bytes | str | int, ...]]) -> list[object]:
        """The reply to each of several commands, sent at once; one that the server refuses has its error.

        The library's pipeline does the same, for a tenth more of what a partition from the tier costs.
        """
        pool = self._server.connection_pool
        connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # the library's
        try:
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await _reply(connection) for _ in commands]
        finally:
            await pool.release(connection)

    async def _as_holder(self, lease: Lease, command: Callable[[Pipeline], object]) -> bool:
        """Whether the command was carried out: only while the lease is held, however late it comes."""

        def write(asking: Pipeline, held: bytes | None) -> None:
            if held == lease.token:
                command(asking)

        return await self._exchange(lease.key, write)

    async def _exchange(self, key: bytes, write: Callable[[Pipeline, bytes | None], object]) -> bool:
        """Whether commands were carried out, all at once, which `write` gives for the value at a key.

        They are not where the value has changed meanwhile, or where there are none.
        """
        with _translated():
            async with self._server.pipeline() as asking:
                await asking.watch(key)
                try:
                    held = _plain(await asking.getrange(key, 0, MOST_BYTES))
                except exceptions.ResponseError as error:
                    held = _plain(error)
                asking.multi()  # type: ignore[no-untyped-call]  # the library's
                write(asking, held)
                with suppress(exceptions.WatchError):
                    return bool(await asking.execute())
        return False


async def _reply(connection: AbstractConnection) -> object:
    """The next reply. Raises only where none follows: the library has closed the connection then."""
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error


def _plain(reply: object) -> bytes | None:
    """The value that a reply to GETRANGE holds; an empty one is none, and so is one of another type."""
    if isinstance(reply, Exception):
        if not str(reply).startswith(WRONG_TYPE):
            raise reply
        return None
    return cast("bytes", reply) or None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except tuple(kind for kind, _ in ERRORS) as error:
        chain = [*_with_causes(error)]
        words = next(words for kind, words in ERRORS if any(isinstance(one, kind) for one in chain))
        raise ServerError(words) from error


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, then its causes: over a unix socket the library makes a ConnectionError of what ends a login."""
    while error:
        yield error
        error = error.__cause__
