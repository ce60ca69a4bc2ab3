"""The calls of one reading: a slot, leave and credentials for each, a new login where a token was refused (R13)."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from app.errors import UpstreamAuth, UpstreamError
from app.upstream.admission import Admission, ExpiredError, RefusedError
from app.upstream.attempts import Attempts
from app.upstream.bodies import Answer
from app.upstream.credentials import REFUSED
from app.upstream.faults import status_fault
from app.upstream.pages import Page, read_page, refuse_other_tenant
from app.upstream.session import UpstreamSession
from app.upstream.urls import Template

OK, UNAUTHORIZED = 200, 401
SIMULATED_HEADER = "x-simulated"

Parameters = tuple[tuple[str, str], ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One page to ask for, and what is made of its records: what that finds wrong is wrong with the answer."""

    template: Template
    segments: Mapping[str, str]
    query: Parameters
    take: Callable[[Page], Awaitable[T]]


@dataclass(slots=True)
class ReadContext:
    """One reading's side of the talk with upstream.

    `arrivals` counts pages, `seconds` is the time during which at least one call was under way.
    """

    line: UpstreamSession
    attempts: Attempts
    arrivals: int = 0
    time_zone: str | None = None
    simulated: bool = False
    seconds: float = 0.0
    _under_way: int = 0
    _since: float = 0.0

    async def page(self, call: Call[T]) -> T:
        """What is made of the records of a 200.

        Raises UpstreamError for every other status, an unusable body or another tenant.
        """
        return await self.attempts.made(call.template.endpoint, partial(self._attempt, call))

    async def _attempt(self, call: Call[T]) -> T:
        """One attempt, with one repeat behind a new login after a 401 (FAULTS 2.1, rows 23 and 24)."""
        try:
            return await self._sent(call)
        except RefusedError as error:
            refused = error
        try:
            if await self._is_renewed(refused):
                return await self._sent(call)
        except RefusedError as error:
            refused = error
        refused.credentials.refuse(refused.authorization)
        raise UpstreamAuth(REFUSED)

    async def _sent(self, call: Call[T]) -> T:
        """One call, with whatever credentials hold when its turn has come."""
        endpoint = call.template.endpoint
        while True:
            self.line.restraint.check(endpoint)
            await self._logged_in(self.line.credentials.prepared())
            with ExitStack() as passes:
                admission = Admission(self.line, self.attempts, endpoint, passes)
                try:
                    answer = await self._timed(call, admission)
                except ExpiredError:
                    continue
                if answer.status == UNAUTHORIZED:
                    raise admission.refused()
                return await call.take(await self._read(answer))

    async def _is_renewed(self, refused: RefusedError) -> bool:
        """Whether there are other credentials than those refused: exchanged meanwhile, or from a new login."""
        if self.line.credentials is not refused.credentials:
            return True
        return await self._logged_in(refused.credentials.renewed(refused.authorization))

    async def _logged_in(self, login: Awaitable[T]) -> T:
        """What a login gives; it is tried once in a reading."""
        try:
            return await login
        except UpstreamError:
            self.attempts.is_final = True
            raise

    async def _read(self, answer: Answer) -> Page:
        if answer.status != OK:
            raise status_fault(answer.status, answer.headers, self.line.clock.wall())
        async with self.line.turn:
            page = await read_page(answer.body, answer.headers)
        refuse_other_tenant(page, self.line.access.tenant_id)
        self.line.succeeded()
        if page.repaired:
            self.line.metrics.count("upstream_warnings", reason="repaired-text")
        self.arrivals += 1
        self.time_zone = self.time_zone or page.time_zone
        self.simulated = self.simulated or SIMULATED_HEADER in answer.headers
        return page

    async def _timed(self, call: Call[T], admission: Admission) -> Answer:
        clock = self.line.clock
        if not self._under_way:
            self._since = clock.monotonic()
        self._under_way += 1
        try:
            return await self.line.transport.get(
                call.template,
                call.segments,
                call.query,
                admission=admission,
                deadline=self.attempts.deadline,
                effort=self.attempts.effort,
            )
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.seconds += clock.monotonic() - self._since
