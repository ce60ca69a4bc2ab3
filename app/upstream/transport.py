"""The only module that calls the HTTP library. It can GET from a template and log in; nothing else can leave (R1).

A call takes a slot, runs in a task that no caller's leaving cancels, and ends in an `Answer` or one of our errors: one
attempt, whatever comes of it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import anyio._backends._asyncio  # noqa: F401 - else the first call imports it, which takes 30 ms of the loop
import httpcore
import httpx
import msgspec
from pydantic import SecretStr

from app import errors
from app.clock import Clock
from app.observe.lines import CALL_FAILED
from app.observe.metrics import Metrics
from app.observe.tracing import passed_on, span
from app.upstream.access import PORTS, Origin, UpstreamAccess
from app.upstream.bodies import Answer, decoding, read_body
from app.upstream.calls import Calls
from app.upstream.limits import Limits
from app.upstream.pool import Pool
from app.upstream.retries import FOREGROUND, Effort
from app.upstream.slots import Slots
from app.upstream.tls import tls_context
from app.upstream.translation import EXCEPTIONS, translate
from app.upstream.urls import TOKENS, Outgoing, Template, target
from app.upstream.wire import Attempt, Backend, Guard, GuardedBackend, current

LOGIN_POOL = 2  # its connections are not kept: there is one login a day
READ_STATUSES = frozenset({200, 201})

Wire = httpx.AsyncBaseTransport

logger = logging.getLogger("cxfacade.upstream")


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The library's transport over a guarded network; its own constructor offers no place for one."""

    def __init__(self, origin: Origin, size: int, guard: Guard, keep_alive_seconds: float) -> None:
        network = GuardedBackend(cast("Backend", httpcore.AnyIOBackend()), guard)  # same shape, not the same class
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context() if origin.scheme == "https" else None,
            max_connections=size,
            max_keepalive_connections=size if keep_alive_seconds else 0,
            keepalive_expiry=keep_alive_seconds,
            http2=False,
            retries=0,
            network_backend=cast("httpcore.AsyncNetworkBackend", network),
        )


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
        self._calls = Calls()
        metrics.watch("upstream_slots_used", lambda: self.slots.used)
        metrics.watch("upstream_slots_waiting", lambda: self.slots.waiting)

    def _build(self, wire: Wire | None, size: int, keep_alive_seconds: float) -> httpx.AsyncClient:
        guard = Guard(self._clock.monotonic)
        return httpx.AsyncClient(
            transport=wire or GuardedTransport(self._origin, size, guard, keep_alive_seconds),
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
        template: Template,
        segments: Mapping[str, str],
        query: Iterable[tuple[str, str]],
        *,
        admission: Callable[[], str],
        deadline: float,
        effort: Effort = FOREGROUND,
    ) -> Answer:
        """The answer to a GET, whatever its status; the body is read where it is a success. `deadline` is monotonic.

        `admission` is asked once there is a slot: for the Authorization the call is sent with, or to raise why it is
        not sent. Raises UpstreamError as FAULTS §2.2, UpstreamBusy where no slot came free, ValueError for an unusable
        segment.
        """
        path = target(template, {"tenant": self._access.tenant_id, **segments}, query)
        left = deadline - self._clock.monotonic()
        give_back = await self.slots.take(min(left, effort.slot_wait(self._limits)), effort.owners)
        try:
            outgoing = Outgoing("GET", path, {"authorization": admission()})
        except BaseException:
            give_back()
            raise
        return await self._calls.run(self._called(self._pool, template, outgoing, deadline), give_back)

    async def login(self, username: str, password: SecretStr) -> Answer:
        """The answer to a login with these, over a pool of its own: it never waits for a slot."""
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

    async def _called(
        self, pool: Pool[httpx.AsyncClient], template: Template, outgoing: Outgoing, deadline: float
    ) -> Answer:
        """One attempt, in words of ours."""
        attempt, began = Attempt(deadline), self._clock.monotonic()
        current.set(attempt)
        status = "error"
        try:
            with span(f"upstream {template.endpoint}", client=True):
                answer = await self._attempt(pool.client, outgoing, attempt)
            status = str(answer.status)
            return answer
        except tuple(EXCEPTIONS) as error:
            if isinstance(error, httpx.PoolTimeout):
                pool.lost_place()
            ours = translate(error, attempt, late=self._clock.monotonic() >= deadline)
            status = ours.code
            logger.warning(CALL_FAILED, template.endpoint, ours.code, type(error).__name__)
            raise ours from None  # the library's own words may name hosts
        except errors.CxfacadeError as error:
            status = error.code
            raise
        finally:
            self._metrics.count("upstream_calls", endpoint=template.endpoint, status=status)
            took = self._clock.monotonic() - began
            self._metrics.timing("upstream_call_duration_seconds", endpoint=template.endpoint).took(took)

    async def _attempt(self, client: httpx.AsyncClient, outgoing: Outgoing, attempt: Attempt) -> Answer:
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
        if attempt.unanswered():  # its head lay on the kept connection before anything was asked (FAULTS 2.1, row 10)
            await response.aclose()
            raise errors.UpstreamBadAnswer("The upstream had answered before it was asked.")
        attempt.is_answered = True
        try:
            request.extensions["timeout"]["read"] = self._limits.gap_seconds
            headers = dict(response.headers)
            body = b""
            if response.status_code in READ_STATUSES:
                coding = decoding(headers.get("content-encoding", ""), headers.get("content-length"))
                body = await read_body(response.aiter_raw(), coding, self._clock.monotonic, attempt.deadline)
        finally:
            await response.aclose()
        return Answer(response.status_code, headers, body)


def _time_outs(limits: Limits, left: float) -> httpx.Timeout:
    """Each operation's own, cut to what is left of the reading; `read` is for the first byte."""
    return httpx.Timeout(
        connect=min(limits.connect_seconds, left),
        read=min(limits.first_byte_seconds, left),
        write=min(limits.write_seconds, left),
        pool=min(limits.pool_seconds, left),
    )
