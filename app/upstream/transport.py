"""HTTP to the one origin: a GET of an endpoint or a login, and nothing else can be sent (R1).

A call has a slot, runs in a task that no caller's leaving cancels, and ends in an UpstreamResponse or one of our
errors: one attempt, without retries.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, NamedTuple

import httpx
import msgspec
from pydantic import SecretStr

from app import errors
from app.clock import Clock
from app.observe.logs import CALL_FAILED
from app.observe.metrics import Metrics
from app.observe.tracing import passed_on, span
from app.upstream.access import PORTS, TOKENS, Endpoint, Limits, UpstreamAccess, target
from app.upstream.bodies import UpstreamResponse, decoder, read_body
from app.upstream.connections import Attempt, GuardedTransport, Pool, current
from app.upstream.slots import Slots
from app.upstream.translation import EXCEPTIONS, translate

LAST_SECONDS = 2.0  # for the calls under way when the service stops
LOGIN_POOL = 2  # its connections are not kept: there is one login a day
READ_STATUSES = frozenset({200, 201})

Wire = httpx.AsyncBaseTransport

logger = logging.getLogger("cxfacade.upstream")


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
        self._calls = DetachedCalls()
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
        self,
        endpoint: Endpoint,
        segments: Mapping[str, str],
        query: Iterable[tuple[str, str]],
        authorization: str,
        *,
        deadline: float,
        ended: Callable[[], None],
    ) -> UpstreamResponse:
        """The response to a GET, whatever its status; its body is read where it is a success. `deadline` is monotonic.

        The caller has taken one of the `slots`; `ended` gives it back when the call ends, even if the caller has left.
        Raises UpstreamError as FAULTS §2.2, ValueError for an unusable segment.
        """
        try:
            path = target(endpoint, {"tenant": self._access.tenant_id, **segments}, query)
        except BaseException:
            ended()
            raise
        outgoing = Outgoing("GET", path, {"authorization": authorization})
        return await self._calls.run(self._called(self._pool, endpoint, outgoing, deadline), ended)

    async def login(self, username: str, password: SecretStr) -> UpstreamResponse:
        """The response to a login, over a pool of its own: it never waits for a slot."""
        named = {"username": username, "password": password.get_secret_value()}
        outgoing = Outgoing("POST", TOKENS.path, {"content-type": "application/json"}, msgspec.json.encode(named))
        self._metrics.count("upstream_logins")
        deadline = self._clock.monotonic() + self._access.fetch_seconds
        return await self._calls.run(self._called(self._login_pool, TOKENS, outgoing, deadline))

    async def aclose(self) -> None:
        """Let the calls under way end, though not for long, then close both pools."""
        await self._calls.finish()
        await self._pool.aclose()
        await self._login_pool.aclose()

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
        left = attempt.deadline - self._clock.monotonic()
        if left <= 0:
            raise errors.UpstreamTimeout("The upstream did not finish its answers in time.")
        request = client.build_request(
            outgoing.method,
            self._origin.url() + outgoing.target,
            headers={**outgoing.headers, **passed_on()},
            content=outgoing.content,
            timeout=_time_outs(self._limits, left),
        )
        response = await client.send(request, stream=True)
        if attempt.unanswered():  # its head lay on the kept-alive connection before the request (FAULTS 2.1, row 10)
            await response.aclose()
            raise errors.UpstreamBadAnswer("The upstream had answered before it was asked.")
        attempt.is_answered = True
        try:
            request.extensions["timeout"]["read"] = self._limits.gap_seconds
            headers = dict(response.headers)
            body = b""
            if response.status_code in READ_STATUSES:
                coding = decoder(headers.get("content-encoding", ""), headers.get("content-length"))
                body = await read_body(response.aiter_raw(), coding, self._clock.monotonic, attempt.deadline)
        finally:
            await response.aclose()
        return UpstreamResponse(response.status_code, headers, body)


def _time_outs(limits: Limits, left: float) -> httpx.Timeout:
    """Time-out of each operation, cut to the seconds left of the reading; `read` is for the first byte."""
    return httpx.Timeout(
        connect=min(limits.connect_seconds, left),
        read=min(limits.first_byte_seconds, left),
        write=min(limits.write_seconds, left),
        pool=min(limits.pool_seconds, left),
    )


class DetachedCalls:
    """Calls as tasks that outlive their waiters: one cancelled while it connects costs the pool a place for ever."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[UpstreamResponse]] = set()

    async def run(
        self, call: Coroutine[Any, Any, UpstreamResponse], ended: Callable[[], None] = lambda: None
    ) -> UpstreamResponse:
        """The result of the call, which goes on should the waiter leave; `ended` is called at its end."""
        task = asyncio.create_task(call)
        self._under_way.add(task)
        task.add_done_callback(self._discard)
        task.add_done_callback(lambda _: ended())
        return await asyncio.shield(task)

    def _discard(self, task: asyncio.Task[UpstreamResponse]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()

    async def finish(self) -> None:
        """Let the calls under way end within LAST_SECONDS; the rest is cancelled, as its connections close anyway."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=LAST_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
