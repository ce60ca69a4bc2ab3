"""Calls of a reading: attempts and retries, each with a slot, a pass and credentials (FAULTS 1.2, R13)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.clock import Clock
from app.errors import UpstreamAuth, UpstreamError, UpstreamThrottled, UpstreamUnanswered
from app.observe.lines import UPSTREAM_ALARM
from app.observe.metrics import Metrics
from app.owners import Owners, service_itself
from app.upstream.access import Endpoint, Limits, UpstreamAccess
from app.upstream.auth import REFUSED, Credentials
from app.upstream.breaker import Restraint, Window
from app.upstream.responses import UpstreamPage, read_page, refuse_other_tenant, status_fault
from app.upstream.transport import Transport, UpstreamResponse

OK, UNAUTHORIZED = 200, 401
SIMULATED_HEADER = "x-simulated"
T = TypeVar("T")

logger = logging.getLogger("cxfacade.upstream")


@dataclass(frozen=True, slots=True)
class Remaining:
    """Attempts left to a reading, seconds left of its caller's wait and of its own life."""

    attempts: int
    wait_seconds: float
    total_seconds: float
    background: bool = False


def pause_after(error: UpstreamError, failed: int, left: Remaining, limits: Limits, random: float) -> float | None:
    """Seconds to pause before another attempt, after `failed` of them; None where there is none.

    A pause that upstream asks for is waited for where it fits into the caller's wait; in the background into the life
    of the reading, unless upstream throttles: the next caller refreshes as well. Without such a pause it is the share
    `random`, of [0, 1), of a bound that doubles: full jitter.
    """
    if not error.retried or left.attempts < 1:
        return None
    pause = error.retry_after_seconds
    if pause is None:
        pause = random * min(limits.retry_base_seconds * 2 ** (failed - 1), limits.retry_most_seconds)
        return pause if pause < left.total_seconds else None
    is_patient = left.background and not isinstance(error, UpstreamThrottled)
    most = left.total_seconds if is_patient else min(left.wait_seconds, left.total_seconds)
    return pause if pause < most else None


class Budget:
    """Retry budget: a share of the first attempts in a window, so that retries never make an outage much worse."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._firsts = Window(limits.window_seconds, monotonic)
        self._retries = Window(limits.window_seconds, monotonic)

    def count_first(self) -> None:
        """Count the first attempt of a call."""
        self._firsts.add()

    def take(self) -> bool:
        """Use one retry of the budget; whether there was one left."""
        allowed = max(self._limits.retry_least, self._limits.retry_share * self._firsts.count())
        if self._retries.count() + 1 > allowed:
            return False
        self._retries.add()
        return True


@dataclass(slots=True)
class UpstreamSession:
    """The state shared by all readings. `credentials` may be exchanged at any time; `random` is of [0, 1).

    `decode_lock` lets one page be decoded at a time: eight side by side would hold the loop eight times as long.
    """

    access: UpstreamAccess
    transport: Transport
    credentials: Credentials
    restraint: Restraint
    budget: Budget
    clock: Clock
    metrics: Metrics
    random: Callable[[], float]
    decode_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_success: float = 0.0  # seconds since the epoch

    def succeeded(self) -> None:
        """Note that upstream gave a usable response."""
        self.last_success = self.clock.wall().timestamp()
        self.credentials.accept()

    def is_blocked(self, endpoint: str) -> bool:
        """Whether no call to `endpoint` would be sent now: a pause, an open breaker, or refused credentials."""
        return self.restraint.is_blocked(endpoint) or self.credentials.is_blocked()

    def auth_gate_seconds(self) -> float:
        """Seconds until refused credentials are tried again, 0 where none are."""
        return self.credentials.gate.left()


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A page to ask for, and `read` to make something of its rows: an error of `read` is an error of the response."""

    endpoint: Endpoint
    target: str
    read: Callable[[UpstreamPage], Awaitable[T]]


class RefusedError(Exception):
    """Upstream answered 401 to a call with this authorization of these credentials."""

    def __init__(self, credentials: Credentials, authorization: str) -> None:
        super().__init__()
        self.credentials = credentials
        self.authorization = authorization


