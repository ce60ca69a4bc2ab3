"""Calls of a reading: attempts and retries, each with a slot, a pass and credentials (FAULTS 1.2, R13).

`page` repeats an attempt as far as deadline, caller and budget allow; an attempt logs in again after a 401; a call
takes a slot, is sent by the transport, and its response is read as a page.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import UpstreamAuth, UpstreamError, UpstreamThrottled, UpstreamUnanswered
from app.observe.logs import UPSTREAM_ALARM
from app.upstream.access import Endpoint
from app.upstream.auth import REFUSED, Credentials
from app.upstream.bodies import UpstreamResponse
from app.upstream.envelope import UpstreamPage, read_page, refuse_other_tenant
from app.upstream.retries import Effort, Remaining, pause_after
from app.upstream.session import UpstreamSession
from app.upstream.slots import GiveBack
from app.upstream.translation import status_fault

OK, UNAUTHORIZED = 200, 401
SIMULATED_HEADER = "x-simulated"
T = TypeVar("T")

logger = logging.getLogger("cxfacade.upstream")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A page to ask for, and `read` to make something of its rows: an error of `read` is an error of the response."""

    endpoint: Endpoint
    segments: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    read: Callable[[UpstreamPage], Awaitable[T]]


class RefusedError(Exception):
    """Upstream answered 401 to a call with this authorization of these credentials."""

    def __init__(self, credentials: Credentials, authorization: str) -> None:
        super().__init__()
        self.credentials = credentials
        self.authorization = authorization


class ReadContext:
    """The state that the calls of one reading share: their deadline, their retries, and what the responses told.

    `arrivals` counts pages; `seconds` is the time during which at least one call was under way.
    """

    def __init__(self, session: UpstreamSession, effort: Effort) -> None:
        now = session.clock.monotonic()
        self.arrivals = 0
        self.time_zone: str | None = None
        self.simulated = False
        self.seconds = 0.0
        self.effort = effort
        self._session = session
        self._deadline = now + session.access.fetch_seconds
        self._waits_until = now + effort.wait_seconds
        self._has_sent = False
        self._login_failed = False
        self._may_repeat = True
        self._under_way = 0
        self._since = 0.0

    async def page(self, call: Call[T]) -> T:
        """The page, as `call.read` reads it. Raises the error of the last attempt."""
        session, name = self._session, call.endpoint.name
        session.budget.count_first()
        failed = 0
        while True:
            try:
                return await self._attempt(call)
            except UpstreamError as error:
                failed += 1
                pause = self._pause(name, error, failed)
                if pause is None:
                    self._alarm(error)
                    raise
                session.metrics.count("upstream_retries", endpoint=name, reason=error.code)
            await session.clock.sleep(pause)

    def _pause(self, endpoint: str, error: UpstreamError, failed: int) -> float | None:
        """Seconds to pause before another attempt, None where there is none.

        A kept-alive connection found closed is replaced at once, outside the retry budget, but only once in a reading
        (FAULTS 2.1, row 34). A pause that upstream asked for ends a reading that has not sent anything yet.
        """
        session = self._session
        limits, now = session.access.limits, session.clock.monotonic()
        left = Remaining(
            attempts=self.effort.attempts(limits) - failed,
            wait_seconds=self._waits_until - now,
            total_seconds=self._deadline - now,
            background=self.effort.background,
        )
        if self._login_failed or (isinstance(error, UpstreamThrottled) and not self._has_sent):
            return None
        if isinstance(error, UpstreamUnanswered) and self._may_repeat and left.attempts:
            self._may_repeat = False
            return 0.0
        pause = pause_after(error, failed, left, limits, session.random())
        if pause is None or (session.restraint.wait(endpoint) or 0) > pause or not session.budget.take():
            return None
        return pause

    def _alarm(self, error: UpstreamError) -> None:
        if error.alarm:
            self._session.metrics.count("upstream_alarms", reason=error.code)
            logger.error(UPSTREAM_ALARM, error.code)

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
        if self._session.credentials is not refused.credentials:
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
        session, name = self._session, call.endpoint.name
        while True:
            session.restraint.check(name)
            await self._logged_in(session.credentials.prepared())
            with ExitStack() as slot, ExitStack() as leave:
                with self._timed():
                    slot.callback(await self._slot())
                    credentials = session.credentials
                    authorization = credentials.current()
                    if authorization is None:  # the token expired in the queue: log in without the slot
                        continue
                    leave.enter_context(session.restraint.admit(name))
                    self._has_sent = True
                    give_back = slot.pop_all().close  # at the end of the call, even if its waiter leaves
                    response = await session.transport.get(
                        call.endpoint,
                        call.segments,
                        call.query,
                        authorization,
                        deadline=self._deadline,
                        ended=give_back,
                    )
                if response.status == UNAUTHORIZED:
                    raise RefusedError(credentials, authorization)
                return await call.read(await self._read(response))

    async def _slot(self) -> GiveBack:
        """Wait for leave to make one call. Raises UpstreamBusy where no slot came free."""
        left = self._deadline - self._session.clock.monotonic()
        most_seconds = min(left, self.effort.slot_wait(self._session.access.limits))
        return await self._session.transport.slots.take(most_seconds, self.effort.owners)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        clock = self._session.clock
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
        session = self._session
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
