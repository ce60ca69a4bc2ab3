"""The only module that knows the HTTP library. It can GET from a template and log in; nothing else can leave (R1).

A call takes a slot, runs in a task that no caller's leaving cancels, and ends in an `Answer` or one of our errors.
"""

import logging
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import cast

import httpcore
import httpx
import msgspec

from app import errors
from app.clock import Clock
from app.metrics import Metrics
from app.upstream.access import PORTS, Origin, UpstreamAccess
from app.upstream.bodies import Answer, decoding, read_body
from app.upstream.calls import Calls
from app.upstream.slots import Slots
from app.upstream.tls import tls_context
from app.upstream.urls import TOKENS, Outgoing, Template, target
from app.upstream.wire import Attempt, Backend, Guard, GuardedBackend, current

TIMEOUT_SECONDS = {"connect": 3.0, "read": 15.0, "write": 5.0, "pool": 2.0}  # `read` is for the first byte
GAP_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 4.0
LOGIN_POOL = 2
READ_STATUSES = frozenset({200, 201})

Wire = httpx.AsyncBaseTransport

EXCEPTIONS: dict[type[Exception], tuple[type[errors.CxfacadeError], str]] = {
    httpx.ConnectError: (errors.UpstreamUnreachable, "The upstream cannot be reached."),
    httpx.PoolTimeout: (errors.UpstreamBusy, "No connection to the upstream came free."),
    httpx.RemoteProtocolError: (errors.UpstreamBadAnswer, "The upstream's answer is cut off or not HTTP."),
    httpx.DecodingError: (errors.UpstreamBadAnswer, "The upstream's answer is not coded as it says."),
    httpx.TooManyRedirects: (errors.UpstreamRedirect, "The upstream points elsewhere, which is not followed."),
    **dict.fromkeys(
        (httpx.ConnectTimeout, httpx.ReadTimeout, httpx.WriteTimeout, httpx.TimeoutException),
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

CAUSES: dict[type, tuple[type[errors.CxfacadeError], str]] = {
    ssl.SSLError: (errors.UpstreamTls, "The upstream's certificate or handshake is not acceptable."),
    socket.gaierror: (errors.UpstreamDns, "The upstream's name does not resolve."),
}

logger = logging.getLogger("cxfacade.upstream")


def translate(error: Exception, attempt: Attempt) -> errors.CxfacadeError:
    """Our error for one of the library's: a failed connect goes by its cause, a closed connection by its bytes."""
    kind, detail = next(EXCEPTIONS[base] for base in type(error).__mro__ if base in EXCEPTIONS)
    if isinstance(error, httpx.ConnectError):
        kind, detail = next((CAUSES[base] for base in _causes(error) if base in CAUSES), (kind, detail))
    if isinstance(error, httpx.RemoteProtocolError) and attempt.received == 0:
        kind, detail = errors.UpstreamReset, "The upstream closed the connection without an answer."
    return kind(detail)


def _causes(error: BaseException | None) -> Iterator[type]:
    while error is not None:
        yield from type(error).__mro__
        error = error.__cause__ or error.__context__


class GuardedTransport(httpx.AsyncHTTPTransport):
    """The library's transport over a guarded network; its own constructor offers no place for one."""

    def __init__(self, origin: Origin, size: int, guard: Guard) -> None:
        network = GuardedBackend(cast("Backend", httpcore.AnyIOBackend()), guard)  # same shape, not the same class
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context() if origin.scheme == "https" else None,
            max_connections=size,
            max_keepalive_connections=size,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
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
        self._clock = clock
        self._metrics = metrics
        self._origin = access.origin()
        self._slots = Slots(access.upstream_concurrency)
        self._client = self._build(wire, access.upstream_concurrency)
        self._login_client = self._build(wire, LOGIN_POOL)
        self._calls = Calls()

    def _build(self, wire: Wire | None, size: int) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=wire or GuardedTransport(self._origin, size, Guard(self._clock.monotonic)),
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
        authorization: str,
        deadline: float,
    ) -> Answer:
        """The answer to a GET, whatever its status; the body is read where it is a success. `deadline` is monotonic.

        Raises UpstreamError as FAULTS §2.2, UpstreamBusy where no slot came free, ValueError for an unusable segment.
        """
        path = target(template, {"tenant": self._access.tenant_id, **segments}, query)
        outgoing = Outgoing("GET", path, {"authorization": authorization})
        await self._slots.take(deadline - self._clock.monotonic())
        return await self._calls.run(self._called(self._client, template, outgoing, deadline), self._slots.give_back)

    async def login(self) -> Answer:
        """The answer to a login with the configured credentials, over a pool of its own: it never waits for a slot."""
        named = {"username": self._access.username, "password": self._access.password.get_secret_value()}
        outgoing = Outgoing("POST", TOKENS.path, {"content-type": "application/json"}, msgspec.json.encode(named))
        self._metrics.count("upstream_logins")
        deadline = self._clock.monotonic() + self._access.fetch_seconds
        return await self._calls.run(self._called(self._login_client, TOKENS, outgoing, deadline))

    async def aclose(self) -> None:
        """Let the calls under way end, though not for long, then close both pools."""
        await self._calls.finish()
        await self._client.aclose()
        await self._login_client.aclose()

    async def _called(
        self, client: httpx.AsyncClient, template: Template, outgoing: Outgoing, deadline: float
    ) -> Answer:
        """One attempt, repeated at once where a kept-alive connection turned out closed (FAULTS §2.1, row 34)."""
        attempt = Attempt(deadline)
        try:
            return await self._translated(client, template, outgoing, attempt)
        except errors.UpstreamReset:
            if not attempt.unanswered():
                raise
        return await self._translated(client, template, outgoing, Attempt(deadline))

    async def _translated(
        self, client: httpx.AsyncClient, template: Template, outgoing: Outgoing, attempt: Attempt
    ) -> Answer:
        current.set(attempt)
        status = "error"
        try:
            answer = await self._attempt(client, outgoing, attempt)
            status = str(answer.status)
            return answer
        except tuple(EXCEPTIONS) as error:
            ours = translate(error, attempt)
            status = ours.code
            logger.warning("upstream %s: %s (%s)", template.endpoint, ours.code, type(error).__name__)
            raise ours from None  # the library's own words may name hosts
        except errors.CxfacadeError as error:
            status = error.code
            raise
        finally:
            self._metrics.count("upstream_calls", endpoint=template.endpoint, status=status)

    async def _attempt(self, client: httpx.AsyncClient, outgoing: Outgoing, attempt: Attempt) -> Answer:
        left = attempt.deadline - self._clock.monotonic()
        if left <= 0:
            raise errors.UpstreamTimeout("The upstream did not finish its answers in time.")
        request = client.build_request(
            outgoing.method,
            self._origin.url() + outgoing.target,
            headers=outgoing.headers,
            content=outgoing.content,
            timeout=httpx.Timeout(**{name: min(seconds, left) for name, seconds in TIMEOUT_SECONDS.items()}),
        )
        response = await client.send(request, stream=True)
        try:
            request.extensions["timeout"]["read"] = GAP_SECONDS
            headers = dict(response.headers)
            body = b""
            if response.status_code in READ_STATUSES:
                coding = decoding(headers.get("content-encoding", ""), headers.get("content-length"))
                body = await read_body(response.aiter_raw(), coding, self._clock.monotonic, attempt.deadline)
        finally:
            await response.aclose()
        return Answer(response.status_code, headers, body)
