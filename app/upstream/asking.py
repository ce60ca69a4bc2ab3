"""The calls of one reading: one deadline for all, a new login where a token was refused, and what the answers say."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from app.clock import Clock
from app.errors import UpstreamAuth
from app.upstream.auth import Credentials
from app.upstream.bodies import Answer
from app.upstream.faults import status_fault
from app.upstream.pages import Page, read_page, refuse_other_tenant
from app.upstream.transport import Transport
from app.upstream.urls import Template

OK, UNAUTHORIZED = 200, 401
SIMULATED_HEADER = "x-simulated"

Parameters = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Asking:
    """One reading's side of the talk with upstream: `deadline` is monotonic, `turn` lets one page be split at a time.

    `arrivals` counts pages, `seconds` is the time during which at least one call was under way.
    """

    transport: Transport
    credentials: Credentials
    clock: Clock
    tenant_id: str
    deadline: float
    turn: asyncio.Lock
    arrivals: int = 0
    time_zone: str | None = None
    simulated: bool = False
    seconds: float = 0.0
    _under_way: int = 0
    _since: float = 0.0

    async def page(self, template: Template, segments: Mapping[str, str], query: Parameters) -> Page:
        """The records of a 200. Raises UpstreamError for every other status, an unusable body or another tenant."""
        answer = await self.answer(template, segments, query)
        if answer.status != OK:
            raise status_fault(answer.status, answer.headers, self.clock.wall())
        async with self.turn:
            page = await read_page(answer.body, answer.headers)
        refuse_other_tenant(page, self.tenant_id)
        self.arrivals += 1
        self.time_zone = self.time_zone or page.time_zone
        self.simulated = self.simulated or SIMULATED_HEADER in answer.headers
        return page

    async def answer(self, template: Template, segments: Mapping[str, str], query: Parameters) -> Answer:
        """The answer to one call: a single attempt, and one repeat behind a new login after a 401 (R13)."""
        authorization = await self.credentials.authorization()
        answer = await self._timed(template, segments, query, authorization)
        if answer.status != UNAUTHORIZED:
            return answer
        renewed = await self.credentials.renewed(authorization)
        if renewed is not None:
            answer = await self._timed(template, segments, query, renewed)
        if answer.status == UNAUTHORIZED:
            raise UpstreamAuth("The upstream refuses the façade's credentials.")
        return answer

    async def _timed(
        self, template: Template, segments: Mapping[str, str], query: Parameters, authorization: str
    ) -> Answer:
        if not self._under_way:
            self._since = self.clock.monotonic()
        self._under_way += 1
        try:
            return await self.transport.get(
                template, segments, query, authorization=authorization, deadline=self.deadline
            )
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.seconds += self.clock.monotonic() - self._since
