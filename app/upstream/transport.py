"""HTTP to the one origin: a GET of an endpoint or a login, and nothing else can be sent (R1).

A call has a slot, runs in a task that no caller's leaving cancels, and ends in an UpstreamResponse or one of our
errors: one attempt, without retries. Its body is decoded by ourselves, and capped while it streams (FAULTS §2.3): the
HTTP library's own decoder makes one piece of whatever a chunk expands to, and 408 kB became 64 MB at once.
"""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, NamedTuple

import httpx
import msgspec
from pydantic import SecretStr

from app import errors
from app.clock import Clock
from app.observe.lines import CALL_FAILED
from app.observe.metrics import Metrics
from app.observe.tracing import passed_on, span
from app.slots import Slots
from app.upstream.access import PORTS, TOKENS, Endpoint, UpstreamAccess
from app.upstream.connections import EXCEPTIONS, Attempt, GuardedTransport, Pool, current, translate

LAST_SECONDS = 2.0  # for the calls under way when the service stops
LOGIN_POOL = 2  # its connections are not kept: there is one login a day
READ_STATUSES = frozenset({200, 201})
PLAIN_BYTES = 32 * 1024 * 1024
GZIP_BYTES = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024
RATIO = 200
RATIO_FROM_BYTES = 1024 * 1024
YIELD_BYTES = 1024 * 1024
GZIP_WINDOW = 31  # zlib: a window of 2^15 bytes, +16 for a gzip wrapper and nothing else
TOO_LARGE = "The upstream's answer is larger than is ever read."

Wire = httpx.AsyncBaseTransport

logger = logging.getLogger("cxfacade.upstream")


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """A complete response: header names in lower case, the body decoded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Identity:
    """Decoder of a body without content coding."""

    wire_bytes = PLAIN_BYTES

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk as it is."""
        yield chunk

    def finish(self) -> None:
        """Nothing to check: the body ends with its message."""