@dataclass(slots=True)
class ReadContext:
    """The state that the calls of one reading share: their deadline, their retries, and what the responses told.

    A caller waits for it for `wait_seconds` at most, or it is in the `background`. `owners` share the slots; calls
    without owners come last. `arrivals` counts pages; `seconds` is the time during which a call was under way.
    """

    session: UpstreamSession
    wait_seconds: float = 0.0
    background: bool = False
    owners: Owners = field(default_factory=service_itself)
    arrivals: int = 0
    time_zone: str | None = None
    simulated: bool = False
    seconds: float = 0.0
    _has_sent: bool = False
    _login_failed: bool = False
    _may_repeat: bool = True
    _under_way: int = 0
    _since: float = 0.0
    _began: float = field(init=False)
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        """Let the reading begin now."""
        self._began = self.session.clock.monotonic()
        self._deadline = self._began + self.session.access.fetch_seconds

    async def page(self, call: Call[T]) -> T:
        """The page, as `call.read` reads it. Raises the error of the last attempt."""
        session, name = self.session, call.endpoint.name
        session.budget.count_first()
        failed = 0
        while True:
            try:
                return await self._attempt(call)
            except UpstreamError as error:
                failed += 1
                pause = self._pause(name, error, failed)
                if pause is None:
                    if error.alarm:
                        session.metrics.count("upstream_alarms", reason=error.code)
                        logger.error(UPSTREAM_ALARM, error.code)
                    raise
                session.metrics.count("upstream_retries", endpoint=name, reason=error.code)
            await session.clock.sleep(pause)

    def _pause(self, endpoint: str, error: UpstreamError, failed: int) -> float | None:
        """Seconds to pause before another attempt, None where there is none.

        A kept-alive connection found closed is replaced at once, outside the retry budget, but only once in a reading
        (FAULTS 2.1, row 34). A pause that upstream asked for ends a reading that has not sent anything yet.
        """
        session = self.session
        limits, now = session.access.limits, session.clock.monotonic()
        left = Remaining(
            attempts=limits.attempts(background=self.background) - failed,
            wait_seconds=self._began + self.wait_seconds - now,
            total_seconds=self._deadline - now,
            background=self.background,
        )
        if self._login_failed or (isinstance(error, UpstreamThrottled) and not self._has_sent):
            return None
        if isinstance(error, UpstreamUnanswered) and self._may_repeat and left.attempts:
            self._may_repeat = False
            return 0.0
        pause = pause_after(error, failed, left, limits, session.random())
        if pause is None or (session.restraint.breakers[endpoint].wait() or 0) > pause or not session.budget.take():
            return None
        return pause

    async def _attempt(self, call: Call[T]) -> T:
        """One attempt: a call, repeated once after a 401 with new credentials (FAULTS 2.1, rows 23 and 24)."""
        may_renew = True
        while True:
            try:
                return await self._sent(call)
            except RefusedError as error:
                refused = error
            if not may_renew or not await self._is_renewed(refused):
                refused.credentials.refuse(refused.authorization)
                raise UpstreamAuth(REFUSED)
            may_renew = False

    async def _is_renewed(self, refused: RefusedError) -> bool:
        """Whether the refused credentials were replaced, by a change of the user or by a new login."""
        if self.session.credentials is not refused.credentials:
            return True
        return await self._logged_in(refused.credentials.renewed(refused.authorization))

    async def _logged_in(self, login: Awaitable[T]) -> T:
        """The result of a login, which is tried once in a reading."""
        try:
            return await login
        except UpstreamError:
            self._login_failed = True
            raise

    async def _sent(self, call: Call[T]) -> T:
        """One call, from its slot to its records. Raises RefusedError for a 401."""
        session, name = self.session, call.endpoint.name
        while True:
            session.restraint.check(name)
            await self._logged_in(session.credentials.prepared())
            with ExitStack() as slot, ExitStack() as leave:
                with self._timed():
                    left = self._deadline - session.clock.monotonic()
                    most_seconds = min(left, session.access.limits.slot_wait(background=self.background))
                    slot.callback(await session.transport.slots.take(most_seconds, self.owners))
                    credentials = session.credentials
                    authorization = credentials.current()
                    if authorization is None:  # the token expired in the queue: log in without the slot
                        continue
                    leave.enter_context(session.restraint.admit(name))
                    self._has_sent = True
                    give_back = slot.pop_all().close  # at the end of the call, even if its waiter leaves
                    response = await session.transport.get(
                        call.endpoint, call.target, authorization, deadline=self._deadline, ended=give_back
                    )
                if response.status == UNAUTHORIZED:
                    raise RefusedError(credentials, authorization)
                return await call.read(await self._read(response))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        clock = self.session.clock
        if not self._under_way:
            self._since = clock.monotonic()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.seconds += clock.monotonic() - self._since

    async def _read(self, response: UpstreamResponse) -> UpstreamPage:
        """The page in a response. Raises UpstreamError for a status other than 200, a bad body, another tenant."""
        session = self.session
        if response.status != OK:
            raise status_fault(response.status, response.headers, session.clock.wall())
        async with session.decode_lock:
            page = await read_page(response.body, response.headers)
        refuse_other_tenant(page, session.access.tenant_id)
        session.succeeded()
        if page.repaired:
            session.metrics.count("upstream_warnings", reason="repaired-text")
        self.arrivals += 1
        self.time_zone = self.time_zone or page.time_zone
        self.simulated = self.simulated or SIMULATED_HEADER in response.headers
        return page