class Gzip(Identity):
    """Decoder of gzip (RFC 1952), one member."""

    wire_bytes = GZIP_BYTES

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(GZIP_WINDOW)
        self._wire = 0
        self._plain = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded chunk in pieces of at most PIECE_BYTES. Raises UpstreamBomb before a bomb has grown."""
        self._wire += len(chunk)
        rest = chunk
        while rest and not self._inflate.eof:
            try:
                piece = self._inflate.decompress(rest, PIECE_BYTES)
            except zlib.error:
                raise errors.UpstreamBadAnswer("The upstream's answer is not compressed as it says.") from None
            self._plain += len(piece)
            if self._plain > max(RATIO_FROM_BYTES, RATIO * self._wire):
                raise errors.UpstreamBomb("The upstream's compressed answer expands beyond measure.")
            yield piece
            rest = self._inflate.unconsumed_tail
        if self._inflate.unused_data or (rest and self._inflate.eof):
            raise errors.UpstreamBadAnswer("The upstream sent bytes past the end of its compressed answer.")

    def finish(self) -> None:
        """Raises UpstreamBadAnswer where the gzip trailer is missing: the body was cut."""
        if not self._inflate.eof:
            raise errors.UpstreamBadAnswer("The upstream's compressed answer is cut off.")


CODINGS = {"": Identity, "identity": Identity, "gzip": Gzip, "x-gzip": Gzip}


def decoder(content_encoding: str, content_length: str | None) -> Identity:
    """The decoder of a Content-Encoding.

    Raises UpstreamBadAnswer for a coding that was not asked for, UpstreamTooLarge for a Content-Length over the cap.
    """
    coding = CODINGS.get(content_encoding.strip().lower())
    if coding is None:
        raise errors.UpstreamBadAnswer("The upstream's answer has a coding that was not asked for.")
    if content_length is not None and content_length.isdecimal() and int(content_length) > coding.wire_bytes:
        raise errors.UpstreamTooLarge(TOO_LARGE)
    return coding()


async def read_body(
    chunks: AsyncIterator[bytes], coding: Identity, monotonic: Callable[[], float], deadline: float
) -> bytes:
    """The whole body, decoded; the loop gets a turn at least every YIELD_BYTES.

    Raises UpstreamTooLarge past the caps, UpstreamTimeout past `deadline`, UpstreamBadAnswer for a broken coding.
    """
    pieces, size, wire, turn = list[bytes](), 0, 0, YIELD_BYTES
    async for chunk in chunks:
        wire += len(chunk)
        if wire > coding.wire_bytes:
            raise errors.UpstreamTooLarge(TOO_LARGE)
        if monotonic() > deadline:
            raise errors.UpstreamTimeout("The upstream did not finish its answer in time.")
        for piece in coding.feed(chunk):
            pieces.append(piece)
            size += len(piece)
            if size > PLAIN_BYTES:
                raise errors.UpstreamTooLarge(TOO_LARGE)
            if size >= turn:
                turn = size + YIELD_BYTES
                await asyncio.sleep(0)
    coding.finish()
    return b"".join(pieces)


class Outgoing(NamedTuple):
    """A request to send (R1); `target` is path and query."""

    method: Literal["GET", "POST"]
    target: str
    headers: dict[str, str]
    content: bytes | None = None


class Transport:
    """Calls to one origin for one tenant."""

    def __init__(self, access: UpstreamAccess, *, clock: Clock, metrics: Metrics, wire: Wire | None = None) -> None:
        for name in ("httpx", "httpcore"):  # at INFO they print whole URLs, at DEBUG cookies
            logging.getLogger(name).setLevel(logging.WARNING)
        self._access = access
        self._limits = access.limits
        self._clock = clock
        self._metrics = metrics
        self._origin = access.origin()
        self.slots = Slots(access.upstream_concurrency, self._limits.slot_queue, clock.sleep)
        self._pool, self._login_pool = (
            Pool(partial(self._build, wire, size, kept), access.fetch_seconds, self._limits, clock, metrics)
            for size, kept in ((access.upstream_concurrency, self._limits.keep_alive_seconds), (LOGIN_POOL, 0.0))
        )
        self._under_way: set[asyncio.Task[UpstreamResponse]] = set()
        metrics.watch("upstream_slots_used", lambda: self.slots.used)
        metrics.watch("upstream_slots_waiting", lambda: self.slots.waiting)

    def _build(self, wire: Wire | None, size: int, keep_alive_seconds: float) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=wire or GuardedTransport(self._origin, size, self._clock.monotonic, keep_alive_seconds),
            trust_env=False,
            follow_redirects=False,
            headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": "cxfacade"},
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            event_hooks={"request": [self._refuse_elsewhere]},
        )

    async def _refuse_elsewhere(self, request: httpx.Request) -> None:
        """Runs on the final request, before a socket opens."""
        url = request.url
        origin = (url.scheme, url.host, url.port or PORTS.get(url.scheme))
        path = url.raw_path.partition(b"?")[0]
        allowed = request.method == "GET" or (request.method == "POST" and path == TOKENS.path.encode())
        if origin != self._origin or url.userinfo or not allowed or not path.startswith(b"/v1/"):
            raise errors.InternalError("A call to somewhere else than the upstream was stopped.")

    async def get(
        self, endpoint: Endpoint, target: str, authorization: str, *, deadline: float, ended: Callable[[], None]
    ) -> UpstreamResponse:
        """The response to a GET, whatever its status; its body is read where it is a success. `deadline` is monotonic.

        The caller has taken one of the `slots`; `ended` gives it back when the call ends, even if the caller has left.
        Raises UpstreamError as FAULTS §2.2.
        """
        outgoing = Outgoing("GET", target, {"authorization": authorization})
        return await self._detached(self._called(self._pool, endpoint, outgoing, deadline), ended)

    async def login(self, username: str, password: SecretStr) -> UpstreamResponse:
        """The response to a login, over a pool of its own: it never waits for a slot."""
        named = {"username": username, "password": password.get_secret_value()}
        outgoing = Outgoing("POST", TOKENS.path, {"content-type": "application/json"}, msgspec.json.encode(named))
        self._metrics.count("upstream_logins")
        deadline = self._clock.monotonic() + self._access.fetch_seconds
        return await self._detached(self._called(self._login_pool, TOKENS, outgoing, deadline))

    async def aclose(self) -> None:
        """Let the calls under way end within LAST_SECONDS, then close both pools."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await self._pool.aclose()
        await self._login_pool.aclose()

    async def _detached(
        self, call: Coroutine[Any, Any, UpstreamResponse], ended: Callable[[], None] = lambda: None
    ) -> UpstreamResponse:
        """The result of a call that outlives its waiter: a call cancelled while it connects costs the pool a place."""

        def end(task: asyncio.Task[UpstreamResponse]) -> None:
            self._under_way.discard(task)
            if not task.cancelled():
                task.exception()  # retrieved, as its waiter may have left
            ended()

        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(end)
        return await asyncio.shield(task)

    async def _called(self, pool: Pool, endpoint: Endpoint, outgoing: Outgoing, deadline: float) -> UpstreamResponse:
        """One attempt, measured and logged, its exceptions translated into our errors."""
        attempt, began = Attempt(deadline), self._clock.monotonic()
        current.set(attempt)
        status = "error"
        try:
            with span(f"upstream {endpoint.name}", client=True):
                response = await self._exchanged(pool.client, outgoing, attempt)
            status = str(response.status)
            return response
        except tuple(EXCEPTIONS) as error:
            if isinstance(error, httpx.PoolTimeout):
                pool.timed_out()
            ours = translate(error, attempt, late=self._clock.monotonic() >= deadline)
            status = ours.code
            logger.warning(CALL_FAILED, endpoint.name, ours.code, type(error).__name__)
            raise ours from None  # the library's own words may name hosts
        except errors.CxfacadeError as error:
            status = error.code
            raise
        finally:
            self._metrics.count("upstream_calls", endpoint=endpoint.name, status=status)
            took = self._clock.monotonic() - began
            self._metrics.timing("upstream_call_duration_seconds", endpoint=endpoint.name).took(took)

    async def _exchanged(self, client: httpx.AsyncClient, outgoing: Outgoing, attempt: Attempt) -> UpstreamResponse:
        """Send one request and read its response."""
        limits, left = self._limits, attempt.deadline - self._clock.monotonic()
        if left <= 0:
            raise errors.UpstreamTimeout("The upstream did not finish its answers in time.")
        request = client.build_request(
            outgoing.method,
            self._origin.url() + outgoing.target,
            headers={**outgoing.headers, **passed_on()},
            content=outgoing.content,
            timeout=httpx.Timeout(
                connect=min(limits.connect_seconds, left),
                read=min(limits.first_byte_seconds, left),  # for the first byte
                write=min(limits.write_seconds, left),
                pool=min(limits.pool_seconds, left),
            ),
        )
        response = await client.send(request, stream=True)
        if attempt.unanswered():  # its head lay on the kept-alive connection before the request (FAULTS 2.1, row 10)
            await response.aclose()
            raise errors.UpstreamBadAnswer("The upstream had answered before it was asked.")
        attempt.is_answered = True
        try:
            request.extensions["timeout"]["read"] = limits.gap_seconds
            headers = dict(response.headers)
            body = b""
            if response.status_code in READ_STATUSES:
                coding = decoder(headers.get("content-encoding", ""), headers.get("content-length"))
                body = await read_body(response.aiter_raw(), coding, self._clock.monotonic, attempt.deadline)
        finally:
            await response.aclose()
        return UpstreamResponse(response.status_code, headers, body)
